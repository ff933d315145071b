"""
FILE: ask.py

DESCRIPTION:
    A blocking script without callbacks: asks one question in writing and one from a WAV
    file, prints the answers, and writes the spoken answer to reply.wav.

USAGE:
    python samples/ask.py

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

from pathlib import Path

from _service import service

from azure_realtime import AzureRealTimeAudio

QUESTION = Path(__file__).with_name("question.wav")


def main() -> None:
    with service() as options, AzureRealTimeAudio(options) as client:
        turn = client.ask("What is the capital of France?", timeout=60)
        print(turn.transcript)

        turn = client.ask(audio=QUESTION, timeout=60)
        print(turn.heard, "->", turn.transcript)
        print(turn.save("reply.wav"), turn.latency)


if __name__ == "__main__":
    main()
