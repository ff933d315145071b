"""
What a new session is told again, and its answers to that.

Nobody asked for these items a second time: listeners have heard of them when they were
new. So what the service says of their arrival is followed, and not announced.

All of it belongs to the reader thread.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    ServerEvent,
)

_ARRIVALS = (ConversationItemAdded, ConversationItemCreated, ConversationItemDone)


class Restoring:
    """
    The items that one session is told again.

    Args:
        items: By the id of the command, that of the item.
    """

    def __init__(self, items: Mapping[str, str]) -> None:
        self._commands = items
        self._open = set(items.values())
        self._quiet = {
            (kind.type, item) for kind in _ARRIVALS for item in items.values()
        }

    @property
    def done(self) -> bool:
        """
        Whether each has been taken, or refused.
        """
        return not self._open

    def is_echo(self, event: ServerEvent) -> bool:
        """
        Take note of *event*; return whether it only says that an item has arrived.
        """
        if isinstance(event, ErrorEvent):
            self._open.discard(self._commands.get(event.error.event_id or "", ""))
        if not self._quiet or not isinstance(event, _ARRIVALS):
            return False
        item_id = event.item.id or ""
        self._open.discard(item_id)
        if (event.type, item_id) not in self._quiet:
            return False
        self._quiet.discard((event.type, item_id))
        return True
