"""
Building of a content part, under the rules of `item_builder`.

No method raises or acquires a lock.
"""

from collections.abc import Callable
from typing import Any

import attrs

from .._memory import approximate_size
from ..audio.encoding import decode
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemTruncated,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
)
from ..models.content import (
    InputAudio,
    InputText,
    OutputAudio,
    OutputText,
    Part,
    part_text,
)

#: Maximum characters of one text: what the service accepts in one message.
MAX_TEXT = 1_048_576
_PIECE_OVERHEAD = 64  # bytes of a delta in addition to its text

# Parts to start with, by the kind of event that comes first.
TEXT_PART = OutputText("")
AUDIO_PART = OutputAudio()
INPUT_AUDIO_PART = InputAudio()


class Text:
    """
    A text that comes as deltas, then as a whole (rule 2).

    Attributes:
        is_final: Whether the whole text has come.
    """

    __slots__ = ("_pieces", "_room", "is_final")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = MAX_TEXT
        self.is_final = False

    def add(self, piece: str | None) -> None:
        """
        Append a delta; after the whole text, ignore it.
        """
        if piece and self._room and not self.is_final:
            self._pieces.append(piece[: self._room])
            self._room -= len(self._pieces[-1])

    def settle(self, whole: str) -> None:
        """
        Set the whole text; "" keeps the deltas as the whole text.
        """
        self.is_final = True
        if whole:
            self._pieces = [whole[:MAX_TEXT]]

    def report(self, text: str, *, final: bool) -> None:
        """
        Apply the text in a reported item; "" changes nothing.
        """
        if text and final:
            self.settle(text)
        elif self.value is None:
            self.add(text)

    @property
    def value(self) -> str | None:
        """
        The text so far; None while no event contained any.
        """
        if not self._pieces:
            return "" if self.is_final else None
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    @property
    def weight(self) -> int:
        """
        Approximate memory in bytes.
        """
        return sum(_PIECE_OVERHEAD + approximate_size(piece) for piece in self._pieces)


class PartBuilder:
    """
    Builds one content part.

    Attributes:
        model: The part that the service reported last, without audio.
        text: The text or transcript.
        received: Bytes of audio received.
        bytes_per_ms: Rate of the audio.
        audio: The audio, if it is kept.
        end_ms: Position at which the audio was truncated; None if it was not.
        failed: Whether the transcription of the part failed.
    """

    __slots__ = (
        "audio",
        "bytes_per_ms",
        "end_ms",
        "failed",
        "model",
        "received",
        "text",
    )

    def __init__(self, model: Part) -> None:
        self.model = model
        self.text = Text()
        self.received = 0
        self.bytes_per_ms = 48
        self.audio = bytearray()
        self.end_ms: int | None = None
        self.failed = False

    @property
    def received_ms(self) -> int:
        """
        Duration of the received audio in milliseconds.
        """
        return self.received // self.bytes_per_ms

    @property
    def audio_ms(self) -> int:
        """
        Duration of the audio in milliseconds, after truncation.
        """
        if self.end_ms is None:
            return self.received_ms
        return min(self.end_ms, self.received_ms)

    @property
    def audio_left(self) -> bytes:
        """
        The kept audio after truncation.
        """
        if self.end_ms is None:
            return bytes(self.audio)
        return bytes(self.audio[: self.end_ms * self.bytes_per_ms])

    @property
    def truncated(self) -> bool:
        """
        Whether some audio was truncated.
        """
        return self.audio_ms < self.received_ms

    def report(self, model: Part, *, final: bool, keep_audio: bool) -> None:
        """
        Apply the part in a reported item.
        """
        self.text.report(part_text(model), final=final)
        if isinstance(model, (InputAudio, OutputAudio)) and model.audio:
            if keep_audio:
                self._replace_audio(model.audio)
            raw = {key: value for key, value in model.raw.items() if key != "audio"}
            model = attrs.evolve(model, audio=None, raw=raw)
        self.model = model

    def truncate(self, end_ms: int) -> None:
        """
        Truncate the audio, later deltas included.
        """
        end_ms = max(0, end_ms)
        self.end_ms = end_ms if self.end_ms is None else min(end_ms, self.end_ms)

    def view(self) -> Part:
        """
        Return a snapshot of the part.
        """
        text = self.text.value
        if text is None:
            return self.model
        if self.truncated:
            text = shortened(text, self.audio_ms / self.received_ms)
        model = self.model
        if isinstance(model, (InputText, OutputText)) and text != model.text:
            return attrs.evolve(model, text=text)
        if isinstance(model, (InputAudio, OutputAudio)) and text != model.transcript:
            return attrs.evolve(model, transcript=text)
        return model

    def _replace_audio(self, base64: str) -> None:
        try:
            self.audio = bytearray(decode(base64))
        except ValueError:
            return

    @property
    def is_whole(self) -> bool:
        """
        Whether this is no speech of the user, or its transcript is complete.
        """
        return self.text.is_final or not isinstance(self.model, InputAudio)

    # -- One method per event ----------------------------------------------------

    def _on_delta(self, event: Any) -> None:
        self.text.add(event.delta)

    def _on_text(self, event: ResponseOutputTextDone) -> None:
        self.text.settle(event.text)

    def _on_transcript(
        self,
        event: ResponseOutputAudioTranscriptDone
        | ConversationItemInputAudioTranscriptionCompleted,
    ) -> None:
        self.text.settle(event.transcript)

    def _on_failed(self, _: ConversationItemInputAudioTranscriptionFailed) -> None:
        self.failed = True

    def _on_truncated(self, event: ConversationItemTruncated) -> None:
        self.truncate(event.audio_end_ms)


def shortened(text: str, share: float) -> str:
    """
    Return that *share* of *text* (0 to 1), up to the end of a word, and an ellipsis.
    """
    end = round(len(text) * share)
    kept = text[:end]
    if " " in text and not text[end : end + 1].isspace():
        kept = kept.rpartition(" ")[0]
    return f"{kept.rstrip()}…"


#: Event class -> the part to start with, and the method that applies the event.
PART_EVENTS: dict[
    type[ServerEvent], tuple[Part, Callable[[PartBuilder, Any], None]]
] = {
    ConversationItemInputAudioTranscriptionDelta: (
        INPUT_AUDIO_PART,
        PartBuilder._on_delta,
    ),
    ConversationItemInputAudioTranscriptionCompleted: (
        INPUT_AUDIO_PART,
        PartBuilder._on_transcript,
    ),
    ConversationItemInputAudioTranscriptionFailed: (
        INPUT_AUDIO_PART,
        PartBuilder._on_failed,
    ),
    ConversationItemTruncated: (AUDIO_PART, PartBuilder._on_truncated),
    ResponseOutputTextDelta: (TEXT_PART, PartBuilder._on_delta),
    ResponseOutputTextDone: (TEXT_PART, PartBuilder._on_text),
    ResponseOutputAudioTranscriptDelta: (AUDIO_PART, PartBuilder._on_delta),
    ResponseOutputAudioTranscriptDone: (AUDIO_PART, PartBuilder._on_transcript),
}
