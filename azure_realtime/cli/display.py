"""
What the command ``talk`` shows: a live display on a terminal, else lines.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from types import TracebackType
from typing import Any, Protocol

from .conversation import MODEL, NOTE, Conversation, Line
from .terminal import is_foreground

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

    A background job prints lines: the terminal belongs to another program.
    """
    if not plain and sys.stdout.isatty() and is_foreground(sys.stdout.fileno()):
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
        self._printed: set[Line] = set()

    def __enter__(self) -> Lines:
        print(f"Talk. Ctrl-C ends (keys of a terminal: {_KEYS}).", flush=True)
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
        for line in conversation.printable():
            self._print(line)
        self._printed &= set(conversation.lines)  # forget what it has dropped

    def finish(self, conversation: Conversation, call: Any) -> None:  # noqa: ARG002
        """
        Print the rest.
        """
        for line in conversation.lines:
            if line.text:
                self._print(line)

    def _print(self, line: Line) -> None:
        if line not in self._printed:
            self._printed.add(line)
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
        self._new_live = importlib.import_module("rich.live").Live
        self._live: Any = None  # while it draws
        self._descriptor = -1  # of the terminal
        with contextlib.suppress(OSError, ValueError):
            self._descriptor = sys.stdout.fileno()

    def __enter__(self) -> LiveDisplay:
        self._take_terminal()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # OSError: the terminal was hung up. IndexError: of rich, if Ctrl-C has
        # interrupted `__enter__`.
        with contextlib.suppress(OSError):
            try:
                if self._live is not None:
                    self._live.__exit__(kind, error, traceback)
            except IndexError:
                pass
            finally:
                self._console.show_cursor(True)
        self._live = None

    def show(self, conversation: Conversation, call: Any) -> None:
        """
        Draw everything, unless the process is a background job.
        """
        if self._take_terminal():
            self._draw(conversation, call, whole=False)

    def finish(self, conversation: Conversation, call: Any) -> None:
        """
        Draw all lines, so that they can be scrolled to.
        """
        if self._take_terminal():
            self._draw(conversation, call, whole=True)

    def _take_terminal(self) -> bool:
        """
        Begin to draw, unless it has begun. Return whether the process may draw.
        """
        if not is_foreground(self._descriptor):
            return False
        if self._live is None:
            self._live = self._new_live(console=self._console, auto_refresh=False)
            self._live.__enter__()
        return True

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
            state = (
                "muted" if call.muted else "listening" if conversation.listening else ""
            )
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
