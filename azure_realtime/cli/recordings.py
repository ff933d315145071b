"""
The commands ``inspect`` and ``timeline``: a recorded session, without the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..models.prices import Prices
from ..models.turn import Turn
from ..models.usage import UsageTotals
from ..recording import Recording, TurnTimes
from ..recording.stages import LABELS, STAGES
from ..recording.strip import strip_recording
from .text import plain

_MOST = 100  # characters of a question or an answer


def inspect(arguments: Any) -> int:
    """
    Run ``inspect``; return the exit status.

    Raises:
        OSError: A file cannot be read or written.
        ValueError: The file is no recording.
    """
    if arguments.strip is not None:
        strip_recording(arguments.recording, arguments.strip)
        print(
            f"Wrote {arguments.strip} without audio, texts and tool arguments. Look "
            "into it before you pass it on."
        )
        return 0
    prices = None if arguments.model is None else _prices(arguments.model)
    for line in summary(Recording.load(arguments.recording), prices):
        print(line)
    return 0


def timeline(arguments: Any) -> int:
    """
    Run ``timeline``; return the exit status.

    Raises:
        OSError: A file cannot be read or written.
        ValueError: The file is no recording, or has no such turn.
    """
    out = Path(arguments.output or Path(arguments.recording).with_suffix(".html").name)
    if out.suffix.lower() not in ("", ".htm", ".html", ".svg"):
        raise ValueError(f"{out.name}: a timeline is written as .html or as .svg")
    recording = Recording.load(arguments.recording)
    try:
        found = recording.timeline(arguments.turn)
    except IndexError as error:
        raise ValueError(str(error)) from None
    if out.suffix.lower() == ".svg":
        out.write_text(found.to_svg(), encoding="utf-8")
    else:
        found.to_html(out)
    print(f"Wrote {out}")
    return 0


def _prices(model: str) -> Prices:
    try:
        return Prices.published(model)
    except LookupError as error:
        raise ValueError(error.args[0]) from None


def summary(recording: Recording, prices: Prices | None) -> Iterator[str]:
    """
    Yield the lines of the summary: the file, the turns, latencies, tokens and cost.

    Args:
        recording: The recording.
        prices: The prices of the model; None leaves the cost out.
    """
    yield from _facts(recording)
    times = recording.timeline()
    for exchange, when in zip(times.exchanges, times.turns, strict=True):
        yield ""
        yield from _turn(exchange.turn, exchange.question, when)
    medians, highest = times.percentiles(0.5), times.percentiles(0.95)
    if all(turn.is_estimated for turn in times.turns):
        medians.pop("first_played", None)
    if medians:
        yield ""
        yield "Latency from the end of speech      p50      p95"
        for stage, value in medians.items():
            label = LABELS[stage]
            yield f"  {label:<30}{value:>7.2f} s{highest[stage]:>7.2f} s"
    yield ""
    yield from _usage(recording.usage, prices)


def _facts(recording: Recording) -> Iterator[str]:
    began = datetime.fromtimestamp(recording.began, timezone.utc)
    protocol = recording.api_version
    model = recording.session.get("model")
    connections = len({message.generation for message in recording.messages})
    errors = [event for event in recording.events if event.type == "error"]
    turns = len(recording.turns)
    name = plain(recording.path.name)
    yield f"{name}: {recording.seconds:.1f} s, {_count(turns, 'turn')}"
    yield f"  recorded     {began:%Y-%m-%d %H:%M:%S} UTC"
    yield "  protocol     " + (
        "GA" if protocol is None else f"preview {plain(protocol)}"
    )
    if isinstance(model, str):
        yield f"  model        {plain(model)}"
    yield (
        f"  messages     {len(recording.events):,} received, "
        f"{len(recording.commands):,} sent, on {_count(connections, 'connection')}"
    )
    yield f"  audio        {plain(recording.audio)}"
    for event in errors:
        error: Any = getattr(event, "error", None)
        yield f"  error        {plain(str(getattr(error, 'message', '') or ''))}"
    if recording.dropped_audio or recording.dropped_messages:
        yield (
            f"  dropped      {recording.dropped_audio:,} messages with audio, "
            f"{recording.dropped_messages:,} others: the disk was too slow"
        )
    if not recording.is_complete:
        yield "  incomplete   it was not closed: the process was killed"


def _turn(turn: Turn, question: str, times: TurnTimes) -> Iterator[str]:
    status = turn.response.status
    remarks = [f"turn {times.number}", f"at {times.began:.1f} s"]
    if times.interrupted is not None:
        remarks.append(f"interrupted at {times.interrupted:.1f} s")
    if status not in ("", "completed"):
        remarks.append(plain(status))
    yield ", ".join(remarks)
    asked = _short(turn.heard or question)
    yield f"  You:   {asked or ('(speech)' if times.is_spoken else '(nothing)')}"
    for call in turn.tool_calls:
        failed = ", which failed" if call.error else ""
        yield f"  Tool:  {_short(f'{call.name}({call.arguments})')}{failed}"
    yield f"  Model: {_short(turn.text) or '(nothing)'}"
    stages = [
        f"{LABELS[stage]} {value:.2f} s"
        for stage in (*STAGES, "first_text")
        if (value := times.latency(stage)) is not None
        and not (stage == "first_text" and times.first_audio is not None)
        and not (stage == "first_played" and times.is_estimated)
    ]
    if stages:
        yield f"  After: {', '.join(stages)}"


def _usage(usage: UsageTotals, prices: Prices | None) -> Iterator[str]:
    yield (
        f"Tokens: {usage.total_tokens:,} in {_count(usage.responses, 'response')} "
        f"({usage.input_tokens:,} in, of these {usage.cached_tokens:,} cached; "
        f"{usage.output_tokens:,} out)"
    )
    if prices is None:
        yield "Cost:   not known; --model gpt-realtime counts with published prices"
        return
    try:
        cost = usage.cost(prices)
    except ValueError as error:
        yield f"Cost:   not known: {error}"
    else:
        yield (
            f"Cost:   {cost:.4f} {prices.currency} (published prices of "
            f"{prices.model}, {prices.date}; transcription is not contained)"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _short(text: str) -> str:
    text = " ".join(plain(text).split())
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
