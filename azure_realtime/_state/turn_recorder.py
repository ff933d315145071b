"""
Collects a `Turn` from the events of its responses.

Rules:

1. Which responses belong to the turn is not in the events: who asks says so, by
   `begin`. That may come late, so the last few responses of any kind are collected.
2. The same holds for what was heard: `listen` says in which items the question is.
3. Items are made as the conversation makes them, by `item_builder`; here their audio is
   kept.
4. Nothing grows without bounds; a turn that would (`MAX_BYTES`) fails.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from .._memory import approximate_size, put_bounded
from ..audio.formats import format_name
from ..errors import ResponseError
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..models.content import OutputAudio, OutputText
from ..models.items import FunctionCallItem, FunctionCallOutputItem, Item, MessageItem
from ..models.responses import Response
from ..models.turn import Latency, ToolCall, Turn
from ..models.usage import UsageTotals
from .item_builder import ItemBuilder, item_id_of

#: Of all the events that a turn is collected from: two hours of speech.
MAX_BYTES = 512 << 20
#: Responses collected that may or may not belong to the turn.
MAX_OTHERS = 32
#: Items of which is known what was heard.
MAX_HEARD = 64
#: Outputs of functions.
MAX_OUTPUTS = 256


class _Answer:
    """
    One response, as it comes.
    """

    __slots__ = ("builders", "calls", "done", "first_audio", "first_text", "response")

    def __init__(self, response: Response) -> None:
        self.response = response
        self.builders: dict[str, ItemBuilder] = {}
        self.calls: dict[str, ResponseFunctionCallArgumentsDone] = {}
        self.first_text: float | None = None
        self.first_audio: float | None = None
        self.done: float | None = None

    def observe(self, event: ServerEvent, now: float) -> None:
        if isinstance(event, ResponseOutputAudioDelta):
            self.first_audio = now if self.first_audio is None else self.first_audio
        elif isinstance(
            event, (ResponseOutputTextDelta, ResponseOutputAudioTranscriptDelta)
        ):
            self.first_text = now if self.first_text is None else self.first_text
        item_id = item_id_of(event)
        if item_id:
            builder = self._builder(item_id)
            builder.output_index = getattr(event, "output_index", builder.output_index)
            builder.observe(event)
        if isinstance(event, ResponseFunctionCallArgumentsDone) and event.name:
            self.calls[item_id] = event

    def end(self, response: Response, now: float) -> None:
        self.response = response
        self.done = now
        for index, item in enumerate(response.output):
            builder = self._builder(item.id or f"#{index}")
            builder.output_index = index
            builder.report(item, final=True)

    def in_order(self) -> list[tuple[str, ItemBuilder]]:
        return sorted(self.builders.items(), key=lambda pair: pair[1].output_index)

    def items(self) -> list[Item]:
        found: list[Item] = []
        for item_id, builder in self.in_order():
            item = builder.view()
            found += self._from_pieces(item_id) if item is None else [item]
        return found

    def _from_pieces(self, item_id: str) -> list[Item]:
        """
        Return what came of an item that was never reported as a whole. Some compatible
        services send no ``output_item`` events, or one id for a message and a call.
        """
        content, call = self.builders[item_id].content, self.calls.get(item_id)
        found: list[Item] = []
        if content:
            found.append(MessageItem("assistant", content, id=item_id))
        if call is not None:
            arguments, call_id = call.arguments, call.call_id
            found.append(FunctionCallItem(call.name, arguments, call_id, id=item_id))
        return found

    def _builder(self, item_id: str) -> ItemBuilder:
        return self.builders.setdefault(item_id, ItemBuilder(keep_audio=True))


class TurnRecorder:
    """
    Collects one turn; make it before asking.

    It belongs to the thread that has the events, in order.

    Args:
        audio_format: The session's output format, unless a response says otherwise.
        clock: Seconds; for tests.
    """

    def __init__(
        self,
        audio_format: object = "pcm16",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audio_format = audio_format
        self._clock = clock
        self._asked = clock()
        self._answers: dict[str, _Answer] = {}
        self._others: dict[str, _Answer] = {}
        self._listening: dict[str, None] = {}
        self._heard: dict[str, str | None] = {}
        self._outputs: dict[str, FunctionCallOutputItem] = {}
        self._bytes = 0

    def begin(self, response_id: str) -> None:
        """
        Note that a response belongs to this turn.
        """
        if response_id not in self._answers:
            answer = self._others.pop(response_id, None)
            self._answers[response_id] = answer or _Answer(Response(id=response_id))

    def listen(self, item_id: str) -> None:
        """
        Note that an item is the question, or part of it, spoken.
        """
        self._listening[item_id] = None

    @property
    def heard(self) -> str | None:
        """
        What was understood of the question; None as long as that is not known.
        """
        told = [self._heard.get(item_id) for item_id in self._listening]
        known = [text.strip() for text in told if text is not None]
        return " ".join(filter(None, known)) if known else None

    @property
    def heard_all(self) -> bool:
        """
        Whether nothing more is to be expected of `heard`: all told, or failed.
        """
        return all(item_id in self._heard for item_id in self._listening)

    def observe(self, event: ServerEvent) -> None:
        """
        Collect what *event* tells. Never blocks.

        Raises:
            ResponseError: The turn has become too large to be one.
        """
        self._bytes += approximate_size(event.raw)
        if self._bytes > MAX_BYTES:
            raise ResponseError(
                f"The turn is too large: more than {MAX_BYTES >> 20} MiB came.",
                response=self._last(),
            )
        if isinstance(event, (ConversationItemAdded, ConversationItemCreated)):
            if isinstance(event.item, FunctionCallOutputItem):
                put_bounded(self._outputs, event.item.call_id, event.item, MAX_OUTPUTS)
        elif isinstance(event, ConversationItemInputAudioTranscriptionCompleted):
            put_bounded(self._heard, event.item_id, event.transcript, MAX_HEARD)
        elif isinstance(event, ConversationItemInputAudioTranscriptionFailed):
            put_bounded(self._heard, event.item_id, None, MAX_HEARD)
        elif isinstance(event, ResponseCreated):
            self._answer(event.response.id).response = event.response
        elif isinstance(event, ResponseDone):
            self._answer(event.response.id).end(event.response, self._clock())
        elif response_id := getattr(event, "response_id", ""):
            self._answer(response_id).observe(event, self._clock())

    def finish(self) -> Turn:
        """
        Return the turn as far as it has come.
        """
        answers = tuple(self._answers.values())
        items: list[Item] = []
        calls: list[ToolCall] = []
        listed: set[str] = set()
        for answer in answers:
            made = _listed_once(answer.items(), listed)
            asked = [item for item in made if isinstance(item, FunctionCallItem)]
            outputs = {call.call_id: self._output_of(call) for call in asked}
            items += [*made, *filter(None, outputs.values())]
            calls += [_call(call, outputs[call.call_id]) for call in asked]
        last = self._last()
        return Turn(
            text=_written(items) or _said(items),
            transcript=_said(items),
            audio=b"".join(d.audio for a in answers for _, d in a.in_order()),
            audio_format=format_name(last.output_audio_format or self._audio_format),
            heard=self.heard,
            tool_calls=tuple(calls),
            usage=sum(
                (UsageTotals.of(answer.response.usage) for answer in answers),
                start=UsageTotals(),
            ),
            latency=self._latency(answers),
            response=last,
            items=tuple(items),
        )

    def _last(self) -> Response:
        answers = list(self._answers.values())
        return answers[-1].response if answers else Response()

    def _answer(self, response_id: str) -> _Answer:
        answer = self._answers.get(response_id) or self._others.get(response_id)
        if answer is None:
            answer = _Answer(Response(id=response_id))
            put_bounded(self._others, response_id, answer, MAX_OTHERS)
        return answer

    def _output_of(self, call: FunctionCallItem) -> FunctionCallOutputItem | None:
        return self._outputs.get(call.call_id or "")

    def _latency(self, answers: tuple[_Answer, ...]) -> Latency:
        def since(times: list[float | None], choose: Callable[[Any], float]) -> Any:
            known = [at for at in times if at is not None]
            return max(0.0, choose(known) - self._asked) if known else None

        return Latency(
            first_text=since([answer.first_text for answer in answers], min),
            first_audio=since([answer.first_audio for answer in answers], min),
            done=since([answer.done for answer in answers], max),
        )


def _listed_once(items: list[Item], listed: set[str]) -> list[Item]:
    """
    Return *items* without the calls in *listed*, and list the others: some services
    report one call under two ids of items.
    """
    made = []
    for item in items:
        call_id = item.call_id if isinstance(item, FunctionCallItem) else None
        if call_id is None or call_id not in listed:
            made.append(item)
        if call_id:
            listed.add(call_id)
    return made


def _call(call: FunctionCallItem, output: FunctionCallOutputItem | None) -> ToolCall:
    return ToolCall(
        name=call.name,
        call_id=call.call_id or "",
        arguments=call.arguments,
        output=None if output is None else output.output,
        error=output is not None and _is_error(output.output),
    )


def _is_error(output: str) -> bool:
    """
    Tell what the model is answered when a function failed: ``{"error": "..."}``.
    """
    try:
        told = json.loads(output)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and list(told) == ["error"]


def _written(items: list[Item]) -> str:
    return _joined(items, OutputText, "text")


def _said(items: list[Item]) -> str:
    return _joined(items, OutputAudio, "transcript")


def _joined(items: list[Item], part_type: type, name: str) -> str:
    messages = (
        "".join(
            getattr(part, name) or ""
            for part in item.content
            if isinstance(part, part_type)
        )
        for item in items
        if isinstance(item, MessageItem)
    )
    return "\n".join(filter(None, messages))
