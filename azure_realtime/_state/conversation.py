"""
The users' view of the conversation.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from .._concurrency.process import BoundToProcess
from ..models.items import Item
from .transcript import as_mappings, as_text

if TYPE_CHECKING:  # imported with the first client
    from .conversation_state import ConversationState

T = TypeVar("T")

_MISSING: Any = object()


class Conversation(BoundToProcess):
    """
    The items of the conversation, with transcripts as they arrive.

        print(client.conversation)
        client.conversation["item_123"].text

    Every returned item is a snapshot that does not change. The conversation holds at
    most 10,000 items and about 64 MiB; beyond that the oldest items are removed. Any
    thread.
    """

    _instead = ": its items can, tuple(client.conversation)"

    def __init__(self, state: "ConversationState") -> None:
        self._state = state

    def __repr__(self) -> str:
        return f"<Conversation {len(self)} items>"

    def __str__(self) -> str:
        """
        Return a readable transcript, tool calls included.
        """
        return as_text(self._state.items_with_remarks())

    def __len__(self) -> int:
        return len(self._state)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._state

    def __getitem__(self, item_id: str) -> Item:
        given: Any = item_id
        if isinstance(given, (int, slice)):
            raise TypeError(
                "an item is found by its id; by its number with "
                f"client.conversation.items[{item_id!r}]"
            )
        item = self._state.item(item_id, _MISSING)
        if item is _MISSING:
            raise KeyError(item_id)
        return item

    def get(self, item_id: str, default: T | None = None) -> Item | T | None:
        """
        Return an item, or *default* if it is not in the conversation.
        """
        return self._state.item(item_id, default)

    @property
    def items(self) -> tuple[Item, ...]:
        """
        Snapshots of all items, in order.
        """
        return self._state.items

    def to_list(self) -> list[dict[str, Any]]:
        """
        Return the items as mappings for `create_conversation_item` in a new session.

        Speech is replaced by its transcript. Audio without a transcript, tool calls
        without output and MCP items are left out. Items keep their ids.
        """
        return as_mappings(self.items)

    def to_html(self, players: bool = True) -> str:
        """
        Return the transcript as an HTML table of the last 500 items.

        Args:
            players: Whether to embed the audio that `keep_audio` kept; of more than
                10 MB the latest is embedded.
        """
        from .transcript_html import MAX_SHOWN, Entry, as_html  # only for notebooks

        described, hidden = self._state.described(MAX_SHOWN)
        entries = [Entry(*each) for each in described]
        # the audio is copied without the lock, which the reader thread needs
        audio_of = self.audio if players else None
        return as_html(entries, hidden, audio_of)

    def _repr_html_(self) -> str:
        """
        Return HTML for notebooks: `to_html`.
        """
        return self.to_html()

    def audio_ms(self, item_id: str) -> int:
        """
        Return the duration of an item's received audio in milliseconds.

        After truncation, that of the remaining audio. 0 for an unknown item.
        """
        return self._state.look_up(item_id, lambda item: item.audio_ms, 0)

    def audio(self, item_id: str) -> bytes:
        """
        Return an item's audio in the session's format; ``b""`` without `keep_audio`.
        """
        return self._state.look_up(item_id, lambda item: item.audio, b"")

    def truncated(self, item_id: str) -> bool:
        """
        Return whether an item's audio was truncated.

        Its transcript is an estimate then, and ends in "…", because the service does
        not report which words were played.
        """
        return self._state.look_up(item_id, lambda item: item.truncated, False)
