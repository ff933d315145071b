"""
Building of an item from the events about it.

Rules:

1. Several events repeat the same fact, and some events come in any order. The built
   item does not depend on that order, as long as the deltas of one text are in order.
2. Text comes as deltas, then as a whole. The whole text replaces the deltas and is
   final; an empty whole text replaces nothing.
3. A final status is not changed.
4. Audio is counted, and kept only with `keep_audio`. The base64 in items that the
   service reports is never kept.
5. The transcript of a truncated part is an estimate: its share of the text is that of
   the remaining audio. It ends in "…", because the service does not report the words.
6. Memory is bounded (`MAX_PARTS`, `MAX_TEXT`); `ItemBuilder.weight` is its size.

No method raises or acquires a lock: the owner of a builder holds its own lock.
"""

from collections.abc import Callable
from typing import Any

import attrs

from .._memory import approximate_size
from ..audio.formats import bytes_per_ms
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ConversationItemRetrieved,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..models.content import Part
from ..models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    McpCallItem,
    MessageItem,
)
from .part_builder import AUDIO_PART, PART_EVENTS, TEXT_PART, PartBuilder, Text

#: Maximum number of parts of an item.
MAX_PARTS = 64
#: Maximum characters of an id, as in the service. A longer value is not an id.
MAX_ID = 512
_OVERHEAD = 1000  # approximate bytes of an item or a part without its text

_PARTS: dict[str, Part] = {
    "text": TEXT_PART,
    "output_text": TEXT_PART,
    "audio": AUDIO_PART,
    "output_audio": AUDIO_PART,
}


class ItemBuilder:
    """
    Builds one item.

    Attributes:
        keep_audio: Whether `audio` is kept.
        generation: Number of the connection of the item's first event.
        response_id: The response that generates the item; None if no response does, or
            if it is not known yet.
        audio_format: Format of the audio of that response.
        output_index: Index among the items of that response.
    """

    def __init__(self, keep_audio: bool = False, generation: int = 0) -> None:
        self.keep_audio = keep_audio
        self.generation = generation
        self.response_id: str | None = None
        self.audio_format = "pcm16"
        self.output_index = 0
        self._item: Item | None = None
        self._status: str | None = None
        self._parts: dict[int, PartBuilder] = {}
        self._arguments = Text()
        self._view: Item | None = None
        self._weight: int | None = None

    def observe(self, event: ServerEvent) -> None:
        """
        Apply *event* to the item.
        """
        kind = type(event)
        if kind in PART_EVENTS:
            model, apply = PART_EVENTS[kind]
            index = event.content_index  # type: ignore[attr-defined]
            apply(self._part(index, model), event)
            self._view = self._weight = None
        elif kind in _ITEM_EVENTS:
            _ITEM_EVENTS[kind](self, event)
            self._view = self._weight = None

    def add_audio(self, event: ResponseOutputAudioDelta) -> bool:
        """
        Count an audio delta; return False if it needs `observe`.
        """
        part = self._parts.get(event.content_index)
        if part is None or not part.received or self.keep_audio:
            return False
        if self.response_id is None or self.generation != event.generation:
            return False
        delta = event.delta
        if len(delta) & 3:
            return False
        part.received += 3 * (len(delta) >> 2) - delta.count("=", -2)
        self._view = self._weight = None
        return True

    def add_text(
        self, event: ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta
    ) -> bool:
        """
        Add a text delta; return False if it needs `observe`.
        """
        part = self._parts.get(event.content_index)
        if part is None or self.response_id is None:
            return False
        if self.generation != event.generation:
            return False
        part.text.add(event.delta)
        self._view = self._weight = None
        return True

    def report(self, item: Item, *, final: bool) -> None:
        """
        Apply an item that the service reports.

        Args:
            item: The reported item.
            final: Whether its texts are complete.
        """
        status = getattr(item, "status", None)
        if status and self._status in (None, "in_progress"):
            self._status = status
        if isinstance(item, MessageItem):
            for index, part in enumerate(item.content):
                builder = self._part(index, part)
                builder.report(part, final=final, keep_audio=self.keep_audio)
            item = _without_audio(item)
        elif isinstance(item, (FunctionCallItem, McpCallItem)):
            self._arguments.report(item.arguments, final=final)
        self._item = item
        self._view = self._weight = None

    def end(self, status: str) -> None:
        """
        Set the final *status*, if no event did.
        """
        if self._status == "in_progress":
            self._status = status
            self._view = None

    def view(self) -> Item | None:
        """
        Return a snapshot of the item; None while the service has reported none.
        """
        if self._view is None:
            self._view = self._build()
        return self._view

    @property
    def weight(self) -> int:
        """
        Approximate memory in bytes, without kept audio.
        """
        if self._weight is None:
            parts = self._parts.values()
            # `max` below: the parts' `raw` are mostly objects inside the item's `raw`
            raw = approximate_size(self._item.raw) if self._item is not None else 0
            raws = sum(approximate_size(part.model.raw) for part in parts)
            texts = sum(_OVERHEAD + part.text.weight for part in parts)
            self._weight = _OVERHEAD + max(raw, raws) + texts + self._arguments.weight
        return self._weight

    @property
    def audio_ms(self) -> int:
        """
        Duration of the received audio in milliseconds, after truncation.
        """
        return sum(part.audio_ms for part in self._parts.values())

    @property
    def audio(self) -> bytes:
        """The audio after truncation; ``b""`` without `keep_audio`."""
        return b"".join(self._parts[i].audio_left for i in sorted(self._parts))

    @property
    def content(self) -> tuple[Part, ...]:
        """
        Snapshots of the parts.
        """
        return tuple(self._parts[index].view() for index in sorted(self._parts))

    @property
    def is_whole(self) -> bool:
        """Whether the transcripts of the user's speech are complete."""
        return all(part.is_whole for part in self._parts.values())

    @property
    def truncated(self) -> bool:
        """Whether some audio was truncated."""
        return any(part.truncated for part in self._parts.values())

    @property
    def remark(self) -> str:
        """
        The remark for the readable transcript, or "".
        """
        if self.truncated:
            return f"cut off after {self.audio_ms / 1000:.1f} s"
        failed = any(part.failed for part in self._parts.values())
        return "not transcribed" if failed else ""

    def _build(self) -> Item | None:
        item = self._item
        if isinstance(item, MessageItem):
            content = self.content
            if content == item.content and self._status == item.status:
                return item  # the common case: saves the time of `evolve`
            return attrs.evolve(item, content=content, status=self._status)
        if isinstance(item, (FunctionCallItem, McpCallItem)):
            arguments = self._arguments.value or item.arguments
            item = attrs.evolve(item, arguments=arguments)
        if isinstance(item, (FunctionCallItem, FunctionCallOutputItem)):
            item = attrs.evolve(item, status=self._status)
        return item

    def _part(self, index: int | None, model: Part) -> PartBuilder:
        """
        Return the builder of a part; a new one starts with *model*.
        """
        index = index or 0
        part = self._parts.get(index)
        if part is None:
            part = PartBuilder(model)
            if len(self._parts) < MAX_PARTS:
                self._parts[index] = part
        return part

    # -- One method per event ----------------------------------------------------

    def _on_added(self, event: ConversationItemAdded | ConversationItemCreated) -> None:
        self.report(event.item, final=False)

    def _on_done(self, event: ConversationItemDone | ConversationItemRetrieved) -> None:
        self.report(event.item, final=True)

    def _on_output_added(self, event: ResponseOutputItemAdded) -> None:
        self.output_index = event.output_index
        self.report(event.item, final=False)

    def _on_output_done(self, event: ResponseOutputItemDone) -> None:
        self.output_index = event.output_index
        self.report(event.item, final=True)

    def _on_part_added(self, event: ResponseContentPartAdded) -> None:
        if event.part.type in _PARTS:
            self._part(event.content_index, _PARTS[event.part.type])

    def _on_part_done(self, event: ResponseContentPartDone) -> None:
        if event.part.type in _PARTS:
            part = self._part(event.content_index, _PARTS[event.part.type])
            part.text.report(event.part.text or event.part.transcript or "", final=True)

    def _on_audio(self, event: ResponseOutputAudioDelta) -> None:
        part = self._part(event.content_index, AUDIO_PART)
        if not part.received:
            part.bytes_per_ms = bytes_per_ms(self.audio_format)
        if self.keep_audio:
            part.audio += event.audio
        part.received += _decoded_size(event)

    def _on_arguments(
        self, event: ResponseFunctionCallArgumentsDelta | ResponseMcpCallArgumentsDelta
    ) -> None:
        self._arguments.add(event.delta)

    def _on_arguments_done(
        self, event: ResponseFunctionCallArgumentsDone | ResponseMcpCallArgumentsDone
    ) -> None:
        self._arguments.settle(event.arguments)


def item_id_of(event: Any) -> str:
    """
    Return the id of the item that *event* is about; "" if it has none.
    """
    item = getattr(event, "item", None)
    return as_id(getattr(event, "item_id", None) if item is None else item.id)


def as_id(value: str | None) -> str:
    """
    Return *value* if it is an id, else "".
    """
    return value if value and len(value) <= MAX_ID else ""


def _without_audio(item: MessageItem) -> MessageItem:
    # removes base64 audio from the item and its `raw` (rule 4)
    if not [part for part in item.content if getattr(part, "audio", None)]:
        return item
    content = [
        {key: value for key, value in part.raw.items() if key != "audio"}
        for part in item.content
    ]
    return attrs.evolve(item, content=(), raw={**item.raw, "content": content})


def _decoded_size(event: ResponseOutputAudioDelta) -> int:
    # computed from the length: the reader thread does not decode unused audio
    groups, rest = divmod(len(event.delta), 4)
    return len(event.audio) if rest else 3 * groups - event.delta.count("=", -2)


_ITEM_EVENTS: dict[type[ServerEvent], Callable[[ItemBuilder, Any], None]] = {
    ConversationItemAdded: ItemBuilder._on_added,
    ConversationItemCreated: ItemBuilder._on_added,
    ConversationItemDone: ItemBuilder._on_done,
    ConversationItemRetrieved: ItemBuilder._on_done,
    ResponseOutputItemAdded: ItemBuilder._on_output_added,
    ResponseOutputItemDone: ItemBuilder._on_output_done,
    ResponseContentPartAdded: ItemBuilder._on_part_added,
    ResponseContentPartDone: ItemBuilder._on_part_done,
    ResponseOutputAudioDelta: ItemBuilder._on_audio,
    ResponseFunctionCallArgumentsDelta: ItemBuilder._on_arguments,
    ResponseFunctionCallArgumentsDone: ItemBuilder._on_arguments_done,
    ResponseMcpCallArgumentsDelta: ItemBuilder._on_arguments,
    ResponseMcpCallArgumentsDone: ItemBuilder._on_arguments_done,
}

#: The classes of events that `ItemBuilder.observe` applies.
DRAFT_EVENTS = frozenset({*PART_EVENTS, *_ITEM_EVENTS})
