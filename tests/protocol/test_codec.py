"""
One wire text <-> one event.
"""

import base64
import builtins
import json
import math
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.golden_commands import COMMANDS
from hypothesis import assume, given
from hypothesis import strategies as st

from azure_realtime._protocol import decoder as _decoder
from azure_realtime._protocol import dialects as _dialects
from azure_realtime._protocol.codec import Codec
from azure_realtime.audio.containers import file_format
from azure_realtime.audio.encoding import load
from azure_realtime.errors import ProtocolWarning
from azure_realtime.events import (
    CLIENT_EVENTS,
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorEvent,
    InputAudioBufferAppend,
    InvalidMessage,
    RawCommand,
    ResponseCreate,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    SessionUpdate,
    SessionUpdated,
    UnknownEvent,
)
from azure_realtime.models._unset import UNSET
from azure_realtime.models.items import FunctionCallItem, McpCallItem, MessageItem
from azure_realtime.models.session import Session, SessionConfig

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = {"ga": None, "preview": "2025-04-01-preview"}


@pytest.fixture(autouse=True)
def _forget_warnings() -> Iterator[None]:
    _dialects._warned.clear()
    yield
    _dialects._warned.clear()


def _golden(protocol: str) -> list[str]:
    return sorted(path.stem for path in (GOLDEN / protocol).glob("*.json"))


@pytest.mark.parametrize(
    ("protocol", "name"), [(p, name) for p in VERSIONS for name in _golden(p)]
)
def test_commands_are_on_the_wire_as_published(protocol: str, name: str) -> None:
    """
    What we send is what the protocol's tables require.
    """
    expected = json.loads((GOLDEN / protocol / f"{name}.json").read_text("utf-8"))

    text = Codec(VERSIONS[protocol]).encode(COMMANDS[name])

    assert expected == json.loads(text)


@pytest.mark.parametrize("protocol", VERSIONS)
def test_every_command_has_a_golden_file(protocol: str) -> None:
    """
    No command is forgotten, on either protocol.
    """
    assert set(CLIENT_EVENTS) == {name.partition("--")[0] for name in _golden(protocol)}


@pytest.mark.filterwarnings("ignore::azure_realtime.errors.ProtocolWarning")
@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(_golden("preview"))))
def test_ga_only_commands_raise_on_preview(name: str) -> None:
    """
    On the preview protocol it is an error that names the way out.
    """
    with pytest.raises(ValueError, match="GA protocol"):
        Codec("2025-04-01-preview").encode(COMMANDS[name])


def test_preview_only_fields_are_left_out_with_one_warning() -> None:
    """
    GA has no temperature: the session is configured all the same.
    """
    command = SessionUpdate(session={"temperature": 0.7, "voice": "alloy"})
    codec = Codec(None)

    with pytest.warns(ProtocolWarning, match="GA protocol has no 'temperature'"):
        first = codec.encode(command)

    assert first == codec.encode(command)
    assert b"temperature" not in first
    assert b"alloy" in first


@pytest.mark.parametrize(
    "name", ["session.update", "response.create", "conversation.item.create"]
)
@pytest.mark.parametrize("protocol", VERSIONS)
def test_either_shape_is_understood_as_a_mapping(protocol: str, name: str) -> None:
    """
    A message copied from either protocol's pages works on either protocol.
    """
    codec = Codec(VERSIONS[protocol])
    expected = codec.encode(COMMANDS[name])
    for shape in VERSIONS:
        message = json.loads((GOLDEN / shape / f"{name}.json").read_text("utf-8"))

        assert expected == codec.encode(codec.command(message))


def test_a_preview_transcription_update_is_understood() -> None:
    """
    The preview's own event for it is the same command.
    """
    name = "session.update--transcription"
    message = json.loads((GOLDEN / "preview" / f"{name}.json").read_text("utf-8"))

    command = Codec(None).command(message)

    assert COMMANDS[name] == command


def test_audio_takes_the_short_way_and_arrives_the_same() -> None:
    """
    An append is written without the JSON writer, yet is the same JSON.
    """
    command = InputAudioBufferAppend(audio=bytes(range(256)), event_id='a"\u20ac')

    message = json.loads(Codec(None).encode(command))

    assert {
        "type": "input_audio_buffer.append",
        "event_id": 'a"\u20ac',
        "audio": command.audio,
    } == message


@pytest.mark.slow
@given(audio=st.binary(max_size=50), event_id=st.none() | st.text(max_size=20))
def test_audio_that_is_encoded_already_makes_the_same_message(
    audio: bytes, event_id: str | None
) -> None:
    """
    Byte for byte, without an event in between.
    """
    assume(file_format(audio) is None)
    codec = Codec(None)
    command = InputAudioBufferAppend(audio=audio, event_id=event_id)

    id_json = None if event_id is None else json.dumps(event_id).encode()
    message = codec.append_message(load().encode(audio), id_json)

    assert codec.encode(command) == message
    named = {} if event_id is None else {"event_id": event_id}
    text = base64.b64encode(audio).decode()
    assert {"type": command.type, **named, "audio": text} == json.loads(message)


@pytest.mark.parametrize("audio", ['A"AA', "AAA", "AA-_", "ÄAAA", "A===", "AA A"])
def test_text_that_is_not_base64_is_refused_where_it_was_given(audio: str) -> None:
    """
    It cannot break out of the JSON, either.
    """
    with pytest.raises(ValueError, match="not base64"):
        InputAudioBufferAppend(audio=audio)


def test_the_text_is_ascii() -> None:
    """
    Its length is its size on the wire.
    """
    text = Codec(None).encode(ConversationItemCreate(item="Grüße \U0001f600 한국어"))

    assert text.isascii()


WHOLE = ["\U0001f600", "\ud83d\ude00", "\\ud800", "\\\\ud800", "한\u2028\uffff"]
"""Texts that look as if there were half a character in them."""

HALVES = {
    "caf\udce9.txt": "caf\ufffd.txt",
    "\ud83d\ud83d\ude00": "\ufffd\U0001f600",
    "\ude00\ud83d": "\ufffd\ufffd",
    "\\\ud800": "\\\ufffd",
    '"\udfff"': '"\ufffd"',
}
"""Texts with lone surrogates, and what they become where they are repaired."""


def commands_with(text: str) -> list[ClientEvent]:
    """
    Return commands that carry *text* in a value, in a name and beside the session.
    """
    return [
        ConversationItemCreate(item=MessageItem("user", text)),
        SessionUpdate(session={"instructions": text}),
        SessionUpdate(session=SessionConfig(extra={"x": {text: 1}})),
        RawCommand(type="brand.new", message={"type": "brand.new", "x": [text]}),
        InputAudioBufferAppend(audio="AAAA", event_id=text),
    ]


@pytest.mark.parametrize("text", WHOLE)
def test_whole_characters_are_sent(text: str) -> None:
    """
    A pair of surrogates is one character, and a backslash before "ud800" is text.
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16")
    for command in commands_with(text):
        assert repr(whole) in repr(json.loads(Codec(None).encode(command)))


@pytest.mark.parametrize("text", HALVES)
def test_half_a_character_is_refused_where_it_was_given(text: str) -> None:
    """
    A service that reads it ends the session, or answers in text that is no UTF-8.
    """
    for command in commands_with(text):
        with pytest.raises(ValueError, match="half a character") as caught:
            Codec(None).encode(command)

        assert not isinstance(caught.value, UnicodeError)


@pytest.mark.parametrize(("text", "repaired"), HALVES.items())
def test_half_a_character_that_others_wrote_is_replaced(
    text: str, repaired: str
) -> None:
    """
    An item of the service is restored without the checks of users' items.
    """
    command = ConversationItemCreate(item=MessageItem("user", text))
    sent = json.loads(Codec(None).encode(command, repair=True))

    assert repaired == sent["item"]["content"][0]["text"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    """
    NaN would make the whole message unreadable.
    """
    with pytest.raises(ValueError, match="JSON"):
        Codec(None).encode(SessionUpdate(session={"speed": value}))


def test_values_that_json_lacks_are_refused() -> None:
    """
    The message says which type it was.
    """
    with pytest.raises(TypeError, match="bytes cannot be sent"):
        Codec(None).encode(SessionUpdate(session={"instructions": b"x"}))


def test_nesting_without_end_is_refused() -> None:
    """
    A mapping that holds itself is an error, not a crash.
    """
    endless: dict[str, Any] = {}
    endless["again"] = endless

    with pytest.raises((ValueError, RecursionError)):
        Codec(None).encode(RawCommand(type="x", message=endless))


@pytest.mark.parametrize("protocol", VERSIONS)
def test_extra_is_laid_over_what_is_sent(protocol: str) -> None:
    """
    A field the service gained yesterday can be sent today, at any depth.
    """
    session = {"voice": "alloy", "extra": {"audio": {"output": {"pitch": 2}}, "new": 1}}
    response = {"extra": {"new": [1]}}
    codec = Codec(VERSIONS[protocol])

    update = json.loads(codec.encode(SessionUpdate(session=session)))["session"]
    create = json.loads(codec.encode(ResponseCreate(response=response)))

    assert 1 == update["new"]
    assert 2 == update["audio"]["output"]["pitch"]
    assert "alloy" in json.dumps(update)
    assert {"new": [1]} == create["response"]


# -- Commands from mappings ----------------------------------------------------------


def test_an_unknown_command_is_passed_on() -> None:
    """
    The service may have learnt it.
    """
    message = {"type": "session.close", "event_id": "e", "reason": None}
    codec = Codec("2025-04-01-preview")

    command = codec.command(message)

    assert RawCommand(type="session.close", event_id="e", message=message) == command
    assert message == json.loads(codec.encode(command))


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ({"type": "response.creat"}, "response.create"),
        ({"type": "input_audio_bufer.commit"}, "input_audio_buffer.commit"),
        ({"type": "response.cancel", "reponse_id": "x"}, "response_id"),
        ({"type": "session.update", "session": {"voise": "x"}}, "voice"),
        (
            {"type": "session.update", "session": {"audio": {"input": {"formt": 1}}}},
            "audio.input.format",
        ),
        ({"type": "conversation.item.delete"}, "item_id"),
        ({}, "type"),
    ],
)
def test_a_misspelled_name_is_reported(message: dict[str, Any], meant: str) -> None:
    """
    A misspelled command or field would be ignored silently.
    """
    with pytest.raises(ValueError, match=meant):
        Codec(None).command(message)


def test_a_command_is_its_own_command() -> None:
    """
    `command` takes what `encode` takes, and refuses the rest by its type.
    """
    command = COMMANDS["response.cancel"]

    assert command is Codec(None).command(command)
    with pytest.raises(TypeError, match="got str"):
        Codec(None).command("response.cancel")


# -- Decoding ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "3",
        "null",
        '"x"',
        '{"a": NaN}',
        '{"a": Infinity}',
        "[" * 100_000,
        '{"a":' * 100_000,
        b"\xef\xbb\xbf{}",
    ],
    ids=range(11),
)
@pytest.mark.parametrize("protocol", VERSIONS)
def test_other_json_than_objects_is_delivered_as_an_event(
    protocol: str, text: str | bytes
) -> None:
    """
    It comes with the message and the reason, and the session goes on.
    """
    (event,) = Codec(VERSIONS[protocol]).decode(text, generation=3)

    assert isinstance(event, InvalidMessage)
    assert text == event.data
    assert event.reason
    assert 3 == event.generation


def test_numbers_out_of_range_are_delivered_or_reported() -> None:
    """
    Neither a huge integer nor a huge float stops the reader.
    """
    for number in ("9" * 5000, "9" * 400, "1e999"):
        (event,) = Codec(None).decode(
            f'{{"type":"rate_limits.updated","rate_limits":'
            f'[{{"limit":{number},"reset_seconds":{number}}}]}}'
        )

        assert event.type in ("invalid_message", "rate_limits.updated")


def test_bytes_that_are_no_text_are_refused() -> None:
    """
    The connection must answer them with close code 1007.
    """
    with pytest.raises(UnicodeDecodeError):
        Codec(None).decode(b'{"type":"\xff"}')


@pytest.mark.parametrize("text", [' {"type":"x"}', '{"type":"x"}\r\n\t ', "\n{}\n"])
@pytest.mark.parametrize("fast", [True, False])
def test_white_space_around_a_message_is_json(
    text: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A message may be printed over several lines, with either JSON reader.
    """
    if not fast:
        monkeypatch.setattr(_decoder, "_fast_loads", lambda: _decoder._standard_loads)

    for message in (text, text.encode()):
        (event,) = Codec(None).decode(message)

        assert isinstance(event, UnknownEvent)
        assert json.loads(text) == event.raw


@pytest.mark.parametrize("text", ["{} {}", "{}x", "{}\ufeff", "{}\x00", "{} \x0b"])
def test_trailing_text_makes_a_message_invalid(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One message is one JSON value, for either reader.
    """
    for _ in range(2):
        (event,) = Codec(None).decode(text)

        assert isinstance(event, InvalidMessage)
        monkeypatch.setattr(_decoder, "_fast_loads", lambda: _decoder._standard_loads)


@pytest.mark.slow
def test_a_codec_imports_and_generates_all_at_once() -> None:
    """
    A thread that decodes imports nothing and makes no class: a child forked at that
    moment could never import it.
    """
    script = """
import json, sys
from azure_realtime._protocol.codec import Codec
from azure_realtime._protocol.decoder import readers
from azure_realtime.events import ResponseOutputAudioDelta
codec = Codec(None)
before = set(sys.modules), readers()
message = {"type": "response.output_audio.delta", "delta": "AAAA"}
message |= {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
event = codec.decode_one(json.dumps(message), 1)
assert type(event) is ResponseOutputAudioDelta
assert event.audio == bytes(3)
assert before[1] is readers()
print(sorted(set(sys.modules) - before[0]))
"""
    run = [sys.executable, "-c", script]

    done = subprocess.run(run, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_unknown_event_is_delivered() -> None:
    """
    The service gains events without notice.
    """
    message = {"type": "response.smell.delta", "event_id": "e1", "delta": "rose"}

    (event,) = Codec(None).decode(json.dumps(message))

    assert UnknownEvent(type="response.smell.delta", event_id="e1") == event
    assert message == event.raw


def test_an_error_that_is_only_text_has_that_text() -> None:
    """
    Some compatible services send a sentence in place of an object.
    """
    call = {"type": "mcp_call", "id": "mcp_1", "name": "f", "error": "No GPU."}
    failed = "conversation.item.input_audio_transcription.failed"
    codec = Codec(None)

    (error,) = codec.decode('{"type": "error", "error": "No GPU."}')
    (speech,) = codec.decode(json.dumps({"type": failed, "error": "No GPU."}))
    (item,) = codec.decode(json.dumps({"type": "conversation.item.done", "item": call}))

    assert isinstance(error, ErrorEvent)
    assert isinstance(speech, ConversationItemInputAudioTranscriptionFailed)
    assert isinstance(item, ConversationItemDone)
    assert isinstance(item.item, McpCallItem)
    assert item.item.error is not None
    found = [error.error.message, speech.error.message, item.item.error.message]
    assert found == ["No GPU."] * 3


def test_an_error_code_may_be_a_number() -> None:
    """
    It becomes text, as the codes of the service are.
    """
    (event,) = Codec(None).decode('{"type": "error", "error": {"code": 429}}')

    assert isinstance(event, ErrorEvent)
    assert event.error.code == "429"


def test_arguments_that_are_an_object_become_text() -> None:
    """
    Some compatible services send the arguments of a call as an object.
    """
    call = {"type": "function_call", "name": "f", "arguments": {"a": "é"}}
    kind = "response.function_call_arguments.done"
    codec = Codec(None)

    (done,) = codec.decode(json.dumps({"type": kind, "arguments": {"a": "é"}}))
    (item,) = codec.decode(json.dumps({"type": "conversation.item.done", "item": call}))

    assert isinstance(done, ResponseFunctionCallArgumentsDone)
    assert isinstance(item, ConversationItemDone)
    assert isinstance(item.item, FunctionCallItem)
    assert json.loads(done.arguments) == json.loads(item.item.arguments) == {"a": "é"}


def test_an_event_without_a_type_is_delivered() -> None:
    """
    So is one whose type is a number.
    """
    for text in ("{}", '{"type": 5}'):
        (event,) = Codec(None).decode(text)

        assert UnknownEvent(type="") == event
        assert event.problems


def test_both_generations_of_wires_give_the_same_event() -> None:
    """
    A listener gets the same event on both protocols, except for ``raw``.
    """
    message = {
        "type": "response.output_audio.delta",
        "response_id": "r",
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "delta": "AAABAA==",
    }
    old = {**message, "type": "response.audio.delta"}

    (ga,) = Codec(None).decode(json.dumps(message))
    (preview,) = Codec("2024-12-17").decode(json.dumps(old))

    assert ga == preview
    assert isinstance(preview, ResponseOutputAudioDelta)
    assert b"\x00\x00\x01\x00" == preview.audio
    assert old == preview.raw


@pytest.mark.parametrize("version", ["3.9.10", "3.9.15", "2.0", "", None])
def test_an_old_fast_reader_is_not_used(
    version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A deeply nested message crashes the process in old versions of orjson: where one is
    installed, for whatever else, the standard reader is used.
    """
    old = types.ModuleType("orjson")
    if version is not None:
        old.__version__ = version  # type: ignore[attr-defined]
    old.loads = lambda text: pytest.fail("it was used")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "orjson", old)
    monkeypatch.setattr(_decoder, "_fast_loads", _decoder._fast_loads.__wrapped__)

    (event,) = Codec(None).decode("[" * 200_000)

    assert isinstance(event, InvalidMessage)


def test_without_the_fast_reader_the_answers_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Orjson is an extra: with and without it, the same messages are understood.
    """
    texts: list[str | bytes] = ['{"type":"x","n":1e999}', '{"n":NaN}', "{", b'{"a":1}']
    texts += ['{"type":"x","s":"\\ud800"}', f'{{"n":{2**63}}}', b"\xff"]

    def outcome(text: str | bytes) -> Any:
        try:
            (event,) = Codec(None).decode(text)
        except UnicodeDecodeError:
            return UnicodeDecodeError
        return event, event.raw

    fast = [outcome(text) for text in texts]
    imported = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "orjson":
            raise ImportError(name)
        return imported(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(_decoder, "_fast_loads", _decoder._fast_loads.__wrapped__)

    assert fast == [outcome(text) for text in texts]


# -- There and back ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        (protocol, name)
        for protocol in VERSIONS
        for name in _golden(protocol)
        if name.startswith("conversation.item.create")
    ],
)
def test_an_item_comes_back_as_it_went(protocol: str, name: str) -> None:
    """
    The service's echo of an item equals the item that was sent.
    """
    codec = Codec(VERSIONS[protocol])
    command = COMMANDS[name]
    assert isinstance(command, ConversationItemCreate)
    sent = json.loads(codec.encode(command))
    echo = {"ga": "conversation.item.added", "preview": "conversation.item.created"}

    event = codec.decode(json.dumps({"type": echo[protocol], "item": sent["item"]}))[0]

    assert isinstance(event, ConversationItemAdded)
    assert command.item == event.item


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        ("ga", "session.update"),
        ("ga", "session.update--nulls"),
        ("ga", "session.update--ga_only"),
        ("preview", "session.update"),
        ("preview", "session.update--nulls"),
    ],
)
def test_a_session_comes_back_as_it_went(protocol: str, name: str) -> None:
    """
    What the service reports reads like what was asked for, field by field.
    """
    command = COMMANDS[name]
    assert isinstance(command, SessionUpdate)
    codec = Codec(VERSIONS[protocol])
    sent = json.loads(codec.encode(command))

    text = json.dumps({"type": "session.updated", "session": sent["session"]})
    (event,) = codec.decode(text)

    assert isinstance(event, SessionUpdated)
    expected = _as_reported(command.session)
    assert expected == {name: getattr(event.session, name) for name in expected}


def _as_reported(config: SessionConfig) -> dict[str, Any]:
    """
    Return the fields that were set, as the session should have them.
    """
    shared = set(Session.__annotations__) & set(SessionConfig.__annotations__)
    values = {name: getattr(config, name) for name in shared}
    return {name: value for name, value in values.items() if value is not UNSET}
