"""
Conversion between the flat and the nested shape of a session or response.

1. *Flat* is the shape of this library's models and of the preview protocol:
   ``{"voice": ..., "input_audio_format": "pcm16"}``.
2. *Nested* is the shape of the GA protocol: ``{"audio": {"output": {"voice": ...},
   "input": {"format": {"type": "audio/pcm", "rate": 24000}}}}``.
3. All functions are pure and accept any mix of both shapes; unknown fields are kept in
   their place.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from ..audio.formats import flat_format, nested_format
from ._unset import UNSET

Path = tuple[str, ...]

#: The result of `at` for a path that does not exist.
ABSENT: Any = object()

SESSION_PATHS: Mapping[str, Path] = {
    "modalities": ("output_modalities",),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "max_response_output_tokens": ("max_output_tokens",),
}

RESPONSE_PATHS: Mapping[str, Path] = {
    "modalities": ("output_modalities",),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
}


def nest(flat: Mapping[str, Any], paths: Mapping[str, Path]) -> dict[str, Any]:
    """
    Return the nested shape of *flat*.
    """
    nested = {key: value for key, value in flat.items() if key not in paths}
    for name, path in paths.items():
        if name in flat:
            _put(nested, path, _nested_value(name, flat[name]))
    return nested


def flatten(
    nested: Mapping[str, Any], paths: Mapping[str, Path], *, strict: bool = False
) -> dict[str, Any]:
    """
    Return the flat shape of *nested*.

    Args:
        nested: The mapping to flatten.
        paths: Flat name -> path in the nested shape.
        strict: Whether to refuse a field that is given in both shapes; otherwise the
            nested value is used.

    Raises:
        ValueError: *strict*, and a field is given in both shapes.
    """
    flat = {
        key: _copied_audio(value) if key == "audio" else value
        for key, value in nested.items()
    }
    for name, path in paths.items():
        value = _take(flat, path)
        if value is ABSENT:
            value = flat.get(name, ABSENT)
        elif strict and name in flat:
            msg = f"{name!r} and {'.'.join(path)!r} are the same field: give one"
            raise ValueError(msg)
        if value is not ABSENT:
            flat[name] = _flat_value(name, value)
    _drop_empty(flat, "audio")
    return flat


def merge(into: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *into* updated with *extra*; mappings in both are merged recursively.
    """
    merged = dict(into)
    for key, value in extra.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def misshapen(nested: Mapping[str, Any]) -> list[str]:
    """
    Return the paths in ``audio`` that should be objects and are not.
    """
    levels = sorted(
        {path[:depth] for path in SESSION_PATHS.values() for depth in (1, 2)}
    )
    found = ((path, at(nested, path)) for path in levels if path[0] == "audio")
    return [
        ".".join(path)
        for path, value in found
        if value is not ABSENT and value is not None and not isinstance(value, Mapping)
    ]


def at(message: Any, path: Path) -> Any:
    """
    Return the value at *path* in nested mappings, or `ABSENT`.
    """
    for key in path:
        if not isinstance(message, Mapping) or key not in message:
            return ABSENT
        message = message[key]
    return message


def removed(message: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """
    Return *message* without the value at *path*.
    """
    key, *rest = path
    if not rest:
        return {k: v for k, v in message.items() if k != key}
    return {**message, key: removed(message[key], tuple(rest))}


def leaves(flat: Mapping[str, Any]) -> list[str]:
    """
    Return the names in a flattened mapping, and the paths of the rest of ``audio``.
    """
    names = []
    for key, value in flat.items():
        if key != "audio" or not isinstance(value, Mapping):
            names.append(key)
            continue
        for side, inner in value.items():
            deeper = inner if isinstance(inner, Mapping) else ()
            names += [f"audio.{side}.{leaf}" for leaf in deeper] or [f"audio.{side}"]
    return names


def nested_modalities(value: Any) -> Any:
    """
    Return modalities for the GA protocol, in which audio includes its transcript.
    """
    if isinstance(value, (list, tuple)) and sorted(map(str, value)) == [
        "audio",
        "text",
    ]:
        return ["audio"]
    return value


def flat_tool_choice(value: Any) -> Any:
    """
    Return a tool choice with the function's name at the top level.
    """
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        return {"type": value.get("type"), **value["function"]}
    return value


def _nested_value(name: str, value: Any) -> Any:
    if name.endswith("_format"):
        return nested_format(value)
    if name == "modalities":
        return nested_modalities(value)
    return value


def _flat_value(name: str, value: Any) -> Any:
    return flat_format(value) if name.endswith("_format") else value


def _put(nested: dict[str, Any], path: Path, value: Any) -> None:
    *parents, last = path
    for key in parents:
        inner = nested.get(key)
        nested[key] = nested = dict(inner) if isinstance(inner, Mapping) else {}
    nested[last] = value


def _take(nested: dict[str, Any], path: Path) -> Any:
    *parents, last = path
    inner: Any = nested
    for key in parents:
        inner = inner.get(key)
        if not isinstance(inner, dict):
            return ABSENT
    return inner.pop(last, ABSENT)


def _copied_audio(value: Any) -> Any:
    """
    Copy the two levels of ``audio`` from which `flatten` removes fields.
    """
    if not isinstance(value, Mapping):
        return value
    return {
        key: dict(inner) if isinstance(inner, Mapping) else inner
        for key, inner in value.items()
    }


def _drop_empty(flat: dict[str, Any], key: str) -> None:
    value = flat.get(key)
    if isinstance(value, dict):
        for side in ("input", "output"):
            if value.get(side) == {}:
                del value[side]
        if not value:
            del flat[key]


C = TypeVar("C", bound=Any)


def overlaid(base: C, changes: C) -> C:
    """
    Return *base* with the fields that *changes* sets; ``extra`` is merged.
    """
    fields = {
        field.name: getattr(changes, field.name)
        for field in attrs.fields(type(changes))
        if getattr(changes, field.name) is not UNSET
    }
    fields["extra"] = merge(base.extra, changes.extra)
    return attrs.evolve(base, **fields)
