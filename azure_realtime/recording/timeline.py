"""
`Timeline`: when what happened in a recorded session, and pictures of it.

Playback is not a part of the protocol. If the application notes it (`Recorder.mark`),
the timeline has it; else an answer counts as played from its first delta on, one after
the other, up to its end or its interruption.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .drawing import draw
from .exchanges import Exchange
from .follower import Follower, Happened
from .message import Mark, Message
from .moments import Moments
from .page import page
from .plot import figure
from .svg import svg

__all__ = ["Timeline"]


class Timeline(Moments):
    """
    A recorded session, or one turn of it, on one clock; `Recording.timeline` makes it.

    Times are in seconds after the start of the recording.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        spans: What lasts: ``sent`` (audio of the user), ``speech`` (as the service
            detected it), ``generated``, ``played``, ``tool``, ``reconnect``.
        events: What happens at one time: ``speech_started``, ``speech_stopped``,
            ``committed``, ``created``, ``first_audio``, ``done``, ``interrupted``,
            ``reconnected``, ``error``, ``mark``.
        turns: The times of each turn.
        exchanges: The turns themselves, in the same order.
        title: The name of the recording.
    """

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """
        Draw the timeline with matplotlib (extra ``plot``).

        It starts no GUI, and works on any thread.

        Args:
            path: A file to write; the suffix selects the format (``.png``, ``.pdf``).
                None only returns the figure, which a notebook shows.

        Returns:
            The `matplotlib.figure.Figure`.

        Raises:
            ImportError: matplotlib is not installed.
            OSError: The file cannot be written.
        """
        result = figure(draw(self))
        if path is not None:
            result.savefig(path)
        return result

    def to_svg(self) -> str:
        """
        Return the same picture as SVG.
        """
        return svg(draw(self))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """
        Write one page with the picture, the transcript, and players for recorded audio.

        The page needs nothing else: it can be sent to other people. Texts of the
        service are escaped.

        Args:
            path: The path of the file; an existing file is replaced.

        Returns:
            The path.

        Raises:
            OSError: The file cannot be written.
        """
        path = Path(path)
        path.write_bytes(page(self).encode("utf-8", "replace"))
        return path

    def _repr_html_(self) -> str:
        """
        Return the picture for notebooks: `to_svg`, not smaller than can be read.
        """
        inner = f'<div style="min-width:44em">{self.to_svg()}</div>'
        return f'<div style="overflow-x:auto">{inner}</div>'


def make_timeline(
    messages: Sequence[Message],
    marks: Sequence[Mark],
    exchanges: tuple[Exchange, ...],
    session: dict[str, Any],
    seconds: float,
    title: str,
    turn: int | None,
) -> Timeline:
    """
    Return the timeline of a recording, or of one turn.

    Args:
        messages: All messages.
        marks: The notes of the application.
        exchanges: The turns.
        session: The session at the beginning.
        seconds: The duration of the recording.
        title: The name of the recording.
        turn: The index of a turn, or None.

    Raises:
        IndexError: There is no such turn.
    """
    follower = Follower(exchanges, session)
    for message in messages:
        follower.follow(message)
    for mark in marks:
        follower.note(mark)
    follower.finish()
    times = tuple(follower.times(number) for number in range(len(exchanges)))
    spans, events = tuple(follower.spans), tuple(sorted(follower.events, key=_at))
    end = max([seconds, *(span.end for span in spans)])
    if turn is None:
        return Timeline(0.0, end, spans, events, times, exchanges, title)
    try:
        number = range(len(exchanges))[turn]
    except IndexError:
        count = len(exchanges)
        raise IndexError(
            f"there is no turn {turn}: there are {count}, which count from 0"
        ) from None
    own = times[number]
    start = max(0.0, min(own.began, own.asked) - 0.25)
    own_spans = [span for span in spans if span.turn == number]
    last = max([own.ended or own.asked, *(span.end for span in own_spans)])
    return Timeline(
        start,
        last + 0.25,
        tuple(span for span in spans if span.end > start and span.start < last),
        tuple(event for event in events if start <= event.at <= last),
        (own,),
        (exchanges[number],),
        f"{title}, turn {number}",
    )


def _at(event: Happened) -> float:
    return event.at
