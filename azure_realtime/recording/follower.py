"""
Follows the messages of a session, and notes what happened when.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from .._protocol.codec import Codec
from ..events import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemTruncate,
    ErrorEvent,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ..models.items import FunctionCallOutputItem
from ..models.turn_detection import ServerVad
from .exchanges import Exchange
from .formats import AudioFormats
from .message import Mark, Message
from .playback import Answer, Playback
from .sent import Sent
from .stages import AppendClock, TurnTimes

__all__ = ["Happened", "Span"]

_SAME_STREAM = 0.3  # seconds between two pieces of one stretch of audio
_DEFAULT_SILENCE = 500  # ms


@attrs.frozen
class Span:
    """
    Something that lasts.

    Attributes:
        kind: ``sent``, ``speech``, ``generated``, ``played``, ``tool``, ``reconnect``.
        start: Its beginning.
        end: Its end.
        label: The name of a tool.
        turn: The index of its turn; None without one.
        audio: What was said, as PCM16 and its rate; None if it was not recorded.
    """

    kind: str
    start: float
    end: float
    label: str = ""
    turn: int | None = None
    audio: tuple[bytes, int] | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Happened:
    """
    Something that happens at one time.

    Attributes:
        kind: One of the kinds that `Timeline` lists.
        at: The time.
        label: A text to show; from the service or the application, not escaped.
    """

    kind: str
    at: float
    label: str = ""


class Follower:
    """
    Notes spans, events and the times of turns.

    Args:
        exchanges: The turns.
        session: The session at the beginning, in the shape of GA.
    """

    def __init__(
        self, exchanges: tuple[Exchange, ...], session: dict[str, Any]
    ) -> None:
        self.spans: list[Span] = []
        self.events: list[Happened] = []
        self._exchanges = exchanges
        self._of_response = {
            response_id: number
            for number, exchange in enumerate(exchanges)
            for response_id in exchange.response_ids
        }
        self._of_item = {
            item_id: number
            for number, exchange in enumerate(exchanges)
            for item_id in exchange.question_ids
        }
        self._found: list[dict[str, Any]] = [{} for _ in exchanges]
        self._formats = AudioFormats(session)
        self._clock = AppendClock()
        self._silence_ms: float | None = _DEFAULT_SILENCE
        self._playback = Playback()
        self._generation = 0
        self._last = 0.0
        self._speaking: dict[str, float] = {}
        self._calls: dict[str, tuple[float, str, int | None]] = {}
        self._committing: float | None = None
        self._sent: list[Sent] = []
        if session:
            begun = {"type": SessionCreated.type, "session": session}
            for event in Codec(None).decode(json.dumps(begun), 0):
                if isinstance(event, SessionCreated):
                    self._note_detection(event)

    def follow(self, message: Message) -> None:
        """
        Note a message; in order.
        """
        event, at = message.event, message.seconds
        if self._generation not in (0, message.generation):
            self.spans.append(Span("reconnect", self._last, at))
            self.events.append(Happened("reconnected", at))
            self._clock = AppendClock()
        self._generation, self._last = message.generation, at
        if isinstance(event, ServerEvent):
            self._formats.observe(dict(event.raw))
        handler = self._HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, message)

    def note(self, mark: Mark) -> None:
        """
        Note a mark of the application.
        """
        if not self._playback.note(mark):
            self.events.append(Happened("mark", mark.seconds, mark.name))

    def finish(self) -> None:
        """
        Add what is known only at the end.
        """
        end = 0.0
        for sent in self._sent:
            start, end = max(end, sent.last - sent.seconds), sent.last
            self.spans.append(Span("sent", start, end, audio=sent.audio))
        for answer in self._playback.in_order():
            number = self._of_response.get(answer.response_id)
            audio = answer.audio
            self.spans.append(Span("generated", answer.first, answer.last, turn=number))
            start, end, is_estimated = answer.played
            played = Span("played", start, end, turn=number, audio=audio)
            self.spans.append(played)
            if number is not None:
                found = self._found[number]
                found.setdefault("first_played", start)
                found.setdefault("is_estimated", is_estimated)

    def times(self, number: int) -> TurnTimes:
        """
        Return the times of a turn, after `finish`.
        """
        exchange, found = self._exchanges[number], self._found[number]
        is_spoken = bool(exchange.spoken_ids)
        asked = found.pop("asked", None)
        began = min(exchange.began, found.pop("speech_began", exchange.began))
        if asked is None:
            asked = exchange.requested if exchange.requested else exchange.began
        return TurnTimes(
            number=number,
            began=began,
            asked=asked,
            is_spoken=is_spoken,
            ended=exchange.ended,
            **found,
        )

    # ------------------------------------------------ messages

    def _append(self, event: InputAudioBufferAppend, message: Message) -> None:
        seconds = self._formats.seconds("user", message.audio_bytes)
        at = message.seconds
        self._clock.append(seconds * 1000, at)
        if not self._sent or at - self._sent[-1].last > _SAME_STREAM:
            self._sent.append(Sent(self._formats.names["user"]))
        self._sent[-1].add(event.audio, seconds, at)

    def _session(self, event: SessionCreated | SessionUpdated, _: Message) -> None:
        self._note_detection(event)

    def _note_detection(self, event: SessionCreated | SessionUpdated) -> None:
        detection = event.session.turn_detection
        self._silence_ms = None
        if isinstance(detection, ServerVad):
            silence = detection.silence_duration_ms
            known = isinstance(silence, int)
            self._silence_ms = silence if known else _DEFAULT_SILENCE

    def _speech_started(
        self, event: InputAudioBufferSpeechStarted, message: Message
    ) -> None:
        start = self._clock.sent_at(event.audio_start_ms)
        self._speaking[event.item_id] = message.seconds if start is None else start
        self.events.append(Happened("speech_started", message.seconds))

    def _speech_stopped(
        self, event: InputAudioBufferSpeechStopped, message: Message
    ) -> None:
        at, silence = message.seconds, self._silence_ms or 0.0
        end = self._clock.sent_at(event.audio_end_ms - silence)
        # audio that was appended before the recording began is not on the clock
        if end is None or not at - silence / 1000 - 3.0 <= end <= at:
            end = max(0.0, at - silence / 1000)
        number = self._of_item.get(event.item_id)
        start = self._speaking.pop(event.item_id, end)
        self.spans.append(Span("speech", min(start, end), end, turn=number))
        self.events.append(Happened("speech_stopped", at))
        self._set(number, speech_began=min(start, end), asked=end, stopped=at)

    def _commit(self, _: InputAudioBufferCommit, message: Message) -> None:
        last = self._clock.last
        self._committing = message.seconds if last is None else last

    def _committed(self, event: InputAudioBufferCommitted, message: Message) -> None:
        number = self._of_item.get(event.item_id)
        if self._committing is not None:
            self._set(number, asked=self._committing)
        self._committing = None
        self._set(number, committed=message.seconds)
        self.events.append(Happened("committed", message.seconds))

    def _created(self, event: ResponseCreated, message: Message) -> None:
        self._set(self._of_response.get(event.response.id), created=message.seconds)
        self.events.append(Happened("created", message.seconds))

    def _audio(self, event: ResponseOutputAudioDelta, message: Message) -> None:
        seconds = self._formats.seconds("model", message.audio_bytes)
        is_first = self._playback.add(
            event, message.seconds, seconds, self._formats.names["model"]
        )
        if is_first:
            number = self._of_response.get(event.response_id)
            self._set(number, first_audio=message.seconds)
            self.events.append(Happened("first_audio", message.seconds))

    def _text(self, event: Any, message: Message) -> None:
        self._set(self._of_response.get(event.response_id), first_text=message.seconds)

    def _done(self, event: ResponseDone, message: Message) -> None:
        response, at = event.response, message.seconds
        if response.status == "cancelled":
            self._interrupt(self._playback.cancel(response.id, at), at)
        label = "" if response.status == "completed" else response.status
        self.events.append(Happened("done", at, label))

    def _truncate(self, event: ConversationItemTruncate, message: Message) -> None:
        at, seconds = message.seconds, event.audio_end_ms / 1000
        self._interrupt(self._playback.truncate(event.item_id, seconds, at), at)

    def _interrupt(self, answer: Answer | None, at: float) -> None:
        if answer is not None:
            self._set(self._of_response.get(answer.response_id), interrupted=at)
            self.events.append(Happened("interrupted", at))

    def _call(self, event: ResponseFunctionCallArgumentsDone, message: Message) -> None:
        number = self._of_response.get(event.response_id)
        self._calls[event.call_id] = (message.seconds, event.name or "", number)

    def _item(self, event: Any, message: Message) -> None:
        item = event.item
        if isinstance(item, FunctionCallOutputItem):
            call = self._calls.pop(item.call_id or "", None)
            if call is not None:
                start, name, number = call
                self.spans.append(Span("tool", start, message.seconds, name, number))

    def _error(self, event: ErrorEvent, message: Message) -> None:
        label = event.error.code or event.error.type or "error"
        self.events.append(Happened("error", message.seconds, label))

    def _set(self, number: int | None, **times: float) -> None:
        """
        Note times of a turn; the first of each kind counts.
        """
        if number is not None:
            for name, at in times.items():
                self._found[number].setdefault(name, at)

    _HANDLERS: ClassVar[dict[type, Callable[..., None]]] = {
        InputAudioBufferAppend: _append,
        SessionCreated: _session,
        SessionUpdated: _session,
        InputAudioBufferSpeechStarted: _speech_started,
        InputAudioBufferSpeechStopped: _speech_stopped,
        InputAudioBufferCommit: _commit,
        InputAudioBufferCommitted: _committed,
        ResponseCreated: _created,
        ResponseOutputAudioDelta: _audio,
        ResponseOutputTextDelta: _text,
        ResponseOutputAudioTranscriptDelta: _text,
        ResponseDone: _done,
        ConversationItemTruncate: _truncate,
        ResponseFunctionCallArgumentsDone: _call,
        ConversationItemCreate: _item,
        ConversationItemAdded: _item,
        ConversationItemCreated: _item,
        ErrorEvent: _error,
    }
