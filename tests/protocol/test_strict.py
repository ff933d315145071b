"""
The strict way from a message to an event that holds models, beside the tolerant one.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, get_args, get_origin

import attrs
import pytest
from helpers.event_samples import ga_samples, preview_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from azure_realtime._protocol import decoder as _decoder
from azure_realtime._protocol.codec import Codec
from azure_realtime._protocol.converter import read_event
from azure_realtime._protocol.fields import by_tag, fields_read, members
from azure_realtime._protocol.strict import event_readers
from azure_realtime.events import SERVER_EVENTS, ServerEvent
from azure_realtime.models._base import Model
from azure_realtime.models._shape import RESPONSE_PATHS, SESSION_PATHS, nest
from azure_realtime.models._unset import Unset
from azure_realtime.models.responses import MARKER, Response
from azure_realtime.models.session import Session

VERSIONS = [None, "2025-04-01-preview"]
SCALARS: dict[Any, Any] = {str: "QUJD", int: 7, float: 0.5, bool: True}
ODD = [
    *(None, "", "y", 0, -1, 2**70, 10**400, 1.0, 0.5, True, False),
    *([], {}, ["x"], [None], [{}], [[]], {"a": 1}, {"type": "new"}, {"type": []}),
    *({"type": "function", "function": {"name": "f"}}, {"type": "audio/pcm"}),
]


def _values(tp: Any) -> list[Any]:
    """
    Return a value for each kind that *tp* allows, none of them null.
    """
    kinds = [kind for kind in members(tp) if kind not in (NoneType, Unset)]
    models = [kind for kind in kinds if attrs.has(kind)]
    tags, other = by_tag(models)
    values = [SCALARS[kind] for kind in kinds if kind in SCALARS]
    values += [{"a": 1} for kind in kinds if get_origin(kind) in (Mapping, dict)]
    for kind in kinds:
        if get_origin(kind) is tuple:
            values.append(_values(get_args(kind)[0]))
    for tag, cls in tags.items():
        values += [{**message, "type": tag} for message in _messages(cls)]
    if other is not None:
        values += _messages(other)
    return values


def _messages(cls: type) -> list[dict[str, Any]]:
    """
    Return messages with all fields of *cls*: each value of each field is in one.
    """
    fields = {field.name: _values(field.type) for field in fields_read(cls)}
    count = max(map(len, fields.values()), default=1)
    messages = [
        {name: values[index % len(values)] for name, values in fields.items()}
        for index in range(count)
    ]
    paths = {Session: SESSION_PATHS, Response: RESPONSE_PATHS}.get(cls)
    if paths is not None:
        messages += [nest(message, paths) for message in messages]
    return messages


FULL = [
    {"type": name, **message}
    for name, cls in SERVER_EVENTS.items()
    for message in _messages(cls)
]


def _everything(value: Any) -> Any:
    """
    Return all that is in an event, with types, also what ``==`` leaves out.
    """
    if attrs.has(type(value)):
        names = [field.name for field in attrs.fields(type(value))]
        return type(value), [
            (name, _everything(getattr(value, name))) for name in names
        ]
    if isinstance(value, tuple):
        return [_everything(element) for element in value]
    if isinstance(value, dict):
        return {key: _everything(inner) for key, inner in value.items()}
    return type(value), value


def _tolerant(version: str | None, text: str) -> tuple[ServerEvent, ...]:
    codec = Codec(version)
    codec._readers = codec._event_readers = {}
    return codec.decode(text, 3)


def _assert_both_ways_agree(message: dict[str, Any]) -> None:
    text = json.dumps(message)
    for version in VERSIONS:
        strict = Codec(version).decode(text, 3)
        tolerant = _tolerant(version, text)
        assert list(map(_everything, tolerant)) == list(map(_everything, strict))
        assert tolerant == strict


def _assert_readers_agree(message: dict[str, Any]) -> None:
    """
    Assert that the strict reader refuses *message*, or makes what is made tolerantly.
    """
    name = message["type"]
    strict = event_readers()[name](message, 3)
    if strict is not None:
        tolerant = read_event(SERVER_EVENTS[name], message, message, 3)
        assert _everything(tolerant) == _everything(strict)


def _values_by_path(
    value: Any, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """
    Yield all that is in *value*, at every depth: the path to it, and what is there.
    """
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, element in inner:
        yield (*path, key), element
        yield from _values_by_path(element, (*path, key))


def _changed(
    message: dict[str, Any], path: tuple[Any, ...], value: Any
) -> dict[str, Any]:
    """
    Return *message* with *value* at *path*; ... takes away what is there.
    """
    changed = copy.deepcopy(message)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    if value is not ...:
        inner[path[-1]] = value
    else:
        del inner[path[-1]]
    return changed


def _id(message: dict[str, Any]) -> str:
    return str(message["type"])


def test_a_message_as_promised_is_read_strictly() -> None:
    """
    What is made of it is the very event that is made field by field.
    """
    for message in FULL:
        event = event_readers()[message["type"]](message, 3)
        assert type(event) is SERVER_EVENTS[message["type"]]
        assert event.problems == ()
        assert event.raw is message
        _assert_both_ways_agree(message)


def test_both_ways_agree_on_samples() -> None:
    """
    So they do with one more field.
    """
    for message in [*ga_samples(), *preview_samples()]:
        _assert_both_ways_agree(message)
        _assert_both_ways_agree({**message, "new": {"a": 1}})


def test_real_messages_are_read_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No part of it is read field by field.
    """
    for sample in ga_samples():

        def never(*_: Any) -> None:
            raise AssertionError("read tolerantly")

        monkeypatch.setattr(_decoder, "read_event", never)
        (event,) = Codec(None).decode(json.dumps(sample))
        assert type(event) is SERVER_EVENTS[sample["type"]]


def test_the_responses_of_this_client_are_read_strictly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Each request has a pair in its metadata that `Response.metadata` does not show.
    """
    monkeypatch.setattr(_decoder, "read_event", None)
    for pairs in ({}, {"topic": "weather"}):
        metadata = {**pairs, MARKER: "event_1"}
        response = {"id": "resp_1", "status": "completed", "metadata": metadata}
        text = json.dumps({"type": "response.done", "response": response})
        (event,) = Codec(None).decode(text)
        assert event.response.metadata == (pairs or None)
        assert event.response.raw["metadata"] == metadata


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({message["type"] for message in FULL}))
def test_both_ways_agree_on_every_single_change(name: str) -> None:
    """
    Each value at each depth once missing, and once of another type.
    """
    function = {"type": "function", "name": "g", "function": {"name": "f"}}
    done = set()
    for message in FULL:
        if message["type"] != name:
            continue
        for path, was in _values_by_path(message):
            if path == ("type",) or (path, repr(was)) in done:
                continue
            done.add((path, repr(was)))
            for value in (..., None, "y", 1, 1.0, 10**400, {}, [], function):
                _assert_readers_agree(_changed(message, path, value))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({message["type"] for message in FULL}))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_both_ways_agree(name: str, data: st.DataObject) -> None:
    """
    Whatever is missing, null, added or of another type, at whatever depth.
    """
    candidates = [message for message in FULL if message["type"] == name]
    message = data.draw(st.sampled_from(candidates))
    for _ in range(data.draw(st.integers(1, 3))):
        paths = [path for path, _ in _values_by_path(message) if path != ("type",)]
        if not paths:
            break
        path = data.draw(st.sampled_from(paths))
        value = data.draw(st.sampled_from([..., *ODD]))
        if data.draw(st.integers(0, 4)) == 0 and isinstance(path[-1], str):
            path, value = (*path[:-1], "new"), {"a": 1}
        message = _changed(message, path, value)
    _assert_readers_agree(message)


def test_an_event_of_the_strict_way_is_like_any_other() -> None:
    """
    Its models are frozen, and it can be copied.
    """
    for message in FULL:
        event = event_readers()[message["type"]](message, 3)
        assert _everything(event) == _everything(copy.deepcopy(event))
        assert "other" == attrs.evolve(event, event_id="other").event_id
        for field in fields_read(type(event)):
            value = getattr(event, field.name)
            if isinstance(value, Model):
                with pytest.raises(attrs.exceptions.FrozenInstanceError):
                    value.raw = {}  # type: ignore[misc]


def test_events_that_hold_models_are_not_taken_for_scalars() -> None:
    """
    The size of a text stands for that of an event of scalars only.
    """
    for message in FULL:
        found = Codec(None).decode_one(json.dumps(message), 1)
        holds_more = any(isinstance(value, (dict, list)) for value in message.values())
        assert isinstance(found, tuple) is holds_more
        more = json.dumps({**message, "new": {}})
        assert isinstance(Codec(None).decode_one(more, 1), tuple)
