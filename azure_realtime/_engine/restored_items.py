"""
Which restored items the service has acknowledged.

Rules:

1. The service answers the commands that restore items first and in their order.
2. An event that names a restored item acknowledges it, each type of event once; later
   events about it are news.
3. Some services give every item an id of their own. An item that is not known
   acknowledges the first restored item that has no answer yet, if the two look alike;
   from then on that item has the service's id.

All of it belongs to the reader thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..events import ServerEvent


class RestoredItems:
    """
    The items that are restored on one connection.

    Args:
        commands: By the id of the command, that of the item.
        item_ids: By the type of an event that acknowledges an item: returns its id.
        rename: Called with the id of a restored item and an event that may acknowledge
            it under another id; returns whether it does, and renames the item.

    Attributes:
        commands: As given.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        item_ids: Mapping[str, Callable[[Any], str | None]],
        rename: Callable[[str, Any], bool],
    ) -> None:
        self.commands = commands
        self._item_ids = item_ids
        self._rename = rename
        self._unanswered = list(commands.values())
        self._expected = {
            (kind, item) for kind in item_ids for item in commands.values()
        }

    def refuse(self, event_id: str) -> None:
        """
        Note that the service refused the item of this command.
        """
        self._answer(self.commands[event_id])

    def is_acknowledgement(self, event: ServerEvent) -> bool:
        """
        Take note of *event*; return whether it only says that an item was restored.
        """
        if not self._expected or event.type not in self._item_ids:
            return False
        item_id = self._item_ids[event.type](event) or ""
        if item_id in self._unanswered:
            self._answer(item_id)
        elif self._unanswered and not self._is_expected(item_id):
            first = self._unanswered[0]
            if item_id and self._rename(first, event):
                self._answer(first)
                for kind in self._item_ids:
                    self._expected.discard((kind, first))
                    self._expected.add((kind, item_id))
        if (event.type, item_id) not in self._expected:
            return False
        self._expected.discard((event.type, item_id))
        return True

    def _is_expected(self, item_id: str) -> bool:
        return any((kind, item_id) in self._expected for kind in self._item_ids)

    def _answer(self, item_id: str) -> None:
        """
        Note an answer. Those before it were answered, or never will be.
        """
        if item_id in self._unanswered:
            del self._unanswered[: self._unanswered.index(item_id) + 1]
