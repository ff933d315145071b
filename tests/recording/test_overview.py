"""
What a notebook shows of a recording.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers.clients import SENTENCE, Variant
from helpers.notebook_html import Page
from helpers.recording_script import HOSTILE, Script

from azure_realtime import SessionConfig, Transcription
from azure_realtime.recording import Recording, overview
from azure_realtime.simulator import Reply, ToolCall

CONFIG = SessionConfig(
    turn_detection=None, input_audio_transcription=Transcription("whisper-1")
)


@pytest.fixture
def recorded(variant: Variant, tmp_path: Path) -> Recording:
    """
    A spoken question, and a written one with a function call.
    """
    replies = [
        Reply("It is noon.", heard="What time is it?"),
        Reply(calls=[ToolCall("clock", {"zone": "CET"})]),
        "One o'clock.",
        Reply("Good bye.", heard="Thanks."),
    ]
    path = tmp_path / "session.jsonl"
    with (
        variant.connected(
            service={"replies": replies, "pace": 0}, session_config=CONFIG
        ) as (client, _),
        client.record(path, audio="wav"),
    ):
        client.tool(lambda zone: "13:00", name="clock")
        client.ask(audio=SENTENCE, timeout=20)
        client.ask("And in Paris?", timeout=20)
        client.ask(audio=SENTENCE, timeout=20)
    return Recording.load(path)


def test_a_recording_shows_its_summary_and_its_turns(recorded: Recording) -> None:
    """
    A cell that ends with the recording shows what happened, with players for the audio.
    """
    page = Page(recorded._repr_html_())

    page.assert_harmless()
    version = recorded.api_version
    protocol = "GA protocol" if version is None else f"preview protocol {version}"
    for shown in (
        "session.jsonl",
        f"{recorded.seconds:.1f} s · 3 turns · {len(recorded):,} messages · {protocol}",
        f"{recorded.usage.total_tokens:,} tokens: ",
        "first audio of 2 spoken turns: p50 ",
    ):
        assert shown in page.text
    lines = ["“What time is it?”", "It is noon.", "“And in Paris?”"]
    lines += ["One o'clock.", 'clock({"zone": "CET"})', "13:00"]
    lines += ["“Thanks.”", "Good bye."]
    places = [page.text.index(line) for line in lines]
    assert places == sorted(places)
    assert len(re.findall(r"first audio \d+\.\d", page.text)) == 3  # the latency bars
    assert page.elements.count("audio") == 3 + 2  # answers, and spoken questions
    assert "was not closed" not in page.text


def test_an_empty_recording_shows_that_it_is_empty(
    variant: Variant, tmp_path: Path
) -> None:
    """
    It has a summary, and no table.
    """
    with variant.connected() as (client, _), client.record(tmp_path / "a.jsonl"):
        pass
    page = Page(Recording.load(tmp_path / "a.jsonl")._repr_html_())

    assert "0 turns" in page.text
    assert "no turns" in page.text
    assert "table" not in page.elements


def test_hostile_text_is_shown_as_text(hostile: Script, tmp_path: Path) -> None:
    """
    Texts, names, statuses, errors and the name of the file run nothing.
    """
    hostile.add("in", 6.2, "error", error=HOSTILE)
    hostile.add("in", 6.3, "error", error={"message": "\ud800 half a character"})
    header = json.loads(json.dumps(hostile.lines[0]))
    header["session"] = {"model": HOSTILE}
    header["wall"] = 1e12
    hostile.lines[0] = header
    page = Page(hostile.load(tmp_path / "<b>.jsonl")._repr_html_())

    page.assert_harmless()
    assert page.text.count(HOSTILE) >= 8
    assert "<b>.jsonl" in page.text
    assert "� half a character" in page.text


def test_what_is_missing_is_said(script: Script, tmp_path: Path) -> None:
    """
    A recording that lacks something says so before anybody draws conclusions from it.
    """
    for number in range(7):
        script.add("in", 5.0, "error", error={"message": f"fault {number}"})
    script.lines.append(
        {**script.lines[-1], "kind": "dropped", "audio": 3, "messages": 2}
    )
    recording = script.load(tmp_path / "a.jsonl")
    text = Page(recording._repr_html_()).text

    assert "Error of the service: fault 4" in text
    assert "fault 5" not in text
    assert "And 2 more errors" in text
    assert "5 messages are missing" in text
    assert "It was not closed" in text
    assert "1 turn ·" in text
    assert "a spoken question" in text  # its audio was not recorded


def test_an_interrupted_answer_is_marked(script: Script, tmp_path: Path) -> None:
    """
    The reader sees that the user did not hear all of an answer.
    """
    response = script.answer(5.0, 1, seconds=4)
    script.add(
        "in",
        6.5,
        "input_audio_buffer.speech_started",
        audio_start_ms=6_400,
        item_id="item_1",
    )
    script.done(6.6, response, "cancelled")
    text = Page(script.load(tmp_path / "a.jsonl")._repr_html_()).text

    assert "interrupted at 6." in text
    assert "cancelled" in text


def test_the_latest_audio_and_turns_are_shown(
    recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A recording of hours makes no page that no browser can show.
    """
    last = recorded.turns[-1].audio
    monkeypatch.setattr(overview, "MAX_AUDIO", len(last))
    monkeypatch.setattr(overview, "MAX_SHOWN", 2)
    html = recorded._repr_html_()
    page = Page(html)

    assert page.elements.count("audio") == 1
    assert html.index("Good bye.") < html.index("<audio")
    assert "What time is it?" not in page.text
    assert "1 earlier turns are left out" in page.text
    assert "And in Paris?" in page.text
