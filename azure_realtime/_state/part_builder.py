"""
A content part in the making; the rules are those of `item_builder`.

Nothing here raises or is locked.
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

#: Characters of one text: what the service takes in one message.
MAX_TEXT = 1_048_576
_PIECE = 64  # bytes that a piece takes beside its text

WRITTEN = OutputText("")
SAID = OutputAudio()
HEARD = InputAudio()


class Text:
    """
    Text that comes in pieces, then once more as a whole.
    """

    __slots__ = ("_final", "_pieces", "_room")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = MAX_TEXT
        self._final = False

    def add(self, piece: str | None) -> None:
        """
        Take the next piece; after the whole, none counts.
        """
        if piece and self._room and not self._final:
            self._pieces.append(piece[: self._room])
            self._room -= len(self._pieces[-1])

    def settle(self, whole: str) -> None:
        """
        Take the whole; "" says that it has all come in pieces.
        """
        self._final = True
        if whole:
            self._pieces = [whole[:MAX_TEXT]]

    def report(self, text: str, *, final: bool) -> None:
        """
        Take what an item says at some time; "" says nothing.
        """
        if text and final:
            self.settle(text)
        elif self.value is None:
            self.add(text)

    @property
    def value(self) -> str | None:
        """
        The text so far; None as long as nothing is known of it.
        """
        if not self._pieces:
            return "" if self._final else None
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    @property
    def weight(self) -> int:
        """
        About how many bytes it takes.
        """
        return sum(_PIECE + approximate_size(piece) for piece in self._pieces)


class PartBuilder:
    """
    A content part in the making.

    Attributes:
        model: The part as the service reported it last, without audio.
        text: What is written or said in it.
        received: Bytes of audio.
        bytes_per_ms: Of that audio.
        audio: The audio, where it is kept.
        end_ms: Where the audio was truncated.
        failed: Whether what is said in it could not be written down.
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
        How long all that was received plays.
        """
        return self.received // self.bytes_per_ms

    @property
    def audio_ms(self) -> int:
        """
        How long it plays, less what was truncated.
        """
        if self.end_ms is None:
            return self.received_ms
        return min(self.end_ms, self.received_ms)

    @property
    def audio_left(self) -> bytes:
        """
        The audio that was kept, less what was truncated.
        """
        if self.end_ms is None:
            return bytes(self.audio)
        return bytes(self.audio[: self.end_ms * self.bytes_per_ms])

    @property
    def truncated(self) -> bool:
        """
        Whether some of its audio was cut away.
        """
        return self.audio_ms < self.received_ms

    def report(self, model: Part, *, final: bool, keep_audio: bool) -> None:
        """
        Take what an item says of this part.
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
        Cut the audio, what is still to come included.
        """
        end_ms = max(0, end_ms)
        self.end_ms = end_ms if self.end_ms is None else min(end_ms, self.end_ms)

    def view(self) -> Part:
        """
        Return the part as far as it is known.
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

    # -- What each event tells ---------------------------------------------------

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
    Return about that share of *text*, up to the end of a word, and an ellipsis.
    """
    end = round(len(text) * share)
    kept = text[:end]
    if " " in text and not text[end : end + 1].isspace():
        kept = kept.rpartition(" ")[0]
    return f"{kept.rstrip()}…"


#: Kind of event -> what the part is if nobody has said so, what is taken from it.
PART_EVENTS: dict[
    type[ServerEvent], tuple[Part, Callable[[PartBuilder, Any], None]]
] = {
    ConversationItemInputAudioTranscriptionDelta: (HEARD, PartBuilder._on_delta),
    ConversationItemInputAudioTranscriptionCompleted: (
        HEARD,
        PartBuilder._on_transcript,
    ),
    ConversationItemInputAudioTranscriptionFailed: (HEARD, PartBuilder._on_failed),
    ConversationItemTruncated: (SAID, PartBuilder._on_truncated),
    ResponseOutputTextDelta: (WRITTEN, PartBuilder._on_delta),
    ResponseOutputTextDone: (WRITTEN, PartBuilder._on_text),
    ResponseOutputAudioTranscriptDelta: (SAID, PartBuilder._on_delta),
    ResponseOutputAudioTranscriptDone: (SAID, PartBuilder._on_transcript),
}
