"""
The command ``doctor``: tries the connection step by step, and says what to do.
"""

from __future__ import annotations

import json
import os
import platform
import ssl
import sys
import textwrap
from importlib import metadata
from typing import Any

import attrs

from .._version import __version__
from ..options import WebSocketOptions
from .configuration import options_for
from .diagnosis import diagnose
from .steps import FAILED, OK, SKIPPED, WARNING, Check

_MARKS = {OK: "ok", WARNING: "warn", FAILED: "FAIL", SKIPPED: "-"}
_COLOURS = {OK: "32", WARNING: "33", FAILED: "1;31", SKIPPED: "2"}
_MARK, _STEP = 6, 12  # columns
_WIDEST = 100
_NO_BREAK = "\xa0"  # a space at which lines are not wrapped


def doctor(arguments: Any) -> int:
    """
    Run the command; return the exit status: 0 if everything works, else 1.
    """
    checks: list[Check] = []
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def show(check: Check) -> None:
        checks.append(check)
        if not arguments.json:
            print(written(check, _width(), colours), flush=True)

    if not arguments.json:
        names = ", ".join(f"{name} {number}" for name, number in _versions().items())
        print(textwrap.fill(names, _width(), break_on_hyphens=False), end="\n\n")
    try:
        options = options_for(arguments.env_file)
    except (ValueError, OSError) as error:
        show(
            Check(
                step="address",
                status=FAILED,
                text=f"The options cannot be used: {error}",
                remedy="Correct the variables AZURE_OPENAI_ENDPOINT, "
                "AZURE_OPENAI_DEPLOYMENT, AZURE_OPENAI_API_KEY and "
                "AZURE_OPENAI_API_VERSION as the message says.",
            )
        )
        works = False
    else:
        limits = WebSocketOptions(
            connect_timeout=arguments.timeout, max_reconnect_attempts=0
        )
        works = diagnose(options, limits, arguments.turns, show)
    if arguments.json:
        found = [attrs.asdict(check) for check in checks]
        report = {"versions": _versions(), "works": works, "checks": found}
        print(json.dumps(report, indent=2))
    else:
        print(f"\n{_summary(works, checks)}")
    return 0 if works else 1


def _versions() -> dict[str, str]:
    """
    Return the versions that a bug report needs.
    """
    return {
        "azure_realtime": __version__,
        "Python": platform.python_version(),
        platform.system() or "system": platform.release(),
        "websocket-client": metadata.version("websocket-client"),
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
    }


def _width() -> int:
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):  # no terminal
        return _WIDEST
    return max(40, min(_WIDEST, columns))


def written(check: Check, width: int, colours: bool) -> str:
    """
    Return the lines of a check: what was tried, and below it what to do.

    Args:
        check: The check.
        width: The number of columns.
        colours: Whether the terminal shows colours.
    """
    mark = _MARKS[check.status].ljust(_MARK)
    if colours:
        mark = f"\x1b[{_COLOURS[check.status]}m{mark}\x1b[0m"
    timing = "" if check.seconds is None else f" ({_duration(check.seconds)})"
    room = width - _MARK - _STEP
    lines = textwrap.wrap(check.text + timing, room, break_on_hyphens=False)
    if check.remedy:
        arrow = "-> "
        lines += textwrap.wrap(
            check.remedy,
            room,
            break_on_hyphens=False,
            initial_indent=arrow,
            subsequent_indent=" " * len(arrow),
        )
    first = mark + check.step.ljust(_STEP) + lines[0]
    indent = " " * (_MARK + _STEP)
    whole = "\n".join([first, *(indent + line for line in lines[1:])])
    return whole.replace(_NO_BREAK, " ")


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f}{_NO_BREAK}ms"
    return f"{seconds:.1f}{_NO_BREAK}s"


def _summary(works: bool, checks: list[Check]) -> str:
    warnings = sum(check.status == WARNING for check in checks)
    if not works:
        return f"It does not work: {checks[-1].step} failed. See above what to do."
    if warnings:
        noun = "warning" if warnings == 1 else "warnings"
        return f"It works, with {warnings} {noun}."
    return "Everything works."
