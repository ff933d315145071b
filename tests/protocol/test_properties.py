"""
Whatever happens to a message on its way, it is delivered.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from helpers.event_samples import ga_samples, preview_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from azure_realtime._protocol.codec import Codec
from azure_realtime.events import ServerEvent, UnknownEvent
from azure_realtime.events._names import canonical
from azure_realtime.models._base import Model

SAMPLES = {None: ga_samples(), "2025-04-01-preview": preview_samples()}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)  # beyond, orjson reads floats
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("type"), inner, max_size=3)
    ),
    max_leaves=5,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """
    Yield the path of everything inside *value*.
    """
    if isinstance(value, dict):
        keys: Any = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    else:
        return
    for key in keys:
        yield (*path, key)
        yield from _paths(value[key], (*path, key))


def _read_everything(value: Any) -> None:
    """
    Read every attribute, to the bottom.
    """
    if isinstance(value, (ServerEvent, Model)):
        assert isinstance(repr(value), str)
        for name in dir(value):
            if not name.startswith("_"):
                getattr(value, name)
        for attribute in attrs.fields(type(value)):
            if attribute.name != "raw":
                _read_everything(getattr(value, attribute.name))
    elif isinstance(value, tuple):
        for element in value:
            _read_everything(element)


def _damaged(message: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """
    Drop, add, retype or null something, up to three times.
    """
    message = copy.deepcopy(message)
    for _ in range(data.draw(st.integers(1, 3))):
        paths = list(_paths(message))
        if not paths:
            break
        *parents, key = data.draw(st.sampled_from(paths))
        holder: Any = message
        for parent in parents:
            holder = holder[parent]
        what = data.draw(st.sampled_from(["drop", "add", "retype", "null"]))
        if what == "drop":
            del holder[key]
        elif what == "null":
            holder[key] = None
        elif what == "retype":
            holder[key] = data.draw(JSON)
        elif isinstance(holder, dict):
            holder[data.draw(st.text(max_size=8))] = data.draw(JSON)
        else:
            holder.append(data.draw(JSON))
    return message


@pytest.mark.slow
@pytest.mark.parametrize("version", SAMPLES, ids=["ga", "preview"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_message_is_delivered_whole(
    version: str | None, data: st.DataObject
) -> None:
    """
    Drop, add, retype or null any field: the event comes, raw is right, all is readable.
    """
    message = _damaged(data.draw(st.sampled_from(SAMPLES[version])), data)

    events = Codec(version).decode(json.dumps(message))

    assert events
    for event in events:
        assert message == event.raw
        _read_everything(event)


def test_a_sound_message_has_no_problems() -> None:
    """
    What the service really sends is understood in full.
    """
    for version, message in [(v, m) for v, group in SAMPLES.items() for m in group]:
        events = Codec(version).decode(json.dumps(message))

        assert canonical(message["type"]) in [event.type for event in events] or (
            message["type"] == "conversation.item.created"
        ), message
        for event in events:
            assert not isinstance(event, UnknownEvent), message
            assert () == event.problems, message
            assert message == event.raw, message


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.binary() | JSON.map(json.dumps))
def test_garbage_becomes_an_event(text: str | bytes) -> None:
    """
    Any text is an event; only bytes that are no text may be refused.
    """
    for version in SAMPLES:
        try:
            events = Codec(version).decode(text)
        except UnicodeDecodeError:
            assert isinstance(text, bytes)
        else:
            assert events
            for event in events:
                _read_everything(event)
