"""
A spoken turn, as a phone or a kiosk has it: streams question.wav at the pace it was
spoken, then silence, as a microphone would; the service hears by itself where the
question ends (voice activity detection), and answers. The answer is written into
reply.wav, its transcript is printed as it comes, and at the end what the wait was:
the seconds from the last spoken sample to the first audio, and to the last.

USAGE:
    python samples/voice_turn.py [question.wav [reply.wav]]

    The question must be 24 kHz, mono, 16 bit:
    sox any.wav -r 24000 -c 1 -b 16 question.wav

VARIABLES: those of _service.py; without them a local service is used.
"""

import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _service import service

from azure_realtime import AzureRealTimeAudio

RATE = 24_000  # samples a second, of pcm16 in both directions
CHUNK = RATE // 50 * 2  # bytes: 20 ms
PATIENCE = 60.0  # seconds of silence after which we give up


def read(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        if file.getparams()[:3] != (1, 2, RATE):
            sys.exit(f"{path} must be 24 kHz, mono, 16 bit: see the top of this file")
        return file.readframes(file.getnframes())


def at_speaking_pace(pcm: bytes, seconds: float) -> Iterator[bytes]:
    """
    Yield *pcm* and then silence, 20 ms at a time, when a microphone would have it.
    """
    pcm += bytes(-len(pcm) % CHUNK)
    pcm += bytes(round(seconds * RATE) * 2)
    begin = time.monotonic()
    for start in range(0, len(pcm), CHUNK):
        due = begin + start / 2 / RATE
        time.sleep(max(0.0, due - time.monotonic()))
        yield pcm[start : start + CHUNK]


def main() -> None:
    here = Path(__file__).parent
    question = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "question.wav"
    reply = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("reply.wav")
    speech = read(question)
    audio: list[bytes] = []
    times: dict[str, float] = {}
    over = threading.Event()

    with service() as options, AzureRealTimeAudio(options) as client:
        # listeners run on a thread of their own, one at a time, in order

        @client.on("input_audio_buffer.speech_stopped")
        def noticed(_event: Any) -> None:
            times["noticed"] = time.monotonic()

        @client.on("response.audio.delta")
        def collect(event: Any) -> None:
            times.setdefault("first audio", time.monotonic())
            audio.append(event.audio)

        @client.on("response.audio_transcript.delta")
        def show(event: Any) -> None:
            print(event.delta, end="", flush=True)

        @client.on("response.done")
        def finish(event: Any) -> None:
            times["done"] = time.monotonic()
            print(f"\n({event.response.status})")
            over.set()

        @client.on("conversation.item.input_audio_transcription.completed")
        def heard(event: Any) -> None:
            print(f"[you said: {event.transcript}]")

        @client.on("error")
        def complain(event: Any) -> None:
            print(f"\nThe service complains: {event.error.message}")

        print(f"Speaking {question.name} ({len(speech) / 2 / RATE:.1f} s) ...")
        left = len(speech)
        for chunk in at_speaking_pace(speech, PATIENCE):
            client.append_audio(chunk)
            left -= len(chunk)
            if left <= 0:
                times.setdefault("end of speech", time.monotonic())
            if over.is_set():
                break
        client.set_model_speak_done()  # whoever plays the answer says so at its end

    if not over.is_set():
        sys.exit(f"No answer within {PATIENCE:.0f} s: did the service hear any speech?")

    with wave.open(str(reply), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(b"".join(audio))
    print(f"Wrote {reply}: {sum(map(len, audio)) / 2 / RATE:.1f} s of speech")
    for name in ("noticed", "first audio", "done"):
        if name in times:
            seconds = times[name] - times["end of speech"]
            print(f"End of speech to {name + ':':12} {seconds:6.3f} s")


if __name__ == "__main__":
    main()
