"""
A copy of a recording without what was said, written and heard.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, SENTENCE, SILENCE, Variant

from azure_realtime import SessionConfig
from azure_realtime.recording import Recording
from azure_realtime.recording.strip import strip_recording
from azure_realtime.simulator import Reply, ToolCall

SPOKEN = "the quick brown fox"
INSTRUCTED = "never mention the merger"
ARGUMENT = "account 4711"
OUTPUT = "balance of 12 euros"
NOTED = "seen by Alice"
DESCRIBED = "looks into the secret ledger"
WORDS = (SPOKEN, INSTRUCTED, ARGUMENT, OUTPUT, NOTED, DESCRIBED)


def recorded(variant: Variant, path: Path, audio: Any) -> Recording:
    """
    Record a written turn with a tool, and the beginning of a spoken one.
    """
    replies = [
        Reply(calls=[ToolCall("look", {"of": ARGUMENT})]),
        Reply(SPOKEN),
        Reply(SPOKEN),
    ]
    config = SessionConfig(instructions=INSTRUCTED)
    service = {"replies": replies, "pace": 0}
    with variant.connected(service=service, session_config=config) as (client, _):

        def look(of: str) -> str:
            return OUTPUT if of == ARGUMENT else ""

        look.__doc__ = DESCRIBED
        with client.record(path, audio=audio) as recorder:
            client.tool(look)
            recorder.mark("note", text=NOTED, item_id="item_1")
            client.ask(SPOKEN, timeout=20)
            client.append_audio(SENTENCE + SILENCE)
            client.wait_for("response.done", timeout=20)
    return Recording.load(path)


@pytest.mark.parametrize("audio", ["none", "inline", "wav"])
def test_no_words_and_no_audio_remain(
    variant: Variant, audio: str, tmp_path: Path
) -> None:
    """
    The messages, their times, the usage and the latencies do.
    """
    path, target = tmp_path / "session.jsonl", tmp_path / "stripped.jsonl"
    original = recorded(variant, path, audio)
    whole = path.read_text()
    assert [word for word in WORDS if word not in whole] == []

    assert strip_recording(path, target) == target

    text = target.read_text()
    assert [word for word in WORDS if word in text] == []
    longest = max(map(len, all_texts(map(json.loads, text.splitlines()))))
    assert longest < 80  # ids; no audio
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    stripped = Recording.load(target)
    assert stripped.audio == "none"
    assert [m.event.type for m in stripped] == [m.event.type for m in original]
    assert [m.seconds for m in stripped] == [m.seconds for m in original]
    assert [m.audio_bytes for m in stripped] == [m.audio_bytes for m in original]
    assert stripped.usage == original.usage
    assert stripped.timeline().turns == original.timeline().turns
    calls = [call.name for turn in stripped.turns for call in turn.tool_calls]
    assert calls == ["look"]
    assert stripped.marks[0].name == "note"
    assert stripped.marks[0].data == {"text": "", "item_id": "item_1"}


def all_texts(value: Any) -> list[str]:
    """
    Return all strings in JSON.
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not hasattr(value, "__iter__"):
        return []
    return [text for each in value for text in all_texts(each)]


def test_unknown_fields_lose_their_text(tmp_path: Path) -> None:
    """
    A field that the service adds tomorrow may hold words.
    """
    path, target = tmp_path / "session.jsonl", tmp_path / "stripped.jsonl"
    recorded(GA, path, "none")
    lines = path.read_text().splitlines()
    line = json.loads(lines[-2])
    line["message"] |= {
        "tomorrow": [{"deep": SPOKEN}],
        "metadata": {SPOKEN: 1},
        "parameters": {"properties": {SPOKEN: {}}},
        "logprobs": [{"bytes": list(SPOKEN.encode())}],
    }
    lines[-2] = json.dumps(line)
    path.write_text("\n".join(lines) + "\n")

    strip_recording(path, target)

    assert SPOKEN not in target.read_text()
    message = json.loads(target.read_text().splitlines()[-2])["message"]
    assert message["tomorrow"] == [{"deep": ""}]
    assert (message["metadata"], message["parameters"]) == ({}, {})
    assert message["logprobs"] is None


def test_audio_after_an_interruption_is_removed(tmp_path: Path) -> None:
    """
    It has a line of its own in a recording with audio files.
    """
    path, target = tmp_path / "session.jsonl", tmp_path / "stripped.jsonl"
    recorded(GA, path, "none")
    line = {
        "kind": "unplayed",
        "monotonic": 1.0,
        "wall": 1.0,
        "track": "model",
        "start": 0,
        "base64": "c2VjcmV0",
    }
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")

    strip_recording(path, target)

    assert "unplayed" not in target.read_text()
    assert len(Recording.load(target)) == len(Recording.load(path))


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    """
    It may be the recording itself.
    """
    path = tmp_path / "session.jsonl"
    recorded(GA, path, "none")
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        strip_recording(path, path)
    assert path.read_bytes() == before


def test_a_damaged_recording_leaves_no_copy(tmp_path: Path) -> None:
    """
    A part of it would look like a whole one.
    """
    path, target = tmp_path / "session.jsonl", tmp_path / "stripped.jsonl"
    recorded(GA, path, "none")
    lines = path.read_text().splitlines()
    lines[3] = "{"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="line 4"):
        strip_recording(path, target)
    assert not target.exists()


def test_another_file_is_refused_before_a_copy_is_begun(tmp_path: Path) -> None:
    """
    Nothing is left behind.
    """
    (tmp_path / "other.txt").write_text("hello\n")
    with pytest.raises(ValueError, match=r"other\.txt"):
        strip_recording(tmp_path / "other.txt", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
