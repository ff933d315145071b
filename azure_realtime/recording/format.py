"""
The file format of a recording: names, version and limits. `docs/recordings.md` has it
in full.

A recording is a text file in UTF-8 with one JSON object per line. The first line is the
header. Every line ends with a line feed; a last line without one was cut and is
ignored.
"""

from __future__ import annotations

from typing import Literal

FORMAT = "azure-realtime-recording"
VERSION = 1
"""Raised when a reader of the version before would misread a file."""

AudioMode = Literal["none", "inline", "wav"]
AUDIO_MODES = ("none", "inline", "wav")

#: Kinds of lines. Readers skip other kinds.
HEADER, MESSAGE, MARK, DROPPED, UNPLAYED, END = (
    "header",
    "message",
    "mark",
    "dropped",
    "unplayed",
    "end",
)

TRACKS = ("user", "model")
"""The two audio files of the mode ``wav``; the part before ``.wav`` in their names."""

MAX_QUEUE_BYTES = 64 << 20
"""Maximum size of the messages that wait for the writer thread."""

MAX_LINE_BYTES = 64 << 20
"""Maximum length of a line on load. The service takes messages of 20 MiB."""

MAX_FILE_BYTES = 1 << 30
"""Maximum size of a recording on load, and of each of its audio files."""
