"""
An item in the making: what all the events about it add up to.

Rules:

1. The same facts come in several events, and some of those in any order. What a draft
   amounts to does not depend on it, as long as the pieces of one text come in order.
2. Text comes in pieces, then once more as a whole. The whole replaces the pieces and
   is final; an empty one says nothing and replaces nothing.
3. A final status stays.
4. Audio is counted; it is kept only where that was asked for. Base64 in the items that
   the service reports is never kept.
5. What is left of a truncated part's transcript is an estimate: as large a share of the
   words as is left of the audio. It ends in "…", because the service does not say.
6. Nothing grows without bounds (`MAX_PARTS`, `MAX_TEXT`); `ItemBuilder.weight` is the
   size of all of it.

Nothing here raises or takes a lock: the owner of a builder holds one.
"""

from collections.abc import Callable
from typing import Any

import attrs

from .._memory import approximate_size
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
from .part_builder import PART_EVENTS, SAID, WRITTEN, PartBuilder, Text

#: Of one item.
MAX_PARTS = 64
#: Characters of an id: what the service takes of ours. What is longer is none.
MAX_ID = 512
_OVERHEAD = 1000  # bytes that an item or a part takes beside what was said, about

_PARTS: dict[str, Part] = {
    "text": WRITTEN,
    "output_text": WRITTEN,
    "audio": SAID,
    "output_audio": SAID,
}


class ItemBuilder:
    """
    An item in the making.

    Attributes:
        keep_audio: Whether `audio` keeps what is said.
        generation: Number of the connection it came by.
        response_id: Of the response that makes it; None if it was not generated, or
            as long as that is not known.
        bytes_per_ms: Of what that response says.
        output_index: Its place among the items of that response.
    """

    def __init__(self, keep_audio: bool = False, generation: int = 0) -> None:
        self.keep_audio = keep_audio
        self.generation = generation
        self.response_id: str | None = None
        self.bytes_per_ms = 48
        self.output_index = 0
        self._item: Item | None = None
        self._status: str | None = None
        self._parts: dict[int, PartBuilder] = {}
        self._arguments = Text()
        self._view: Item | None = None
        self._weight: int | None = None

    def observe(self, event: ServerEvent) -> None:
        """
        Take what *event* tells of this item.
        """
        kind = type(event)
        if kind in PART_EVENTS:
            model, take_part = PART_EVENTS[kind]
            index = event.content_index  # type: ignore[attr-defined]
            take_part(self._part(index, model), event)
            self._view = self._weight = None
        elif kind in _ITEM_EVENTS:
            _ITEM_EVENTS[kind](self, event)
            self._view = self._weight = None

    def add_audio(self, event: ResponseOutputAudioDelta) -> bool:
        """
        Count a piece of audio; return False if `observe` must take it.
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
        Add a piece of text; return False if `observe` must take it.
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
        Take the item as the service reports it.

        Args:
            item: It.
            final: Whether what it says is all there will be.
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
        Note that nothing more will come, in case nobody has said so.
        """
        if self._status == "in_progress":
            self._status = status
            self._view = None

    def view(self) -> Item | None:
        """
        Return the item as far as it is known; None if all we have are pieces.
        """
        if self._view is None:
            self._view = self._made()
        return self._view

    @property
    def weight(self) -> int:
        """
        About how many bytes it takes, without the audio that was asked to be kept.
        """
        if self._weight is None:
            parts = self._parts.values()
            # mostly these are the same objects
            raw = approximate_size(self._item.raw) if self._item is not None else 0
            raws = sum(approximate_size(part.model.raw) for part in parts)
            texts = sum(_OVERHEAD + part.text.weight for part in parts)
            self._weight = _OVERHEAD + max(raw, raws) + texts + self._arguments.weight
        return self._weight

    @property
    def audio_ms(self) -> int:
        """
        How long what was received of it plays, less what was truncated.
        """
        return sum(part.audio_ms for part in self._parts.values())

    @property
    def audio(self) -> bytes:
        """
        What it says, less what was truncated; ``b""`` unless `keep_audio`.
        """
        return b"".join(self._parts[i].audio_left for i in sorted(self._parts))

    @property
    def content(self) -> tuple[Part, ...]:
        """
        The parts as far as they are known.
        """
        return tuple(self._parts[index].view() for index in sorted(self._parts))

    @property
    def truncated(self) -> bool:
        """
        Whether some of its audio was cut away.
        """
        return any(part.truncated for part in self._parts.values())

    @property
    def remark(self) -> str:
        """
        What a reader of the transcript should know; "" if nothing.
        """
        if self.truncated:
            return f"cut off after {self.audio_ms / 1000:.1f} s"
        failed = any(part.failed for part in self._parts.values())
        return "not transcribed" if failed else ""

    def _made(self) -> Item | None:
        item = self._item
        if isinstance(item, MessageItem):
            content = self.content
            if content == item.content and self._status == item.status:
                return item  # most are: it saves a reader of many items time
            return attrs.evolve(item, content=content, status=self._status)
        if isinstance(item, (FunctionCallItem, McpCallItem)):
            arguments = self._arguments.value or item.arguments
            item = attrs.evolve(item, arguments=arguments)
        if isinstance(item, (FunctionCallItem, FunctionCallOutputItem)):
            item = attrs.evolve(item, status=self._status)
        return item

    def _part(self, index: int | None, model: Part) -> PartBuilder:
        """
        Return the draft of a part; a new one begins as *model*.
        """
        index = index or 0
        part = self._parts.get(index)
        if part is None:
            part = PartBuilder(model)
            if len(self._parts) < MAX_PARTS:
                self._parts[index] = part
        return part

    # -- What each event tells ---------------------------------------------------

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
        part = self._part(event.content_index, SAID)
        if not part.received:
            part.bytes_per_ms = self.bytes_per_ms
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
    Return the id of the item that *event* is about; "" if it does not say.
    """
    item = getattr(event, "item", None)
    return as_id(getattr(event, "item_id", None) if item is None else item.id)


def as_id(found: str | None) -> str:
    """
    Return what was found as an id; "" if it is none.
    """
    return found if found and len(found) <= MAX_ID else ""


def _without_audio(item: MessageItem) -> MessageItem:
    # without the base64 that it may hold, in its `raw` too
    if not [part for part in item.content if getattr(part, "audio", None)]:
        return item
    content = [
        {key: value for key, value in part.raw.items() if key != "audio"}
        for part in item.content
    ]
    return attrs.evolve(item, content=(), raw={**item.raw, "content": content})


def _decoded_size(event: ResponseOutputAudioDelta) -> int:
    # The reader thread does not decode what nobody may want.
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

#: The kinds of events that a draft takes something from.
DRAFT_EVENTS = frozenset({*PART_EVENTS, *_ITEM_EVENTS})
