"""
FILE: port_of_the_original.py

DESCRIPTION:
    The three examples of the TypeScript class AzureRealTimeAudio, line by line: the
    comment above each line is the original. Three things differ:

    - Names are spelled as in Python: hostName is host_name, setModelSpeakDone is
      set_model_speak_done.
    - apiVersion is left out: '2024-10-01-preview' is the preview protocol, which Azure
      retired. AZURE_OPENAI_API_VERSION sets it for another service.
    - A Node program runs as long as its socket is open, a Python script until its last
      line. Therefore the last line is `client.run_forever()`.

    The examples only listen. `converse` is added: it asks for one answer, so that
    events arrive, and closes the client after it.

USAGE:
    python samples/port_of_the_original.py [basic | node | custom]

    Without an argument all three run, one after the other.

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys

import websocket
from _service import service

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions


def basic(azure: AzureRealTimeOptions) -> None:
    # const client = new AzureRealTimeAudio({
    client = AzureRealTimeAudio(
        {
            # hostName: 'your-resource.openai.azure.com',
            "host_name": azure.host_name,
            # apiVersion: '2024-10-01-preview',
            "api_version": azure.api_version,
            # deployment: 'gpt-4o-realtime-preview',
            "deployment": azure.deployment,
            # apiKey: 'your-api-key'
            "api_key": azure.api_key,
        },  # });
    )

    # client.once('init', (session) => {
    #   console.log('Session established:', session);
    # });
    client.once("init", lambda event: print("Session established:", event.session))

    # client.on('response.audio.delta', (audioData) => {
    #   console.log('Received audio data:', audioData.delta);
    # });
    client.on(
        "response.audio.delta",
        lambda event: print("Received audio data:", shortened(event.delta)),
    )

    converse(client)


def node(azure: AzureRealTimeOptions) -> None:
    # const client = new AzureRealTimeAudio({
    client = AzureRealTimeAudio(
        {
            "host_name": azure.host_name,
            "api_version": azure.api_version,
            "deployment": azure.deployment,
            # apiKey: process.env.AZURE_OPENAI_API_KEY
            "api_key": azure.api_key,
        },
        # }, {}, // WebSocket options
        {},
        # WebSocket // the WebSocket implementation
        websocket.WebSocket,
        # );
    )
    client.once("init", lambda _: print("Connected through", websocket.WebSocket))
    converse(client)


def custom(azure: AzureRealTimeOptions) -> None:
    # const client = new AzureRealTimeAudio({
    client = AzureRealTimeAudio(
        {
            "host_name": azure.host_name,
            "api_version": azure.api_version,
            "deployment": azure.deployment,
            "api_key": azure.api_key,
            # sessionConfig: {
            "session_config": {
                # voice: 'shimmer',
                "voice": "shimmer",
                # instructions: '...',
                "instructions": "You are a friendly AI assistant. Please answer "
                "questions in English.",
                # input_audio_format: 'pcm16',
                "input_audio_format": "pcm16",
                # output_audio_format: 'pcm16',
                "output_audio_format": "pcm16",
                # turn_detection: {
                "turn_detection": {
                    # type: 'server_vad',
                    "type": "server_vad",
                    # threshold: 0.5,
                    "threshold": 0.5,
                    # silence_duration_ms: 800
                    "silence_duration_ms": 800,
                },  # }
            },  # }
        },  # });
    )
    client.once("init", lambda event: print("Voice:", event.session.voice))
    converse(client)


def converse(client: AzureRealTimeAudio) -> None:
    """
    Ask for one answer and run the listeners until it is complete.
    """
    client.on("response.done", lambda event: print("Status:", event.response.status))
    client.on("response.done", lambda _: client.close())
    response = client.create_response()
    try:
        client.run_forever()
    finally:
        client.close()
    response.result(0)  # raises the reason if there was no answer


def shortened(base64_text: str) -> str:
    """
    Return the first characters of the audio: a whole delta fills the screen.
    """
    return f"{base64_text[:24]}... ({len(base64_text):,} characters)"


EXAMPLES = {"basic": basic, "node": node, "custom": custom}


def main() -> None:
    names = sys.argv[1:] or list(EXAMPLES)
    if unknown := set(names) - set(EXAMPLES):
        sys.exit(f"Unknown example: {', '.join(unknown)}. Known: {', '.join(EXAMPLES)}")
    with service() as azure:
        for name in names:
            print(f"--- {name}")
            EXAMPLES[name](azure)


if __name__ == "__main__":
    main()
