"""
Recording of a `Turn` from the events of its responses.

Rules:

1. The events do not contain which responses belong to the turn; the caller passes their
   ids to `begin`. The call may come late, so the last responses of any turn are
   recorded.
2. Likewise the caller passes the items of the spoken question to `listen`; their
   transcripts are `heard`.
3. `item_builder` builds the items, as in the conversation, but their audio is kept.
4. Memory is bounded; a turn larger than `MAX_BYTES` fails.
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

#: Maximum memory of a turn's events in bytes: about two hours of speech.
MAX_BYTES = 512 << 20
#: Maximum number of recorded responses that are not known to belong to the turn.
MAX_OTHERS = 32
#: Maximum number of transcripts of spoken items.
MAX_HEARD = 64
#: Maximum number of tool outputs.
MAX_OUTPUTS = 256


class _Answer:
    """
    One response of the turn.
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
        items: list[Item] = []
        for item_id, builder in self.in_order():
            item = builder.view()
            items += self._from_deltas(item_id) if item is None else [item]
        return items

    def _from_deltas(self, item_id: str) -> list[Item]:
        """
        Return the items of an id that was never reported as an item.

        Some compatible services send no ``output_item`` events, or use one id for a
        message and a call.
        """
        content, call = self.builders[item_id].content, self.calls.get(item_id)
        items: list[Item] = []
        if content:
            items.append(MessageItem("assistant", content, id=item_id))
        if call is not None:
            arguments, call_id = call.arguments, call.call_id
            items.append(FunctionCallItem(call.name, arguments, call_id, id=item_id))
        return items

    def _builder(self, item_id: str) -> ItemBuilder:
        return self.builders.setdefault(item_id, ItemBuilder(keep_audio=True))


class TurnRecorder:
    """
    Records one turn. It is created before the question is sent, for the latency.

    One thread, which passes the events in order.

    Args:
        audio_format: The session's output format; that of a response takes precedence.
        clock: Returns the time in seconds; replaced in tests.
    """

    def __init__(
        self,
        audio_format: object = "pcm16",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audio_format = audio_format
        self._clock = clock
        self._started = clock()
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
        Note that an item is a part of the spoken question.
        """
        self._listening[item_id] = None

    @property
    def heard(self) -> str | None:
        """
        The transcript of the question; None while no part of it is known.
        """
        texts = [self._heard.get(item_id) for item_id in self._listening]
        known = [text.strip() for text in texts if text is not None]
        return " ".join(filter(None, known)) if known else None

    @property
    def heard_is_final(self) -> bool:
        """
        Whether `heard` is final: each part is transcribed, or its transcription failed.
        """
        return all(item_id in self._heard for item_id in self._listening)

    def observe(self, event: ServerEvent) -> None:
        """
        Record *event*. Never blocks.

        Raises:
            ResponseError: The turn is larger than `MAX_BYTES`.
        """
        self._bytes += approximate_size(event.raw)
        if self._bytes > MAX_BYTES:
            raise ResponseError(
                f"The turn is too large: its events exceed {MAX_BYTES >> 20} MiB.",
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
        Return the turn recorded so far.
        """
        answers = tuple(self._answers.values())
        items: list[Item] = []
        calls: list[ToolCall] = []
        listed: set[str] = set()
        for answer in answers:
            unique = _without_repeated_calls(answer.items(), listed)
            called = [item for item in unique if isinstance(item, FunctionCallItem)]
            outputs = {call.call_id: self._output_of(call) for call in called}
            items += [*unique, *filter(None, outputs.values())]
            calls += [_call(call, outputs[call.call_id]) for call in called]
        last = self._last()
        return Turn(
            text=_text(items) or _transcript(items),
            transcript=_transcript(items),
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
            return max(0.0, choose(known) - self._started) if known else None

        return Latency(
            first_text=since([answer.first_text for answer in answers], min),
            first_audio=since([answer.first_audio for answer in answers], min),
            done=since([answer.done for answer in answers], max),
        )


def _without_repeated_calls(items: list[Item], listed: set[str]) -> list[Item]:
    """
    Return *items* without the calls in *listed*; add the other calls to *listed*.

    Some services report one call with two item ids.
    """
    unique = []
    for item in items:
        call_id = item.call_id if isinstance(item, FunctionCallItem) else None
        if call_id is None or call_id not in listed:
            unique.append(item)
        if call_id:
            listed.add(call_id)
    return unique


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
    Whether *output* is that of a failed function: ``{"error": "..."}``.
    """
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and list(value) == ["error"]


def _text(items: list[Item]) -> str:
    return _joined(items, OutputText, "text")


def _transcript(items: list[Item]) -> str:
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
