"""
What notebooks show: HTML in which every text of the service is text.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import attrs
import pytest
from helpers.clients import Variant
from helpers.notebook_html import Page

from azure_realtime import (
    AzureRealTimeAudio,
    FunctionCallItem,
    Latency,
    MessageItem,
    OutputText,
    Response,
    Session,
    ToolCall,
    Transcription,
    Turn,
    UsageTotals,
)
from azure_realtime._state.transcript_html import Entry, as_html
from azure_realtime.models import StatusDetails, StatusError
from azure_realtime.simulator import Reply
from azure_realtime.simulator import ToolCall as Call

HOSTILE = (
    "</bdi><script>alert('a')</script>\"onload=\"x <img src=x onerror='y'>&amp;\ud800"
)
SHOWN = HOSTILE.replace("\ud800", "�")


def test_a_turn_shows_text_player_tools_latency_and_tokens() -> None:
    """
    A cell that ends with the turn shows all of it, with a player for the audio.
    """
    turn = Turn(
        text="a < b\nc",
        heard="and?",
        audio=bytes(4_800),
        tool_calls=(ToolCall("look", "c", '{"x": 1}', output="found"),),
        latency=Latency(0.25, 0.5, 1.5),
        usage=UsageTotals(input_tokens=5, output_tokens=7, total_tokens=12),
        response=Response(status="incomplete"),
    )

    page = Page(turn._repr_html_())

    for shown in ("“and?”", "a < b\nc", 'look({"x": 1})', "found", "incomplete"):
        assert shown in page.text
    assert "first text 0.25 s" in page.text
    assert "first audio 0.50 s" in page.text
    assert "done 1.50 s" in page.text
    assert "0.1 s of audio · 12 tokens: 5 in, 7 out" in page.text
    assert page.elements.count("audio") == 1
    assert "data:audio/wav;base64,UklGR" in turn._repr_html_()
    page.assert_harmless()


def test_audio_that_is_too_long_is_not_embedded() -> None:
    """
    A notebook file does not grow by hours of sound.
    """
    page = Page(Turn(audio=bytes(10_000_002))._repr_html_())

    assert "audio" not in page.elements
    assert "use save()" in page.text


@pytest.mark.parametrize(
    "shown",
    [
        Turn(text=HOSTILE, heard=HOSTILE, response=Response(status=HOSTILE)),
        Turn(tool_calls=(ToolCall(HOSTILE, "c", HOSTILE, output=HOSTILE),)),
        Turn(tool_calls=(ToolCall(HOSTILE, "c", HOSTILE),)),
        Response(
            id=HOSTILE,
            status=HOSTILE,
            output=(
                MessageItem("assistant", [OutputText(HOSTILE)]),
                FunctionCallItem(HOSTILE, HOSTILE),
            ),
            status_details=StatusDetails(
                reason=HOSTILE, error=StatusError(code=HOSTILE, message=HOSTILE)
            ),
        ),
        Session(
            id=HOSTILE,
            instructions=HOSTILE,
            voice={HOSTILE: HOSTILE},
            include=(HOSTILE,),
            input_audio_transcription=Transcription(model=HOSTILE),
        ),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_hostile_text_is_shown_as_text(shown: Any) -> None:
    """
    A transcript that contains HTML runs nothing in the reader's browser.
    """
    page = Page(shown._repr_html_())

    page.assert_harmless()
    assert "<script>alert(" in page.text
    if not isinstance(shown, Session):
        assert SHOWN in page.text


def test_a_hostile_conversation_is_shown_as_text(variant: Variant) -> None:
    """
    The same holds for what a client received: texts, names, arguments and outputs.
    """
    text = HOSTILE[:-1]  # what UTF-8 cannot carry is refused when it is sent
    replies = [Reply(calls=[Call("look", {"x": text})]), text, text]
    websocket_options = (
        {"ssl_context": variant.client_tls} if variant.client_tls else {}
    )
    with variant.service(replies=replies, pace=0) as service:
        with variant.warned():
            client = AzureRealTimeAudio(
                variant.options(service.url), websocket_options, keep_audio=True
            )
        with client:
            client.tool(lambda x: text, name="look")
            client.ask(text, timeout=20)
            page = Page(client.conversation._repr_html_())
            without = Page(client.conversation.to_html(players=False))
            response = Page(client.ask("again", timeout=20).response._repr_html_())

    page.assert_harmless()
    response.assert_harmless()
    assert page.text.count(text) >= 3
    assert page.elements.count("audio") == 1
    assert "audio" not in without.elements
    for label in ("user", "tool call", "tool output", "assistant", "s of audio"):
        assert label in page.text


def test_names_and_types_of_items_are_text_as_well() -> None:
    """
    A role that no service should send is shown as text.
    """
    entry = Entry(MessageItem(HOSTILE, "Hello"), HOSTILE, 0, "pcm16")

    page = Page(as_html([entry]))

    page.assert_harmless()
    assert page.text.count(SHOWN) == 2


def test_the_latest_audio_is_embedded() -> None:
    """
    Of a long conversation with its sound, the last answers can be played.
    """
    items = [MessageItem("assistant", f"answer {n}.", id=f"item_{n}") for n in range(3)]
    sound = {"item_0": bytes(1_000), "item_1": bytes(6_000_000)}
    sound["item_2"] = bytes(5_000_000)
    entries = [Entry(item, "", 1_000, "pcm16") for item in items]

    page = as_html(entries, audio_of=sound.__getitem__)

    assert Page(page).elements.count("audio") == 1
    assert page.index("answer 2.") < page.index("<audio")


def test_only_the_latest_items_are_shown(variant: Variant) -> None:
    """
    A long conversation does not make a page that no browser can show.
    """
    with variant.connected(service={"pace": 0}) as (client, _):
        assert "no items yet" in client.conversation._repr_html_()
        for number in range(502):
            last = client.create_conversation_item(
                MessageItem("user", f"number {number}.")
            )
        last.result(timeout=30)
        page = Page(client.conversation._repr_html_())

    assert "2 earlier items are not shown" in page.text
    assert "number 1." not in page.text
    assert "number 2." in page.text
    assert "number 501." in page.text


def test_totals_are_a_table_by_direction_and_kind() -> None:
    """
    The bill can be checked: what was cached, and what was sound.
    """
    totals = UsageTotals(
        responses=2,
        input_tokens=1_210,
        cached_tokens=64,
        output_tokens=83,
        total_tokens=1_293,
        input_text_tokens=1_210,
        output_audio_tokens=71,
    )

    page = Page(totals._repr_html_())

    assert "2 responses · 1,293 tokens: 1,210 in (64 cached), 83 out" in page.text
    assert "of these cached" in page.text
    assert page.elements.count("td") == 3 * 5
    page.assert_harmless()


def test_a_session_shows_what_was_reported() -> None:
    """
    Fields that the service did not report, and the client's secret, are left out.
    """
    session = Session(
        id="sess_1",
        expires_at=1_700_000_000,
        client_secret={"value": "ek_hidden"},
        modalities=("audio",),
        input_audio_transcription=Transcription(model="whisper-1"),
    )

    text = Page(session._repr_html_()).text

    assert "2023-11-14 22:13:20 UTC" in text
    assert "Transcription(model='whisper-1')" in text
    assert "modalitiesaudio" in text
    assert "temperature" not in text
    assert "ek_hidden" not in text
    assert "1e+40" not in Page(Session(expires_at=10**40)._repr_html_()).text


def test_a_turn_is_a_dict_for_json() -> None:
    """
    A turn becomes a line of a log or a row of a data frame.
    """
    turn = Turn(
        text="Hello",
        audio=bytes(48_000),
        tool_calls=(ToolCall("look", "c", "{}", "found"),),
        latency=Latency(0.25, None, 1.5),
        response=Response(id="resp_1", status="completed"),
    )

    row = json.loads(json.dumps(turn.to_dict()))

    assert row["text"] == "Hello"
    assert row["seconds"] == 1.0
    assert row["status"] == "completed"
    assert row["response_id"] == "resp_1"
    assert row["latency"] == {"first_text": 0.25, "first_audio": None, "done": 1.5}
    assert row["usage"]["total_tokens"] == 0
    assert row["tool_calls"] == [attrs.asdict(turn.tool_calls[0])]


@pytest.mark.parametrize(
    ("audio_format", "audio", "expected", "rate"),
    [
        ("pcm16", b"\x01\x00\xff\xff\x07", [1, -1], 24_000),
        ("g711_ulaw", b"\xff\x00", [0, -32124], 8_000),
        ("pcm16", b"", [], 24_000),
    ],
)
def test_samples_are_an_array(
    audio_format: str, audio: bytes, expected: list[int], rate: int
) -> None:
    """
    The sound is ready for NumPy, and can be changed in place.
    """
    np = pytest.importorskip("numpy")
    turn = Turn(audio=audio, audio_format=audio_format)

    samples = turn.samples()

    assert samples.tolist() == expected
    assert samples.dtype == np.int16
    assert turn.rate == rate
    samples += 1


@pytest.mark.slow
@pytest.mark.processes
def test_a_client_loads_no_html() -> None:
    """
    A program without a notebook does not pay for it, also if it prints a turn.
    """
    code = """
import sys
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
from azure_realtime.simulator import Simulator
with Simulator(replies=["Hello!"], pace=0) as service:
    options = AzureRealTimeOptions(service.url, "gpt-realtime", "any-key")
    with AzureRealTimeAudio(options) as client:
        print(client.ask("Hi", timeout=20).text, client.conversation)
names = ("html", "_html", "notebook", "three_lines", "IPython", "numpy")
print([name for name in sys.modules if name.split(".")[-1].endswith(names)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (done.stdout.splitlines()[-1], done.stderr) == ("[]", "")
