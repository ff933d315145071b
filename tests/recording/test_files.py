"""
The parts of a recording's files: the queue, the audio files, and reading them.
"""

from __future__ import annotations

import io
import json
import os
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from helpers import recording_script
from hypothesis import given, settings
from hypothesis import strategies as st

from azure_realtime.audio import read_wav
from azure_realtime.recording import Recording
from azure_realtime.recording import format as f
from azure_realtime.recording.backlog import Backlog, Dropped, Received
from azure_realtime.recording.encoder import Encoder
from azure_realtime.recording.reader import read_recording
from azure_realtime.recording.tracks import Track, TrackReader, Unplayed
from azure_realtime.recording.writer import Writer

HEADER = {**recording_script.HEADER, "monotonic": 10.0}


def message(at: float, event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """
    Return the line of a received message.
    """
    return {
        "kind": "message",
        "monotonic": at,
        "wall": 990.0 + at,
        "direction": "in",
        "generation": 1,
        **fields,
        "message": event,
    }


def written(path: Path, *lines: Any, end: str = "\n") -> Path:
    """
    Write a recording by hand.
    """
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    path.write_text("\n".join(texts) + end, "utf-8")
    return path


CLEARED = {"type": "input_audio_buffer.cleared", "event_id": "e"}


# The queue.


def entries(backlog: Backlog) -> list[Any]:
    """
    Take everything out of a queue.
    """
    return list(backlog.take_all())


def test_audio_is_dropped_before_other_messages() -> None:
    """
    Above three quarters of the limit audio, above the limit everything; then it is
    counted in one entry, and recording goes on.
    """
    text = b'{"type":"x","a":"' + b"-" * 700 + b'"}'
    audio = b'{"type":"input_audio_buffer.append","audio":"' + b"A" * 700 + b'"}'
    backlog = Backlog(10_000)
    for _ in range(8):
        backlog.put("in", 1, 1.0, text)
    backlog.put("out", 1, 2.0, audio)  # above 7,500
    for _ in range(9):
        backlog.put("in", 1, 3.0, text)
    first = entries(backlog)
    kept = [entry for entry in first if isinstance(entry, Received)]
    assert first == kept
    assert {entry.text for entry in kept} == {text}
    assert 10_000 - 920 < sum(len(entry.text) + 200 for entry in kept) <= 10_000

    backlog.put("out", 1, 4.0, audio)
    backlog.put("in", 1, 5.0, text)
    dropped, *rest = entries(backlog)
    assert dropped == Dropped(4.0, 1, 17 - len(kept))
    assert [entry.text for entry in rest] == [audio, text]


def test_the_end_reports_what_was_dropped_last() -> None:
    """
    Also if nothing follows.
    """
    backlog = Backlog(100)
    backlog.put("in", 1, 1.0, b"x" * 200)
    backlog.end()
    dropped, end = entries(backlog)
    assert (dropped.audio, dropped.messages) == (0, 1)
    assert end is None


# Audio files.


class Kept(io.BytesIO):
    """
    A file whose bytes can be read after it was closed.
    """

    def close(self) -> None:
        """
        Stay open.
        """


def test_pieces_are_joined_and_pauses_kept() -> None:
    """
    A piece that is a little late is joined; after a pause it stands at its time.
    """
    file = Kept()
    track = Track(file, began=100.0)
    tone = b"\x01\x02" * 2400  # 0.1 s
    assert track.add(tone, "pcm16", 101.0) == 48_000
    assert track.add(tone, "pcm16", 101.15) == 52_800
    assert track.add(tone, "pcm16", 103.0) == 144_000
    track.update_header()
    audio = read_wav(file.getvalue())
    assert audio.seconds == pytest.approx(3.1)
    assert audio.pcm[48_000:57_600] == tone * 2
    assert audio.pcm[57_600:144_000] == bytes(86_400)
    assert audio.pcm[144_000:] == tone


class Short(Kept):
    """
    A file that takes part of what is written, as an unbuffered one may.
    """

    def write(self, data: Any) -> int:
        """
        Take at most 5,000 bytes.
        """
        return super().write(bytes(data[:5_000]))


def test_a_pause_is_kept_in_a_file_that_takes_part_of_each_write() -> None:
    """
    No piece moves to an earlier time.
    """
    file = Short()
    track = Track(file, began=0.0)
    tone = b"\x01" * 800
    track.add(tone, "g711_ulaw", 0.0)
    assert track.add(tone, "g711_ulaw", 3.0) == 24_000
    track.flush()
    assert file.getvalue()[44:] == tone + b"\xff" * 23_200 + tone


def test_a_piece_is_in_the_file_after_a_flush() -> None:
    """
    Whether the pieces before it were written or not; many of them are written at once.
    """
    file, sizes = Kept(), []
    track = Track(file, began=0.0)
    expected = b""
    for number in range(40):
        piece = bytes([number, 1]) * 40_000
        assert track.add(piece, "pcm16", 0.0) == len(expected)
        expected += piece
        if number in (3, 4, 30):
            track.flush()
            assert file.getvalue()[44:] == expected
        sizes.append(len(file.getvalue()))
    track.update_header()
    assert read_wav(file.getvalue()).pcm == expected
    assert len(set(sizes)) < 10


def test_audio_is_on_the_disk_before_the_line_that_refers_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Wherever the process is killed, a whole line has its audio.
    """
    sizes: list[tuple[int, int]] = []
    audio, kept, write = tmp_path / "user.wav", bytearray(), os.write

    def note(file: int, data: Any) -> int:
        kept.extend(data)
        sizes.append((kept.count(b'"track":"user"'), audio.stat().st_size))
        return write(file, data)

    monkeypatch.setattr(os, "write", note)
    track = Track(audio.open("w+b", buffering=0), began=0.0)
    backlog = Backlog()
    encoder = Encoder("wav", {"user": track}, {})
    writer = Writer(FileIO(tmp_path / "lines", "w"), backlog, encoder, [track])
    text = json.dumps(
        {"type": "input_audio_buffer.append", "audio": "AAAA" * 16_000}
    ).encode()
    for _ in range(40):
        backlog.put("out", 1, 0.0, text)
    backlog.end()
    writer.run()

    assert sizes[-1][0] == 40
    assert all(size >= 44 + 48_000 * lines for lines, size in sizes)


def test_a_piece_of_another_format_is_not_put_into_the_file() -> None:
    """
    A file has one format.
    """
    track = Track(Kept(), began=0.0)
    assert track.add(b"\0\0", "pcm16", 0.0) == 0
    assert track.add(b"\0\0", "g711_ulaw", 0.0) is None


def test_what_was_cut_is_read_from_the_recording() -> None:
    """
    Each message has its own audio, although several stood at the same place.
    """
    file = Kept()
    track = Track(file, began=0.0)
    pieces = [bytes([number]) * 8_000 for number in range(1, 5)]
    starts = [
        track.add(pieces[0], "g711_ulaw", 1.0),
        track.add(pieces[1], "g711_ulaw", 1.0),
    ]
    cuts = [Unplayed(3, *track.cut(1.5))]
    starts.append(track.add(pieces[2], "g711_ulaw", 1.6))
    cuts.append(Unplayed(5, *track.cut(1.7)))
    starts.append(track.add(pieces[3], "g711_ulaw", 1.8))
    track.flush()
    assert starts == [8_000, 16_000, 12_000, 13_600]
    assert [len(cut.data) for cut in cuts] == [12_000, 6_400]

    reader = TrackReader(file, cuts)
    lines = [1, 2, 4, 6]
    for line, start, piece in zip(lines, starts, pieces, strict=True):
        assert start is not None
        assert reader.read(line, start, 8_000) == piece
    assert reader.read(7, 20_000, 8_000) is None


# Reading.


def test_a_cut_last_line_is_ignored(tmp_path: Path) -> None:
    """
    At whatever byte the process was killed.
    """
    whole = written(tmp_path / "a", HEADER, message(11, CLEARED), message(12, CLEARED))
    data = whole.read_bytes()
    second = data.index(b"\n", data.index(b"\n") + 1) + 1
    for size in range(second, len(data)):
        whole.write_bytes(data[:size])
        assert len(Recording.load(whole)) == 1
    whole.write_bytes(data[: second - 1] + b"\0" * 50 + b"\n")
    assert len(Recording.load(whole)) == 0  # the disk lost the end


def test_a_line_of_a_later_version_is_ignored(tmp_path: Path) -> None:
    """
    Kinds of lines can be added without a new version.
    """
    new = {"kind": "weather", "monotonic": "sunny"}
    path = written(tmp_path / "a", HEADER, new, message(11, CLEARED))
    assert len(Recording.load(path)) == 1


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["{}", "x"], "no recording"),
        ([{**HEADER, "kind": "message"}], "no recording"),
        ([{**HEADER, "format": "something-else"}], "no recording"),
        ([{**HEADER, "version": 2}], "update azure_realtime"),
        ([{**HEADER, "version": "1"}], "version '1'"),
        ([{**HEADER, "monotonic": None}], "line 1"),
        ([{**HEADER, "api_version": "tomorrow"}], "unknown protocol"),
        ([HEADER, "no JSON", message(11, CLEARED)], "line 2"),
        ([HEADER, "[1]", message(11, CLEARED)], "line 2"),
        (
            [HEADER, message(11, CLEARED, direction="up"), message(12, CLEARED)],
            "line 2",
        ),
        ([HEADER, {"kind": "message", "monotonic": 1}], "line 2"),
        ([HEADER, '{"kind":"end","monotonic":NaN,"wall":1}'], "line 2"),
        ([HEADER, message(11, CLEARED, audio=[{"bytes": -1}])], "line 2"),
        ([HEADER, message(11, CLEARED, audio="many")], "line 2"),
        ([HEADER, message(11, CLEARED, audio=[{"bytes": 1 << 60}])], "line 2"),
        (
            [HEADER, {"kind": "unplayed", "track": "other"}, message(1, CLEARED)],
            "line 2",
        ),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, lines: list[Any], error: str
) -> None:
    """
    The message has the number of the line.
    """
    path = written(tmp_path / "broken.jsonl", *lines)
    with pytest.raises(ValueError, match=error):
        Recording.load(path)


def test_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of the file, of a line, and of all audio that small lines may name.
    """
    path = written(tmp_path / "a", HEADER, message(11, {"type": "x", "a": "b" * 5_000}))
    with pytest.raises(ValueError, match="limit is 1,000"):
        Recording.load(path, max_bytes=1_000)
    monkeypatch.setattr(f, "MAX_LINE_BYTES", 4_000)
    with pytest.raises(ValueError, match="line 2: longer than 4,000 bytes"):
        Recording.load(path)
    much = message(11, CLEARED, audio=[{"bytes": 600, "path": ["x"]}])
    monkeypatch.setattr(f, "MAX_FILE_BYTES", 1_000)
    path = written(tmp_path / "b", HEADER, much, much)
    with pytest.raises(ValueError, match="line 3: too much audio"):
        read_recording(path, max_bytes=10_000, silence=True)


@pytest.mark.parametrize(
    "name",
    [
        "../a.wav",
        "/etc/hostname",
        "b/a.wav",
        "b\\a.wav",
        "C:a.wav",
        "..",
        ".",
        "",
        5,
        "a",
    ],
)
def test_audio_files_have_bare_names(tmp_path: Path, name: Any) -> None:
    """
    A recording of a stranger reads no other file; nor itself ("a").
    """
    (tmp_path / "b").mkdir()
    for each in (tmp_path / "a.wav", tmp_path / "b" / "a.wav"):
        each.write_bytes(bytes(100))
    path = written(tmp_path / "b" / "a", {**HEADER, "files": {"user": name}})
    with pytest.raises(ValueError, match="bare name"):
        Recording.load(path)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_audio_files_are_files(tmp_path: Path) -> None:
    """
    No link, and no pipe, for which it would wait.
    """
    path = written(tmp_path / "a", {**HEADER, "files": {"user": "u.wav"}})
    with pytest.raises(FileNotFoundError):
        Recording.load(path)
    (tmp_path / "u.wav").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="link"):
        Recording.load(path)
    (tmp_path / "u.wav").unlink()
    os.mkfifo(tmp_path / "u.wav")
    with pytest.raises(ValueError, match="no regular file"):
        Recording.load(path)
    with pytest.raises(ValueError, match="no regular file"):
        Recording.load(tmp_path / "u.wav")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*HEADER, "message", "audio", "bytes", "path"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(
        [*message(11.0, CLEARED), "audio", "text", "track", "start", "base64", "data"]
    ),
    kind=st.sampled_from(["message", "mark", "dropped", "unplayed", "end"]),
    value=JSON,
)
def test_any_value_in_a_line_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, kind: str, value: Any
) -> None:
    """
    No other error than ValueError, and no crash, whatever a stranger writes.
    """
    path = tmp_path_factory.getbasetemp() / "fuzzed.jsonl"
    line = {**message(11.0, CLEARED), "kind": kind, key: value}
    written(path, HEADER, line, message(12.0, CLEARED))
    try:
        recording = Recording.load(path)
    except ValueError:
        return
    assert recording.turns == ()
    assert str(recording.conversation) == ""
    assert recording.usage.responses == 0
