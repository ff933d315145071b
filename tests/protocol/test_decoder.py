"""
The fast way from a message to an event, beside the tolerant one.
"""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest
from helpers.event_samples import ga_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from azure_realtime._protocol import decoder as _decoder
from azure_realtime._protocol.codec import Codec
from azure_realtime._protocol.decoder import delta_reader, readers
from azure_realtime.events import (
    SERVER_EVENTS,
    ResponseOutputAudioDelta,
    ServerEvent,
)
from azure_realtime.events._names import RENAMED

VERSIONS = [None, "2025-04-01-preview", "2024-10-01-preview"]
SCALARS = {"str": "x", "int": 7, "float": 0.5, "bool": True}


def _fields(cls: type[ServerEvent]) -> dict[str, str]:
    """
    Return the fields that come from the wire, with their types as text.
    """
    added = ("raw", "problems", "generation")
    return {
        field.name: getattr(field.type, "__name__", str(field.type))
        if isinstance(field.type, type)
        else str(field.type)
        for field in attrs.fields(cls)
        if field.name not in added
    }


def _has_only_scalars(cls: type[ServerEvent]) -> bool:
    return all(
        tp.removesuffix(" | None") in SCALARS or tp.endswith("] | None")
        for tp in _fields(cls).values()
    )


NAMES = sorted(
    name
    for name, cls in (
        *SERVER_EVENTS.items(),
        *((old, SERVER_EVENTS.get(new)) for old, new in RENAMED.items()),
    )
    if cls is not None and _has_only_scalars(cls)
)


def _class_of(name: str) -> type[ServerEvent]:
    return SERVER_EVENTS.get(name) or SERVER_EVENTS[RENAMED[name]]


def _message(name: str) -> dict[str, Any]:
    """
    Return a message with all the fields of its event, none of them null.
    """
    fields = _fields(_class_of(name)).items()
    values = {name: SCALARS.get(tp.removesuffix(" | None")) for name, tp in fields}
    return {"type": name, **values}


def _tolerant(version: str | None, text: str) -> tuple[ServerEvent, ...]:
    """
    Return what a codec without readers makes of *text*.
    """
    codec = Codec(version)
    codec._readers = codec._event_readers = {}
    return codec.decode(text, 3)


def _all_of(event: ServerEvent) -> list[Any]:
    names = [field.name for field in attrs.fields(type(event))]
    values = [getattr(event, name) for name in names]
    return [type(event), [type(value) for value in values], values]


def test_every_event_of_scalars_has_a_reader() -> None:
    """
    All deltas are among them, by the names of both generations.
    """
    assert NAMES == sorted(readers())
    assert {
        "response.output_audio.delta",
        "response.audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.speech_started",
    } <= set(NAMES)
    assert "response.done" not in NAMES


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_as_promised_takes_the_fast_way(version: str | None) -> None:
    """
    What is made of it is the very event that is made field by field.
    """
    for name in NAMES:
        message = _message(name)
        fields = _fields(_class_of(name))
        nullable = [field for field, tp in fields.items() if tp.endswith(" | None")]
        texts = [
            json.dumps(message),
            json.dumps({**message, **dict.fromkeys(nullable)}),
        ]
        texts.append(
            json.dumps({k: v for k, v in message.items() if k not in nullable})
        )
        for text in texts:
            event = Codec(version).decode_one(text, 3)
            assert isinstance(event, ServerEvent)
            assert json.loads(text) == event.raw
            assert [_all_of(event)] == list(map(_all_of, _tolerant(version, text)))


ODD = [None, "", "y", 0, -1, 2**70, 1.0, 0.5, True, False, [], {}, ["x"], {"a": 1}]


def _assert_both_ways_agree(message: dict[str, Any]) -> None:
    text = json.dumps(message)
    for version in VERSIONS:
        got = Codec(version).decode(text, 3)
        assert list(map(_all_of, _tolerant(version, text))) == list(map(_all_of, got))


def test_both_ways_agree_on_every_single_change() -> None:
    """
    Each field once with each odd value, once missing, and one field more.
    """
    for name in NAMES:
        message = _message(name)
        for key in [*message.keys() - {"type"}, "new"]:
            for value in ODD:
                _assert_both_ways_agree({**message, key: value})
            _assert_both_ways_agree({k: v for k, v in message.items() if k != key})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_both_ways_agree(name: str, data: st.DataObject) -> None:
    """
    Whatever is missing, null, added or of another type.
    """
    message = _message(name)
    for _ in range(data.draw(st.integers(0, 3))):
        key = data.draw(st.sampled_from([*message, "new"]))
        if data.draw(st.booleans()) and key != "new":
            message.pop(key, None)
        else:
            message[key] = data.draw(st.sampled_from(ODD))
    message.setdefault("type", name)
    _assert_both_ways_agree(message)


@pytest.mark.parametrize(
    "change",
    [
        {"new": 1},
        {"delta": None},
        {"delta": 5},
        {"output_index": True},
        {"output_index": 1.0},
        {"event_id": 5},
        {"event_id": {}},
    ],
    ids=str,
)
def test_a_message_that_is_not_as_promised_takes_the_tolerant_way(
    change: dict[str, Any],
) -> None:
    """
    Its size is not the size of its text, or it has problems to report.
    """
    message = {**_message("response.output_audio.delta"), **change}
    assert isinstance(Codec(None).decode_one(json.dumps(message), 1), tuple)


_SENT = [
    sample
    for sample in ga_samples()
    if sample["type"] in NAMES
    and not any(isinstance(value, (dict, list)) for value in sample.values())
]


def test_real_messages_take_the_fast_way() -> None:
    """
    The fields of a reader are those that are sent, no more and no fewer.
    """
    for sample in _SENT:
        assert isinstance(Codec(None).decode_one(json.dumps(sample), 1), ServerEvent), (
            sample
        )


def test_an_event_of_the_fast_way_is_like_any_other() -> None:
    """
    It is frozen, equal to one made by hand, and can be copied and pickled.
    """
    for name in NAMES:
        event = Codec(None).decode(json.dumps(_message(name)))[0]
        cls = _class_of(name)
        assert type(event) is cls
        fields = {key: value for key, value in _message(name).items() if key != "type"}
        assert cls(**fields) == event
        assert hash(cls(**fields)) == hash(event)
        assert repr(cls(**fields)) == repr(event)
        assert event == copy.deepcopy(event) == pickle.loads(pickle.dumps(event))
        assert "other" == attrs.evolve(event, event_id="other").event_id
        for field in attrs.fields(cls):
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(event, field.name, None)
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                delattr(event, field.name)


def test_a_class_without_a_twin_is_read_the_tolerant_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A Python that lays classes out differently has no readers, and loses nothing.
    """

    def without(cls: type) -> None:
        return None

    monkeypatch.setattr(_decoder, "_mutable_copy_of", without)
    assert delta_reader(ResponseOutputAudioDelta) is None
    monkeypatch.setattr(_decoder, "readers", readers.__wrapped__)
    message = _message("response.output_audio.delta")
    (event,) = Codec(None).decode(json.dumps(message))
    assert type(event) is ResponseOutputAudioDelta
