"""
The input audio buffer: append, commit, clear, and turn detection.

The session has one audio clock, which counts all appended audio and is never set back.
Every ``audio_start_ms`` and ``audio_end_ms`` is a time of this clock.
"""

from __future__ import annotations

from typing import Any

from .._speech import audio as _audio
from .._speech import vad as _vad
from .._wire.errors import ServiceError
from .._wire.ids import new_id
from .connection import Connection
from .conversation import Conversation, Item, decode_base64
from .conversation_session import ConversationSession
from .responses import Responses
from .transcription import Transcription

__all__ = ["InputBuffer"]

MAX_APPEND_BYTES = 15 * 1024 * 1024
MIN_COMMIT_MS = 100
# With turn detection, older silence is dropped, since no turn will include it.
_KEEP_SILENCE_MS = 60_000
# The simulator cannot recognize the end of a sentence: an eagerness is a duration of
# silence.
_EAGERNESS_MS = {"low": 1000, "medium": 500, "auto": 500, "high": 250}


class InputBuffer:
    """
    The user's uncommitted audio. The connection's lock guards it.

    Args:
        connection: The connection to send the events on.
        session: The configuration: audio format and turn detection.
        conversation: The conversation that gets the committed audio.
        transcription: Transcribes committed audio.
        responses: Creates a response after a turn; speech may interrupt it.
    """

    def __init__(
        self,
        connection: Connection,
        session: ConversationSession,
        conversation: Conversation,
        transcription: Transcription,
        responses: Responses,
    ) -> None:
        self._connection = connection
        self._session = session
        self._conversation = conversation
        self._transcription = transcription
        self._responses = responses
        self._data = bytearray()
        self._start_ms = 0.0  # the time of the first byte of _data on the audio clock
        self._clock_ms = 0.0
        self._speech_item: str | None = None
        self._speech_start_ms = 0
        self._vad: Any = None
        self._detector: _vad.Detector | None = None
        self._format = ""
        self.configure()

    def configure(self) -> None:
        """
        Apply the session's audio format and turn detection.
        """
        session = self._session
        if session.input_format != self._format:
            self._format = session.input_format
            self._detector = None
            self._drop_all()
        elif session.input["turn_detection"] == self._vad:
            return
        self._vad = session.input["turn_detection"]
        if self._vad is not None and self._detector is not None:
            self._detector.configure(**self._vad_settings())
        else:
            self._new_detector()

    def _vad_settings(self) -> dict[str, Any]:
        if self._vad["type"] == "semantic_vad":
            return {"silence_duration_ms": _EAGERNESS_MS[self._vad["eagerness"]]}
        names = ("threshold", "prefix_padding_ms", "silence_duration_ms")
        return {name: self._vad[name] for name in names}

    def _new_detector(self) -> None:
        self._speech_item = None
        self._detector = None
        if self._vad is not None:
            self._detector = _vad.Detector(
                **self._vad_settings(),
                clock_ms=int(self._clock_ms),
                rate=_audio.sample_rate(self._format),
            )

    def append(self, text: str) -> None:
        """
        Append base64 audio. Sends the speech events, but no acknowledgement.
        """
        audio = decode_base64(text, "audio", self._format)
        if len(audio) > MAX_APPEND_BYTES:
            raise ServiceError(
                "invalid_value",
                "Invalid 'audio': at most 15 MiB of audio fit into one event, but got "
                f"{len(audio)} bytes.",
                "audio",
            )
        self._data += audio
        self._clock_ms += len(audio) / _audio.bytes_per_ms(self._format)
        if self._detector is None:
            return
        for event in self._detector.feed(_audio.samples_in(audio, self._format)):
            if isinstance(event, _vad.SpeechStarted):
                self._speech_started(event.at_ms)
            else:
                self._speech_stopped(event.at_ms)
        if self._speech_item is None:
            self._drop_before(self._clock_ms - _KEEP_SILENCE_MS)

    def _speech_started(self, at_ms: int) -> None:
        self._speech_item = new_id("item")
        self._speech_start_ms = max(at_ms, int(self._start_ms))
        self._connection.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=self._speech_start_ms,
            item_id=self._speech_item,
        )
        self._responses.on_speech_started(interrupt=self._vad["interrupt_response"])

    def _speech_stopped(self, at_ms: int) -> None:
        item_id = self._speech_item or new_id("item")
        self._speech_item = None
        self._connection.emit(
            "input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item_id
        )
        audio = self._take_audio(self._speech_start_ms, at_ms)
        self._commit(item_id, audio)
        if self._vad["create_response"] and not self._session.transcription:
            self._responses.create_after_turn()

    def commit(self) -> None:
        """
        Create an item of the audio in the buffer.

        Raises:
            ServiceError: The buffer has less than 100 ms of audio.
        """
        length_ms = len(self._data) / _audio.bytes_per_ms(self._format)
        if length_ms < MIN_COMMIT_MS:
            raise ServiceError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at "
                f"least {MIN_COMMIT_MS}ms of audio, but buffer only has "
                f"{length_ms:.2f}ms of audio.",
            )
        item_id = self._speech_item or new_id("item")
        audio = bytes(self._data)
        self._drop_all()
        self._new_detector()
        self._commit(item_id, audio)

    def clear(self) -> None:
        """
        Drop the uncommitted audio.
        """
        self._drop_all()
        self._new_detector()
        self._connection.emit("input_audio_buffer.cleared")

    def on_idle(self) -> None:
        """
        Commit the audio and create a response, unless the user is speaking.

        Called after ``idle_timeout_ms``.
        """
        if self._speech_item is not None:
            return
        start_ms, end_ms = int(self._start_ms), int(self._clock_ms)
        audio = bytes(self._data)
        self._drop_all()
        self._new_detector()
        item_id = new_id("item")
        self._connection.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=start_ms,
            audio_end_ms=end_ms,
            item_id=item_id,
        )
        self._commit(item_id, audio, transcribe=False)
        self._responses.create_after_turn()

    # ------------------------------------------------ private

    def _commit(self, item_id: str, audio: bytes, *, transcribe: bool = True) -> None:
        previous = self._conversation.last_id()
        self._connection.emit(
            "input_audio_buffer.committed", previous_item_id=previous, item_id=item_id
        )
        part = {"type": "input_audio", "transcript": None}
        wire = {
            "id": item_id,
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [part],
        }
        item = Item(wire, {0: bytearray(audio)}, self._format)
        self._conversation.add(self._connection, item)
        if transcribe:
            self._transcription.start(item)

    def _take_audio(self, start_ms: int, end_ms: int) -> bytes:
        """
        Return the audio between two times, and drop it and all earlier audio.
        """
        rate = _audio.bytes_per_ms(self._format)
        start = max(0, int(start_ms - self._start_ms)) * rate
        end = max(0, int(end_ms - self._start_ms)) * rate
        audio = bytes(self._data[start:end])
        self._drop_before(end_ms)
        return audio

    def _drop_before(self, at_ms: float) -> None:
        rate = _audio.bytes_per_ms(self._format)
        excess = min(len(self._data), int(at_ms - self._start_ms) * rate)
        if excess > 0:
            del self._data[:excess]
            self._start_ms += excess / rate

    def _drop_all(self) -> None:
        self._data.clear()
        self._start_ms = self._clock_ms
