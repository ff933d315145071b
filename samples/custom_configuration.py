"""
FILE: custom_configuration.py

DESCRIPTION:
    Configures a session: voice, instructions, formats, turn detection and a tool. The
    `SessionConfig` is sent first on the connection, `update_session` changes it later,
    and `client.session` is the session as the service reports it.

USAGE:
    python samples/custom_configuration.py

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
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
    websocket_options = WebSocketOptions(connect_timeout=20, ping_interval=15)
    with (
        service(session_config=CONFIG) as options,
        AzureRealTimeAudio(options, websocket_options) as client,
    ):
        session = client.connect()  # returns at once: `with` has waited for it
        print("Voice:", session.voice)
        print("Turn detection:", session.turn_detection)
        print("Tools:", session.tools)

        # A field that is left out stays as it is; None turns turn detection off.
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
