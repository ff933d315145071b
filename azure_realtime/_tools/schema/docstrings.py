"""
The descriptions of a function and of its arguments, from the docstring.

Three styles are parsed, alone or mixed: Google (``Args:``), NumPy (``Parameters`` with
a line of dashes below) and reST (``:param name: text``). The description is the text
before the first section.

Strictly private.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

_OF_ARGUMENTS = frozenset(
    {
        "args",
        "arguments",
        "attributes",
        "keyword args",
        "keyword arguments",
        "other parameters",
        "parameters",
        "params",
    }
)
_OTHER = frozenset(
    {"example", "examples", "raises", "return", "returns", "see also", "yields"}
)

_GOOGLE_HEADER = re.compile(r"(\w[\w ]*):\s*$")
_GOOGLE_ENTRY = re.compile(
    r"(?P<names>[\w*, ]+?)\s*(?:\(.*?\))?\s*:(?:\s+|$)(?P<text>.*)"
)
_NUMPY_ENTRY = re.compile(r"(?P<names>[\w*, ]+?)\s*(?::.*)?$(?P<text>)")
_FIELD = re.compile(
    r":(?P<kind>param|parameter|arg|argument|key|keyword|ivar|cvar|var|type|vartype"
    r"|return|returns|rtype|raise|raises|yield|yields)\b(?P<head>[^:]*):\s*(?P<text>.*)"
)
_FIELDS_OF_ARGUMENTS = frozenset(
    {"param", "parameter", "arg", "argument", "key", "keyword", "ivar", "cvar", "var"}
)


@attrs.frozen
class Docstring:
    """
    A parsed docstring.

    Attributes:
        description: The text before the first section; None if it is empty.
        arguments: Description by the argument's name, without line breaks.
    """

    description: str | None = None
    arguments: Mapping[str, str] = attrs.field(factory=dict)


def parse_docstring(text: Any) -> Docstring:
    """
    Parse a docstring, which is empty if it is no text. Never raises.
    """
    lines = inspect.cleandoc(text if isinstance(text, str) else "").splitlines()
    sections = {
        index: section
        for index in range(len(lines))
        for section in [_section_at(lines, index)]
        if section is not None
    }
    end = min(sections, default=len(lines))
    return Docstring(
        description="\n".join(lines[:end]).strip() or None,
        arguments={
            name: text
            for section in sections.values()
            for name, text in section.items()
            if text
        },
    )


def _section_at(lines: list[str], index: int) -> dict[str, str] | None:
    """
    Return the arguments of the section that starts at *index*; None if none starts.
    """
    line = lines[index]
    if _is_numpy_header(lines, index):
        return _numpy(lines, index) if line.lower() in _OF_ARGUMENTS else {}
    if (field := _FIELD.match(line)) is not None:
        return _field(lines, index, field)
    if (header := _GOOGLE_HEADER.match(line)) is not None:
        name = header[1].lower()
        if name in _OF_ARGUMENTS:
            return _entries(_indented(lines[index + 1 :]), _GOOGLE_ENTRY)
        if name in _OTHER:
            return {}
    return None


def _is_numpy_header(lines: list[str], index: int) -> bool:
    return (
        index + 1 < len(lines)
        and lines[index].lower() in _OF_ARGUMENTS | _OTHER
        and re.fullmatch(r"-{3,}|={3,}", lines[index + 1]) is not None
    )


def _numpy(lines: list[str], index: int) -> dict[str, str]:
    start = index + 2
    later = range(start, len(lines) - 1)
    underlined = (at for at in later if re.fullmatch(r"-{3,}|={3,}", lines[at + 1]))
    return _entries(lines[start : next(underlined, len(lines))], _NUMPY_ENTRY)


def _field(lines: list[str], index: int, field: re.Match[str]) -> dict[str, str]:
    if field["kind"] not in _FIELDS_OF_ARGUMENTS or not field["head"].strip():
        return {}
    name = field["head"].split()[-1].lstrip("*")  # also ":param str name:"
    return {name: _joined([field["text"], *_continued(lines[index + 1 :])])}


def _continued(lines: Iterable[str]) -> list[str]:
    """
    Return the lines of a field: up to the next field, or to unindented text after an
    empty line.
    """
    taken: list[str] = []
    for line in lines:
        after_gap = bool(taken) and not taken[-1].strip()
        if line.startswith(":") or (after_gap and line and not line[0].isspace()):
            break
        taken.append(line)
    return taken


def _indented(lines: Iterable[str]) -> list[str]:
    taken: list[str] = []
    for line in lines:
        if line and not line[0].isspace():
            break
        taken.append(line)
    return taken


def _entries(lines: list[str], pattern: re.Pattern[str]) -> dict[str, str]:
    """
    Return the text of each entry: a head, and further lines with more indentation.
    """
    depth = min((_depth(line) for line in lines if line.strip()), default=0)
    entries: dict[str, list[str]] = {}
    text: list[str] = []
    for line in lines:
        head = pattern.match(line.strip()) if _depth(line) == depth else None
        if head is None or not line.strip():
            text.append(line)
            continue
        text = [head["text"]]
        for name in head["names"].split(","):
            entries[name.strip().lstrip("*")] = text
    return {name: _joined(text) for name, text in entries.items()}


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())
