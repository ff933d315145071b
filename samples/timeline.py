"""
FILE: timeline.py

DESCRIPTION:
    Records a spoken turn, prints its latencies, and writes a page that shows when what
    happened, with the transcript and players.

USAGE:
    python samples/timeline.py [PAGE]

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from _service import service

from azure_realtime import AzureRealTimeAudio
from azure_realtime.audio import read_wav
from azure_realtime.recording import Recording

QUESTION = Path(__file__).with_name("question.wav")
PIECE = 1920  # bytes: 40 ms


def speak(client: AzureRealTimeAudio) -> None:
    """Send the question at the pace of speech, and then silence."""
    pcm = read_wav(QUESTION).pcm + bytes(48_000)
    due = time.monotonic()
    for start in range(0, len(pcm), PIECE):
        client.append_audio(pcm[start : start + PIECE])
        due += PIECE / 48_000
        time.sleep(max(0.0, due - time.monotonic()))


def main(page: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "session.jsonl"
        with (
            service() as options,
            AzureRealTimeAudio(options) as client,
            client.record(path, audio="wav"),
            client.expect("response.done", timeout=60),
        ):
            speak(client)
        timeline = Recording.load(path).timeline()
    for turn in timeline.turns:
        print("turn", turn.number)
        for stage in ("stopped", "created", "first_audio"):
            seconds = turn.latency(stage)
            if seconds is not None:
                print(f"  {stage}: {seconds:.2f} s after the end of speech")
    print("Wrote", timeline.to_html(page))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "timeline.html")
