"""
The original SDK's third example: a session of your own. A `SessionConfig` is sent first
on the connection, `update_session` changes it later, and what the service made of it
is `client.session`.

USAGE:
    python samples/custom_configuration.py

VARIABLES: those of _service.py; without them a local service is used.
"""

import json

from _service import service

from azure_realtime import (
    AzureRealTimeAudio,
    FunctionCallItem,
    FunctionTool,
    ServerVad,
    SessionConfig,
    ToolChoiceFunction,
    Transcription,
    WebSocketOptions,
)

CONFIG = SessionConfig(
    voice="shimmer",
    instructions="You are a friendly weather service. Answer in one sentence.",
    input_audio_format="pcm16",
    output_audio_format="pcm16",
    input_audio_transcription=Transcription(model="whisper-1", language="en"),
    turn_detection=ServerVad(threshold=0.6, silence_duration_ms=800),
    tools=[
        FunctionTool(
            name="get_weather",
            description="The weather in a city, now.",
            parameters={
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        )
    ],
    tool_choice="auto",
    max_response_output_tokens=800,
)


def main() -> None:
    numbers = WebSocketOptions(connect_timeout=20, ping_interval=15)
    with (
        service(session_config=CONFIG) as options,
        AzureRealTimeAudio(options, numbers) as client,
    ):
        session = client.connect()  # it is ready by now
        print("Voice:", session.voice)
        print("Turn detection:", session.turn_detection)
        print("Tools:", session.tools)

        # what is left out stays; None switches turn detection off
        session = client.update_session(turn_detection=None).result(timeout=10)
        print("Turn detection:", session.turn_detection, "- voice:", session.voice)

        client.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "And in Lisbon?"}],
            }
        )
        choice = ToolChoiceFunction(name="get_weather")
        response = client.create_response(tool_choice=choice).result(timeout=60)
        for item in response.output:
            if isinstance(item, FunctionCallItem):
                print("Calls:", item.name, json.loads(item.arguments))


if __name__ == "__main__":
    main()
