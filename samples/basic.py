"""
FILE: basic.py

DESCRIPTION:
    Connects in the background, registers listeners, asks one question in writing, and
    prints what the listeners receive.

USAGE:
    python samples/basic.py

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
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
        print("Answer:", response.transcript)
        print(f"Received {sum(map(len, audio)):,} bytes of audio")

        client.set_model_speak_done()  # a player calls this at the end of the audio
        client.close()


if __name__ == "__main__":
    main()
