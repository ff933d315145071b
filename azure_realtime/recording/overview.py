"""
A recording as HTML: a summary, and a table of its turns.

Pure functions. Any thread. Imported when a notebook shows a recording.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from .._html import MAX_AUDIO, card, label, muted, player, table, text, tokens
from .._html import facts as in_one_line
from ..audio.wav import wav_bytes
from ..models.usage import UsageTotals
from .exchanges import Exchange
from .moments import Moments
from .question_audio import question_audio
from .stages import LABELS, TurnTimes

#: Maximum number of turns that are shown; a page with more is slow.
MAX_SHOWN = 100


def as_html(
    moments: Moments,
    usage: UsageTotals,
    facts: Iterable[str],
    problems: Iterable[str],
) -> str:
    """
    Return the summary and the latest turns. All texts are escaped.

    Args:
        moments: The whole recording.
        usage: Its tokens.
        facts: What it is: time, duration, protocol, model and the like.
        problems: What it lacks; one line each.
    """
    pairs = list(zip(moments.turns, moments.exchanges, strict=True))
    hidden = len(pairs) - MAX_SHOWN
    left_out = [f"{hidden:,} earlier turns are left out"] if hidden > 0 else []
    rows: list[tuple[str, str]] = []
    room = _Room()
    for times, exchange in reversed(pairs[-MAX_SHOWN:]):
        rows.insert(0, _row(moments, times, exchange, room))
    return card(
        [
            f'<span style="font-weight:600">{text(moments.title)}</span>',
            in_one_line(facts),
            in_one_line([tokens(usage), *_latencies(moments)]),
            *map(text, problems),
            in_one_line(left_out),
            table(rows) if rows else muted("no turns"),
        ]
    )


class _Room:
    """
    Limits the audio in the HTML: of more than `MAX_AUDIO` bytes the latest is embedded.
    """

    def __init__(self) -> None:
        self._left = MAX_AUDIO

    def has(self, audio: bytes) -> bool:
        """
        Return whether there is room for *audio*, and take it.
        """
        self._left -= len(audio)
        return len(audio) > 0 and self._left >= 0


def _row(
    moments: Moments, times: TurnTimes, exchange: Exchange, room: _Room
) -> tuple[str, str]:
    turn = exchange.turn
    answer = attrs.evolve(turn, heard=None).to_html(players=room.has(turn.audio))
    pcm, rate = question_audio(moments, times)
    asked = (turn.heard or exchange.question).strip()
    question = [
        muted(text(f"“{asked}”")) if asked else "",
        player(wav_bytes(pcm, rate)) if room.has(pcm) else "",
    ]
    if times.is_spoken and not any(question):
        question = [muted("a spoken question")]
    remark = ""
    if times.interrupted is not None:
        remark = muted(f"interrupted at {times.interrupted:.1f} s")
    name = f"{label(f'turn {times.number}')}<br>{label(f'at {times.began:.1f} s')}"
    return name, card([*question, answer, remark])


def _latencies(moments: Moments) -> list[str]:
    """
    Return the percentiles of the time until the first audio, of two or more turns.
    """
    values = moments.latencies("first_audio")
    if len(values) < 2:
        return []
    p50, p95 = (moments.percentiles(share)["first_audio"] for share in (0.5, 0.95))
    name = LABELS["first_audio"]
    return [f"{name} of {len(values)} spoken turns: p50 {p50:.2f} s, p95 {p95:.2f} s"]
