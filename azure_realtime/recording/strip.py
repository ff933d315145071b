"""
Copies a recording without what was said, written and heard, so that it can be shown to
another person.

Rules:

1. A text stays only if its key is known to hold no words of a person or an application:
   types, ids, statuses, names, models, voices, formats, error codes. Any other text
   becomes "", unknown keys included.
2. Audio becomes its length. Audio files are not copied.
3. Of JSON Schemas, metadata, variables and log probabilities nothing stays.
4. Numbers, times, and the order of the messages stay, so latencies and usage do, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import format as f
from .payloads import decoded_size, payloads
from .reader import read_objects

_KEPT = {
    *("type", "id", "object", "kind", "direction", "status", "role", "phase", "reason"),
    *("model", "voice", "name", "code", "param", "format", "version", "library"),
    *("api_version", "modalities", "output_modalities", "input_audio_format"),
    *("output_audio_format", "tool_choice", "truncation", "eagerness", "effort"),
    *("language", "include", "server_label"),
}
_REMOVED: dict[str, Any] = {
    "parameters": {},
    "input_schema": {},
    "schema": {},
    "metadata": {},
    "variables": {},
    "logprobs": None,
}
_MAX_DEPTH = 100


def strip_recording(
    path: str | os.PathLike[str], target: str | os.PathLike[str]
) -> Path:
    """
    Write a copy of a recording without audio, texts, instructions and arguments.

    Args:
        path: The recording.
        target: The new file; mode 0600.

    Returns:
        The path of the new file.

    Raises:
        FileExistsError: *target* exists.
        OSError: A file cannot be read or written.
        ValueError: *path* is no recording.
    """
    lines = read_objects(path)
    first = next(lines)  # before the file is created: it may be no recording
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_written(_header(first)))
            for line in lines:
                if line["kind"] != f.UNPLAYED:  # audio, and nothing else
                    file.write(_written(_stripped_line(line)))
    except BaseException:  # a part of a copy would look like a whole one
        Path(target).unlink()
        raise
    return Path(target)


def _written(line: dict[str, Any]) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"


def _header(line: dict[str, Any]) -> dict[str, Any]:
    return {**_stripped(line), "audio": "none", "files": {}}


def _stripped_line(line: dict[str, Any]) -> dict[str, Any]:
    references = list(_audio_references(line))
    stripped: dict[str, Any] = _stripped(line)
    stripped.pop("audio", None)
    if references:
        stripped["audio"] = references
    return stripped


def _audio_references(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """
    Yield where audio was in a message, and its length.
    """
    existing = line.get("audio")
    for reference in existing if isinstance(existing, list) else ():
        if isinstance(reference, dict):
            yield {key: reference[key] for key in ("path", "bytes") if key in reference}
    message = line.get("message")
    if isinstance(message, dict):
        for payload in payloads(message):
            if payload.text:
                yield {
                    "path": payload.path,
                    "bytes": decoded_size(payload.text),
                }


def _stripped(value: Any, key: str = "", depth: int = 0) -> Any:
    if isinstance(value, str):
        return value if key in _KEPT or key.endswith("_id") else ""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {
            name: _REMOVED[name]
            if name in _REMOVED
            else _stripped(each, name, depth + 1)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_stripped(each, key, depth + 1) for each in value]
    return value
