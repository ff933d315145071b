"""
Recordings that are written by hand, at chosen times.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from azure_realtime.recording import Recording, Timeline

HOSTILE = (
    '<script>document.title="hit"</script>"\'><img src=x onerror=alert(1)>&amp; ${x}$'
)
START = 100.0
HEADER = {
    "kind": "header",
    "monotonic": START,
    "wall": 1_000.0,
    "format": "azure-realtime-recording",
    "version": 1,
    "library": "0.1.0",
    "api_version": None,
    "audio": "none",
    "files": {},
    "session": None,
}
SECOND = 48_000  # bytes of PCM


class Script:
    """
    Writes a recording by hand, at chosen times.
    """

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = [HEADER]
        self.generation = 1

    def add(self, direction: str, at: float, kind: str, **fields: Any) -> None:
        """
        Add a message.
        """
        size = fields.pop("size", 0)
        line = {
            "kind": "message",
            "monotonic": START + at,
            "wall": 1_000.0 + at,
            "direction": direction,
            "generation": self.generation,
        }
        if size:
            key = "audio" if direction == "out" else "delta"
            line["audio"] = [{"path": [key], "bytes": size}]
            fields[key] = ""
        line["message"] = {"type": kind, "event_id": f"e{len(self.lines)}", **fields}
        self.lines.append(line)

    def mark(self, at: float, name: str, **data: Any) -> None:
        """
        Add a note.
        """
        times = {"monotonic": START + at, "wall": 1_000.0 + at}
        self.lines.append({"kind": "mark", **times, "name": name, "data": data})

    def load(self, path: Path) -> Recording:
        """
        Write the recording, and load it.
        """
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return Recording.load(path)

    def timeline(self, path: Path, turn: int | None = None) -> Timeline:
        """
        Return the timeline.
        """
        return self.load(path).timeline(turn)

    def session(self) -> None:
        """
        Begin a session with turn detection.
        """
        detection = {"type": "server_vad", "silence_duration_ms": 500}
        session = {
            "type": "realtime",
            "audio": {"input": {"turn_detection": detection}},
        }
        self.add("in", 0.0, "session.created", session={"id": "sess", **session})

    def speak(self, start: float, number: int) -> None:
        """
        Speak for a second, after half a second of silence, and be silent afterwards.
        """
        item = f"item_{number}"
        for piece in range(20):  # 0.1 s each
            self.add(
                "out",
                start + 0.1 * (piece + 1),
                "input_audio_buffer.append",
                size=SECOND // 10,
            )
            if piece == 7:
                began = 1_000 * start + 500
                self.add(
                    "in",
                    start + 0.85,
                    "input_audio_buffer.speech_started",
                    audio_start_ms=int(began),
                    item_id=item,
                )
        stopped = "input_audio_buffer.speech_stopped"
        self.add("in", start + 2.1, stopped, audio_end_ms=2_000, item_id=item)
        self.add("in", start + 2.2, "input_audio_buffer.committed", item_id=item)

    def answer(self, start: float, number: int, seconds: int = 2) -> str:
        """
        Answer; half a second later the first audio comes, which takes 0.2 s a second.
        """
        response, item = f"resp_{number}", f"answer_{number}"
        self.add("in", start, "response.created", response={"id": response})
        for piece in range(seconds):
            self.add(
                "in",
                start + 0.5 + 0.2 * piece,
                "response.output_audio.delta",
                response_id=response,
                item_id=item,
                size=SECOND,
            )
        return response

    def done(self, at: float, response: str, status: str = "completed") -> None:
        """
        End a response.
        """
        body = {"id": response, "status": status, "output": []}
        self.add("in", at, "response.done", response=body)
