"""
The order of the items in a conversation.

Rules:

1. An item is inserted after the item in its ``previous_item_id``; at the end if there
   is none, or if that item is unknown. An item does not move afterwards.
2. Null means the start only for an item that this client created there, because
   compatible services send null for every item.
3. A reconnect starts a new session: its items follow those that only the old session
   had. An item that the new session repeats keeps its position.

Not thread-safe: the owner holds its lock.
"""

from collections.abc import Iterator

from ..models._unset import UNSET, Unset


class ItemOrder:
    """
    Item ids, in the order of the conversation.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._generations: dict[str, int] = {}
        self._sent_to_front: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def add(
        self,
        item_id: str,
        previous: str | Unset | None,
        generation: int,
    ) -> None:
        """
        Insert an item, unless it has a position already.

        Args:
            item_id: The id of the item.
            previous: The ``previous_item_id``: an id, ``root`` for the start, None for
                null, UNSET if missing.
            generation: Number of the connection that reported the item.
        """
        known = item_id in self._generations
        if not known:
            index = self._index(self._resolved(item_id, previous))
            while index < len(self._ids) and self._generation_at(index) < generation:
                index += 1
            self._ids.insert(index, item_id)
        self._generations[item_id] = generation

    def add_before(self, item_id: str, following: str | None) -> int:
        """
        Insert an item before another one, or at the end. Return its generation, which
        is that of its neighbour.
        """
        index = len(self._ids) if following is None else self._ids.index(following)
        neighbour = following or (self._ids[-1] if self._ids else None)
        generation = 0 if neighbour is None else self._generations[neighbour]
        self._ids.insert(index, item_id)
        self._generations[item_id] = generation
        return generation

    def rename(self, item_id: str, new_id: str) -> None:
        """
        Replace the id of an item; its position stays.
        """
        self._ids[self._ids.index(item_id)] = new_id
        self._generations[new_id] = self._generations.pop(item_id)

    def remove(self, item_id: str) -> None:
        """
        Remove an item, if it is present.
        """
        if self._generations.pop(item_id, None) is not None:
            self._ids.remove(item_id)

    def send_to_front(self, item_id: str) -> None:
        """
        Note that this client creates an item at the start (rule 2).
        """
        self._sent_to_front.add(item_id)

    def _resolved(self, item_id: str, previous: str | Unset | None) -> str | Unset:
        if item_id in self._sent_to_front:
            self._sent_to_front.discard(item_id)
            return "root"
        return UNSET if previous is None else previous

    def _index(self, previous: str | Unset) -> int:
        if previous == "root":
            return 0
        if previous not in self._generations or self._ids[-1] == previous:
            return len(self._ids)
        return self._ids.index(str(previous)) + 1

    def _generation_at(self, index: int) -> int:
        return self._generations[self._ids[index]]
