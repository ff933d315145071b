"""
Events without callbacks: a loop that takes them one by one, at its own pace.

Nothing is lost between two turns of the loop, or while it does something else.

USAGE:
    python samples/pull_loop.py [what to say ...]

VARIABLES: those of _service.py; without them a local service is used.
"""

import sys

from _service import service

from azure_realtime import AzureRealTimeAudio


def main() -> None:
    text = " ".join(sys.argv[1:]) or "Count to 30, please."
    with service() as options, AzureRealTimeAudio(options) as client:
        # from here on every event of these names is kept for the loop below
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
                sys.exit(f"The service complains: {event.error.message}")
            elif event.type == "response.done":
                print(f"\n({event.response.status})")
                break

        # or wait for a single event, set off by what is in the block
        with client.expect("input_audio_buffer.cleared", timeout=10) as expected:
            client.clear_audio_buffer()
        print("Received", expected.event.type)


if __name__ == "__main__":
    main()
