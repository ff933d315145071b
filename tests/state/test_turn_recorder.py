"""
A turn collected from events: speech, text, calls, and how long it took.
"""

from __future__ import annotations

import json
import math
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from helpers.event_samples import ga_samples, preview_samples
from helpers.messages import (
    GA,
    PREVIEW,
    PROTOCOLS,
    Json,
    Script,
    added,
    audio,
    base64_of,
    call,
    call_item,
    events,
    message_item,
    out_of_band,
    output_item,
    response,
    speech,
)
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._protocol.codec import Codec
from azure_realtime._state import turn_recorder as _turn_recorder
from azure_realtime._state.turn_recorder import TurnRecorder
from azure_realtime.audio.wav import WavAudio, read_wav
from azure_realtime.models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    MessageItem,
)
from azure_realtime.models.responses import Response
from azure_realtime.models.turn import Latency, ToolCall, Turn
from azure_realtime.models.usage import UsageTotals

USAGE = {"total_tokens": 10, "input_tokens": 4, "output_tokens": 6}
CALLS = [
    call_item("item_f", "get_weather", "call_1", '{"city": "Paris"}'),
    call_item("item_g", "get_time", "call_2", '{"city": "Rome"}'),
]


def recorded(
    messages: list[Json],
    protocol: str | None = GA,
    *,
    begin: list[str],
    listen: list[str] = [],  # noqa: B006
    late: bool = False,
    **options: Any,
) -> Turn:
    """
    Return the turn that *messages* make.
    """
    recorder = TurnRecorder(**options)

    def claim() -> None:
        for response_id in begin:
            recorder.begin(response_id)
        for item_id in listen:
            recorder.listen(item_id)

    if not late:
        claim()
    for event in events(messages, protocol):
        recorder.observe(event)
    if late:
        claim()
    return recorder.finish()


def text_answer(
    text: str, response_id: str = "resp_1", status: str = "completed", **fields: Any
) -> list[Json]:
    """
    Return a response that writes.
    """
    item_id = f"item_{response_id}"
    at = {"response_id": response_id, "output_index": 0}
    part_at = {**at, "item_id": item_id, "content_index": 0}
    empty = message_item(item_id, "assistant", status="in_progress")
    part = {"type": "output_text", "text": text}
    item = message_item(item_id, "assistant", part)
    done = response(response_id, status=status, output=[item], usage=USAGE, **fields)
    return [
        {"type": "response.created", "response": response(response_id)},
        {"type": "response.output_item.added", **at, "item": empty},
        {"type": "response.output_text.delta", **part_at, "delta": text[:3]},
        {"type": "response.output_text.delta", **part_at, "delta": text[3:]},
        {"type": "response.output_text.done", **part_at, "text": text},
        {"type": "response.output_item.done", **at, "item": item},
        {"type": "response.done", "response": done},
    ]


def tool_turn() -> Script:
    """
    A spoken remark with two parallel calls, their outputs, and the spoken answer.
    """
    script = Script()
    place = {"item_id": "item_u", "content_index": 0}
    kind = "conversation.item.input_audio_transcription"
    asked = script.add(f"{kind}.delta", **place, delta="What is")
    script.add(f"{kind}.completed", asked, **place, transcript="What is up?")
    start = script.add("response.created", asked, response=response("resp_1"))
    joined, last, remark = speech(
        script,
        start,
        "resp_1",
        "item_a",
        words=["One", " moment."],
        sound=[audio(30, 1), audio(20, 2)],
        previous="item_u",
    )
    ends = [last]
    for index, item in enumerate(CALLS, 1):
        joined, last = call(
            script, start, joined, "resp_1", item, previous=None, output_index=index
        )
        ends.append(last)
    done = response("resp_1", status="completed", output=[remark, *CALLS], usage=USAGE)
    end = script.add("response.done", *ends, response=done)
    for item, output in zip(CALLS, ['"sunny"', '{"error": "no"}'], strict=True):
        result = output_item(f"{item['id']}o", item["call_id"], output)
        end = script.add(
            "conversation.item.added", end, previous_item_id=None, item=result
        )
    start = script.add("response.created", end, response=response("resp_2"))
    _, last, answer = speech(
        script,
        start,
        "resp_2",
        "item_b",
        words=["It is", " sunny."],
        sound=[audio(40, 3), audio(10, 4)],
        previous=None,
    )
    done = response("resp_2", status="completed", output=[answer], usage=USAGE)
    script.add("response.done", last, response=done)
    out_of_band(script, asked)
    return script


TOOL_TURN = tool_turn()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("late", [False, True])
@given(data=st.data())
def test_a_turn_is_the_same_whichever_way_its_events_come(
    protocol: str | None, late: bool, data: st.DataObject
) -> None:
    """
    Words, sound, calls and cost of all its responses are in it, and nothing else.
    """
    turn = recorded(
        data.draw(TOOL_TURN.orders()),
        protocol,
        begin=["resp_1", "resp_2"],
        listen=["item_u"],
        late=late,
    )

    assert turn.text == turn.transcript == "One moment.\nIt is sunny."
    assert turn.audio == audio(30, 1) + audio(20, 2) + audio(40, 3) + audio(10, 4)
    assert turn.seconds == pytest.approx(0.1)
    assert turn.heard == "What is up?"
    assert turn.tool_calls == (
        ToolCall("get_weather", "call_1", '{"city": "Paris"}', '"sunny"'),
        ToolCall("get_time", "call_2", '{"city": "Rome"}', '{"error": "no"}', True),
    )
    expected = UsageTotals(
        responses=2, total_tokens=20, input_tokens=8, output_tokens=12
    )
    assert turn.usage == expected
    assert (turn.response.id, turn.response.status) == ("resp_2", "completed")
    assert [type(item) for item in turn.items] == [
        MessageItem,
        FunctionCallItem,
        FunctionCallItem,
        FunctionCallOutputItem,
        FunctionCallOutputItem,
        MessageItem,
    ]


def test_a_call_that_is_reported_twice_is_listed_once() -> None:
    """
    Under two ids of items, or in two responses; calls without an id stay as they are.
    """
    again = {**CALLS[0], "id": "item_twin"}
    unnamed = [{**CALLS[1], "id": f"item_{n}", "call_id": None} for n in range(2)]
    messages = [
        {
            "type": "response.done",
            "response": response("resp_1", output=[*CALLS, again, *unnamed]),
        },
        added(output_item("o", "call_1", '"sunny"'), None),
        {"type": "response.done", "response": response("resp_2", output=[again])},
    ]

    turn = recorded(messages, begin=["resp_1", "resp_2"])

    assert ["call_1", "call_2", "", ""] == [call.call_id for call in turn.tool_calls]
    listed = [item.id for item in turn.items if isinstance(item, FunctionCallItem)]
    assert ["item_f", "item_g", "item_0", "item_1"] == listed
    assert 1 == sum(isinstance(item, FunctionCallOutputItem) for item in turn.items)


def test_the_clock_runs_from_asking() -> None:
    """
    Latencies are seconds from asking to the first text, the first audio, the end.
    """
    ticks = count(100)
    script = Script()
    start = script.add("response.created", response=response("resp_1"))
    speech(script, start, "resp_1", "i", words=["Hi"], sound=[audio(1)], previous=None)
    script.add("response.done", response=response("resp_1", status="completed"))
    recorder = TurnRecorder(clock=lambda: float(next(ticks)))  # asked: 100
    recorder.begin("resp_1")
    observed = events(script.messages)
    for event in observed:
        recorder.observe(event)  # each that is of a response reads the clock once

    reading = [
        event.type
        for event in observed
        if event.type.startswith("response.") and event.type != "response.created"
    ]
    assert recorder.finish().latency == Latency(
        first_text=1.0 + reading.index("response.output_audio_transcript.delta"),
        first_audio=1.0 + reading.index("response.output_audio.delta"),
        done=1.0 + reading.index("response.done"),
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_written_answer_has_text_and_no_transcript(protocol: str | None) -> None:
    """
    Written output is `text`; the transcript is empty.
    """
    turn = recorded(text_answer("Paris."), protocol, begin=["resp_1"])

    assert (turn.text, turn.transcript, turn.audio) == ("Paris.", "", b"")
    assert turn.heard is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("output", [[], None])
def test_deltas_count_when_response_done_has_no_output(
    protocol: str | None, output: Any
) -> None:
    """
    Services that leave the output out of ``response.done`` still give an answer.
    """
    messages = text_answer("Paris.")
    messages[-1] = {
        **messages[-1],
        "response": {**messages[-1]["response"], "output": output},
    }

    turn = recorded(messages, protocol, begin=["resp_1"])

    assert turn.text == "Paris."


def test_deltas_are_kept_without_response_done() -> None:
    """
    An abandoned turn still has what had arrived.
    """
    turn = recorded(text_answer("Paris is nice.")[:3], begin=["resp_1"])

    assert turn.text == "Par"
    assert turn.latency.done is None
    assert turn.response.id == "resp_1"


def test_only_the_end_counts_when_nothing_else_came() -> None:
    """
    An answer that is in ``response.done`` alone, without ids even, is one.
    """
    parts = [{"type": "output_text", "text": "One."}]
    items = [{"type": "message", "role": "assistant", "content": parts}] * 2
    done = response("resp_1", status="completed", output=items)

    turn = recorded([{"type": "response.done", "response": done}], begin=["resp_1"])

    assert turn.text == "One.\nOne."


@pytest.mark.parametrize("kind", ["added", "done"])
def test_items_are_in_the_order_of_the_answer_not_of_arrival(kind: str) -> None:
    """
    Parallel items come in any order; the output index, or the end, puts them right.
    """
    announced: list[Json] = [
        {
            "type": f"response.output_item.{kind}",
            "response_id": "resp_1",
            "output_index": index,
            "item": CALLS[index],
        }
        for index in (1, 0)
    ]
    at = {"type": "response.function_call_arguments.delta", "response_id": "resp_1"}
    pieces: list[Json] = [
        {**at, "item_id": item["id"], "delta": "{"} for item in reversed(CALLS)
    ]
    end = response("resp_1", status="completed", output=CALLS)

    for messages in (announced, [*pieces, {"type": "response.done", "response": end}]):
        turn = recorded(messages, begin=["resp_1"])

        assert [call.name for call in turn.tool_calls] == ["get_weather", "get_time"]


def test_nothing_at_all_is_an_empty_turn() -> None:
    """
    A recorder that saw nothing gives a turn with nothing in it.
    """
    turn = TurnRecorder().finish()

    assert turn == Turn()
    assert repr(turn) == "<Turn ''>"


def test_input_transcripts_of_several_items_are_joined() -> None:
    """
    All parts of a spoken question are joined; one that failed is left out.
    """
    recorder = TurnRecorder()
    for item_id in ["a", "b", "c"]:
        recorder.listen(item_id)
    kind = "conversation.item.input_audio_transcription"
    assert (recorder.heard, recorder.heard_is_final) == (None, False)

    one = {"type": f"{kind}.completed", "item_id": "a", "transcript": "Hello, "}
    two = {"type": f"{kind}.failed", "item_id": "b"}
    for event in events([one, two]):
        recorder.observe(event)
    assert (recorder.heard, recorder.heard_is_final) == ("Hello,", False)

    three = {"type": f"{kind}.completed", "item_id": "c", "transcript": "you"}
    for event in events([three]):
        recorder.observe(event)
    assert (recorder.heard, recorder.heard_is_final) == ("Hello, you", True)


def test_an_empty_input_transcript_differs_from_a_missing_one() -> None:
    """
    An empty transcript is "", a missing one None.
    """
    recorder = TurnRecorder()
    recorder.listen("a")
    kind = "conversation.item.input_audio_transcription.completed"
    for event in events([{"type": kind, "item_id": "a", "transcript": ""}]):
        recorder.observe(event)

    assert recorder.heard == ""


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ('{"error": "no such city"}', True),
        ('{"error": "x", "hint": "y"}', False),
        ("error", False),
        ('["error"]', False),
        ("{", False),
        ("[" * 100_000, False),
    ],
)
def test_a_failed_call_is_known_by_its_output(output: str, error: bool) -> None:
    """
    A call counts as failed if the model got an error for it.
    """
    done = response("resp_1", status="completed", output=CALLS[:1])
    messages = [
        {"type": "response.done", "response": done},
        added(output_item("o", "call_1", output), None),
    ]

    (made,) = recorded(messages, begin=["resp_1"]).tool_calls

    assert (made.output, made.error) == (output, error)


# -- Formats and files -----------------------------------------------------------


def telephone_turn(wire: str, protocol: str | None) -> Turn:
    """
    Return a turn that speaks in a format of its own.
    """
    fmt = {"audio": {"output": {"format": {"type": wire}}}}
    at = {"response_id": "resp_1", "item_id": "item_a", "content_index": 0}
    messages = [
        {"type": "response.created", "response": response("resp_1", **fmt)},
        {
            "type": "response.output_audio.delta",
            **at,
            "delta": base64_of(bytes(range(256)) * 8),
        },
        {
            "type": "response.done",
            "response": response("resp_1", status="completed", **fmt),
        },
    ]
    return recorded(messages, protocol, begin=["resp_1"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("wire", "name", "rate", "seconds"),
    [
        ("audio/pcm", "pcm16", 24_000, 2048 / 48_000),
        ("audio/pcmu", "g711_ulaw", 8_000, 2048 / 8_000),
        ("audio/pcma", "g711_alaw", 8_000, 2048 / 8_000),
    ],
)
def test_a_saved_turn_can_be_played(
    protocol: str | None,
    wire: str,
    name: str,
    rate: int,
    seconds: float,
    tmp_path: Path,
) -> None:
    """
    `save` writes a WAV file that any player plays, whatever the format was.
    """
    turn = telephone_turn(wire, protocol)

    path = turn.save(tmp_path / "reply.wav")

    assert turn.audio_format == name
    assert path == tmp_path / "reply.wav"
    saved = read_wav(path)
    assert saved.rate == rate
    assert math.isclose(saved.seconds, turn.seconds)
    assert math.isclose(saved.seconds, seconds)


def test_the_sessions_format_holds_if_the_response_is_silent_about_it() -> None:
    """
    The recorder gets the format, in either spelling.
    """
    messages = text_answer("Hi")
    for spelling in ["g711_alaw", "audio/pcma", {"type": "audio/pcma"}]:
        turn = recorded(messages, begin=["resp_1"], audio_format=spelling)

        assert turn.audio_format == "g711_alaw"


def test_a_turn_without_audio_cannot_be_saved(tmp_path: Path) -> None:
    """
    The message says how to get audio.
    """
    with pytest.raises(ValueError, match=r"modalities=\['audio'\]"):
        Turn(text="Hi").save(tmp_path / "reply.wav")

    assert list(tmp_path.iterdir()) == []


def test_saving_to_a_str_path_gives_a_path(tmp_path: Path) -> None:
    """
    Either kind of path will do.
    """
    saved = Turn(audio=audio(1)).save(str(tmp_path / "a.wav"))

    assert read_wav(saved) == WavAudio(audio(1), 24_000)


# -- To be looked at -------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(text="Paris."), "<Turn 'Paris.'>"),
        (
            Turn(
                text="Hello. " * 20,
                audio=audio(1500),
                tool_calls=(ToolCall("look", "c", "{}"), ToolCall("go", "d", "{}")),
                response=Response(status="completed"),
                latency=Latency(0.25, 0.3125, 1.5),
            ),
            (
                "<Turn 'Hello. Hello. Hello. Hello. Hello. Hello. Hello. Hello. Hel…'"
                ", 1.5 s of audio, called look, go, first text after 0.25 s, "
                "first audio after 0.31 s, done after 1.50 s>"
            ),
        ),
        (
            Turn(text="Well", response=Response(status="cancelled")),
            "<Turn 'Well', cancelled>",
        ),
    ],
)
def test_the_repr_of_a_turn_is_one_line(turn: Turn, expected: str) -> None:
    """
    At a prompt, the turn shows its text, its duration and its latency.
    """
    assert repr(turn) == expected


# -- Whatever comes --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_no_sequence_of_messages_breaks_a_turn(
    protocol: str | None, data: st.DataObject
) -> None:
    """
    Events in any order, with any field lost, make a turn and not an exception.
    """
    samples = preview_samples() if protocol == PREVIEW else ga_samples()
    odd = st.sampled_from([None, "", "resp_1", "item_1", "item_2", -1, [], {}, 0.5])
    recorder = TurnRecorder()
    recorder.begin("resp_1")
    recorder.begin("")
    recorder.listen("item_1")
    for message in data.draw(st.lists(st.sampled_from(samples), max_size=30)):
        changed = dict(message)
        for key in data.draw(st.lists(st.sampled_from(list(message)), max_size=2)):
            if key != "type":
                changed[key] = data.draw(odd)
        for event in Codec(protocol).decode(json.dumps(changed)):
            recorder.observe(event)

    turn = recorder.finish()
    assert isinstance(repr(turn), str)
    assert isinstance(turn._repr_html_(), str)


def test_responses_of_others_do_not_pile_up() -> None:
    """
    A recorder that waits for a response of its own forgets those of others.
    """
    recorder = TurnRecorder()
    for number in range(100):
        for event in events(text_answer("Hello", f"resp_{number}")):
            recorder.observe(event)
        item = output_item("o", f"call_{number}", "x")
        kind = "conversation.item.input_audio_transcription.completed"
        place = {"type": kind, "item_id": f"item_{number}", "transcript": "x"}
        for event in events([added(item, None), place] * 3):
            recorder.observe(event)

    assert len(recorder._others) == _turn_recorder.MAX_OTHERS
    assert len(recorder._heard) == _turn_recorder.MAX_HEARD
    assert len(recorder._outputs) <= _turn_recorder.MAX_OUTPUTS
    recorder.begin("resp_99")
    assert recorder.finish().text == "Hello"
