"""
FILE: pull_loop.py

DESCRIPTION:
    Reads events in a loop, one by one, without callbacks. The client keeps the events
    that arrive while the loop does something else.

USAGE:
    python samples/pull_loop.py [QUESTION ...]

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys

from _service import service

from azure_realtime import AzureRealTimeAudio


def main() -> None:
    text = " ".join(sys.argv[1:]) or "Count to 30, please."
    with service() as options, AzureRealTimeAudio(options) as client:
        # From here on the client keeps every event of these names for the loop below.
        events = client.events(
            "response.text.delta", "response.done", "error", timeout=60
        )
        client.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            }
        )
        client.create_response(modalities=["text"])
        for event in events:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "error":
                sys.exit(f"The service reports an error: {event.error.message}")
            elif event.type == "response.done":
                print(f"\n({event.response.status})")
                break

        # Or wait for the one event that the commands of the block cause.
        with client.expect("input_audio_buffer.cleared", timeout=10) as expected:
            client.clear_audio_buffer()
        print("Received", expected.event.type)


if __name__ == "__main__":
    main()
