"""
Draws the latencies of the turns of a timeline, one bar per turn, and their percentiles.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from . import shapes as s
from .exchanges import Exchange
from .moments import Moments
from .stages import LABELS, STAGES, TurnTimes

_ROW = 24.0
_MOST = 20  # turns that are drawn
_COLOURS = {
    "stopped": "#93c5fd",
    "committed": "#6366f1",
    "created": "#a855f7",
    "first_text": "#f59e0b",
    "first_audio": "#14b8a6",
    "first_played": "#0f766e",
}
_QUESTION = 240.0  # pixels for the text of the question
_VALUE = 70.0  # pixels for the number behind a bar
_STEPS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)


@attrs.frozen
class Part:
    """
    A part of a picture.
    """

    shapes: list[s.Shape]
    height: float


def waterfall(timeline: Moments, top: float, left: float, right: float) -> Part:
    """
    Return the bars, or nothing if there are no turns.
    """
    rows = _rows(timeline)
    if not rows:
        return Part([], 0.0)
    shapes: list[s.Shape] = []
    bars = left + _QUESTION
    longest = max(max(stages.values()) for _, _, stages in rows) or 0.1
    scale = (right - bars - _VALUE) / longest
    title = "Latency, from the end of the question"
    shapes.append(s.Text(left, top + 14, title, 14, bold=True))
    y = top + 34
    _grid(shapes, bars, y - 6, y + _ROW * len(rows), scale, longest)
    for name, text, stages in rows:
        is_total = name.startswith("p")
        if name == "p50":
            y += 6
            shapes.append(s.Line(left, y - 5, right, y - 5, s.MUTED))
        shapes.append(s.Text(left - 12, y + 12, name, 11, s.INK, "end", is_total))
        shapes.append(s.Text(left, y + 12, text, 11, s.MUTED))
        _bar(shapes, stages, bars, y, scale)
        y += _ROW
    left_out = len(timeline.turns) - _MOST
    if left_out > 0:
        shapes.append(s.Text(left, y + 12, f"and {left_out} more turns", 11, s.MUTED))
        y += _ROW
    return Part(shapes, _legend(shapes, rows, left, y + 22) - top)


def _rows(timeline: Moments) -> list[tuple[str, str, Mapping[str, float]]]:
    """
    Return name, text and the seconds of each stage of the rows.
    """
    rows: list[tuple[str, str, Mapping[str, float]]] = []
    pairs = list(zip(timeline.turns, timeline.exchanges, strict=True))[:_MOST]
    for turn, exchange in pairs:
        stages = _stages(turn)
        if stages:
            rows.append((f"turn {turn.number}", _question(exchange), stages))
    spoken = sum(turn.is_spoken for turn in timeline.turns)
    if spoken > 1:
        text = f"of {spoken} spoken turns"
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            if found := timeline.percentiles(share):
                rows.append((name, text, found))
    return rows


def _stages(turn: TurnTimes) -> dict[str, float]:
    names = STAGES if turn.first_audio is not None else (*STAGES, "first_text")
    found = {name: turn.latency(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _question(exchange: Exchange) -> str:
    question = exchange.turn.heard or exchange.question
    if question:
        return s.shown(f"“{question.strip()}”", 34)
    return "speech" if exchange.spoken_ids else ""


def _bar(
    shapes: list[s.Shape], stages: Mapping[str, float], x: float, y: float, scale: float
) -> None:
    before = 0.0
    for name, seconds in sorted(stages.items(), key=lambda pair: pair[1]):
        tip = f"{LABELS[name]} after {seconds:.3f} s"
        width = max(1.5 if seconds == before else 0.5, (seconds - before) * scale)
        shapes.append(s.Rect(x + before * scale, y + 2, width, 13, _COLOURS[name], tip))
        before = seconds
    shapes.append(s.Text(x + before * scale + 7, y + 13, f"{before:.2f} s", 11, s.INK))


def _grid(
    shapes: list[s.Shape],
    x: float,
    top: float,
    bottom: float,
    scale: float,
    longest: float,
) -> None:
    step = next((step for step in _STEPS if longest / step <= 8), _STEPS[-1])
    for number in range(int(longest / step) + 1):
        at = x + number * step * scale
        shapes.append(s.Line(at, top + 4, at, bottom + 6))
        digits = 2 if step < 0.1 else 1 if step < 1 else 0
        text = f"{number * step:.{digits}f} s"
        shapes.append(s.Text(at, top, text, 10, s.MUTED, "middle"))


def _legend(
    shapes: list[s.Shape],
    rows: list[tuple[str, str, Mapping[str, float]]],
    left: float,
    y: float,
) -> float:
    """
    Name the colours in use. Return where the part ends.
    """
    used = {name for _, _, stages in rows for name in stages}
    x = left
    for name, colour in _COLOURS.items():
        if name in used:
            shapes.append(s.Rect(x, y - 9, 10, 10, colour))
            shapes.append(s.Text(x + 15, y, LABELS[name], 11, s.MUTED))
            x += 15 + s.text_width(LABELS[name], 11) + 18
    return y + 10
