"""
The recorded audio of a spoken question.
"""

from __future__ import annotations

from collections.abc import Iterator

from .follower import Span
from .moments import Moments
from .stages import TurnTimes

_MARGIN = 0.2  # seconds of audio before and after the detected speech


def question_audio(moments: Moments, times: TurnTimes) -> tuple[bytes, int]:
    """
    Return what the user said in a turn, as PCM16 and its rate; b"" if it is not known.
    """
    if not times.is_spoken:
        return b"", 24_000
    speech = [s for s in moments.spans if s.kind == "speech" and s.turn == times.number]
    if speech:
        window = (speech[0].start - _MARGIN, speech[-1].end + _MARGIN)
    else:
        window = (times.began - 60.0, times.asked)
    pieces = list(_sent(moments.spans, *window))
    rate = pieces[0][1] if pieces else 24_000
    if not speech:  # the last stretch before the commit
        pieces = pieces[-1:]
    return b"".join(pcm for pcm, _ in pieces), rate


def _sent(
    spans: tuple[Span, ...], start: float, end: float
) -> Iterator[tuple[bytes, int]]:
    """
    Yield the audio that was sent between two times.
    """
    for span in spans:
        if span.kind != "sent" or span.audio is None:
            continue
        if span.end <= start or span.start >= end:
            continue
        pcm, rate = span.audio
        # it ends when it was sent; its beginning may be earlier than the span's
        begin = span.end - len(pcm) / 2 / rate
        low = int(max(0.0, start - begin) * rate) * 2
        high = int(max(0.0, min(end, span.end) - begin) * rate) * 2
        yield pcm[low:high], rate
