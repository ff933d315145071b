"""
Sessions and responses: what is asked for, what is reported.
"""

import copy
import json
import pickle
from typing import Any

import pytest

from azure_realtime._protocol.codec import Codec
from azure_realtime.events import ResponseDone, SessionUpdated
from azure_realtime.models._shape import (
    RESPONSE_PATHS,
    SESSION_PATHS,
    flatten,
    merge,
    nest,
)
from azure_realtime.models._unset import UNSET, Unset
from azure_realtime.models.items import MessageItem
from azure_realtime.models.responses import (
    ResponseConfig,
    StatusDetails,
    as_response_config,
)
from azure_realtime.models.session import (
    DEFAULT_SESSION_CONFIG,
    Session,
    SessionConfig,
    as_session_config,
)
from azure_realtime.models.session_parts import Reasoning, Tracing, Transcription
from azure_realtime.models.tools import (
    FunctionTool,
    McpTool,
    ToolChoiceFunction,
    UnknownTool,
)
from azure_realtime.models.turn_detection import (
    SemanticVad,
    ServerVad,
    UnknownTurnDetection,
)


def test_unset_is_a_singleton_with_a_repr() -> None:
    """
    However it is copied, it stays itself.
    """
    for copied in (Unset(), copy.copy(UNSET), copy.deepcopy(UNSET)):
        assert UNSET is copied
    assert UNSET is pickle.loads(pickle.dumps(UNSET))
    assert "UNSET" == repr(UNSET)
    assert not UNSET


def test_the_default_is_the_documented_one() -> None:
    """
    As in the original: alloy, whisper, server VAD.
    """
    assert "alloy" == DEFAULT_SESSION_CONFIG.voice
    assert "pcm16" == DEFAULT_SESSION_CONFIG.input_audio_format
    assert Transcription("whisper-1") == (
        DEFAULT_SESSION_CONFIG.input_audio_transcription
    )
    assert ServerVad(0.4, silence_duration_ms=600) == (
        DEFAULT_SESSION_CONFIG.turn_detection
    )


def test_flat_nested_and_mixed_mappings_are_the_same_session() -> None:
    """
    Whatever page it was copied from.
    """
    flat = {
        "voice": "alloy",
        "input_audio_format": "g711_ulaw",
        "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
        "max_response_output_tokens": 10,
    }
    nested = {
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
            },
            "output": {"voice": "alloy"},
        },
        "max_output_tokens": 10,
    }
    mixed = {
        "voice": "alloy",
        "max_output_tokens": 10,
        "audio": {"input": nested["audio"]["input"]},  # type: ignore[index]
    }

    expected = SessionConfig(
        voice="alloy",
        input_audio_format="audio/pcmu",
        turn_detection=SemanticVad("low"),
        max_response_output_tokens=10,
    )
    for mapping in (flat, nested, mixed):
        assert expected == as_session_config(mapping)


@pytest.mark.parametrize(
    ("mapping", "meant"),
    [
        ({"voise": "alloy"}, "'voice'"),
        ({"turn_detecton": None}, "'turn_detection'"),
        ({"audio": {"input": {"turn_detecton": None}}}, "'audio.input.turn_detection'"),
        ({"audio": {"inputs": {}}}, "audio.inputs"),
        ({"audio": 5}, "audio"),
        ({"quite_new": 1}, "extra="),
        ({"voice": "a", "audio": {"output": {"voice": "b"}}}, "give one"),
        ({"turn_detection": {"type": "server_vad", "treshold": 1}}, "'threshold'"),
        ({"turn_detection": {"type": "sever_vad"}}, "'server_vad'"),
        ({"turn_detection": {"threshold": 1}}, "'type'"),
        ({"input_audio_transcription": {"modle": "x"}}, "'model'"),
        ({"input_audio_noise_reduction": {}}, "'type'"),
        ({"tools": [{"type": "function", "nam": "f"}]}, "'name'"),
        ({"tools": [{"name": "f"}]}, "'type'"),
        ({"tool_choice": {"type": "function", "nme": "f"}}, "'name'"),
    ],
)
def test_a_misspelled_name_is_reported(mapping: dict[str, Any], meant: str) -> None:
    """
    The service would reject the whole update, or worse, ignore the field.
    """
    with pytest.raises(ValueError, match=meant):
        as_session_config(mapping)


@pytest.mark.parametrize(
    "mapping",
    [
        {"tools": {"type": "function"}},
        {"tools": [5]},
        {"tool_choice": 5},
        {"turn_detection": "server_vad"},
        {"input_audio_transcription": "whisper-1"},
        {"modalities": 5},
    ],
)
def test_a_wrong_type_is_reported(mapping: dict[str, Any]) -> None:
    """
    A mistake in kind is a TypeError.
    """
    with pytest.raises(TypeError):
        as_session_config(mapping)
    with pytest.raises(TypeError):
        as_session_config(5)


def test_unknown_values_are_left_to_the_service() -> None:
    """
    A new voice, an odd temperature, an unheard-of tool: none is refused.
    """
    config = SessionConfig(
        voice="nightingale",
        temperature=99,
        input_audio_format="opus",
        turn_detection={"type": "telepathy", "range": 5},
        tools=[{"type": "web_search", "depth": 2}],
    )

    session = json.loads(Codec("2025-04-01-preview").encode(_update(config)))["session"]

    assert {
        "voice": "nightingale",
        "temperature": 99,
        "input_audio_format": {"type": "opus"},
        "turn_detection": {"type": "telepathy", "range": 5},
        "tools": [{"type": "web_search", "depth": 2}],
    } == session


def _update(config: SessionConfig) -> Any:
    return Codec(None).command({"type": "session.update", "session": config})


@pytest.mark.parametrize("off", [None, {"type": "none"}])
def test_turn_detection_can_be_switched_off(off: Any) -> None:
    """
    None is sent as null; a field left out is not sent.
    """
    assert None is SessionConfig(turn_detection=off).turn_detection
    assert UNSET is SessionConfig().turn_detection


@pytest.mark.parametrize(
    "choice",
    [
        ToolChoiceFunction("f"),
        {"type": "function", "name": "f"},
        {"type": "function", "function": {"name": "f"}},
    ],
)
def test_all_spellings_of_a_tool_choice_are_one(choice: Any) -> None:
    """
    The nested one is from older pages.
    """
    assert ToolChoiceFunction("f") == SessionConfig(tool_choice=choice).tool_choice
    assert "auto" == SessionConfig(tool_choice="auto").tool_choice


def test_tools_of_the_chat_interface_are_understood() -> None:
    """
    People bring the tools they have.
    """
    tool = {"type": "function", "function": {"name": "f", "description": "d"}}

    assert (FunctionTool("f", "d"),) == SessionConfig(tools=[tool]).tools


def test_merging_keeps_what_is_left_out() -> None:
    """
    The effective configuration is all that was ever asked for; the last word counts.
    """
    first = SessionConfig(
        voice="alloy", turn_detection=ServerVad(), extra={"a": {"b": 1}}
    )
    second = SessionConfig(turn_detection=None, speed=1.1, extra={"a": {"c": 2}})

    merged = first.merged(second)

    assert (
        SessionConfig(
            voice="alloy",
            turn_detection=None,
            speed=1.1,
            extra={"a": {"b": 1, "c": 2}},
        )
        == merged
    )


def test_the_repr_shows_what_is_set() -> None:
    """
    And no secret.
    """
    config = SessionConfig(
        voice="alloy",
        turn_detection=None,
        tools=[
            McpTool("d", authorization="t0ken", headers={"x": "t0ken"}),
            McpTool("e", "https://me:t0ken@mcp.example/sse?key=t0ken#t0ken"),
            McpTool("f", "me:t0ken@mcp.example?t0ken"),
        ],
        client_secret={"value": "t0ken"},
    )

    assert repr(config).startswith("SessionConfig(voice='alloy', turn_detection=None,")
    assert "t0ken" not in repr(config)
    assert "server_url='https://mcp.example/sse'" in repr(config)
    assert "server_url=None" in repr(McpTool("d", connector_id="c"))
    assert "UNSET" not in repr(config)


@pytest.mark.parametrize("paths", [SESSION_PATHS, RESPONSE_PATHS])
def test_shapes_lose_nothing(paths: dict[str, tuple[str, ...]]) -> None:
    """
    There and back, unknown fields and unknown formats included.
    """
    flat: dict[str, Any] = {name: f"x-{name}" for name in paths}
    flat["output_audio_format"] = {"type": "audio/pcm", "rate": 16000}
    flat["modalities"] = ["text"]
    flat["novel"] = {"a": 1}
    flat.pop("input_audio_format", None)
    before = copy.deepcopy(flat)
    nested = nest(flat, paths)

    assert flat == flatten(nested, paths)
    assert before == flat
    nested["audio"]["output"]["novel"] = 2
    assert {"output": {"novel": 2}} == flatten(nested, paths)["audio"]


def test_merge_is_deep_and_leaves_its_arguments() -> None:
    """
    Lists and plain values are replaced.
    """
    into = {"a": {"b": 1, "c": [1]}, "d": 1}

    assert {"a": {"b": 1, "c": [2]}, "d": {"e": 1}} == merge(
        into, {"a": {"c": [2]}, "d": {"e": 1}}
    )
    assert {"a": {"b": 1, "c": [1]}, "d": 1} == into


# -- What is reported ----------------------------------------------------------------


def _reported(version: str | None, session: Any) -> SessionUpdated:
    text = json.dumps({"type": "session.updated", "session": session})
    (event,) = Codec(version).decode(text)
    assert isinstance(event, SessionUpdated)
    return event


def test_the_session_is_flat_on_both_protocols() -> None:
    """
    `event.session.voice`, whichever wire it came by.
    """
    ga = _reported(
        None,
        {
            "id": "s",
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {"turn_detection": None},
                "output": {
                    "voice": "ash",
                    "format": {"type": "audio/pcm", "rate": 24000},
                },
            },
            "reasoning": {"effort": "low"},
            "tracing": "auto",
        },
    ).session
    preview = _reported(
        "2025-04-01-preview",
        {
            "id": "s",
            "modalities": ["text", "audio"],
            "voice": "ash",
            "output_audio_format": "pcm16",
            "turn_detection": {"type": "none"},
            "reasoning": {"effort": "low"},
            "tracing": "auto",
        },
    ).session

    assert ga == preview
    assert ("ash", "pcm16", ("audio",), None) == (
        ga.voice,
        ga.output_audio_format,
        ga.modalities,
        ga.turn_detection,
    )
    assert Reasoning("low") == ga.reasoning


def test_an_ill_typed_session_is_read_as_far_as_possible() -> None:
    """
    One field in disorder does not hide the others, and is reported.
    """
    event = _reported(
        None,
        {
            "id": "s",
            "audio": {"input": 5, "output": {"voice": {"id": "v"}, "speed": "fast"}},
            "tools": [{"type": "teapot"}, 7],
            "tool_choice": "required",
            "tracing": {"workflow_name": "w"},
            "truncation": {"type": "none of ours"},
        },
    )

    session = event.session
    assert {"id": "v"} == session.voice
    assert "required" == session.tool_choice
    assert Tracing("w") == session.tracing
    assert session.tools is not None
    assert ["teapot", ""] == [tool.type for tool in session.tools]
    assert isinstance(session.tools[0], UnknownTool)
    assert None is session.truncation
    text = " ".join(event.problems)
    for path in ("audio.input", "speed", "tools[1]", "truncation"):
        assert f"session.{path}" in text


def test_a_session_that_is_none_is_an_empty_one() -> None:
    """
    The attribute has its type all the same.
    """
    event = _reported(None, "what?")

    assert Session() == event.session
    assert ("session: expected object, got str",) == event.problems


def test_unknown_turn_detection_is_delivered() -> None:
    """
    The service may gain another kind.
    """
    vad = {"type": "telepathy", "range": 5}

    session = _reported(None, {"id": "s", "audio": {"input": {"turn_detection": vad}}})

    assert UnknownTurnDetection("telepathy", raw=vad) == session.session.turn_detection


# -- Responses -----------------------------------------------------------------------


def test_a_response_config_takes_both_shapes() -> None:
    """
    And both names of its limit.
    """
    expected = ResponseConfig(
        voice="ash", modalities=["text"], max_output_tokens=5, input=["Hi"]
    )

    assert expected == as_response_config(
        {
            "audio": {"output": {"voice": "ash"}},
            "output_modalities": ["text"],
            "max_response_output_tokens": 5,
            "input": [{"type": "message", "role": "user", "content": "Hi"}],
        }
    )
    assert (MessageItem("user", "Hi"),) == expected.input
    assert ResponseConfig() == as_response_config(None)


def test_a_misspelled_response_is_reported() -> None:
    """
    Likewise for what it is asked to be.
    """
    with pytest.raises(ValueError, match="'instructions'"):
        as_response_config({"instruction": "x"})
    with pytest.raises(TypeError):
        as_response_config(5)


def test_a_response_has_its_text() -> None:
    """
    `text` is all of it, `transcript` what is spoken.
    """
    message = {
        "type": "response.done",
        "response": {
            "id": "r",
            "status": "completed",
            "status_details": None,
            "usage": None,
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [
                        {"type": "output_audio", "transcript": "Spoken. "},
                        {"type": "output_text", "text": "Written."},
                    ],
                },
                {"type": "function_call", "name": "f", "arguments": "{}"},
            ],
        },
    }

    (event,) = Codec(None).decode(json.dumps(message))

    assert isinstance(event, ResponseDone)
    assert "Spoken. Written." == event.response.text
    assert "Spoken. " == event.response.transcript
    assert () == event.problems


def test_status_details_may_be_a_word() -> None:
    """
    Some builds sent the bare type.
    """
    (event,) = Codec(None).decode(
        '{"type":"response.done","response":{"status_details":"cancelled"}}'
    )

    assert isinstance(event, ResponseDone)
    assert StatusDetails("cancelled") == event.response.status_details
