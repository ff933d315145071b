"""
The conversation that events add up to, whichever way they come.
"""

from __future__ import annotations

import gc
import json
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

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
    user,
)
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime import Conversation as UsersView
from azure_realtime._protocol.codec import Codec
from azure_realtime._state import conversation_items, conversation_state
from azure_realtime._state import item_builder as _drafts
from azure_realtime._state import part_builder as _part_drafts
from azure_realtime._state.conversation_state import ConversationState
from azure_realtime.events import (
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemRetrieved,
    ResponseOutputAudioDelta,
    ServerEvent,
    UnknownEvent,
)
from azure_realtime.models.content import InputAudio, InputText, OutputAudio, OutputText
from azure_realtime.models.items import FunctionCallItem, MessageItem, as_item


class Conversation(UsersView):
    """
    The conversation as users see it, with the state behind it.
    """

    def __init__(self, **options: Any) -> None:
        self._state = ConversationState(**options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)


CALL = call_item("item_f", "get_weather", "call_1", '{"city": "Paris"}')


def followed(
    messages: list[Json], protocol: str | None = GA, **options: Any
) -> Conversation:
    """
    Return the conversation that *messages* make.
    """
    made = Conversation(**options)
    for event in events(messages, protocol):
        made.observe(event)
    return made


def ids(made: Conversation) -> list[str | None]:
    """
    Return the ids of its items, in order.
    """
    return [item.id for item in made]


def turn_script() -> Script:
    """
    A spoken question, a spoken remark with a tool call, and a response beside them.
    """
    script = Script()
    audio_item = message_item(
        "item_u", "user", {"type": "input_audio", "transcript": None}
    )
    there = {"item_id": "item_u", "content_index": 0}
    commit = script.add(
        "input_audio_buffer.committed", item_id="item_u", previous_item_id=None
    )
    asked = script.add(
        "conversation.item.added", commit, previous_item_id=None, item=audio_item
    )
    script.add("conversation.item.done", asked, previous_item_id=None, item=audio_item)
    # Streaming models transcribe speech before it is committed.
    pieces = script.add(
        "conversation.item.input_audio_transcription.delta", delta="How is", **there
    )
    pieces = script.chain(
        "conversation.item.input_audio_transcription.delta",
        pieces,
        "delta",
        [" the", " weather?"],
        **there,
    )
    script.add(
        "conversation.item.input_audio_transcription.completed",
        pieces,
        **there,
        transcript="How is the weather?",
    )
    begun = response("resp_1", status="in_progress")
    start = script.add("response.created", asked, response=begun)
    joined, spoken, item = speech(
        script,
        start,
        "resp_1",
        "item_a",
        words=["Let me", " look", "."],
        sound=[audio(100), audio(50), audio(1)],
        previous="item_u",
    )
    _, called = call(
        script, start, joined, "resp_1", CALL, previous="item_a", output_index=1
    )
    done = response("resp_1", status="completed", output=[item, CALL])
    script.add("response.done", spoken, called, response=done)
    out_of_band(script, asked)
    return script


TURN = turn_script()
EXPECTED_ITEMS = (
    MessageItem(
        "user",
        (InputAudio(transcript="How is the weather?"),),
        id="item_u",
        status="completed",
    ),
    MessageItem(
        "assistant",
        (OutputAudio(transcript="Let me look."),),
        id="item_a",
        status="completed",
    ),
    FunctionCallItem(
        "get_weather", '{"city": "Paris"}', "call_1", id="item_f", status="completed"
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_any_order_the_service_may_choose_makes_the_same_conversation(
    protocol: str | None, data: st.DataObject
) -> None:
    """
    Whatever way the events of a turn interleave, the conversation reads the same.
    """
    made = followed(data.draw(TURN.orders()), protocol, keep_audio=True)

    assert made.items == EXPECTED_ITEMS
    assert made.audio_ms("item_a") == 151
    assert made.audio("item_a") == audio(151)
    assert str(made) == (
        "user: How is the weather?\n"
        "assistant: Let me look.\n"
        'tool call: get_weather({"city": "Paris"})'
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_transcript_only_grows(protocol: str | None, data: st.DataObject) -> None:
    """
    Read at any moment, a transcript is the beginning of what it will be.
    """
    made = Conversation()
    for event in events(data.draw(TURN.orders()), protocol):
        before = {item.id: item for item in made}
        made.observe(event)
        for item in made:
            old = before.get(item.id)
            if isinstance(item, MessageItem) and isinstance(old, MessageItem):
                assert item.text.startswith(old.text)

    assert [item.id for item in made] == ["item_u", "item_a", "item_f"]


def test_transcripts_can_be_read_while_they_arrive() -> None:
    """
    In the middle of an answer, its transcript so far is there.
    """
    upto = next(
        index
        for index, message in enumerate(TURN.messages)
        if message.get("delta") == " look"
    )

    made = followed(TURN.messages[: upto + 1])

    item = made["item_a"]
    assert isinstance(item, MessageItem)
    assert item.text == "Let me look"
    assert item.status == "in_progress"
    assert item.content == (OutputAudio(transcript="Let me look"),)


def test_a_snapshot_does_not_change() -> None:
    """
    Items that were handed out stay as they were when more arrives.
    """
    made = followed([added(message_item("item_1", "assistant"), None)])
    before = made.items
    delta = {"item_id": "item_1", "response_id": "r", "content_index": 0, "delta": "a"}
    for event in events([{"type": "response.output_text.delta", **delta}]):
        made.observe(event)

    assert before == (MessageItem("assistant", (), id="item_1", status="completed"),)
    assert made["item_1"].content == (OutputText("a"),)  # type: ignore[union-attr]


def test_items_made_by_hand_are_followed_too() -> None:
    """
    Whoever feeds events of their own, as a test double does, gets a conversation.
    """
    made = Conversation()
    for number, text in enumerate(["one", "two", "three"]):
        made.observe(
            ConversationItemAdded(item=MessageItem("user", text, id=f"item_{number}"))
        )

    assert str(made) == "user: one\nuser: two\nuser: three"


def test_a_conversation_is_a_collection() -> None:
    """
    Length, membership, lookup and iteration work as one would guess.
    """
    made = followed([user("item_1", "one"), user("item_2", "two", "item_1")])

    assert len(made) == 2
    assert "item_1" in made
    assert "item_9" not in made
    assert made["item_2"] == made.items[1]
    assert made.get("item_2") == made["item_2"]
    assert made.get("item_9") is None
    assert made.get("item_9", "none") == "none"
    assert list(made) == list(made.items)
    assert repr(made) == "<Conversation 2 items>"
    with pytest.raises(KeyError, match="item_9"):
        made["item_9"]


# -- Order -----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        pytest.param("item_2", ["item_1", "item_2", "new", "item_3"], id="middle"),
        pytest.param("item_3", ["item_1", "item_2", "item_3", "new"], id="last"),
        pytest.param("root", ["new", "item_1", "item_2", "item_3"], id="root"),
        pytest.param(None, ["item_1", "item_2", "item_3", "new"], id="null"),
        pytest.param("gone", ["item_1", "item_2", "item_3", "new"], id="unknown"),
        pytest.param(..., ["item_1", "item_2", "item_3", "new"], id="not said"),
    ],
)
def test_an_item_stands_where_the_service_puts_it(
    protocol: str | None, previous: Any, expected: list[str]
) -> None:
    """
    Order is that of ``previous_item_id``, not of arrival.
    """
    new = user("new", "new", previous)
    if previous is ...:
        del new["previous_item_id"]
    history = [
        user("item_1", "1"),
        user("item_2", "2", "item_1"),
        user("item_3", "3", "item_2"),
    ]

    made = followed([*history, new], protocol)

    assert ids(made) == expected


def test_null_fields_do_not_change_the_order() -> None:
    """
    A gateway that never sends the previous item still gives a readable conversation.
    """
    answer = message_item("item_a", "assistant", status="in_progress")

    made = followed(
        [
            user("item_1", "one"),
            added(answer, None),
            user("item_2", "two"),
            added({**answer, "id": "item_b"}, None),
            user("item_3", "three"),
        ]
    )

    assert ids(made) == ["item_1", "item_a", "item_2", "item_b", "item_3"]


@pytest.mark.parametrize("previous", [None, "root", "item_2"])
def test_an_item_sent_to_the_front_is_at_the_front(previous: str | None) -> None:
    """
    Null means the front where that was asked for, and only there.
    """
    made = followed([user("item_1", "1"), user("item_2", "2", "item_1")])
    made.send_to_front("new")

    for event in events([user("new", "new", previous), user("more", "more", None)]):
        made.observe(event)

    assert ids(made) == ["new", "item_1", "item_2", "more"]


def test_the_same_item_announced_three_times_is_one_item() -> None:
    """
    Gateways that send created, added and done of an item do not triple it.
    """
    item = message_item("item_1", "user", {"type": "input_text", "text": "Hi"})
    kinds = ["created", "added", "done"]

    made = followed(
        [
            {
                "type": f"conversation.item.{kind}",
                "previous_item_id": None,
                "item": item,
            }
            for kind in kinds
        ]
    )

    assert str(made) == "user: Hi"


def test_an_item_without_an_id_is_passed_over() -> None:
    """
    What cannot be named cannot be kept track of.
    """
    made = followed(
        [
            {"type": f"conversation.item.{kind}", "item": {"type": "message"}}
            for kind in ["added", "done", "retrieved"]
        ]
    )

    assert made.items == ()


# -- What becomes of items -------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_deleted_item_does_not_reappear(protocol: str | None) -> None:
    """
    Events that come late, of what was deleted, do not bring it back.
    """
    script = TURN.messages
    deletion = {"type": "conversation.item.deleted", "item_id": "item_a"}
    middle = len(script) // 2

    made = followed([*script[:middle], deletion, *script[middle:]], protocol)

    assert ids(made) == ["item_u", "item_f"]


def test_a_deleted_item_can_be_created_again() -> None:
    """
    The same id added after a deletion is a new item.
    """
    deletion = {"type": "conversation.item.deleted", "item_id": "item_1"}

    made = followed([user("item_1", "old"), deletion, user("item_1", "new")])

    assert str(made) == "user: new"


def test_a_failed_transcription_is_reported() -> None:
    """
    Speech that could not be written down is in the transcript all the same.
    """
    audio_item = message_item(
        "item_u", "user", {"type": "input_audio", "transcript": None}
    )
    failed = {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "item_u",
        "content_index": 0,
        "error": {"type": "server_error", "code": "DeploymentNotFound"},
    }

    made = followed([added(audio_item, None)])
    assert str(made) == "user: [speech]"

    made = followed([added(audio_item, None), failed])
    assert str(made) == "user: [speech] [not transcribed]"


def test_silence_is_known_to_be_silence() -> None:
    """
    A completed but empty transcript is "", which is not "not known".
    """
    audio_item = message_item(
        "item_u", "user", {"type": "input_audio", "transcript": None}
    )
    completed = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_u",
        "content_index": 0,
        "transcript": "",
    }

    made = followed([added(audio_item, None), completed])

    assert made["item_u"].content == (InputAudio(transcript=""),)  # type: ignore[union-attr]


def test_a_cancelled_answer_is_incomplete() -> None:
    """
    When a response ends early without a word about its items, they are incomplete.
    """
    begun = response("resp_1", status="in_progress")
    cancelled = response("resp_1", status="cancelled")
    item = message_item("item_a", "assistant", status="in_progress")
    delta = {"response_id": "resp_1", "item_id": "item_a", "content_index": 0}

    made = followed(
        [
            {"type": "response.created", "response": begun},
            added(item, None),
            {"type": "response.output_text.delta", **delta, "delta": "Well"},
            {"type": "response.done", "response": cancelled},
        ]
    )

    assert made.items == (
        MessageItem("assistant", "Well", id="item_a", status="incomplete"),
    )


def test_the_end_of_the_connection_leaves_items_incomplete() -> None:
    """
    After a lost connection nothing is in progress any more.
    """
    item = message_item("item_a", "assistant", status="in_progress")
    made = followed([user("item_u", "Hi"), added(item, "item_u")])

    made.lose(None)

    assert [item.status for item in made] == ["completed", "incomplete"]  # type: ignore[union-attr]


def test_a_new_session_goes_on_where_the_old_one_ended() -> None:
    """
    After a reconnect, restored items keep their places and new ones follow.
    """
    audio_item = message_item(
        "item_2", "user", {"type": "input_audio", "transcript": None}
    )
    made = followed([user("item_1", "one"), added(audio_item, "item_1")])
    made.lose(None)

    again = [user("item_1", "one again"), user("item_3", "three", "item_1")]
    for event in events(again, generation=1):
        made.observe(event)

    assert str(made) == "user: one again\nuser: [speech]\nuser: three"


@pytest.mark.parametrize("previous", [None, ..., "item_1"])
def test_a_new_session_without_a_past_does_not_push_itself_to_the_front(
    previous: Any,
) -> None:
    """
    The first item of a new session follows those of the old one.
    """
    made = followed([user("item_1", "one"), user("item_2", "two", "item_1")])
    made.lose(None)
    new = user("item_3", "three", previous)
    if previous is ...:
        del new["previous_item_id"]

    for event in events([new], generation=1):
        made.observe(event)

    assert ids(made) == ["item_1", "item_2", "item_3"]


def test_an_id_that_a_service_uses_again_means_the_item_that_has_it() -> None:
    """
    A service may count the items of each session from one: what was the second is the
    first, and the third is the second.
    """
    made = followed([user("item_2", "two"), user("item_3", "three", "item_2")])
    for number, text in ((1, "two"), (2, "three")):
        again = user(f"item_{number}", text)
        (event,) = events([again], generation=1)
        assert made.rename(f"item_{number + 1}", event)
        assert made[f"item_{number}"].text == text
        made.observe(event)

    assert str(made) == "user: two\nuser: three"
    assert [made[f"item_{n}"].text for n in (1, 2, 3)] == ["two", "three", "three"]
    (event,) = events([user("item_3", "four", "item_2")], generation=1)
    made.observe(event)
    for number in (3, 2):
        made.observe(ConversationItemDeleted(item_id=f"item_{number}", generation=1))
        assert f"item_{number}" not in made
    assert ids(made) == ["item_1"]


def test_a_retrieved_item_adds_what_was_missing() -> None:
    """
    Whoever retrieves an item finds it in the conversation, without its audio.
    """
    sound = base64_of(audio(10))
    part = {"type": "input_audio", "audio": sound, "transcript": "Hello"}
    item = message_item("item_u", "user", part)
    retrieved = {"type": "conversation.item.retrieved", "item": item}

    lean = followed([retrieved])
    full = followed([retrieved], keep_audio=True)

    expected = MessageItem(
        "user", (InputAudio(transcript="Hello"),), id="item_u", status="completed"
    )
    assert lean.items == full.items == (expected,)
    assert sound not in json.dumps(lean["item_u"].raw)
    assert sound not in repr([part.raw for part in lean["item_u"].content])  # type: ignore[union-attr]
    assert (lean.audio("item_u"), full.audio("item_u")) == (b"", audio(10))


def test_retrieved_audio_that_cannot_be_decoded_is_left_out() -> None:
    """
    Base64 that is none does no harm.
    """
    made = Conversation(keep_audio=True)
    part = InputAudio(audio="A=AA", transcript="Hello")
    item = MessageItem("user", (part,), id="item_u")
    made.observe(ConversationItemRetrieved(item=item))

    assert (str(made), made.audio("item_u")) == ("user: Hello", b"")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_remote_tool_call_is_followed(protocol: str | None) -> None:
    """
    MCP calls, with arguments as they stream, are part of the conversation.
    """
    empty = {
        "id": "item_m",
        "type": "mcp_call",
        "server_label": "docs",
        "name": "find",
        "arguments": "",
    }
    at = {"response_id": "resp_1", "item_id": "item_m", "output_index": 0}
    done = {**empty, "arguments": '{"q": 1}', "output": "found"}
    script = [
        added(empty, None),
        {"type": "response.mcp_call_arguments.delta", **at, "delta": '{"q":'},
        {"type": "response.mcp_call_arguments.done", **at, "arguments": '{"q": 1}'},
        {"type": "response.output_item.done", **at, "item": done},
    ]

    assert str(followed(script[:2], protocol)) == 'tool call: find({"q":)'
    assert str(followed(script, protocol)) == (
        'tool call: find({"q": 1})\ntool output: found'
    )


DELTA = {
    "type": "response.output_text.delta",
    "response_id": "resp_1",
    "item_id": "item_a",
    "content_index": 0,
}
BEGUN = message_item("item_a", "assistant", status="in_progress")


def test_a_late_announcement_reopens_no_item() -> None:
    """
    A late announcement of an item that is complete does not reopen it.
    """
    whole = message_item("item_a", "assistant", {"type": "output_text", "text": "Hi"})
    done = {"type": "conversation.item.done", "item": whole}

    made = followed(
        [added(BEGUN, None), {**DELTA, "delta": "Hi"}, done, added(BEGUN, None)]
    )

    expected = MessageItem("assistant", "Hi", id="item_a", status="completed")
    assert made.items == (expected,)


def test_a_delta_after_the_complete_text_is_ignored() -> None:
    """
    Once the text was sent as a whole, repeated pieces change nothing.
    """
    whole = {**DELTA, "type": "response.output_text.done", "text": "Hi"}
    piece = {**DELTA, "delta": "Hi"}

    assert str(followed([added(BEGUN, None), piece, whole, piece])) == "assistant: Hi"


def test_an_item_announced_with_its_first_words_does_not_repeat_them() -> None:
    """
    What an announcement has of the text is in the pieces already.
    """
    part = {"type": "output_text", "text": "He"}
    late = added({**BEGUN, "content": [part]}, None)

    made = followed([{**DELTA, "delta": "He"}, late, {**DELTA, "delta": "llo"}])

    assert str(made) == "assistant: Hello"


def test_response_done_adds_what_no_event_has_sent() -> None:
    """
    A service that says nothing between beginning and end is understood.
    """
    whole = message_item("item_a", "assistant", {"type": "output_text", "text": "Hi"})
    done = response("resp_1", status="completed", output=[whole])

    made = followed([added(BEGUN, None), {"type": "response.done", "response": done}])

    expected = MessageItem("assistant", "Hi", id="item_a", status="completed")
    assert made.items == (expected,)


# -- Audio -----------------------------------------------------------------------


def spoken(
    sound: list[bytes], *, words: str = "One two three four five six", **fields: Any
) -> list[Json]:
    """
    Return a response that speaks, in order.
    """
    script = Script()
    begun = response("resp_1", status="in_progress", **fields)
    start = script.add("response.created", response=begun)
    speech(
        script,
        start,
        "resp_1",
        "item_a",
        words=[words],
        sound=sound,
        previous=None,
    )
    return script.messages


def truncated(end_ms: int, **fields: Any) -> Json:
    """
    Return the event of its truncation.
    """
    return {
        "type": "conversation.item.truncated",
        "item_id": "item_a",
        "content_index": 0,
        "audio_end_ms": end_ms,
        **fields,
    }


def session(kind: str, wire: str) -> Json:
    """
    Return the event of a session that has this output format.
    """
    output = {"format": {"type": wire}}
    return {"type": kind, "session": {"audio": {"output": output}}}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
@pytest.mark.parametrize(
    ("wire", "expected"),
    [("audio/pcm", 10), ("audio/pcmu", 60), ("audio/pcma", 60)],
)
def test_durations_are_those_of_the_sessions_format(
    protocol: str | None, kind: str, wire: str, expected: int
) -> None:
    """
    480 bytes are 10 ms of PCM at 24 kHz, and 60 ms of G.711.
    """
    made = followed([session(kind, wire), *spoken([audio(10)])], protocol)

    assert made.audio_ms("item_a") == expected


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_response_may_have_a_format_of_its_own(protocol: str | None) -> None:
    """
    What the response says of its format overrules the session.
    """
    own = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}

    made = followed(
        [session("session.updated", "audio/pcm"), *spoken([audio(10)], **own)]
    )

    assert made.audio_ms("item_a") == 60


def test_audio_is_counted_but_not_kept_unless_asked_for() -> None:
    """
    A long conversation costs memory for its words only.
    """
    lean, full = (
        followed(spoken([audio(10)])),
        followed(spoken([audio(10)]), keep_audio=True),
    )

    assert (lean.audio_ms("item_a"), lean.audio("item_a")) == (10, b"")
    assert (full.audio_ms("item_a"), full.audio("item_a")) == (10, audio(10))
    assert (lean.audio_ms("item_9"), lean.audio("item_9")) == (0, b"")
    assert not lean.truncated("item_9")


@given(sizes=st.lists(st.integers(0, 200), max_size=8))
def test_counting_needs_no_decoding(sizes: list[int]) -> None:
    """
    The length of base64 text gives the exact number of bytes in it.
    """
    made = followed([added(message_item("item_a", "assistant"), None)])
    for size in sizes:
        event = ResponseOutputAudioDelta(item_id="item_a", delta=base64_of(bytes(size)))
        made.observe(event)

    assert made.audio_ms("item_a") == sum(sizes) // 48


@pytest.mark.parametrize("delta", ["A", "AAAAA", "é", "!!!"])
def test_audio_that_is_no_base64_counts_as_far_as_it_can_be_decoded(delta: str) -> None:
    """
    A broken delta makes no audio.
    """
    made = followed([added(message_item("item_a", "assistant"), None)])
    made.observe(ResponseOutputAudioDelta(item_id="item_a", delta=delta))

    assert made.audio_ms("item_a") == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data(), end_ms=st.integers(0, 300))
def test_truncation_counts_whenever_it_comes(
    protocol: str | None, data: st.DataObject, end_ms: int
) -> None:
    """
    Late audio of an interrupted answer does not grow back what was cut.
    """
    script = spoken([audio(50), audio(50), audio(50)])
    first = next(i for i, m in enumerate(script) if m["type"].endswith("item.added"))
    at = data.draw(st.integers(first + 2, len(script)))

    made = followed(
        [*script[:at], truncated(end_ms), *script[at:]], protocol, keep_audio=True
    )

    left = min(150, end_ms)
    assert made.audio_ms("item_a") == left
    assert made.audio("item_a") == audio(left)
    assert made.truncated("item_a") is (left < 150)


@pytest.mark.parametrize(
    ("end_ms", "expected"),
    [
        (150, "assistant: One two three four five six"),
        (999, "assistant: One two three four five six"),
        (75, "assistant: One two three… [cut off after 0.1 s]"),
        (12, "assistant: … [cut off after 0.0 s]"),
        (0, "assistant: … [cut off after 0.0 s]"),
        (-5, "assistant: … [cut off after 0.0 s]"),
    ],
)
def test_truncation_removes_the_words_that_were_not_played(
    end_ms: int, expected: str
) -> None:
    """
    After truncation the transcript is shortened with the audio, and marked.
    """
    made = followed([*spoken([audio(150)]), truncated(end_ms)])

    assert str(made) == expected


def test_text_without_spaces_is_shortened_too() -> None:
    """
    Languages that do not separate words are cut where the audio is.
    """
    made = followed([*spoken([audio(100)], words="今日は天気がいい"), truncated(50)])

    assert str(made) == "assistant: 今日は天… [cut off after 0.1 s]"


def test_truncating_twice_leaves_the_shorter() -> None:
    """
    A second truncation does not bring audio back.
    """
    made = followed([*spoken([audio(150)]), truncated(50), truncated(100)])

    assert made.audio_ms("item_a") == 50


def test_first_builds_of_the_preview_name_the_content_index_otherwise() -> None:
    """
    ``index`` instead of ``content_index`` is understood.
    """
    old = truncated(50)
    del old["content_index"]

    made = followed([*spoken([audio(150)]), {**old, "index": 0}], PREVIEW)

    assert made.audio_ms("item_a") == 50


# -- On paper --------------------------------------------------------------------


def long_conversation() -> Conversation:
    """
    Return a conversation with something of everything.
    """
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    untranscribed = {"type": "input_audio", "transcript": None}
    audio_item = {"type": "input_audio", "transcript": "And this?"}
    audio_part = {"type": "output_audio", "transcript": "A cat.\nTwo cats."}
    parts: list[Json] = [
        message_item("i1", "system", {"type": "input_text", "text": "Be kind."}),
        message_item("i2", "user", {"type": "input_text", "text": "What is"}, picture),
        call_item("i3", "look", "call_1", '{"at": "it"}'),
        output_item("i4", "call_1", '{"animal": "cat"}'),
        message_item("i5", "assistant", audio_part, phase="final_answer"),
        message_item("i6", "user", untranscribed),
        message_item("i7", "user", audio_item),
        call_item("i8", "look", "call_2", "{}"),
        output_item("i9", "call_3", "lost"),
        {"id": "i10", "type": "mcp_list_tools", "server_label": "x", "tools": []},
        {"id": "i11", "type": "hologram", "colour": "blue"},
    ]
    previous = [None, *(part["id"] for part in parts)]
    return followed([added(*pair) for pair in zip(parts, previous, strict=False)])


def test_the_text_reads_like_a_conversation() -> None:
    """
    `str` gives a transcript that a person can read.
    """
    assert str(long_conversation()) == (
        "system: Be kind.\n"
        "user: What is [image]\n"
        'tool call: look({"at": "it"})\n'
        'tool output: {"animal": "cat"}\n'
        "assistant: A cat.\n"
        "    Two cats.\n"
        "user: [speech]\n"
        "user: And this?\n"
        "tool call: look({})\n"
        "tool output: lost\n"
        "[mcp_list_tools]\n"
        "[hologram]"
    )


def test_to_list_gives_mappings_that_can_be_created_again() -> None:
    """
    `to_list` gives mappings that `create_conversation_item` accepts, as text.
    """
    assert long_conversation().to_list() == [
        {
            "type": "message",
            "id": "i1",
            "role": "system",
            "content": [{"type": "input_text", "text": "Be kind."}],
        },
        {
            "type": "message",
            "id": "i2",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
            ],
        },
        {
            "type": "function_call",
            "id": "i3",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"at": "it"}',
        },
        {
            "type": "function_call_output",
            "id": "i4",
            "call_id": "call_1",
            "output": '{"animal": "cat"}',
        },
        {
            "type": "message",
            "id": "i5",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "A cat.\nTwo cats."}],
            "phase": "final_answer",
        },
        {
            "type": "message",
            "id": "i7",
            "role": "user",
            "content": [{"type": "input_text", "text": "And this?"}],
        },
    ]


def test_repeated_events_make_the_same_conversation() -> None:
    """
    Every mapping is accepted by the library, survives JSON, and reads the same.
    """
    followed_once = json.loads(json.dumps(long_conversation().to_list()))
    models = [as_item(mapping) for mapping in followed_once]
    again = Conversation()
    for model in models:
        again.observe(ConversationItemAdded(item=model))

    assert again.to_list() == followed_once
    assert models[0] == MessageItem("system", (InputText("Be kind."),), id="i1")


def test_words_that_were_not_played_are_not_restored() -> None:
    """
    A new session gets the part of an answer that was played, or nothing at all.
    """
    part = followed([*spoken([audio(150)]), truncated(75)])
    nothing = followed([*spoken([audio(150)]), truncated(0)])

    content = [{"type": "output_text", "text": "One two three…"}]
    assert [mapping["content"] for mapping in part.to_list()] == [content]
    assert nothing.to_list() == []


# -- Whatever comes --------------------------------------------------------------

_IDS = ["item_1", "item_2", "resp_1", "", None, "root", 7]
_VALUES = st.sampled_from(
    [*_IDS, -1, 10**9, 0.5, "completed", "in_progress", "AAAA", [], {}, ["x"], True]
)
_SAMPLES = {GA: ga_samples(), PREVIEW: preview_samples()}


@st.composite
def noise(draw: Any, protocol: str | None) -> list[Json]:
    """
    Draw messages in any order, with any field lost or of another type.
    """
    messages = draw(st.lists(st.sampled_from(_SAMPLES[protocol]), max_size=30))
    result = []
    for message in messages:
        message = json.loads(json.dumps(message))
        for key in draw(st.lists(st.sampled_from(list(message)), max_size=2)):
            if key != "type":
                message[key] = draw(_VALUES)
        item = message.get("item")
        if isinstance(item, dict) and draw(st.booleans()):
            item["id"] = draw(st.sampled_from(_IDS))
            item["status"] = draw(_VALUES)
            if isinstance(item.get("content"), list):
                item["content"] = draw(st.permutations(item["content"]))
        result.append(message)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("keep_audio", [False, True])
@given(data=st.data())
def test_no_sequence_of_messages_breaks_a_conversation(
    protocol: str | None, keep_audio: bool, data: st.DataObject
) -> None:
    """
    A service that sends nonsense gets a conversation, not an exception.
    """
    codec = Codec(protocol)
    made = Conversation(keep_audio=keep_audio)
    for generation, message in enumerate(data.draw(noise(protocol))):
        for event in codec.decode(json.dumps(message), generation // 10):
            made.observe(event)
        if data.draw(st.integers(0, 20)) == 0:
            made.lose(None)

    assert len(made) == len(made.items) == len(set(ids(made)))
    assert all(item_id in made for item_id in ids(made))
    assert isinstance(str(made), str)
    for mapping in made.to_list():
        as_item(mapping)


@pytest.mark.slow
@patch.object(conversation_items, "MAX_ITEMS", 3)
@patch.object(conversation_items, "MAX_STAGED", 2)
@patch.object(conversation_items, "MAX_DELETED", 2)
@patch.object(_drafts, "MAX_PARTS", 2)
@patch.object(_part_drafts, "MAX_TEXT", 10)
@given(data=st.data())
def test_memory_is_bounded_whatever_comes(data: st.DataObject) -> None:
    """
    No flood of ids, parts or words makes it grow beyond its limits.
    """
    numbers = st.integers(0, 9)
    kinds = st.sampled_from(
        [
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.deleted",
            "conversation.item.input_audio_transcription.delta",
            "response.created",
            "response.output_item.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.output_audio.delta",
            "response.function_call_arguments.delta",
        ]
    )
    made = Conversation()
    for kind in data.draw(st.lists(kinds, max_size=40)):
        number, previous = data.draw(numbers), data.draw(numbers)
        item_id = f"item_{number}"
        message = {
            "type": kind,
            "item": message_item(item_id, "user", status="in_progress"),
            "previous_item_id": f"item_{previous}",
            "item_id": item_id,
            "response_id": f"resp_{number}",
            "content_index": previous,
            "delta": "twenty characters...",
            "text": "twenty characters...",
            "response": session("", "audio/pcmu")["session"] | {"id": f"r_{number}"},
        }
        if "item.added" not in kind and "item.done" not in kind:
            del message["item"]
        for event in events([message]):
            made.observe(event)

        assert len(made) <= 3
        assert len(made._order) == len(made._builders)
        assert len(made._staged) <= 2
        assert len(made._deleted) <= 2
        assert len(made._audio_formats) <= 2
        assert all(len(item.content) <= 2 for item in made)  # type: ignore[union-attr]
        assert all(len(item.text) <= 20 for item in made)  # type: ignore[union-attr]


def test_the_oldest_items_are_forgotten_first() -> None:
    """
    An endless conversation keeps its last items.
    """
    with patch.object(conversation_items, "MAX_ITEMS", 3):
        made = followed([user(f"item_{n}", str(n), f"item_{n - 1}") for n in range(5)])

    assert ids(made) == ["item_2", "item_3", "item_4"]


def _texts(number: int) -> Json:
    return user(f"item_{number}", "x" * 20_000)


def _foreign_texts(number: int) -> Json:
    return user(f"item_{number}", "\u6f22\U0001f600" * 5_000)


def _reports(number: int) -> Json:
    item = _texts(number)["item"]
    item["content"] *= 1 + number % 5
    item["id"] = "item_1"
    return {"type": "conversation.item.done", "item": item}


def _pieces(number: int) -> Json:
    return {
        "type": "response.output_text.delta",
        "item_id": f"item_{number // 50}",
        "response_id": "resp_1",
        "content_index": number % 50,
        "delta": "\u6f22" * 7_000,
    }


def _unknown(number: int) -> Json:
    return added({"type": "new", "id": f"item_{number}", "what": [{}] * 100}, None)


def _deleted(number: int) -> Json:
    item_id = "x" * 20_000 + str(number)
    return {"type": "conversation.item.deleted", "item_id": item_id}


@pytest.mark.slow
@pytest.mark.parametrize(
    "message", [_texts, _foreign_texts, _reports, _pieces, _unknown, _deleted]
)
def test_memory_is_bounded_by_the_size_of_the_content(
    message: Callable[[int], Json],
) -> None:
    """
    A flood of long texts, pieces, unknown items or ids does not fill the memory.
    """
    made = Conversation()
    with (
        patch.object(conversation_state, "MAX_BYTES", 1 << 20),
        patch.object(conversation_items, "MAX_BYTES", 1 << 20),
    ):
        gc.collect()
        tracemalloc.start()
        for number in range(300):  # of 10 to 40 KB
            for event in events([message(number)]):
                made.observe(event)
            del event
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert kept < 3 << 20


def test_the_oldest_long_items_are_forgotten_first() -> None:
    """
    The last items are kept, in order, and are still updated.
    """
    with (
        patch.object(conversation_state, "MAX_BYTES", 1 << 20),
        patch.object(conversation_items, "MAX_BYTES", 1 << 20),
    ):
        made = followed([_texts(number) for number in range(100)])

    assert 10 < len(made) < 60
    assert ids(made) == [f"item_{n}" for n in range(100 - len(made), 100)]


def test_finished_responses_beside_the_conversation_leave_nothing_behind() -> None:
    """
    A thousand out-of-band answers cost no memory.
    """
    script = Script()
    out_of_band(script, script.add("input_audio_buffer.cleared"))

    made = followed(script.messages)

    assert made.items == ()
    assert made._staged == {}


def test_unrelated_events_change_nothing() -> None:
    """
    Unknown and unrelated events are passed over.
    """
    made = Conversation()
    unrelated: list[ServerEvent] = [
        UnknownEvent(type="conversation.item.added"),
        ConversationItemDeleted(item_id="item_9"),
        ConversationItemInputAudioTranscriptionDelta(item_id="", delta="x"),
        *events([truncated(5)]),
    ]
    for event in unrelated:
        made.observe(event)

    assert made.items == ()


def test_a_conversation_can_be_read_while_it_grows() -> None:
    """
    Readers on other threads see whole conversations, never half of a change.
    """
    made = Conversation()
    count = 300
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                seen = ids(made)
                assert seen == [f"item_{n}" for n in range(len(seen))]
                str(made), made.to_list(), len(made)
        except BaseException as exc:
            failures.append(exc)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for message in [user(f"item_{n}", "x", f"item_{n - 1}") for n in range(count)]:
        for event in events([message]):
            made.observe(event)
    done.set()
    for reader in readers:
        reader.join()

    assert failures == []
    assert len(made) == count


def test_an_unknown_status_of_a_response_completes_its_items() -> None:
    """
    As it completes the response, so that the item is restored with its answer.
    """
    made = followed(
        [
            added(CALL | {"status": "in_progress"}, None),
            {"type": "response.created", "response": response("resp_1")},
            {
                "type": "response.function_call_arguments.done",
                "response_id": "resp_1",
                "item_id": "item_f",
                "output_index": 0,
                "call_id": "call_1",
                "arguments": "{}",
            },
            {"type": "response.done", "response": response("resp_1", status="success")},
        ]
    )
    item = made["item_f"]
    assert isinstance(item, FunctionCallItem)
    assert item.status == "completed"
