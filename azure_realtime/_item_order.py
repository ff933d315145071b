"""
Where an item stands in the conversation.

Rules:

1. After the item that the service names; at the front if it says null; at the end if
   it does not say, or names an item unknown here. An item does not move afterwards.
2. Some services say null of every item. They show themselves by saying it of an
   answer that cannot be at the front; from then on, null is the end.
3. A reconnect is a new session: what it adds follows what only the old one had. An
   item that is added anew keeps its place.

Not locked: who owns it holds a lock.
"""

from collections.abc import Iterator

from ._unset import UNSET, Unset


class ItemOrder:
    """
    Item ids, in the order of the conversation.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._generations: dict[str, int] = {}
        self._null_is_front = True

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def add(
        self,
        item_id: str,
        previous: str | Unset | None,
        generation: int,
        *,
        answer: bool = False,
    ) -> None:
        """
        Put an item where it belongs, if it has no place yet.

        Args:
            item_id: Its id.
            previous: The id before, ``root`` for the front; UNSET: not said.
            generation: Number of the connection it came by.
            answer: Whether it is an answer just begun.
        """
        known = item_id in self._generations
        if not known:
            index = self._index(self._understood(previous, generation, answer))
            while index < len(self) and self._generation_at(index) < generation:
                index += 1
            self._ids.insert(index, item_id)
        self._generations[item_id] = generation

    def remove(self, item_id: str) -> None:
        """
        Take an item out, if it is there.
        """
        if self._generations.pop(item_id, None) is not None:
            self._ids.remove(item_id)

    def new_session(self) -> None:
        """
        Forget what the service has shown of its habits.
        """
        self._null_is_front = True

    def _understood(
        self, previous: str | Unset | None, generation: int, answer: bool
    ) -> str | Unset:
        if previous is not None:
            return previous
        if answer and generation in self._generations.values():
            self._null_is_front = False
        return "root" if self._null_is_front else UNSET

    def _index(self, previous: str | Unset) -> int:
        if previous == "root":
            return 0
        if previous not in self._generations or self._ids[-1] == previous:
            return len(self)
        return self._ids.index(str(previous)) + 1

    def _generation_at(self, index: int) -> int:
        return self._generations[self._ids[index]]
