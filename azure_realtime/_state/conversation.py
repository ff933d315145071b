"""
The conversation: its items in order, built from the events of the service.

Rules:

1. An item is in the conversation from ``conversation.item.added`` until
   ``conversation.item.deleted``. Items of out-of-band responses never are.
2. Events about an item that precede ``conversation.item.added`` are applied to a staged
   item; the order of these events makes no difference.
3. The position of an item is determined when it is added: see `item_order`.
4. An item that is added with its old id after a reconnect has the content that the new
   session reports.
5. Memory is bounded: see the limits in `conversation_items` and `item_builder`.

`ConversationItems` applies the events; `Conversation` adds the users' methods and the
lock.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from .._concurrency.lock import OwnLock
from .._memory import approximate_size
from ..events import (
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..models.items import FunctionCallOutputItem, Item, MessageItem, looks_like
from .conversation_items import MAX_BYTES, ConversationItems
from .transcript import as_mappings, as_text

T = TypeVar("T")

#: Approximate memory of a text delta in bytes, in addition to its characters.
_TEXT_OVERHEAD = 64


class Conversation(ConversationItems):
    """
    The items of the conversation, with transcripts as they arrive.

        print(client.conversation)
        client.conversation["item_123"].text

    Every returned item is a snapshot that does not change. The conversation holds at
    most 10,000 items and about 64 MiB; beyond that the oldest items are removed. Any
    thread, except for the methods marked "Reader thread".

    Args:
        keep_audio: Keep the model's audio, for `audio`: 2.9 MB per minute.
    """

    handles: ClassVar[frozenset[type[ServerEvent]]] = frozenset(
        ConversationItems._HANDLERS
    )

    def __init__(self, keep_audio: bool = False) -> None:
        super().__init__(keep_audio)
        # guards the items: the reader thread changes them while users read them
        self._lock = OwnLock()

    def __repr__(self) -> str:
        return f"<Conversation {len(self)} items>"

    def __str__(self) -> str:
        """
        Return a readable transcript, tool calls included.
        """
        with self._lock:
            remarked = [(self._item(i), self._builders[i].remark) for i in self._order]
        return as_text(remarked)

    def __len__(self) -> int:
        return len(self._builders)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._builders

    def __getitem__(self, item_id: str) -> Item:
        with self._lock:
            return self._item(item_id)

    def get(self, item_id: str, default: T | None = None) -> Item | T | None:
        """
        Return an item, or *default* if it is not in the conversation.
        """
        with self._lock:
            return self._item(item_id) if item_id in self._builders else default

    @property
    def items(self) -> tuple[Item, ...]:
        """
        Snapshots of all items, in order.
        """
        with self._lock:
            return tuple(self._item(item_id) for item_id in self._order)

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

        with self._lock:
            order = list(self._order)
            entries = [
                Entry(
                    self._item(item_id),
                    builder.remark,
                    builder.audio_ms,
                    builder.audio_format,
                )
                for item_id in order[-MAX_SHOWN:]
                if (builder := self._builders[item_id])
            ]
        # the audio is copied without the lock, which the reader thread needs
        audio_of = self.audio if players else None
        return as_html(entries, len(order) - len(entries), audio_of)

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
        with self._lock:
            builder = self._builders.get(item_id)
            return builder.audio_ms if builder else 0

    def audio(self, item_id: str) -> bytes:
        """
        Return an item's audio in the session's format; ``b""`` without `keep_audio`.
        """
        with self._lock:
            builder = self._builders.get(item_id)
            return builder.audio if builder else b""

    def truncated(self, item_id: str) -> bool:
        """
        Return whether an item's audio was truncated.

        Its transcript is an estimate then, and ends in "…", because the service does
        not report which words were played.
        """
        with self._lock:
            builder = self._builders.get(item_id)
            return builder is not None and builder.truncated

    def observe(self, event: ServerEvent) -> None:
        """
        Apply *event*. Never raises, never blocks. Reader thread.
        """
        handler = self._HANDLERS.get(type(event))
        if handler is not None:
            with self._lock:
                handler(self, event)
                if not isinstance(event, ResponseOutputAudioDelta):
                    self._uncounted_bytes += approximate_size(event.raw)
                if self._uncounted_bytes > MAX_BYTES // 16:
                    self._enforce_limit()

    def observe_audio(self, event: ResponseOutputAudioDelta) -> None:
        """
        Apply an audio delta: a fast path of `observe`. Reader thread.
        """
        with self._lock:
            builder = self._builders.get(event.item_id) or self._staged.get(
                event.item_id
            )
            if builder is None or not builder.add_audio(event):
                self._on_content(event)

    def observe_text(
        self, event: ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta
    ) -> None:
        """
        Apply a text delta: a fast path of `observe`. Reader thread.
        """
        with self._lock:
            builder = self._builders.get(event.item_id) or self._staged.get(
                event.item_id
            )
            if builder is None or not builder.add_text(event):
                self._on_content(event)
            self._uncounted_bytes += _TEXT_OVERHEAD + 4 * len(event.delta)
            if self._uncounted_bytes > MAX_BYTES // 16:
                self._enforce_limit()

    def send_to_front(self, item_id: str) -> None:
        """
        Note that an item is created at the start (``previous_item_id="root"``).

        Any thread.
        """
        with self._lock:
            self._order.send_to_front(item_id)

    def lose(self, _: object) -> None:
        """
        Mark the items in progress as incomplete, because the session has ended.

        Reader thread.
        """
        with self._lock:
            for builder in self._builders.values():
                builder.end("incomplete")
            self._staged.clear()
            self._deleted.clear()
            self._audio_formats.clear()

    def messages_of(self, response_ids: Collection[str]) -> set[str]:
        """
        Return the ids of the messages in these responses. Any thread.
        """
        with self._lock:
            return {
                item_id
                for item_id, builder in self._builders.items()
                if builder.response_id in response_ids
                and isinstance(builder.view(), MessageItem)
            }

    def rename(self, item_id: str, event: Any) -> bool:
        """
        Give an item the id in *event*, if both items have the same content.

        Reader thread.

        Returns:
            Whether the item was renamed.
        """
        item = event.item
        with self._lock:
            builder = self._builders.get(item_id)
            if builder is None or item.id is None or item.id in self._builders:
                return False
            if not looks_like(builder.view(), item):
                return False
            self._builders[item.id] = self._builders.pop(item_id)
            self._order.rename(item_id, item.id)
            return True

    def forget_turn(
        self, item_ids: Collection[str], response_ids: Collection[str]
    ) -> None:
        """
        Remove a turn: its items, its responses' items and their calls' outputs.

        Any thread.
        """
        with self._lock:
            calls = set()
            answers = set()
            for item_id, builder in self._builders.items():
                if builder.response_id in response_ids:
                    answers.add(item_id)
                    calls.add(getattr(builder.view(), "call_id", None))
            outputs = {
                item_id
                for item_id, builder in self._builders.items()
                if isinstance(output := builder.view(), FunctionCallOutputItem)
                and output.call_id in calls
            }
            for item_id in {*item_ids, *answers, *outputs}:
                self._forget(item_id)

    def forget(self, item_ids: Iterable[str]) -> None:
        """
        Remove items that the service does not have. Reader thread.
        """
        with self._lock:
            for item_id in item_ids:
                self._forget(item_id)

    # -- Lock held ---------------------------------------------------------------

    def _item(self, item_id: str) -> Item:
        item = self._builders[item_id].view()
        assert item is not None, "a builder without an item is staged"
        return item
