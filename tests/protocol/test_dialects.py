"""
The preview protocol, and what either protocol cannot say.
"""

import ast
import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.event_samples import ga_samples, preview_samples
from helpers.golden_commands import COMMANDS

import azure_realtime
from azure_realtime._protocol import dialects as _dialects
from azure_realtime._protocol.codec import Codec
from azure_realtime._protocol.converter import converter
from azure_realtime._protocol.dialects import (
    GA,
    PREVIEW,
    PREVIEW_2024_10_01,
    dialect_for,
)
from azure_realtime.errors import ProtocolWarning
from azure_realtime.events._names import RENAMED

PACKAGE = Path(azure_realtime.__file__).parent


@pytest.fixture(autouse=True)
def _forget_warnings() -> Iterator[None]:
    _dialects._warned.clear()
    yield
    _dialects._warned.clear()


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        (None, GA),
        ("v1", GA),
        ("2024-10-01-preview", PREVIEW_2024_10_01),
        ("2025-04-01-preview", PREVIEW),
        ("2026-01-01", PREVIEW),
    ],
)
def test_the_version_chooses_the_protocol(version: str | None, dialect: Any) -> None:
    """
    GA unless a date is given.
    """
    assert dialect is dialect_for(version)


@pytest.mark.parametrize("version", ["v2", "preview", "", "2024-10"])
def test_an_unknown_version_is_refused(version: str) -> None:
    """
    With what it could be instead.
    """
    with pytest.raises(ValueError, match="omit it"):
        dialect_for(version)


@pytest.mark.slow
def test_preview_is_spoken_in_one_file_only() -> None:
    """
    Outside the dialects, the names and the local service, its words do not occur.
    """
    allowed = {"dialects.py", "_names.py"}

    for path in PACKAGE.rglob("*.py"):
        if path.name in allowed or "simulator" in path.parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)
        }
        # It is an event of the GA tables, too: a gateway may send it.
        assert set() == constants & set(RENAMED) - {"conversation.item.created"}, (
            path.name
        )


@pytest.mark.filterwarnings("ignore::azure_realtime.errors.ProtocolWarning")
@pytest.mark.parametrize("dialect", [GA, PREVIEW, PREVIEW_2024_10_01])
def test_translating_changes_no_argument(dialect: Any) -> None:
    """
    The functions are pure: what came is still what came.
    """
    for message in [*ga_samples(), *preview_samples()]:
        before = copy.deepcopy(message)
        dialect.from_wire(message)
        assert before == message
    for command in COMMANDS.values():
        message = converter().unstructure(command)
        before = copy.deepcopy(message)
        try:
            dialect.to_wire(message)
        except ValueError:
            pass
        assert before == message


def test_ga_is_the_identity() -> None:
    """
    Nothing is touched on the way in.
    """
    for message in ga_samples():
        (event,) = GA.from_wire(message)
        assert message is event


# -- Coming in -----------------------------------------------------------------------


def _types(message: dict[str, Any]) -> list[str]:
    return [event["type"] for event in PREVIEW.from_wire(message)]


@pytest.mark.parametrize(
    "old", [name for name in RENAMED if name.startswith("response.")]
)
def test_old_names_are_understood_on_the_ga_path(old: str) -> None:
    """
    Listeners get it under either name; ``raw`` is as received.
    """
    message = {"type": old, "event_id": "event_1", "item_id": "item_1", "delta": "AAAA"}
    (event,) = Codec(None).decode(json.dumps(message))
    assert RENAMED[old] == event.type
    assert message == event.raw


@pytest.mark.parametrize(("old", "new"), sorted(RENAMED.items()))
def test_events_get_their_new_names(old: str, new: str) -> None:
    """
    Without any of their fields, too.
    """
    assert new == _types({"type": old})[0]


@pytest.mark.parametrize(
    ("item", "done"),
    [
        ({"type": "message", "role": "user"}, True),
        ({"type": "message", "role": "system"}, True),
        ({"type": "function_call_output"}, True),
        ({"type": "message", "role": "assistant", "status": "completed"}, True),
        ({"type": "message", "role": "assistant", "status": "in_progress"}, False),
        ({"type": "message", "role": "assistant"}, False),
        ({"type": "function_call", "status": "in_progress"}, False),
        (None, False),
    ],
)
def test_an_item_added_whole_is_done_at_once(item: Any, done: bool) -> None:
    """
    One that an answer is still filling is done with the answer.
    """
    types = _types({"type": "conversation.item.created", "item": item})

    expected = ["conversation.item.added"] + ["conversation.item.done"] * done
    assert expected == types


@pytest.mark.parametrize(
    ("conversation", "done"),
    [({"conversation_id": "conv_1"}, 2), ({}, 2), ({"conversation_id": None}, 0)],
)
def test_the_items_of_an_answer_are_done_with_it(
    conversation: dict[str, Any], done: int
) -> None:
    """
    Unless it was out of band: then they are in no conversation.
    """
    items = [{"type": "message", "id": "a"}, {"type": "function_call", "id": "b"}]
    response = {"output": items, **conversation}

    events = PREVIEW.from_wire({"type": "response.done", "response": response})

    assert ["conversation.item.done"] * done + ["response.done"] == [
        event["type"] for event in events
    ]
    assert items[:done] == [event["item"] for event in events[:-1]]


def test_assistants_parts_get_their_new_names() -> None:
    """
    In items and in responses; the parts of part events keep theirs.
    """
    item = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "audio"}, 5],
    }
    renamed = [{"type": "output_text", "text": "a"}, {"type": "output_audio"}, 5]

    (event,) = PREVIEW.from_wire({"type": "response.output_item.done", "item": item})
    response = {"conversation_id": None, "output": [item]}
    (done,) = PREVIEW.from_wire({"type": "response.done", "response": response})
    part = {"type": "response.content_part.done", "part": {"type": "text"}}

    assert renamed == event["item"]["content"]
    assert renamed == done["response"]["output"][0]["content"]
    assert (part,) == PREVIEW.from_wire(part)


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (
            {"type": "response.content_part.added", "content": {"type": "text"}},
            "part",
            {"type": "text"},
        ),
        ({"type": "response.text.done", "value": "x"}, "text", "x"),
        ({"type": "conversation.item.truncated", "index": 1}, "content_index", 1),
    ],
)
def test_fields_of_first_builds_are_understood(
    message: dict[str, Any], field: str, value: Any
) -> None:
    """
    They had other names at first.
    """
    (event,) = PREVIEW.from_wire(message)

    assert value == event[field]


def test_transcription_sessions_are_sessions() -> None:
    """
    Of another type, as in GA.
    """
    (event,) = PREVIEW.from_wire(
        {
            "type": "transcription_session.updated",
            "session": {"input_audio_format": "g711_alaw"},
        }
    )

    assert {
        "type": "session.updated",
        "session": {
            "type": "transcription",
            "audio": {"input": {"format": {"type": "audio/pcma"}}},
        },
    } == event


# -- Going out -----------------------------------------------------------------------


def test_disabled_detection_is_sent_as_the_first_version_expects() -> None:
    """
    Null came later.
    """
    message = converter().unstructure(COMMANDS["session.update--nulls"])

    session = PREVIEW_2024_10_01.to_wire(message)["session"]

    assert {"type": "none"} == session["turn_detection"]


def test_the_first_version_has_no_transcription_sessions() -> None:
    """
    It says which has.
    """
    message = converter().unstructure(COMMANDS["session.update--transcription"])

    with pytest.raises(ValueError, match="2025-04-01-preview"):
        PREVIEW_2024_10_01.to_wire(message)


@pytest.mark.parametrize(
    ("session", "left"),
    [
        ({"parallel_tool_calls": True}, {}),
        ({"reasoning": {"effort": "low"}}, {}),
        ({"truncation": "auto"}, {}),
        (
            {"audio": {"input": {"transcription": {"model": "m", "delay": "low"}}}},
            {"input_audio_transcription": {"model": "m"}},
        ),
        (
            {
                "audio": {
                    "input": {
                        "turn_detection": {
                            "type": "server_vad",
                            "idle_timeout_ms": 5000,
                        }
                    }
                }
            },
            {"turn_detection": {"type": "server_vad"}},
        ),
    ],
)
def test_ga_only_fields_are_left_out_with_one_warning(
    session: dict[str, Any], left: dict[str, Any]
) -> None:
    """
    Where the meaning survives; one warning per field and process.
    """
    message = {"type": "session.update", "session": {"type": "realtime", **session}}

    with pytest.warns(ProtocolWarning, match="preview protocol has no") as caught:
        wire = PREVIEW.to_wire(message)

    assert 1 == len(caught)
    assert {"type": "session.update", "session": left} == wire
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wire == PREVIEW.to_wire(message)


def test_null_for_a_missing_field_draws_no_warning() -> None:
    """
    Nothing is what the protocol has of it anyway.
    """
    message = {"type": "session.update", "session": {"prompt": None, "reasoning": None}}

    assert {} == PREVIEW.to_wire(message)["session"]


@pytest.mark.parametrize(
    "message",
    [
        {"session": {"prompt": {"id": "p"}}},
        {"session": {"tools": [{"type": "mcp", "server_label": "d"}]}},
        {"session": {"tool_choice": {"type": "mcp", "server_label": "d"}}},
        {"session": {"audio": {"output": {"voice": {"id": "v"}}}}},
        {"response": {"prompt": {"id": "p"}}},
        {"response": {"input": [{"type": "mcp_call"}]}},
        {"item": {"type": "mcp_approval_response"}},
        {"item": {"type": "message", "content": [{"type": "input_image"}]}},
        {
            "item": {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "audio": "AAAA"}],
            }
        },
    ],
    ids=json.dumps,
)
def test_fields_that_change_the_meaning_are_refused(message: dict[str, Any]) -> None:
    """
    On the caller's thread, before anything is sent.
    """
    with pytest.raises(ValueError, match=r"GA protocol|send its transcript"):
        PREVIEW.to_wire({"type": "x", **message})


def test_the_phase_of_an_item_is_left_out() -> None:
    """
    In a response's input as well.
    """
    item = {"type": "message", "role": "user", "content": [], "phase": "commentary"}

    with pytest.warns(ProtocolWarning, match="phase"):
        wire = PREVIEW.to_wire({"type": "x", "response": {"input": [item]}})

    assert "phase" not in wire["response"]["input"][0]
