"""
A blocking script: ask in writing, ask aloud, print, save. No callbacks, no threads.

USAGE:
    python samples/ask.py

VARIABLES: those of _service.py; without them a local service is used.
"""

from pathlib import Path

from _service import service

from azure_realtime import AzureRealTimeAudio

QUESTION = Path(__file__).with_name("question.wav")

with service() as options, AzureRealTimeAudio(options) as client:
    turn = client.ask("What is the capital of France?", timeout=60)
    print(turn.transcript)

    turn = client.ask(audio=QUESTION, timeout=60)
    print(turn.heard, "->", turn.transcript)
    print(turn.save("reply.wav"), turn.latency)
