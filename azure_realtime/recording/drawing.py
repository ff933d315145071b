"""
Draws a timeline: two audio lanes, tools, events, and the latencies of its turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from . import shapes as s
from .follower import Happened, Span
from .moments import Moments
from .waterfall import waterfall

WIDTH = 1200.0
LEFT, RIGHT = 128.0, 28.0
_TOP = 64.0
_LABEL_ROW = 17.0
_LABEL_ROWS = 5
_LANE = 92.0
_GAP = 16.0
_MANY = 16  # events; beyond it only the important ones have a text
_IMPORTANT = {"interrupted", "error", "mark", "reconnected"}
_NAMES = {
    "speech_started": "speech started",
    "speech_stopped": "speech stopped",
    "committed": "committed",
    "created": "response created",
    "first_audio": "first audio",
    "done": "done",
    "interrupted": "interrupted",
}
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)


class _Canvas:
    """
    Collects shapes, and knows where a time is.
    """

    def __init__(self, timeline: Moments) -> None:
        self.timeline = timeline
        self.shapes: list[s.Shape] = []
        self._scale = (WIDTH - LEFT - RIGHT) / max(0.1, timeline.end - timeline.start)

    def x(self, seconds: float) -> float:
        """
        Return where a time is, within the lanes.
        """
        x = LEFT + (seconds - self.timeline.start) * self._scale
        return min(max(x, LEFT), WIDTH - RIGHT)

    def spans(self, kind: str) -> Iterator[tuple[Span, float, float]]:
        """
        Yield the spans of a kind with their visible positions.
        """
        for span in self.timeline.spans:
            if span.kind == kind:
                x1, x2 = self.x(span.start), self.x(span.end)
                if span.end >= self.timeline.start and span.start <= self.timeline.end:
                    yield span, x1, max(x2, x1 + 1.0)

    def lane(self, name: str, y: float, height: float) -> None:
        """
        Draw the background of a lane and its name.
        """
        self.shapes.append(s.Line(LEFT, y + height, WIDTH - RIGHT, y + height))
        self.shapes.append(
            s.Text(LEFT - 12, y + height / 2 + 4, name, 13, s.INK, "end", bold=True)
        )


def draw(timeline: Moments) -> s.Drawing:
    """
    Return the picture of a timeline.
    """
    canvas = _Canvas(timeline)
    add = canvas.shapes.append
    tools = list(canvas.spans("tool"))
    labels, rows = _labels(canvas)
    user = _TOP + max(1, rows) * _LABEL_ROW + 10
    model = user + _LANE + _GAP
    tool = model + _LANE + _GAP
    bottom = tool + (28 + _GAP / 2 if tools else -_GAP / 2)

    add(s.Text(LEFT, 30, s.shown(timeline.title, 80), 16, bold=True))
    _legend(canvas)
    for span, x1, x2 in canvas.spans("reconnect"):
        tip = f"no connection for {span.end - span.start:.1f} s"
        add(s.Rect(x1, user - 6, x2 - x1, bottom - user + 6, s.LOST, tip))
    canvas.lane("user", user, _LANE)
    canvas.lane("model", model, _LANE)
    _user(canvas, user)
    _model(canvas, model)
    if tools:
        canvas.lane("tools", tool, 28)
        for span, x1, x2 in tools:
            name, seconds = s.shown(span.label, 24), span.end - span.start
            add(s.Rect(x1, tool + 4, x2 - x1, 18, s.TOOL, f"{name}: {seconds:.2f} s"))
            add(s.Text(x2 + 5, tool + 17, f"{name} {seconds:.2f} s", 11, s.TOOL))
    _events(canvas, labels, user - 6, bottom)
    _axis(canvas, bottom)
    height = bottom + 44
    parts = waterfall(timeline, height, LEFT, WIDTH - RIGHT)
    canvas.shapes += parts.shapes
    title = f"Timeline of {s.shown(timeline.title, 80)}"
    return s.Drawing(WIDTH, height + parts.height + 12, title, tuple(canvas.shapes))


def _legend(canvas: _Canvas) -> None:
    entries = [
        (s.SPEECH, "detected speech"),
        (s.USER, "user's audio"),
        (s.MODEL, "played"),
        (s.GENERATED, "generated"),
    ]
    if any(turn.is_estimated and turn.first_played for turn in canvas.timeline.turns):
        entries[2] = (s.MODEL, "played (estimated)")
    x = WIDTH - RIGHT
    for colour, name in reversed(entries):
        x -= s.text_width(name, 11)
        canvas.shapes.append(s.Text(x, 30, name, 11, s.MUTED))
        x -= 15
        canvas.shapes.append(s.Rect(x, 21, 10, 10, colour))
        x -= 14


def _user(canvas: _Canvas, y: float) -> None:
    for span, x1, x2 in canvas.spans("speech"):
        tip = f"speech, {span.end - span.start:.2f} s"
        canvas.shapes.append(s.Rect(x1, y + 2, x2 - x1, _LANE - 4, s.SPEECH, tip))
    for span, x1, x2 in canvas.spans("sent"):
        _sound(canvas, span, x1, x2, y, _LANE, s.USER)


def _model(canvas: _Canvas, y: float) -> None:
    for span, x1, x2 in canvas.spans("played"):
        _sound(canvas, span, x1, x2, y, _LANE - 18, s.MODEL)
    for span, x1, x2 in canvas.spans("generated"):
        tip = f"generated in {span.end - span.start:.2f} s"
        canvas.shapes.append(
            s.Rect(x1, y + _LANE - 14, max(2.0, x2 - x1), 9, s.GENERATED, tip)
        )


def _sound(
    canvas: _Canvas,
    span: Span,
    x1: float,
    x2: float,
    y: float,
    height: float,
    colour: str,
) -> None:
    """
    Draw what was said as a waveform, or as a bar if it was not recorded.
    """
    middle = y + height / 2
    if span.audio is None:
        tip = f"{span.end - span.start:.2f} s of audio, not recorded"
        canvas.shapes.append(s.Rect(x1, middle - 9, x2 - x1, 18, colour, tip))
        return
    data, rate = span.audio
    begin = max(0.0, canvas.timeline.start - span.start)
    end = min(span.end, canvas.timeline.end) - span.start
    if span.kind == "sent":  # it ends when it was sent, however long it is
        excess = max(0.0, len(data) / 2 / rate - (span.end - span.start))
        begin, end = begin + (excess if begin else 0.0), end + excess
    visible = data[int(begin * rate) * 2 : int(end * rate) * 2]
    for shape in s.waveform((visible, rate), x1, x2, middle, height - 16):
        canvas.shapes.append(
            attrs.evolve(shape, fill=colour) if isinstance(shape, s.Polygon) else shape
        )


# Events.

_Label = tuple[Happened, float, str, int | None]


def _labels(canvas: _Canvas) -> tuple[list[_Label], int]:
    """
    Return each event with its position, text and row; and the number of rows.

    A text that finds no room is left out; its line has it as a tip.
    """
    visible = canvas.timeline.events
    few = len(visible) <= _MANY
    ends = [LEFT - 60.0] * _LABEL_ROWS
    labels: list[_Label] = []
    for event in visible:
        x = canvas.x(event.at)
        text = _text(event)
        row = None
        if few or event.kind in _IMPORTANT:
            free = (n for n, end in enumerate(ends) if x >= end)
            row = next(free, None)
        if row is not None:
            ends[row] = x + s.text_width(text, 11) + 12
        labels.append((event, x, text, row))
    return labels, 1 + max((row for *_, row in labels if row is not None), default=0)


def _text(event: Happened) -> str:
    name = _NAMES.get(event.kind, event.kind)
    if event.kind == "mark":
        return s.shown(event.label, 28)
    return f"{name}: {s.shown(event.label, 28)}" if event.label else name


def _events(canvas: _Canvas, labels: list[_Label], top: float, bottom: float) -> None:
    add = canvas.shapes.append
    for event, x, text, row in labels:
        colour = s.ALARM if event.kind in ("interrupted", "error") else s.MUTED
        tip = f"{text} at {event.at:.2f} s"
        if row is None:
            add(s.Line(x, top, x, top + 7, colour, tip=tip))
            if event.kind in _IMPORTANT:
                add(s.Line(x, top, x, bottom, colour, 1.0, dashed=True, tip=tip))
            continue
        y = _TOP + row * _LABEL_ROW
        add(s.Line(x, y - 10, x, bottom, colour, 1.0, dashed=True, tip=tip))
        anchor, at = "start", x + 4
        if at + s.text_width(text, 11) > WIDTH:
            anchor, at = "end", x - 4
        add(s.Text(at, y, text, 11, colour, anchor))


def _axis(canvas: _Canvas, y: float) -> None:
    timeline = canvas.timeline
    length = timeline.end - timeline.start
    step = next((step for step in _STEPS if length / step <= 12), _STEPS[-1])
    add = canvas.shapes.append
    add(s.Line(LEFT, y, WIDTH - RIGHT, y, s.MUTED))
    number = int(timeline.start / step)
    while (at := number * step) <= timeline.end:
        number += 1
        if at < timeline.start:
            continue
        x = canvas.x(at)
        add(s.Line(x, y, x, y + 5, s.MUTED))
        digits = 1 if step < 1 else 0
        add(s.Text(x, y + 18, f"{at:.{digits}f} s", 11, s.MUTED, "middle"))
