"""
Divides a recorded session into turns.

Rules:

1. A turn is a question with all responses up to the next question: the response after
   the output of a function belongs to the turn of the call.
2. A question is what the user has added since the last response: speech and messages.
   Several questions before one response are one turn.
3. An out-of-band response is a turn without a question.
4. Items that a reconnect restores are no questions.

Pure functions. Any thread.
"""

from collections.abc import Sequence
from typing import Any

import attrs

from .._state.turn_recorder import TurnRecorder
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    Event,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)
from ..models.items import FunctionCallItem, FunctionCallOutputItem, MessageItem
from ..models.turn import Turn
from .formats import AudioFormats
from .message import Message

__all__ = ["Exchange"]


@attrs.define
class Exchange:
    """
    The parts of one turn.

    Attributes:
        question_ids: The ids of the items of the question.
        spoken_ids: Those of them that were spoken.
        response_ids: The ids of the responses.
        began: When the question began, in seconds after the start of the recording.
        requested: When the response was requested; by the service if it detects turns.
        ended: When the last response was done, or the time of the last event.
        audio_format: The format of the answers.
        question: The text of a written question.
        turn: The turn.
    """

    question_ids: list[str]
    spoken_ids: list[str]
    response_ids: list[str]
    began: float
    requested: float
    ended: float
    audio_format: str
    question: str = ""
    turn: Turn = attrs.field(factory=Turn)


class _Divider:
    """
    Follows the messages of a session, and begins an exchange with each question.
    """

    def __init__(self, session: dict[str, Any]) -> None:
        self.exchanges: list[Exchange] = []
        self.of_response: dict[str, Exchange] = {}
        self.of_question: dict[str, Exchange] = {}
        self.of_call: dict[str, Exchange] = {}
        self._formats = AudioFormats(session)
        self._known: set[str] = set()
        self._question: list[str] = []
        self._spoken: list[str] = []
        self._texts: list[str] = []
        self._began: float | None = None
        self._requested: float | None = None
        self._tool_output: Exchange | None = None

    def follow(self, message: Message) -> None:
        event, at = message.event, message.seconds
        if isinstance(event, ServerEvent):
            self._formats.observe(dict(event.raw))
        if isinstance(event, ResponseCreate):
            self._requested = at
        elif isinstance(event, InputAudioBufferSpeechStarted):
            self._begin(at)
        elif isinstance(event, InputAudioBufferCommitted):
            self._add_question(event.item_id, at, spoken=True)
            self._requested = at
        elif isinstance(event, (ConversationItemAdded, ConversationItemCreated)):
            self._add_item(event.item, at)
        elif isinstance(event, ResponseCreated):
            self._add_response(event, at)
        elif isinstance(event, ResponseDone):
            self._end_response(event, at)

    def _begin(self, at: float) -> None:
        self._began = at if self._began is None else self._began

    def _add_question(self, item_id: str, at: float, *, spoken: bool) -> None:
        if item_id and item_id not in self._known:
            self._known.add(item_id)
            self._question.append(item_id)
            if spoken:
                self._spoken.append(item_id)
            self._begin(at)

    def _add_item(self, item: Any, at: float) -> None:
        if isinstance(item, FunctionCallOutputItem):
            self._tool_output = self.of_call.get(item.call_id or "")
        elif isinstance(item, MessageItem):
            if item.role == "user":
                if item.id not in self._known and item.text:
                    self._texts.append(item.text)
                self._add_question(item.id or "", at, spoken=False)
            else:
                self._known.add(item.id or "")

    def _add_response(self, event: ResponseCreated, at: float) -> None:
        response_id = event.response.id
        out_of_band = _is_out_of_band(event)
        exchange = None if self._question or out_of_band else self._tool_output
        if exchange is None:
            requested = at if self._requested is None else self._requested
            began = requested if self._began is None or out_of_band else self._began
            exchange = Exchange([], [], [], began, requested, at, "pcm16")
            self.exchanges.append(exchange)
            if not out_of_band:
                exchange.question_ids, self._question = self._question, []
                exchange.spoken_ids, self._spoken = self._spoken, []
                exchange.question, self._texts = "\n".join(self._texts), []
                self._began = None
                self.of_question |= dict.fromkeys(exchange.question_ids, exchange)
        exchange.audio_format = self._formats.names["model"]
        exchange.response_ids.append(response_id)
        exchange.ended = at
        self.of_response[response_id] = exchange
        self._tool_output = self._requested = None

    def _end_response(self, event: ResponseDone, at: float) -> None:
        exchange = self.of_response.get(event.response.id)
        if exchange is None:
            return  # it began before the recording
        exchange.ended = at
        for item in event.response.output:
            if isinstance(item, FunctionCallItem):
                self.of_call[item.call_id or ""] = exchange

    def exchange_of(self, event: Event) -> Exchange | None:
        """
        Return the exchange to which an event belongs.
        """
        response = getattr(event, "response", None)
        response_id = getattr(event, "response_id", "") or getattr(response, "id", "")
        if response_id in self.of_response:
            return self.of_response[response_id]
        item = getattr(event, "item", None)
        if isinstance(item, FunctionCallOutputItem):
            return self.of_call.get(item.call_id or "")
        return self.of_question.get(getattr(event, "item_id", "") or "")


class _Clock:
    """
    Returns the time of the message that is being read.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def exchanges(
    messages: Sequence[Message], session: dict[str, Any]
) -> tuple[Exchange, ...]:
    """
    Return the turns of a session in the order of their first responses.

    Args:
        messages: The messages in order.
        session: The session at the beginning.
    """
    divider = _Divider(session)
    for message in messages:
        divider.follow(message)
    clock = _Clock()
    recorders: dict[int, TurnRecorder] = {}
    for exchange in divider.exchanges:
        clock.now = exchange.requested  # the time at which the recorder begins
        recorder = TurnRecorder(exchange.audio_format, clock=clock)
        for response_id in exchange.response_ids:
            recorder.begin(response_id)
        for item_id in exchange.spoken_ids:
            recorder.listen(item_id)
        recorders[id(exchange)] = recorder
    for message in messages:
        if not isinstance(message.event, ServerEvent):
            continue
        owner = divider.exchange_of(message.event)
        if owner is not None:
            clock.now = message.seconds
            recorders[id(owner)].observe(message.event)
    for exchange in divider.exchanges:
        exchange.turn = recorders[id(exchange)].finish()
    return tuple(divider.exchanges)


def _is_out_of_band(event: ResponseCreated) -> bool:
    raw = event.raw.get("response")
    return (
        isinstance(raw, dict)
        and "conversation_id" in raw
        and raw["conversation_id"] is None
    )
