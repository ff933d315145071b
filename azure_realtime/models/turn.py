"""
A turn: one question, and all that came of it.
"""

import os
from pathlib import Path

import attrs

from ..audio.encoding import encode
from ..audio.formats import as_pcm
from ..audio.wav import wav_bytes, write_wav
from ._base import Value
from .items import Item
from .responses import Response
from .usage import UsageTotals

#: More audio than this is not put into a notebook's page, in bytes.
_MAX_EMBEDDED = 10_000_000


@attrs.frozen(eq=False, repr=False)
class Latency(Value):
    """
    How long it took, in seconds from asking; None: it never came.

    That includes the wait for an answer before it to end.

    Attributes:
        first_text: Until the first piece of text, written or of the transcript.
        first_audio: Until the first piece of audio.
        done: Until the last response was complete.
    """

    first_text: float | None = None
    first_audio: float | None = None
    done: float | None = None


@attrs.frozen(eq=False, repr=False)
class ToolCall(Value):
    """
    A function that was called on the way.

    Attributes:
        arguments: JSON text, as the model wrote it.
        output: What the model was answered; None if it was not.
        error: Whether that was an error.
    """

    name: str
    call_id: str
    arguments: str
    output: str | None = None
    error: bool = False


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Turn(Value):
    """
    What came of one question: all its responses, tool calls in between included.

    Attributes:
        text: What was written; if nothing was, the transcript. One line for each
            message.
        transcript: What was said.
        audio: What was said, in `audio_format`, all answers in order.
        audio_format: ``pcm16`` (24 kHz), ``g711_ulaw`` or ``g711_alaw`` (8 kHz).
        heard: What the service understood of a spoken question, where the session
            asks for it to be written down.
        tool_calls: The functions called, in order.
        usage: What the responses cost together.
        latency: How long it took.
        response: The last response.
        items: All that the responses put out, and the outputs of the functions.
    """

    text: str = ""
    transcript: str = ""
    audio: bytes = b""
    audio_format: str = "pcm16"
    heard: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: UsageTotals = attrs.field(factory=UsageTotals)
    latency: Latency = attrs.field(factory=Latency)
    response: Response = attrs.field(factory=Response)
    items: tuple[Item, ...] = ()

    @property
    def seconds(self) -> float:
        """
        How long the audio plays.
        """
        pcm, rate = as_pcm(self.audio, self.audio_format)
        return len(pcm) / 2 / rate

    def save(self, path: str | os.PathLike[str]) -> Path:
        """
        Write the audio as a WAV file: mono PCM16, 24 kHz (8 kHz from G.711).

        Raises:
            ValueError: There is no audio.
            OSError: The file cannot be written.
        """
        if not self.audio:
            msg = "this turn has no audio: ask with modalities=['audio'] to hear it"
            raise ValueError(msg)
        write_wav(path, *as_pcm(self.audio, self.audio_format))
        return Path(path)

    def __repr__(self) -> str:
        told = [repr(_shortened(self.text))]
        if self.audio:
            told.append(f"{self.seconds:.1f} s of audio")
        if self.tool_calls:
            told.append("called " + ", ".join(call.name for call in self.tool_calls))
        if self.response.status not in ("", "completed"):
            told.append(self.response.status)
        for what, seconds in attrs.asdict(self.latency).items():
            if seconds is not None:
                told.append(f"{what.replace('_', ' ')} after {seconds:.2f} s")
        return f"<Turn {', '.join(told)}>"

    def _repr_html_(self) -> str:
        """
        Return what a notebook shows: the text, and a player.
        """
        import html  # only for notebooks

        text = html.escape(self.text).replace("\n", "<br>")
        if not 0 < len(self.audio) <= _MAX_EMBEDDED:
            return f"<div>{text}</div>"
        wav = wav_bytes(*as_pcm(self.audio, self.audio_format))
        source = f"data:audio/wav;base64,{encode(wav)}"
        return f'<div>{text}<br><audio controls src="{source}"></audio></div>'


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
