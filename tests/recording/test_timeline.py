"""
Timelines: when what happened in a session, and the pictures of it.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from helpers.clients import SENTENCE, SILENCE, Variant
from helpers.recording_script import HOSTILE, SECOND, START, Script

from azure_realtime import ServerVad, SessionConfig, Transcription
from azure_realtime.recording import Recording, Timeline
from azure_realtime.recording.plot import figure
from azure_realtime.recording.shapes import Drawing, Text
from azure_realtime.recording.stages import AppendClock, TurnTimes, percentile
from azure_realtime.simulator import Reply, ToolCall


def spans(timeline: Timeline, kind: str) -> list[Any]:
    """
    Return beginnings and ends of the spans of a kind.
    """
    return [
        pytest.approx((span.start, span.end), abs=0.001)
        for span in timeline.spans
        if span.kind == kind
    ]


def test_speech_ends_where_the_silence_begins(script: Script, tmp_path: Path) -> None:
    """
    Speech ends where the silence begins that ended the turn.
    """
    timeline = script.timeline(tmp_path / "a.jsonl")
    (turn,) = timeline.turns
    assert turn.is_spoken
    assert turn.asked == pytest.approx(1.5)  # 2.0 s appended, 0.5 s of them silence
    stages = {
        "stopped": 0.6,
        "committed": 0.7,
        "created": 1.0,
        "first_audio": 1.5,
        "first_played": 1.5,
    }
    for stage, seconds in stages.items():
        assert turn.latency(stage) == pytest.approx(seconds), stage
    assert turn.latency("first_text") is None
    assert turn.is_estimated
    assert spans(timeline, "sent") == [(0.0, 2.0)]
    assert spans(timeline, "speech") == [(0.5, 1.5)]
    assert spans(timeline, "generated") == [(3.0, 3.2)]
    assert spans(timeline, "played") == [(3.0, 5.0)]
    assert [event.kind for event in timeline.events] == [
        "speech_started",
        "speech_stopped",
        "committed",
        "created",
        "first_audio",
        "done",
    ]


def test_noted_playback_replaces_the_estimate(script: Script, tmp_path: Path) -> None:
    """
    An application that plays the answer knows when.
    """
    script.mark(3.4, "playback_started", item_id="answer_0")
    script.mark(4.9, "playback_stopped", item_id="answer_0")
    script.mark(5.0, "playback_started", item_id="unknown")
    timeline = script.timeline(tmp_path / "a.jsonl")
    assert spans(timeline, "played") == [(3.4, 4.9)]
    assert timeline.turns[0].first_played == pytest.approx(3.4)
    assert not timeline.turns[0].is_estimated
    assert [e.label for e in timeline.events if e.kind == "mark"] == [
        "playback_started"
    ]


def test_playback_does_not_begin_before_its_audio(
    script: Script, tmp_path: Path
) -> None:
    """
    A file takes a second of audio at once: the second did not pass before.
    """
    script.mark(3.1, "playback_started", item_id="answer_0", played_ms=1000)
    (turn,) = script.timeline(tmp_path / "a.jsonl").turns
    assert turn.first_played == turn.first_audio == pytest.approx(3.0)


def test_an_interruption_ends_the_playback(script: Script, tmp_path: Path) -> None:
    """
    At the time of the cancellation, or after what the client says was played.
    """
    script.done(6.7, script.answer(5.0, 1, seconds=6), "cancelled")
    script.done(9.0, script.answer(7.0, 2, seconds=6))
    truncate = {"item_id": "answer_2", "content_index": 0, "audio_end_ms": 1_200}
    script.add("out", 9.5, "conversation.item.truncate", **truncate)
    timeline = script.timeline(tmp_path / "a.jsonl")
    assert spans(timeline, "played")[1:] == [(5.5, 6.7), (7.5, 8.7)]
    interrupted = [turn.interrupted for turn in timeline.turns]
    assert interrupted == [None, pytest.approx(6.7), pytest.approx(9.5)]
    assert [e.at for e in timeline.events if e.kind == "interrupted"] == [
        pytest.approx(6.7),
        pytest.approx(9.5),
    ]


def test_answers_are_played_one_after_the_other(script: Script, tmp_path: Path) -> None:
    """
    The second is generated while the first is played.
    """
    script.done(4.6, script.answer(4.0, 1))
    timeline = script.timeline(tmp_path / "a.jsonl")
    assert spans(timeline, "played") == [(3.0, 5.0), (5.0, 7.0)]
    assert timeline.end == pytest.approx(7.0)


def test_tools_reconnects_and_errors_are_in_the_timeline(
    script: Script, tmp_path: Path
) -> None:
    """
    A tool runs from its call to its output; a reconnect lasts as long as nothing comes.
    """
    script.answer(5.0, 1, seconds=0)
    call = {"response_id": "resp_1", "item_id": "c", "output_index": 0}
    arguments = "response.function_call_arguments.done"
    script.add("in", 5.2, arguments, **call, call_id="k", name="clock", arguments="{}")
    output = {"type": "function_call_output", "call_id": "k", "output": "12"}
    script.add("out", 5.9, "conversation.item.create", item=output)
    script.add("in", 6.0, "error", error={"type": "server_error", "message": "Sorry"})
    script.generation = 2
    script.session()
    script.lines[-1]["monotonic"] = START + 8.0
    timeline = script.timeline(tmp_path / "a.jsonl")
    assert spans(timeline, "tool") == [(5.2, 5.9)]
    assert [span.label for span in timeline.spans if span.kind == "tool"] == ["clock"]
    assert spans(timeline, "reconnect") == [(6.0, 8.0)]
    errors = [(e.kind, e.label) for e in timeline.events[-2:]]
    assert errors == [("error", "server_error"), ("reconnected", "")]


def test_a_manual_turn_ends_with_its_audio(tmp_path: Path) -> None:
    """
    Without turn detection the end of speech is the last audio before the commit.
    """
    script = Script()
    for piece in range(10):
        at = 1.0 + piece / 10
        script.add("out", at, "input_audio_buffer.append", size=SECOND // 10)
    script.add("out", 2.1, "input_audio_buffer.commit")
    script.add("in", 2.3, "input_audio_buffer.committed", item_id="item")
    script.done(4.0, script.answer(2.5, 0))
    (turn,) = script.timeline(tmp_path / "a.jsonl").turns
    assert turn.asked == pytest.approx(1.9)
    assert turn.latency("stopped") is None
    assert turn.latency("committed") == pytest.approx(0.4)


def test_a_recording_that_began_within_a_session_counts_from_the_detection(
    tmp_path: Path,
) -> None:
    """
    The positions of the service count from an earlier time; then the detection counts.
    """
    script = Script()
    script.speak(0.0, 0)
    script.lines[-2]["message"]["audio_end_ms"] = 61_000
    script.done(4.0, script.answer(2.5, 0))
    (turn,) = script.timeline(tmp_path / "a.jsonl").turns
    assert turn.asked == pytest.approx(2.1 - 0.5)


@pytest.mark.parametrize(
    ("detection", "silence"),
    [
        ({"type": "server_vad", "silence_duration_ms": 300}, 0.3),
        ({"type": "server_vad"}, 0.5),
        ({"type": "semantic_vad"}, 0.0),
        (None, 0.0),
        ("server_vad", 0.0),
    ],
)
def test_the_detection_of_a_session_that_had_begun_is_known(
    tmp_path: Path, detection: Any, silence: float
) -> None:
    """
    The header says how much silence the service waits for.
    """
    script = Script()
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    script.lines = [{**script.lines[0], "session": session}]
    script.speak(0.0, 0)
    script.lines[-2]["message"]["audio_end_ms"] = 61_000
    script.done(4.0, script.answer(2.5, 0))
    (turn,) = script.timeline(tmp_path / "a.jsonl").turns
    assert turn.asked == pytest.approx(2.1 - silence)


def test_one_turn_has_its_own_times(script: Script, tmp_path: Path) -> None:
    """
    Its own times, with what happened meanwhile.
    """
    script.add("in", 7.9, "input_audio_buffer.committed", item_id="second")
    script.done(9.0, script.answer(8.0, 1))
    path = tmp_path / "a.jsonl"
    first, second = script.timeline(path, 0), script.timeline(path, 1)
    assert [turn.number for turn in second.turns] == [1]
    assert first.start == pytest.approx(0.25)
    assert first.end == pytest.approx(5.25)
    assert second.start == pytest.approx(7.65)
    assert {span.turn for span in second.spans} == {1}
    assert script.timeline(path, -1) == second
    with pytest.raises(IndexError):
        script.timeline(path, 2)


def test_turns_and_shares_that_do_not_exist_are_refused(
    script: Script, tmp_path: Path
) -> None:
    """
    One sentence each: turns count from 0, and p95 is 0.95.
    """
    recording = script.load(tmp_path / "a.jsonl")
    with pytest.raises(IndexError, match="which count from 0"):
        recording.timeline(turn=9)
    for share in (95, -1):
        with pytest.raises(ValueError, match=r"0\.95 is p95"):
            recording.timeline().percentiles(share)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Recording.load(tmp_path)


def test_percentiles_are_values() -> None:
    """
    The nearest rank, of spoken turns only.
    """
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([1.0, 2.0], 0.95) == 2.0
    turns = tuple(
        TurnTimes(n, 0.0, 1.0, is_spoken=n != 3, created=1.0 + n) for n in range(5)
    )
    timeline = Timeline(0, 9, (), (), turns, (), "x")
    assert timeline.latencies("created") == (0.0, 1.0, 2.0, 4.0)
    assert timeline.percentiles(0.5) == {"created": 1.0}
    assert timeline.percentiles(0.95) == {"created": 4.0}


def test_a_position_was_sent_with_the_piece_that_contains_it() -> None:
    """
    A position was sent with the piece that contains it.
    """
    clock = AppendClock()
    assert clock.last is None
    clock.append(100, 1.0)
    clock.append(100, 2.0)
    positions = [0, 50, 100, 101, 200, 201]
    assert [clock.sent_at(p) for p in positions] == [1.0, 1.0, 1.0, 2.0, 2.0, None]


# A session with the local service.

CONFIG = SessionConfig(
    turn_detection=ServerVad(silence_duration_ms=500),
    input_audio_transcription=Transcription("whisper-1"),
)


@pytest.mark.slow
def test_the_recording_of_a_client_has_speech_tool_and_answer(
    variant: Variant, tmp_path: Path
) -> None:
    """
    Speech, a tool and an answer are found in the recording of a client.
    """
    path = tmp_path / "session.jsonl"
    replies = [
        Reply(calls=[ToolCall("clock", {})], heard="What time is it?"),
        "It is noon.",
    ]
    with (
        variant.connected(
            service={"replies": replies, "pace": 0}, session_config=CONFIG
        ) as (client, _),
        client.record(path, audio="wav"),
    ):
        client.tool(lambda: "12:00", name="clock")
        client.create_conversation_item(TOOL_READY).result(10)
        with client.expect(
            "response.done", where=lambda e: "noon" in e.response.transcript, timeout=30
        ):
            for start in range(0, len(SENTENCE + SILENCE), 4800):
                client.append_audio((SENTENCE + SILENCE)[start : start + 4800])

    recording = Recording.load(path)
    (turn,) = recording.turns
    assert turn.heard == "What time is it?"
    assert [call.output for call in turn.tool_calls] == ["12:00"]
    timeline = recording.timeline()
    (times,) = timeline.turns
    order = [times.stopped, times.committed, times.created, times.first_audio]
    assert order == sorted(order)  # type: ignore[type-var]
    kinds = {span.kind for span in timeline.spans}
    assert {"sent", "speech", "generated", "played", "tool"} <= kinds
    page = timeline.to_html(tmp_path / "page.html").read_text("utf-8")
    assert page.count("<audio ") == 2
    assert "What time is it?" in page
    assert "clock({})" in page


TOOL_READY = {
    "type": "message",
    "role": "system",
    "content": [{"type": "input_text", "text": "Be brief."}],
}


# Pictures.


def test_texts_of_the_service_are_escaped(hostile: Script, tmp_path: Path) -> None:
    """
    In the page and in the picture, wherever they appear.
    """
    path = tmp_path / f"{HOSTILE.replace('/', '')}.jsonl"
    timeline = hostile.timeline(path)
    svg = timeline.to_svg()
    page = timeline.to_html(tmp_path / "page.html").read_text("utf-8")
    for text in (svg, page, timeline._repr_html_()):
        assert "<script" not in text
        assert "<img" not in text
        assert re.search(r"<[^>]*\son\w+=", text) is None
    assert page.count("&lt;script&gt;document.title=&quot;hit") >= 6
    tree = ElementTree.fromstring(svg)
    assert {element.tag.partition("}")[2] for element in tree.iter()} <= {
        "svg",
        "title",
        "rect",
        "line",
        "text",
        "polygon",
    }
    assert "default-src 'none'" in page


def test_half_a_character_is_replaced_in_the_page(
    script: Script, tmp_path: Path
) -> None:
    """
    The service may send what no file can hold.
    """
    item = {"type": "message", "role": "user", "id": "item_9", "content": []}
    item["content"] = [{"type": "input_text", "text": "cut: \ud800"}]
    script.add("in", 4.9, "conversation.item.added", item=item)
    script.done(6.0, script.answer(5.0, 9))
    page = script.timeline(tmp_path / "a.jsonl").to_html(tmp_path / "page.html")
    assert "cut: ?" in page.read_text("utf-8")


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(BROWSER is None, reason="no browser")
@pytest.mark.timeout(240)
def test_a_browser_finds_no_live_markup(hostile: Script, tmp_path: Path) -> None:
    """
    The page as a browser reads it has no script, no image and no handler.
    """
    page = hostile.timeline(tmp_path / "a.jsonl").to_html(tmp_path / "page.html")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [str(BROWSER), *options, profile, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    elements = set(re.findall(r"<(\w+)", done.stdout))
    assert "article" in elements
    assert elements & {"script", "img", "iframe", "object", "a", "form"} == set()
    assert re.search(r"<[^>]*\son\w+=", done.stdout) is None
    assert "<title>a.jsonl</title>" in done.stdout


@pytest.fixture(scope="session")
def fonts() -> None:
    """
    The fonts that matplotlib opens with its first picture and keeps open.
    """
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra 'plot'")
    texts = (Text(10, 10, "a"), Text(10, 20, "a\u2026\u201c", bold=True))
    figure(Drawing(100, 100, "", texts)).savefig(io.BytesIO())


@pytest.mark.slow
@pytest.mark.usefixtures("fonts")
def test_a_picture_is_drawn_with_matplotlib(hostile: Script, tmp_path: Path) -> None:
    """
    The same shapes as in the SVG, without a GUI.
    """
    timeline = hostile.timeline(tmp_path / "a.jsonl")
    path = tmp_path / "a.png"
    figure = timeline.plot(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == timeline.to_svg().count("<text ")
    assert "user" in texts
    assert figure._repr_png_().startswith(b"\x89PNG")  # a notebook shows it


def test_without_matplotlib_the_error_names_the_extra(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The page and the SVG need nothing.
    """
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"\.\[plot\]"):
        script.timeline(tmp_path / "a.jsonl").plot()


@pytest.mark.parametrize("length", [0.0, 0.01, 5.0, 7_000.0])
def test_any_length_can_be_drawn(tmp_path: Path, length: float) -> None:
    """
    From an empty recording to one of two hours with many turns.
    """
    script = Script()
    if length:
        script.add("in", 0.0, "session.created", session={})
        for number in range(60):
            at = length * number / 60
            script.add("in", at, "input_audio_buffer.committed", item_id=f"i{number}")
            script.done(at, script.answer(at, number, 1))
    timeline = script.timeline(tmp_path / "a.jsonl")
    picture = ElementTree.fromstring(timeline.to_svg())
    numbers = [
        float(element.get(name, "0"))
        for element in picture.iter()
        for name in ("x", "x1", "x2")
        if "%" not in element.get(name, "")
    ]
    assert all(0 <= number <= 1_200 for number in numbers)
    assert timeline.to_svg().count("<text ") < 200
