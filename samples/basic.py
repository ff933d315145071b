"""
The original SDK's first example: connect, listen for events, say something.

USAGE:
    python samples/basic.py

VARIABLES: those of _service.py; without them a local service is used.
"""

from _service import service

from azure_realtime import AzureRealTimeAudio


def main() -> None:
    with service() as options:
        audio: list[bytes] = []
        client = AzureRealTimeAudio(options)  # connects in the background

        client.once("init", lambda event: print("Session:", event.session.id))
        client.on("status_changed", lambda event: print("Status:", event.status.value))
        client.on("response.audio.delta", lambda event: audio.append(event.audio))
        client.on("error", lambda event: print("Error:", event.error.message))

        client.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Good morning!"}],
            }
        )
        response = client.create_response().result(timeout=60)
        print("Said:", response.transcript)
        print(f"Received {sum(map(len, audio)):,} bytes of audio")

        client.set_model_speak_done()  # nobody plays it here
        client.close()


if __name__ == "__main__":
    main()
