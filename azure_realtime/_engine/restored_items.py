"""
Which restored items the service has acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..events import ServerEvent


class RestoredItems:
    """
    The items that are restored on one connection. Reader thread.

    Args:
        commands: By the id of the command, that of the item.
        item_ids: By the type of an event that acknowledges an item: returns its id.

    Attributes:
        commands: As given.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        item_ids: Mapping[str, Callable[[Any], str | None]],
    ) -> None:
        self.commands = commands
        self._item_ids = item_ids
        self._open = set(commands.values())
        # each event about each item is an acknowledgement once; later ones are news
        self._expected = {
            (kind, item) for kind in item_ids for item in commands.values()
        }

    @property
    def done(self) -> bool:
        """
        Whether the service has accepted or refused each.
        """
        return not self._open

    def refuse(self, event_id: str) -> None:
        """
        Note that the service refused the item of this command.
        """
        self._open.discard(self.commands[event_id])

    def is_acknowledgement(self, event: ServerEvent) -> bool:
        """
        Take note of *event*; return whether it only says that an item was restored.
        """
        if not self._expected or event.type not in self._item_ids:
            return False
        item_id = self._item_ids[event.type](event) or ""
        self._open.discard(item_id)
        if (event.type, item_id) not in self._expected:
            return False
        self._expected.discard((event.type, item_id))
        return True
