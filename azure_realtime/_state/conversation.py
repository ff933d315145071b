"""
The conversation as this side has followed it: what was said, in order.

Rules:

1. An item belongs to it from ``conversation.item.added`` until
   ``conversation.item.deleted``. What out-of-band responses make never does.
2. What is told of an item before that is set aside; the order in which such events
   come makes no difference.
3. Its place is settled when it comes: see `item_order`.
4. After a reconnect, an item that is added anew, under its old id, is what the new
   session has of it.
5. Nothing grows without bounds: see the limits in `conversation_items`, which has what
   the events do, and in `item_builder`. Here is what users ask, and the lock.
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

#: Bytes that the memory of a piece of text takes beside the text, about.
_TEXT_OVERHEAD = 64


class Conversation(ConversationItems):
    """
    The items of the conversation, with transcripts as they arrive.

        print(client.conversation)
        client.conversation["item_123"].text

    What you are given is a snapshot, and does not change. Any thread may call any
    method but `observe` and `lose`, which are the reader thread's.

    An endless one forgets its oldest items: it holds 10,000 of them, and about 64 MiB.

    Args:
        keep_audio: Keep what the model says, for `audio`: 2.9 MB a minute.
    """

    handles: ClassVar[frozenset[type[ServerEvent]]] = frozenset(
        ConversationItems._RULES
    )

    def __init__(self, keep_audio: bool = False) -> None:
        super().__init__(keep_audio)
        # the reader thread changes the items while users look at all of them
        self._lock = OwnLock()

    def __repr__(self) -> str:
        return f"<Conversation {len(self)} items>"

    def __str__(self) -> str:
        """
        Return a readable transcript, tool calls included.
        """
        with self._lock:
            told = [(self._item(i), self._builders[i].remark) for i in self._order]
        return as_text(told)

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
        All items as they are now, in order.
        """
        with self._lock:
            return tuple(self._item(item_id) for item_id in self._order)

    def to_list(self) -> list[dict[str, Any]]:
        """
        Return what `create_conversation_item` needs to tell it all again.

        As text: what was said is written down, audio nobody transcribed is left out,
        as are tool calls without their output and what the service itself did (MCP).
        Items keep their ids, so that a new session knows them by the same name.
        """
        return as_mappings(self.items)

    def audio_ms(self, item_id: str) -> int:
        """
        Return how long what was received of an answer plays, in milliseconds.

        After truncation: what is left of it. An unknown item has 0.
        """
        with self._lock:
            builder = self._builders.get(item_id)
            return builder.audio_ms if builder else 0

    def audio(self, item_id: str) -> bytes:
        """
        Return what an item says, in the session's format; ``b""`` if not kept.
        """
        with self._lock:
            builder = self._builders.get(item_id)
            return builder.audio if builder else b""

    def truncated(self, item_id: str) -> bool:
        """
        Tell whether some of an item's audio was cut away.

        Its transcript is an estimate then, and ends in "…": the service does not say
        which of the words were heard.
        """
        with self._lock:
            builder = self._builders.get(item_id)
            return builder is not None and builder.truncated

    def observe(self, event: ServerEvent) -> None:
        """
        Follow *event*. Never raises, never blocks. Reader thread.
        """
        follow = self._RULES.get(type(event))
        if follow is not None:
            with self._lock:
                follow(self, event)
                if not isinstance(event, ResponseOutputAudioDelta):
                    self._unweighed += approximate_size(event.raw)
                if self._unweighed > MAX_BYTES // 16:
                    self._weigh()

    def observe_audio(self, event: ResponseOutputAudioDelta) -> None:
        """
        Follow one piece of audio, as `observe`, in the shortest way. Reader thread.
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
        Follow one piece of text, as `observe`, in the shortest way. Reader thread.
        """
        with self._lock:
            builder = self._builders.get(event.item_id) or self._staged.get(
                event.item_id
            )
            if builder is None or not builder.add_text(event):
                self._on_content(event)
            self._unweighed += _TEXT_OVERHEAD + 4 * len(event.delta)
            if self._unweighed > MAX_BYTES // 16:
                self._weigh()

    def send_to_front(self, item_id: str) -> None:
        """
        Note that an item is being created at the front (``previous_item_id="root"``).

        Any thread.
        """
        with self._lock:
            self._order.send_to_front(item_id)

    def lose(self, _: object) -> None:
        """
        Note that the session is over: what was in progress stays incomplete.

        Reader thread.
        """
        with self._lock:
            for builder in self._builders.values():
                builder.end("incomplete")
            self._staged.clear()
            self._deleted.clear()
            self._bytes_per_ms_of.clear()

    def messages_of(self, response_ids: Collection[str]) -> set[str]:
        """
        Return the ids of what the model has said in these responses. Any thread.
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
        Give an item the id of *event*, if the two look alike. Reader thread.

        Returns:
            Whether they do.
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
        Forget a question, and all of its answers with their calls. Any thread.
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
        Forget items that the service does not have. Reader thread.
        """
        with self._lock:
            for item_id in item_ids:
                self._forget(item_id)

    # -- All below is called with the lock held ----------------------------------

    def _item(self, item_id: str) -> Item:
        item = self._builders[item_id].view()
        assert item is not None, "what has no item yet is set aside"
        return item
