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
6. A service may give a restored item another id. The item is found by each of its ids:
   users and other parts of the client keep the id that they got first. An
   `ItemReference` in the ``input`` of a response is sent as it is.

`ConversationItems` applies the events; `ConversationState` adds the lock; users read it
through `Conversation`.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar, TypeVar

import attrs

from .._concurrency.lock import OwnLock
from .._memory import approximate_size
from ..events import (
    ConversationItemTruncated,
    Event,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    MessageItem,
    looks_like,
)
from .conversation_items import MAX_BYTES, ConversationItems
from .item_builder import ItemBuilder

C = TypeVar("C", bound=Event)
T = TypeVar("T")

#: Approximate memory of a text delta in bytes, in addition to its characters.
_TEXT_OVERHEAD = 64


class ConversationState(ConversationItems):
    """
    The items of the conversation, as the reader thread and other parts use them.

    Args:
        keep_audio: Keep the model's audio: 2.9 MB per minute.
    """

    handles: ClassVar[frozenset[type[ServerEvent]]] = frozenset(
        ConversationItems._HANDLERS
    )

    def __init__(self, keep_audio: bool = False) -> None:
        super().__init__(keep_audio)
        # guards the items: the reader thread changes them while users read them
        self._lock = OwnLock()

    def __len__(self) -> int:
        return len(self._builders)

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, str) and self.look_up(item_id, lambda _: True, False)

    @property
    def items(self) -> tuple[Item, ...]:
        """
        Snapshots of all items, in order. Any thread.
        """
        with self._lock:
            return tuple(self._item(item_id) for item_id in self._order)

    def items_with_remarks(self) -> list[tuple[Item, str]]:
        """
        Return snapshots of all items with their remarks, in order. Any thread.
        """
        with self._lock:
            return [(self._item(i), self._builders[i].remark) for i in self._order]

    def described(self, most: int) -> tuple[list[tuple[Item, str, int, str]], int]:
        """
        Return the last items, and how many are before them. Any thread.

        Each comes with its remark, and the duration in milliseconds and the format of
        its audio.
        """
        with self._lock:
            order = list(self._order)
            described = []
            for item_id in order[-most:]:
                builder = self._builders[item_id]
                audio = builder.audio_ms, builder.audio_format
                described.append((self._item(item_id), builder.remark, *audio))
        return described, len(order) - len(described)

    def item(self, item_id: str, default: T) -> Item | T:
        """
        Return a snapshot of an item, or *default* without it. Any thread.
        """
        with self._lock:
            item_id = self._present(item_id)
            return self._item(item_id) if item_id in self._builders else default

    def look_up(self, item_id: str, read: Callable[[ItemBuilder], T], default: T) -> T:
        """
        Return what *read* returns for an item, or *default* without it. Any thread.
        """
        with self._lock:
            builder = self._builders.get(self._present(item_id))
            return default if builder is None else read(builder)

    def is_whole(self, item_id: str) -> bool:
        """
        Whether an item is there, and the transcript of its speech complete. Any thread.
        """
        return self.look_up(item_id, lambda builder: builder.is_whole, False)

    def with_present_ids(self, command: C) -> C:
        """
        Return *command* with the present ids of the items it refers to.

        Any thread, also in a forked child, which may not acquire the lock.
        """
        changes = {
            name: self._present(item_id)
            for name in ("item_id", "previous_item_id")
            if (item_id := getattr(command, name, None)) in self._renamed
        }
        return attrs.evolve(command, **changes) if changes else command

    def observe(self, event: ServerEvent) -> None:
        """
        Apply *event*. Never raises, never blocks. Reader thread, or `truncate`.
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

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """
        Truncate the audio of an item, before the service does or without it. Any
        thread.
        """
        self.observe(
            self.with_present_ids(
                ConversationItemTruncated(
                    item_id=item_id,
                    content_index=content_index,
                    audio_end_ms=audio_end_ms,
                )
            )
        )

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
            self._assumed.clear()
            self._audio_formats.clear()

    def messages_of(self, response_ids: Collection[str]) -> set[str]:
        """
        Return the ids of the messages in these responses. Any thread.
        """
        with self._lock:
            return self._messages_of(response_ids)

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
            self._rename(item_id, item.id)
            return True

    def assume(self, item: MessageItem, response_id: str) -> None:
        """
        Add an item that the service has not acknowledged, before the items of the
        response that shows that it is there.

        Any thread.
        """
        with self._lock:
            if item.id and item.id not in self._builders:
                self._assume(item.id, item, response_id)

    def forget_turn(
        self, item_ids: Collection[str], response_ids: Collection[str]
    ) -> list[str]:
        """
        Remove a turn: its items, its responses' items and their calls' outputs. Return
        the ids of those that were in the conversation.

        Any thread.
        """
        with self._lock:
            turn = {*map(self._present, item_ids), *self._answers(response_ids)}
            found = list(filter(turn.__contains__, self._order))
            for item_id in turn:
                self._forget(item_id)
        return found

    def refuse(self, item_id: str) -> set[str]:
        """
        Remove an item that a new session refuses, and the outputs of a refused call.
        Reader thread.

        Returns:
            The ids of the removed calls and of those of the removed outputs.
        """
        with self._lock:
            builder = self._builders.get(item_id)
            item = None if builder is None else builder.view()
            call_id = getattr(item, "call_id", None)
            if isinstance(item, FunctionCallItem):
                for output_id in self._outputs({call_id}):
                    self._forget(output_id)
            self._forget(item_id)
        return {call_id} if call_id else set()

    def forget(self, item_ids: Iterable[str]) -> None:
        """
        Remove items that the service does not have. Reader thread.
        """
        with self._lock:
            for item_id in item_ids:
                self._forget(item_id)

    # -- Lock held ---------------------------------------------------------------

    def _messages_of(self, response_ids: Collection[str]) -> set[str]:
        return {
            item_id
            for item_id, builder in self._builders.items()
            if builder.response_id in response_ids
            and isinstance(builder.view(), MessageItem)
        }

    def _answers(self, response_ids: Collection[str]) -> set[str]:
        """
        Return the ids of the responses' items and of their calls' outputs.
        """
        calls = set()
        answers = set()
        for item_id, builder in self._builders.items():
            if builder.response_id in response_ids:
                answers.add(item_id)
                calls.add(getattr(builder.view(), "call_id", None))
        return answers | self._outputs(calls)

    def _outputs(self, calls: Collection[str | None]) -> set[str]:
        return {
            item_id
            for item_id, builder in self._builders.items()
            if isinstance(output := builder.view(), FunctionCallOutputItem)
            and output.call_id in calls
        }

    def _item(self, item_id: str) -> Item:
        item = self._builders[item_id].view()
        assert item is not None, "a builder without an item is staged"
        return item
