"""
Answers: what they are made of, what they cost, and who writes them.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest

from azure_realtime.simulator import Reply, Request, Simulator
from azure_realtime.simulator._service.generation import Generation

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]
Json = dict[str, Any]

_TIME = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}


def test_a_spoken_answer_is_whole(client: Client) -> None:
    """Deltas add up to the done events, and the audio to the item's."""
    done = client.ask("Hello")
    item = done["output"][0]
    words = "".join(
        event["delta"]
        for event in client.named("response.output_audio_transcript.delta")
    )
    audio = b"".join(
        base64.b64decode(event["delta"])
        for event in client.named("response.output_audio.delta")
    )
    client.send("conversation.item.retrieve", item_id=item["id"])
    kept = client.until("conversation.item.retrieved")["item"]["content"][0]

    finished = client.named("response.output_audio_transcript.done")[0]["transcript"]
    assert words == finished == item["content"][0]["transcript"]
    assert audio == base64.b64decode(kept["audio"])
    assert len(client.named("response.output_audio.delta")) > 10
    assert ("audio" if client.protocol == "preview" else "output_audio") == kept["type"]


def test_usage_grows_with_the_conversation(client: Client) -> None:
    """Usage counts text and audio, and grows with the conversation."""
    first, second = client.ask("Hello")["usage"], client.ask("Hello")["usage"]

    for usage in (first, second):
        output = usage["output_token_details"]
        assert usage["output_tokens"] == output["text_tokens"] + output["audio_tokens"]
        total = usage["input_tokens"] + usage["output_tokens"]
        assert total == usage["total_tokens"]
        assert output["audio_tokens"] > 10
    assert second["input_tokens"] > first["input_tokens"]
    assert ("image_tokens" in first["input_token_details"]) == (client.protocol == "ga")


def test_usage_counts_what_was_sent_before_as_cached(client: Client) -> None:
    """
    The second response finds the first one's input in the cache, in steps of 64. The
    rate limits of preview fall.
    """
    wish = {"instructions": "Be brief. " * 60}
    first, second = (client.ask("Hello", **wish)["usage"] for _ in range(2))
    tokens = [
        limits["rate_limits"][1]["remaining"]
        for limits in client.named("rate_limits.updated")
    ]

    cached = [u["input_token_details"]["cached_tokens"] for u in (first, second)]
    assert 0 == cached[0]
    assert 64 <= cached[1] <= first["input_token_details"]["text_tokens"]
    assert 0 == cached[1] % 64
    if client.protocol == "preview":  # Azure's GA service sends no rate limits
        assert tokens[-1] < tokens[0]


@pytest.mark.parametrize(
    ("path", "twice"),
    [
        ("/openai/v1/realtime?model=rt", True),
        ("/v1/realtime?model=rt", False),
        ("/openai/realtime?api-version=2025-04-01-preview&deployment=rt", False),
    ],
)
def test_only_azure_sends_a_content_part_twice(
    serve: Serve, join: Join, path: str, twice: bool
) -> None:
    """Azure's GA service repeats the part as `content`; OpenAI's and preview do not."""
    client = join(serve(pace=0), path=path)
    client.ask("Hello")
    parts = client.named("response.content_part.added")
    parts += client.named("response.content_part.done")

    assert 2 == len(parts)
    for event in parts:
        assert twice == ("content" in event)
        assert event["part"] == event.get("content", event["part"])
        assert event["part"]["type"] == "audio"


def test_only_ga_pads_its_text_deltas(client: Client) -> None:
    """GA pads its text deltas to hide their length; preview does not."""
    client.ask("Hello")
    deltas = client.named("response.output_audio_transcript.delta")
    sounds = client.named("response.output_audio.delta")

    expected = client.protocol == "ga"
    assert deltas
    assert sounds
    assert all(("obfuscation" in event) == expected for event in deltas)
    assert all("obfuscation" not in event for event in sounds)


def test_a_response_has_its_own_parameters(client: Client) -> None:
    """A response may have its own modality, voice, instructions and metadata."""
    own: Json = {"audio": {"output": {"voice": "ash"}}, "output_modalities": ["text"]}
    if client.protocol == "preview":
        own = {"voice": "ash", "modalities": ["text"]}
    done = client.ask("Hello", metadata={"who": "me"}, max_output_tokens=500, **own)

    assert {"who": "me"} == done["metadata"]
    assert 500 == done["max_output_tokens"]
    assert done["conversation_id"].startswith("conv_")
    assert not client.named("response.output_audio.delta")
    voice = done["voice"] if "voice" in done else done["audio"]["output"]["voice"]
    assert "ash" == voice
    assert {"who": "me"} == client.named("response.created")[0]["response"]["metadata"]


@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("/v1/realtime?model=rt", "response.done"),
        (
            "/openai/realtime?api-version=2025-04-01-preview&deployment=rt",
            "response.created",
        ),
        ("/openai/v1/realtime?model=rt", None),
    ],
)
def test_rate_limits_come_where_each_service_sends_them(
    serve: Serve, join: Join, switch: bool, path: str, before: str | None
) -> None:
    """
    OpenAI's GA service sends them after the response, preview at its beginning, Azure's
    GA service never (recordings); none where they are switched off.
    """
    client = join(serve(pace=0, rate_limits=switch), path=path)
    client.ask("Hello")
    client.send("input_audio_buffer.clear")
    client.until("input_audio_buffer.cleared")
    kinds = client.types()

    if before is None or not switch:
        assert "rate_limits.updated" not in kinds
    else:
        assert before == kinds[kinds.index("rate_limits.updated") - 1]


@pytest.mark.parametrize(
    ("item", "param", "code"),
    [
        ({"id": "x" * 33, "content": []}, "item.id", "string_above_max_length"),
        (
            {"role": "assistant", "content": [{"type": "output_audio", "audio": ""}]},
            "item.content[0].text",
            "missing_required_parameter",
        ),
    ],
)
def test_long_ids_and_audio_of_the_assistant_are_refused(
    serve: Serve, join: Join, item: dict[str, Any], param: str, code: str
) -> None:
    """An id over 32 characters, and audio of the assistant."""
    client = join(serve(pace=0))
    message = {"type": "message", "role": "user", **item}
    client.send("conversation.item.create", item=message)
    error = client.until("error")["error"]

    assert (param, code) == (error["param"], error["code"])


def test_ids_of_32_characters_and_null_instructions_are_accepted(
    serve: Serve, join: Join
) -> None:
    """An id of 32 characters, and null instructions; outputs of functions have no status."""
    client = join(serve(pace=0))
    output = {
        "type": "function_call_output",
        "id": "x" * 32,
        "call_id": "c",
        "output": "",
    }
    client.send("conversation.item.create", item=output)
    assert "status" not in client.until("conversation.item.added")["item"]
    client.send("response.create", response={"instructions": None})
    assert "completed" == client.until("response.done")["response"]["status"]


@pytest.mark.parametrize(
    ("name", "description", "param"),
    [
        ("get weather", "", "session.tools[0].name"),
        ("", "", "session.tools[0].name"),
        ("weather", "x" * 1025, "session.tools[0].description"),
    ],
)
def test_tools_with_an_invalid_name_or_description_are_refused(
    serve: Serve, join: Join, name: str, description: str, param: str
) -> None:
    """A name with other characters, a long description."""
    client = join(serve(pace=0))
    tool = {"type": "function", "name": name, "description": description}
    client.send("session.update", session={"type": "realtime", "tools": [tool]})
    assert param == client.until("error")["error"]["param"]


def test_a_list_of_replies_is_used_up_in_order(serve: Serve, join: Join) -> None:
    """A list of replies is used up in order; then the service improvises."""
    service = serve(pace=0, replies=["One.", Reply("Two.")])
    client = join(service)
    client.text_only()
    texts = [client.ask("?")["output"][0]["content"][0]["text"] for _ in range(3)]
    service.add_reply("Four.")
    texts.append(client.ask("?")["output"][0]["content"][0]["text"])

    assert ["One.", "Two.", "Four."] == [texts[0], texts[1], texts[3]]
    assert "practice" in texts[2]


def test_a_function_decides_each_reply(serve: Serve, join: Join, protocol: str) -> None:
    """A function decides each reply from what it is asked."""

    def script(request: Request) -> Reply | str | None:
        assert request.connection in service.connections
        if request.text == "None":
            return None
        names = [tool["name"] for tool in request.tools]
        return f"{request.text} {names} {request.modalities} {len(request.items)}"

    service = serve(pace=0, replies=script)
    client = join(service, protocol)
    client.text_only()
    client.update({"tools": [_TIME]}, {"tools": [_TIME]})
    text = client.ask("A")["output"][0]["content"][0]["text"]
    other = client.ask("None")["output"][0]["content"][0]["text"]

    assert "A ['get_time'] ['text'] 1" == text
    assert "You said: None" in other


def test_a_reply_sets_its_usage_phase_and_end(serve: Serve, join: Join) -> None:
    """A reply may set its usage, phase, modality and way of ending."""
    usage = {"total_tokens": 1, "input_tokens": 1, "output_tokens": 0}
    usage |= {"input_token_details": {}, "output_token_details": {}}  # type: ignore
    reply = Reply(
        "Well,",
        status="incomplete",
        reason="content_filter",
        modalities=["text"],
        usage=usage,
        phase="commentary",
    )
    done = join(serve(pace=0, replies=[reply])).ask("Hello")

    details = {"type": "incomplete", "reason": "content_filter"}
    assert ("incomplete", details) == (done["status"], done["status_details"])
    assert usage == done["usage"]
    item = done["output"][0]
    assert ("commentary", "incomplete") == (item["phase"], item["status"])
    assert "Well," == item["content"][0]["text"]


def test_delay_can_be_cancelled(serve: Serve, join: Join) -> None:
    """A response without output so far can be cancelled, and is empty."""
    client = join(serve(replies=[Reply("Late.", delay=60)]))
    client.say("Hello")
    client.send("response.create")
    client.until("response.created")
    client.send("response.cancel")
    done = client.until("response.done")["response"]

    assert ("cancelled", []) == (done["status"], done["output"])


def test_cancel_by_id_ends_the_named_response_only(
    serve: Serve, join: Join, protocol: str
) -> None:
    """Of two running responses the one that is named is cancelled."""
    client = join(serve(replies=[Reply("A", delay=60), Reply("B", delay=60)]), protocol)
    for conversation in ("auto", "none"):
        client.send("response.create", response={"conversation": conversation})
    first = client.until("response.created")["response"]["id"]
    second = client.until("response.created")["response"]["id"]
    client.send("response.cancel", response_id=second)
    assert second == client.until("response.done")["response"]["id"]
    client.send("response.cancel")

    assert first == client.until("response.done")["response"]["id"]


def test_nothing_follows_a_cancel(serve: Serve, join: Join) -> None:
    """After response.done nothing more of the response comes."""
    client = join(serve(pace=4), "ga")
    client.say("Please tell me a long story")
    client.send("response.create")
    client.until("response.output_audio.delta", 3)
    client.send("response.cancel")
    client.until("response.done")
    client.events.clear()
    client.say("Thanks")
    client.until("conversation.item.done")

    assert ["conversation.item.added", "conversation.item.done"] == client.types()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["Tell me a long story", "Please count to 50", "Explain in detail"]
)
def test_a_request_for_a_long_answer_gets_one(
    serve: Serve, join: Join, text: str
) -> None:
    """A request for something long gets an answer that takes a while to send."""
    client = join(serve(pace=0))
    client.ask(text)

    seconds = len(client.named("response.output_audio.delta")) * 0.1
    assert seconds > 20


def test_short_answers_are_short(serve: Serve, join: Join) -> None:
    """An ordinary answer is spoken in less than a second of real time."""
    client = join(serve(pace=0))
    client.ask("Hello")

    assert len(client.named("response.output_audio.delta")) < 150


def test_items_go_to_the_requested_place(client: Client) -> None:
    """Items go to the requested place: first, after another one, or last."""
    client.say("b", "item_b")
    part = {"type": "input_text", "text": "x"}
    for item_id, previous in [
        ("item_a", "root"),
        ("item_c", "item_b"),
        ("item_d", None),
    ]:
        item = {"type": "message", "role": "user", "content": [part], "id": item_id}
        client.send("conversation.item.create", item=item, previous_item_id=previous)
    client.until("conversation.item.added", 4)

    found = {
        event["item"]["id"]: event["previous_item_id"]
        for event in client.named("conversation.item.added")
    }
    expected = {"item_b": None, "item_a": None, "item_c": "item_b", "item_d": "item_c"}
    assert expected == found


def test_truncation_drops_the_transcript(client: Client) -> None:
    """After a truncation the unheard words are forgotten, and the audio is cut."""
    item = client.ask("Hello")["output"][0]
    client.send(
        "conversation.item.truncate",
        item_id=item["id"],
        content_index=0,
        audio_end_ms=500,
    )
    client.send("conversation.item.retrieve", item_id=item["id"])
    part = client.until("conversation.item.retrieved")["item"]["content"][0]

    assert part["transcript"] is None
    assert 500 * 48 == len(base64.b64decode(part["audio"]))


def test_a_history_with_answers_is_accepted(client: Client) -> None:
    """A client may restore a conversation with the assistant's messages."""
    kind = "text" if client.protocol == "preview" else "output_text"
    part = {"type": kind, "text": "Hello, I said."}
    item = {"type": "message", "role": "assistant", "content": [part]}
    client.send("conversation.item.create", item=item)
    added = client.until("conversation.item.added")["item"]

    assert [part] == added["content"]
    assert added["id"].startswith("item_")


def test_an_answer_takes_its_time_unless_the_pace_is_off(
    serve: Serve, join: Join
) -> None:
    """A long answer takes seconds unless the pace is taken out."""
    import time

    client = join(serve(), "ga")
    client.say("Please tell me a long story")
    asked = time.monotonic()
    client.send("response.create")
    client.until("response.output_audio.delta")
    began = time.monotonic()
    client.until("response.output_audio.delta", 50)
    ended = time.monotonic()

    # Five seconds of speech at twenty times its speed; some of them may have been
    # spoken before the first was looked at.
    assert 0.2 < ended - asked
    assert ended - began < 4.5


def test_a_response_that_is_cancelled_at_once_uses_up_its_reply(
    serve: Serve, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Even if its thread comes late: the next response does not get the same reply.
    """
    run, go = Generation._run, threading.Event()

    def late(generation: Generation) -> None:
        if not go.is_set():
            go.wait(5)
        run(generation)

    client = join(serve(replies=["One.", "Two."]), "ga")
    client.text_only()
    with monkeypatch.context() as patch:
        patch.setattr(Generation, "_run", late)
        client.send("response.create")
        client.send("response.cancel")
        client.until("response.done")
    done = client.ask("And now?")
    go.set()

    assert "Two." == done["output"][0]["content"][0]["text"]
