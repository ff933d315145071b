"""
The shapes of a picture, which `svg` and `plot` render.

Coordinates are pixels, from the top left.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

import attrs

INK, MUTED, RULE, PAPER = "#1f2937", "#6b7280", "#e5e7eb", "#ffffff"
USER, MODEL, GENERATED = "#2563eb", "#0f766e", "#99d8cf"
SPEECH, TOOL, LOST, ALARM = "#dbeafe", "#b45309", "#f3f4f6", "#dc2626"

_CHARACTER = 0.56  # the width of a letter, as a share of its size
_PEAKS = 48  # samples that are looked at for one column of a waveform


@attrs.frozen
class Rect:
    """
    A filled rectangle.
    """

    x: float
    y: float
    width: float
    height: float
    fill: str
    tip: str = ""


@attrs.frozen
class Line:
    """
    A straight line.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    stroke: str = RULE
    width: float = 1.0
    dashed: bool = False
    tip: str = ""


@attrs.frozen
class Text:
    """
    A line of text; *y* is its baseline.
    """

    x: float
    y: float
    text: str
    size: float = 12.0
    fill: str = INK
    anchor: str = "start"
    bold: bool = False


@attrs.frozen
class Polygon:
    """
    A filled polygon.
    """

    points: tuple[tuple[float, float], ...]
    fill: str


Shape = Rect | Line | Text | Polygon


@attrs.frozen
class Drawing:
    """
    A picture.

    Attributes:
        title: A description for those who cannot see it.
    """

    width: float
    height: float
    title: str
    shapes: tuple[Shape, ...]


def text_width(text: str, size: float) -> float:
    """
    Return about how wide a text is.
    """
    return len(text) * size * _CHARACTER


def shown(text: str, limit: int = 40) -> str:
    """
    Return a text on one line, without characters that XML cannot express, and cut.
    """
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def waveform(
    audio: tuple[bytes, int], x1: float, x2: float, middle: float, height: float
) -> Iterator[Shape]:
    """
    Yield the envelope of PCM16 samples between two positions.
    """
    samples = array("h")
    samples.frombytes(audio[0][: len(audio[0]) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    columns = max(1, int((x2 - x1) / 1.5))
    step = max(1, len(samples) // columns)
    peaks = [
        max(map(abs, samples[start : start + step : max(1, step // _PEAKS)]), default=0)
        for start in range(0, len(samples), step)
    ]
    if not peaks:
        return
    scale = height / 2 / max(3000, *peaks)
    upper = [
        (x1 + (x2 - x1) * index / len(peaks), max(0.6, peak * scale))
        for index, peak in enumerate(peaks)
    ]
    upper.append((x2, 0.6))
    above = [(x, middle - y) for x, y in upper]
    below = [(x, middle + y) for x, y in reversed(upper)]
    yield Polygon((*above, *below), USER)
