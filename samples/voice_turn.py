"""
FILE: voice_turn.py

DESCRIPTION:
    A spoken turn, as on a telephone or a kiosk. Streams a WAV file at the pace of
    speech, then silence, as a microphone does. The service detects the end of the
    question by itself (voice activity detection) and answers. The sample prints the
    question and the answer, writes the answer to a WAV file, and prints the latency:
    the seconds from the last spoken sample to the first audio and to the last.

USAGE:
    python samples/voice_turn.py [QUESTION.wav [REPLY.wav]]

    The question may have any sample rate, mono or stereo. By default it is
    question.wav beside this file, and the answer is written to reply.wav.

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _service import service

from azure_realtime import AzureRealTimeAudio, SessionConfig, Transcription
from azure_realtime.audio import read_wav, resample, write_wav

RATE = 24_000  # samples a second of pcm16, in both directions
CHUNK = RATE // 50 * 2  # bytes in 20 ms
MAX_SILENCE = 60.0  # seconds to wait for the answer
MAX_TRANSCRIPT_DELAY = 5.0  # seconds between the answer and the question's transcript
CONFIG = SessionConfig(input_audio_transcription=Transcription(model="whisper-1"))


def read_question(path: Path) -> bytes:
    """
    Read a WAV file; return its samples as pcm16, 24 kHz, mono.
    """
    try:
        recording = read_wav(path)
    except (OSError, ValueError) as error:
        sys.exit(f"The question cannot be read. {error}")
    return resample(recording.pcm, recording.rate, RATE)


def at_speaking_pace(pcm: bytes, seconds: float) -> Iterator[bytes]:
    """
    Yield *pcm* and then *seconds* of silence, 20 ms at a time, as a microphone does.
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
    speech = read_question(question)

    asked: list[str] = []  # transcripts of the question
    audio: list[bytes] = []
    responses: list[Any] = []  # the answer, when it is complete
    times: dict[str, float] = {}
    transcribed, answered = threading.Event(), threading.Event()

    with (
        service(session_config=CONFIG) as options,
        # A new session would have only the rest of the question: do not reconnect.
        AzureRealTimeAudio(options, {"max_reconnect_attempts": 0}) as client,
    ):
        # Listeners run on one callback thread of the client, in the order of events.

        @client.on("input_audio_buffer.speech_stopped")
        def on_speech_stopped(_event: Any) -> None:
            times["noticed"] = time.monotonic()

        @client.on("conversation.item.input_audio_transcription.completed")
        def on_transcript(event: Any) -> None:
            asked.append(event.transcript.strip())
            transcribed.set()

        @client.on("response.audio.delta")
        def on_audio(event: Any) -> None:
            times.setdefault("first audio", time.monotonic())
            audio.append(event.audio)

        @client.on("response.done")
        def on_done(event: Any) -> None:
            if event.response.status == "cancelled":  # by speech after a pause
                audio.clear()
                times.pop("first audio", None)
                return
            times["done"] = time.monotonic()
            responses.append(event.response)
            answered.set()

        @client.on("error")
        def on_error(event: Any) -> None:
            print("The service reports an error:", event.error.message, file=sys.stderr)

        print(f"Speaking {question.name} ({len(speech) / 2 / RATE:.1f} s) ...")
        left = len(speech)
        for chunk in at_speaking_pace(speech, MAX_SILENCE):
            client.append_audio(chunk)
            left -= len(chunk)
            if left <= 0:
                times.setdefault("end of speech", time.monotonic())
            if answered.is_set():
                break
        client.set_model_speak_done()  # a player calls this at the end of the audio
        if not answered.is_set():
            sys.exit(f"No answer in {MAX_SILENCE:.0f} s. Does the file contain speech?")
        transcribed.wait(MAX_TRANSCRIPT_DELAY)

    print("Question:", " ".join(asked) or "(no transcript)")
    print("Answer:", responses[0].transcript)
    print("Status:", responses[0].status)
    if not audio:
        sys.exit("The answer has no audio.")
    try:
        write_wav(reply, b"".join(audio), RATE)
    except OSError as error:
        sys.exit(f"The answer cannot be written. {error}")
    print(f"Wrote {reply}: {sum(map(len, audio)) / 2 / RATE:.1f} s of speech")
    for name in ("noticed", "first audio", "done"):
        if name in times:
            seconds = times[name] - times["end of speech"]
            print(f"End of speech to {name + ':':12} {seconds:6.3f} s")


if __name__ == "__main__":
    main()
