"""
Events and commands as classes.
"""

import copy
import json
import pickle
import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime import events
from azure_realtime._protocol.codec import Codec
from azure_realtime.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    SessionUpdate,
    StatusChanged,
)
from azure_realtime.events._names import (
    KNOWN_EVENT_NAMES,
    RENAMED,
    canonical,
    did_you_mean,
)
from azure_realtime.models.enums import ModelStatusEnum, WebSocketState


def test_importing_events_loads_nothing_heavy() -> None:
    """
    No asyncio, no extra, no cattrs: a script starts at once.
    """
    code = (
        "import sys, types, pathlib;"
        "root = types.ModuleType('azure_realtime');"
        "root.__path__ = [sys.argv[1]];"
        "sys.modules['azure_realtime'] = root;"
        "import azure_realtime.events;"
        "heavy = {'asyncio', 'websockets', 'websocket', 'orjson', 'pybase64', 'cattrs'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    package = events.__path__[0].rpartition("events")[0]

    found = subprocess.run(
        [sys.executable, "-c", code, package],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[]" == found.stdout.strip()


def test_all_names_are_listed() -> None:
    """
    Every event class can be imported from ``azure_realtime.events``.
    """
    for cls in [*SERVER_EVENTS.values(), *CLIENT_EVENTS.values()]:
        assert cls.__name__ in events.__all__
        assert cls is getattr(events, cls.__name__)
        assert cls.__doc__


def test_received_events_can_be_made_by_hand() -> None:
    """
    A test of yours needs no more than the class, and events are facts.
    """
    for cls in SERVER_EVENTS.values():
        event = cls()

        assert event == cls(), cls
        assert {} == event.raw, cls
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            event.event_id = "other"  # type: ignore[misc]


def test_audio_is_decoded_once() -> None:
    """
    ``delta`` is the text of the wire, ``audio`` the bytes behind it.
    """
    event = ResponseOutputAudioDelta(delta="AAABAA==")

    assert b"\x00\x00\x01\x00" == event.audio
    assert event.audio is event.audio


@pytest.mark.parametrize("delta", ["A", "AAA", "ÄÖÜ", "\ud800"])
def test_audio_that_cannot_be_decoded_is_empty(delta: str) -> None:
    """
    A damaged delta does not raise in a callback.
    """
    assert b"" == ResponseOutputAudioDelta(delta=delta).audio


@given(st.text(alphabet="AB+/=- \n\u00e4", max_size=12))
def test_malformed_base64_is_decoded_leniently(delta: str) -> None:
    """
    The strict way of pybase64, which is faster, comes first; it changes no result.
    """
    pybase64 = pytest.importorskip("pybase64")
    try:
        expected = pybase64.b64decode(delta)
    except ValueError:
        expected = b""

    assert expected == ResponseOutputAudioDelta(delta=delta).audio


def test_audio_is_not_in_the_repr() -> None:
    """
    A log line of an event stays a line.
    """
    long = "A" * 8000

    assert 200 > len(repr(ResponseOutputAudioDelta(delta=long)))
    assert 200 > len(repr(InputAudioBufferAppend(audio=long)))


def test_raw_and_generation_do_not_make_events_differ() -> None:
    """
    Equality is about what an event says.
    """
    one = StatusChanged(status=ModelStatusEnum.THINKING, generation=1)
    two = StatusChanged(status=ModelStatusEnum.THINKING, raw={"x": 1})

    assert one == two


def test_events_survive_copy_and_pickle() -> None:
    """
    They may cross a process boundary.
    """
    (event,) = Codec(None).decode(
        '{"type":"response.output_audio.delta","delta":"AAAA"}'
    )

    assert event == copy.deepcopy(event) == pickle.loads(pickle.dumps(event))


@pytest.mark.parametrize("value", [1500, 1500.0])
def test_whole_numbers_may_be_floats(value: float) -> None:
    """
    Milliseconds come out of divisions.
    """
    command = ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=value)

    assert 1500 == command.audio_end_ms
    assert isinstance(command.audio_end_ms, int)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"item_id": 5, "content_index": 0, "audio_end_ms": 0}, TypeError),
        ({"item_id": "i", "content_index": 0, "audio_end_ms": 0.5}, ValueError),
        ({"item_id": "i", "content_index": True, "audio_end_ms": 0}, TypeError),
        ({"item_id": "i", "content_index": "0", "audio_end_ms": 0}, TypeError),
        ({"item_id": "i"}, TypeError),
    ],
)
def test_commands_are_strict_about_types(
    fields: dict[str, object], error: type[Exception]
) -> None:
    """
    A mistake raises where it was made, not seconds later as an error event.
    """
    with pytest.raises(error):
        ConversationItemTruncate(**fields)  # type: ignore[arg-type]


def test_commands_take_mappings_for_models() -> None:
    """
    A plain dict will do wherever there is a model.
    """
    assert "alloy" == SessionUpdate(session={"voice": "alloy"}).session.voice


def test_problems_name_the_path() -> None:
    """
    What the service should not have sent can be looked up.
    """
    message = {
        "type": "response.content_part.done",
        "event_id": 5,
        "response_id": None,
        "item_id": "item_1",
        "output_index": "0",
        "content_index": 1.0,
        "part": {"type": "audio", "transcript": 7},
    }

    (event,) = Codec(None).decode(json.dumps(message))

    assert isinstance(event, ResponseContentPartDone)
    assert (None, "", 0, 1) == (
        event.event_id,
        event.response_id,
        event.output_index,
        event.content_index,
    )
    assert {
        "event_id: expected str, got int",
        "response_id: null",
        "output_index: expected int, got str",
        "part.transcript: expected str, got int",
    } == set(event.problems)


def test_a_name_that_preview_leaves_out_is_no_problem() -> None:
    """
    Not every service sends the function's name with its arguments.
    """
    event = Codec(None).decode(
        '{"type":"response.function_call_arguments.done","response_id":"r",'
        '"item_id":"i","output_index":0,"call_id":"c","arguments":"{}"}'
    )[0]

    assert isinstance(event, ResponseFunctionCallArgumentsDone)
    assert ("", ()) == (event.name, event.problems)


# -- Names ---------------------------------------------------------------------------


def test_either_generation_of_names_is_the_same_event() -> None:
    """
    For `on` they are equal.
    """
    for old, new in RENAMED.items():
        assert new == canonical(old) == canonical(new), old


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("response.audio.detla", "response.audio.delta"),
        ("response.output_text.delt", "response.output_text.delta"),
        ("sesion.created", "session.created"),
        ("status_change", "status_changed"),
        ("quite.something.else", None),
    ],
)
def test_misspelled_events_are_guessed(name: str, meant: str | None) -> None:
    """
    The warning says what was meant.
    """
    assert name not in KNOWN_EVENT_NAMES
    assert meant == did_you_mean(name)


def test_local_events_are_known() -> None:
    """
    They need no warning either.
    """
    assert {"*", "init", "status_changed", "listener_error"} <= KNOWN_EVENT_NAMES


def test_states_are_those_of_the_original() -> None:
    """
    Numbers and words as documented.
    """
    assert [0, 1, 2, 3] == [state.value for state in WebSocketState]
    assert "speaking" == str(ModelStatusEnum.SPEAKING) == ModelStatusEnum.SPEAKING
