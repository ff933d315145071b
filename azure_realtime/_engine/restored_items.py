"""
Recognizes the events that acknowledge restored items.

Rules:

1. The service answers the commands that restore items first, and in their order.
2. An event with the id of a restored item acknowledges it, once per type of event.
   Later events with that id are ordinary events.
3. Some services replace the id of every item. An item with an unknown id acknowledges
   the first unanswered restored item if the two look alike; that item then has the
   service's id.

All of it runs on the reader thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from .._requests.error_routing import SentItem
from ..events import ServerEvent


class RestoredItems:
    """
    The items that are restored on one connection.

    Args:
        commands: The ids of the items, by the ids of the commands that restore them.
        item_ids: For each type of event that acknowledges an item, a function that
            returns the item's id.
        rename: Called with the id of a restored item, and an event that may acknowledge
            it under another id. It renames the item and returns True if so.

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
        self._unanswered = list(commands.values())  # always the last of them
        self._expected = {
            (kind, item) for kind in item_ids for item in commands.values()
        }

    @property
    def unanswered(self) -> list[SentItem]:
        """
        The items that were neither acknowledged nor refused, in order.
        """
        answered = len(self.commands) - len(self._unanswered)
        return [
            SentItem(event_id, item_id)
            for event_id, item_id in islice(self.commands.items(), answered, None)
        ]

    def refuse(self, event_id: str) -> str:
        """
        Mark the item of a command as answered: the service refused it. Return its id.
        """
        item_id = self.commands[event_id]
        self._answer(item_id)
        return item_id

    def is_acknowledgement(self, event: ServerEvent) -> bool:
        """
        Return whether *event* acknowledges a restored item, and record that it does.
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
        Mark an item as answered. By rule 1, those before it get no answer any more.
        """
        if item_id in self._unanswered:
            del self._unanswered[: self._unanswered.index(item_id) + 1]
