"""
A turn: one question and its complete answer.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..audio.formats import as_pcm
from ..audio.wav import wav_bytes, write_wav
from ._base import Value
from .items import Item
from .responses import Response
from .usage import UsageTotals

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Latency", "ToolCall", "Turn"]


@attrs.frozen(eq=False, repr=False)
class Latency(Value):
    """
    The latency of a turn, in seconds after the request.

    It includes the wait for the end of an earlier response. None: there was no such
    event.

    Attributes:
        first_text: Until the first text or transcript delta.
        first_audio: Until the first audio delta.
        done: Until the end of the last response.
    """

    first_text: float | None = None
    first_audio: float | None = None
    done: float | None = None


@attrs.frozen(eq=False, repr=False)
class ToolCall(Value):
    """
    A function call of a turn.

    Attributes:
        name: The name of the function.
        call_id: The id of the call.
        arguments: JSON text as the model wrote it.
        output: The output that was sent to the model; None if none was sent.
        error: Whether the output is an error message.
    """

    name: str
    call_id: str
    arguments: str
    output: str | None = None
    error: bool = False


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Turn(Value):
    """
    The answer to one question: all responses and the tool calls between them.

    Attributes:
        text: The text of the answer, or the transcript if there is no text; one line
            for each message.
        transcript: The transcript of the spoken answer.
        audio: The audio of all responses in order, in `audio_format`, mono.
        audio_format: ``pcm16`` (24 kHz), ``g711_ulaw`` or ``g711_alaw`` (8 kHz).
        heard: The transcript of a spoken question; None without one, or if the session
            does not transcribe the input.
        tool_calls: The function calls, in order.
        usage: The tokens of all responses.
        latency: The latency of the turn.
        response: The last response.
        items: The output items of the responses, and the outputs of the functions.
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
        The duration of the audio in seconds.
        """
        pcm, rate = as_pcm(self.audio, self.audio_format)
        return len(pcm) / 2 / rate

    @property
    def rate(self) -> int:
        """
        The sample rate of `samples` and of the file of `save` in Hz.
        """
        return as_pcm(b"", self.audio_format)[1]

    def samples(self) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
        """
        Return the audio as a NumPy array of its own: shape ``(n,)``, int16, `rate` Hz.

        Raises:
            ImportError: NumPy is not installed.
        """
        import numpy as np  # an extra

        pcm, _ = as_pcm(self.audio, self.audio_format)
        return np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.int16)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the turn without its audio and items, ready for JSON or a data frame.

        The keys are those of the attributes, and ``seconds``, ``status`` and
        ``response_id``. ``tool_calls`` is a list of dicts; ``usage`` and ``latency``
        are dicts.
        """
        return {
            "text": self.text,
            "transcript": self.transcript,
            "heard": self.heard,
            "seconds": self.seconds,
            "audio_format": self.audio_format,
            "tool_calls": [attrs.asdict(call) for call in self.tool_calls],
            "usage": attrs.asdict(self.usage),
            "latency": attrs.asdict(self.latency),
            "status": self.response.status,
            "response_id": self.response.id,
        }

    def save(self, path: str | os.PathLike[str]) -> "Path":
        """
        Write the audio as a WAV file: mono PCM16, 24 kHz (8 kHz from G.711).

        Args:
            path: The path of the file; an existing file is replaced.

        Returns:
            The path.

        Raises:
            ValueError: There is no audio, or the suffix is that of another format.
            OSError: The file cannot be written.
        """
        if not self.audio:
            msg = "this turn has no audio: request modalities=['audio']"
            raise ValueError(msg)
        write_wav(path, *as_pcm(self.audio, self.audio_format))
        return Path(path)

    def __repr__(self) -> str:
        parts = [repr(_shortened(self.text))]
        if self.audio:
            parts.append(f"{self.seconds:.1f} s of audio")
        if self.tool_calls:
            parts.append("called " + ", ".join(call.name for call in self.tool_calls))
        if self.response.status not in ("", "completed"):
            parts.append(self.response.status)
        for what, seconds in attrs.asdict(self.latency).items():
            if seconds is not None:
                parts.append(f"{what.replace('_', ' ')} after {seconds:.2f} s")
        return f"<Turn {', '.join(parts)}>"

    def to_html(self, players: bool = True) -> str:
        """
        Return HTML: text, player, tools, latency and tokens. All texts are escaped.

        Args:
            players: Whether to embed the audio, if it has at most 10 MB.
        """
        # only for notebooks
        from .._html import MAX_AUDIO, bar, card, facts, muted, player, text, tokens

        sound = ""
        if not players or not self.audio:
            pass
        elif len(self.audio) <= MAX_AUDIO:
            sound = player(wav_bytes(*as_pcm(self.audio, self.audio_format)))
        else:
            sound = facts(["too long for a player here: use save()"])
        latency = attrs.asdict(self.latency).items()
        stages = [(k.replace("_", " "), v) for k, v in latency if v is not None]
        status = self.response.status
        return card(
            [
                muted(text(f"“{self.heard}”")) if self.heard else "",
                text(self.text),
                sound,
                *(_tool_html(call) for call in self.tool_calls),
                bar(stages) if stages else "",
                facts(
                    [
                        "" if status in ("", "completed") else status,
                        f"{self.seconds:.1f} s of audio" if self.audio else "",
                        tokens(self.usage),
                    ]
                ),
            ]
        )

    def _repr_html_(self) -> str:
        """
        Return HTML for notebooks: `to_html`.
        """
        return self.to_html()


def _tool_html(call: ToolCall) -> str:
    from .._html import code, folded, muted  # only for notebooks

    name = code(f"{call.name}({call.arguments})")
    if call.output is None:
        return f"{name} {muted('no output')}"
    return folded(
        f"{name} {muted('error' if call.error else 'output')}", code(call.output)
    )


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
