"""
Where an item stands in the conversation.

Rules:

1. After the item that the service names; at the end if it names none, or one unknown
   here. An item does not move afterwards.
2. Null is the front only for an item that was sent there: compatible services say null
   of every item.
3. A reconnect is a new session: what it adds follows what only the old one had. An
   item that is added anew keeps its place.

Not locked: who owns it holds a lock.
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
        self._for_the_front: set[str] = set()

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
        Put an item where it belongs, if it has no place yet.

        Args:
            item_id: Its id.
            previous: The id before, ``root`` for the front; UNSET: not said.
            generation: Number of the connection it came by.
        """
        known = item_id in self._generations
        if not known:
            index = self._index(self._understood(item_id, previous))
            while index < len(self._ids) and self._generation_at(index) < generation:
                index += 1
            self._ids.insert(index, item_id)
        self._generations[item_id] = generation

    def rename(self, item_id: str, new_id: str) -> None:
        """
        Give an item another id, in its place.
        """
        self._ids[self._ids.index(item_id)] = new_id
        self._generations[new_id] = self._generations.pop(item_id)

    def remove(self, item_id: str) -> None:
        """
        Take an item out, if it is there.
        """
        if self._generations.pop(item_id, None) is not None:
            self._ids.remove(item_id)

    def send_to_front(self, item_id: str) -> None:
        """
        Note that an item is being sent to the front.
        """
        self._for_the_front.add(item_id)

    def _understood(self, item_id: str, previous: str | Unset | None) -> str | Unset:
        if item_id in self._for_the_front:
            self._for_the_front.discard(item_id)
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
