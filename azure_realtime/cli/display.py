"""
What the command ``talk`` shows: a live display on a terminal, else lines.
"""

from __future__ import annotations

import importlib
import math
import sys
from types import TracebackType
from typing import Any, Protocol

from .conversation import MODEL, NOTE, Conversation, Line

_METER = 20  # characters
_QUIETEST = 0.003  # of full scale: the lowest level that the meter shows
_KEYS = "space interrupts, m mutes, q quits"
_STYLES = {"You": "cyan", MODEL: "green", NOTE: "yellow"}


class Display(Protocol):
    """
    Shows a conversation. A context manager; one thread.
    """

    def __enter__(self) -> Display:
        """
        Begin.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """
        Restore the terminal.
        """
        ...

    def show(self, conversation: Conversation, call: Any) -> None:
        """
        Show the current state.
        """
        ...

    def finish(self, conversation: Conversation, call: Any) -> None:
        """
        Show the last state, complete or not.
        """
        ...


def display_for(plain: bool) -> Display:
    """
    Return the live display on a terminal if `rich` is installed, else lines.
    """
    if not plain and sys.stdout.isatty():
        try:
            return LiveDisplay()
        except ImportError:
            pass
    return Lines()


def written(line: Line) -> str:
    """
    Return a line as text.
    """
    text = line.text
    if line.interrupted:
        text += " [interrupted]"
    if line.latency is not None:
        text += f" ({line.latency:.2f} s)"
    return f"{line.speaker}: {text}"


class Lines:
    """
    Prints each line when it is complete.
    """

    def __init__(self) -> None:
        self._printed: list[Line] = []

    def __enter__(self) -> Lines:
        print(f"Talk. Ctrl-C ends ({_KEYS}).", flush=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, conversation: Conversation, call: Any) -> None:  # noqa: ARG002
        """
        Print the lines that are complete, in their order.
        """
        for line in conversation.lines:
            if any(line is known for known in self._printed):
                continue
            if not line.complete:
                break
            self._print(line)

    def finish(self, conversation: Conversation, call: Any) -> None:  # noqa: ARG002
        """
        Print the rest.
        """
        for line in conversation.lines:
            if not any(line is known for known in self._printed) and line.text:
                self._print(line)

    def _print(self, line: Line) -> None:
        self._printed.append(line)
        del self._printed[:-1000]
        print(written(line), flush=True)


class LiveDisplay:
    """
    The newest lines, a level meter for both sides, and the keys.

    Raises:
        ImportError: `rich` (extra ``cli``) is not installed.
    """

    def __init__(self) -> None:
        self._console = importlib.import_module("rich.console").Console()
        self._text = importlib.import_module("rich.text").Text
        live = importlib.import_module("rich.live").Live
        self._live = live(console=self._console, auto_refresh=False)

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._live.__exit__(kind, error, traceback)
        except IndexError:  # of rich, if Ctrl-C has interrupted `__enter__`
            pass
        finally:
            self._console.show_cursor(True)

    def show(self, conversation: Conversation, call: Any) -> None:
        """
        Draw everything.
        """
        self._draw(conversation, call, whole=False)

    def finish(self, conversation: Conversation, call: Any) -> None:
        """
        Draw all lines, so that they can be scrolled to.
        """
        self._draw(conversation, call, whole=True)

    def _draw(self, conversation: Conversation, call: Any, whole: bool) -> None:
        drawn = self._text()  # not markup: the words are the service's
        lines = conversation.lines
        if not whole:
            room = max(1, self._console.height - 4)
            lines = _last(lines, room, max(20, self._console.width))
        for line in lines:
            drawn.append(written(line) + "\n", style=_STYLES[line.speaker])
        if not whole:
            stats = call.stats
            state = "muted" if call.muted else "hears" if conversation.listening else ""
            drawn.append(f"\nYou   {meter(stats.input_level)} {state}\n")
            drawn.append(f"Model {meter(stats.output_level)} {counters(stats)}\n")
            drawn.append(_KEYS, style="dim")
        self._live.update(drawn, refresh=True)


def _last(lines: list[Line], room: int, width: int) -> list[Line]:
    """
    Return the newest lines that fit into *room* rows.
    """
    kept: list[Line] = []
    for line in reversed(lines):
        room -= 1 + len(written(line)) // width
        if room < 0 and kept:
            break
        kept.insert(0, line)
    return kept


def meter(level: float) -> str:
    """
    Return a bar for a level of 0.0 to 1.0, by its loudness.
    """
    if level <= _QUIETEST:
        return "-" * _METER
    # 0 to 50 dB below full scale
    filled = round(_METER * (1 + 20 * math.log10(level) / 50))
    filled = max(0, min(_METER, filled))
    return "#" * filled + "-" * (_METER - filled)


def counters(stats: Any) -> str:
    """
    Return what went wrong, if anything.
    """
    found = {
        "gaps": stats.underflows,
        "lost": stats.overflows,
        "not sent": stats.drops,
    }
    return " ".join(f"{name} {count}" for name, count in found.items() if count)
