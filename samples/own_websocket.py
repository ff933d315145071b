"""
FILE: own_websocket.py

DESCRIPTION:
    Connects with a WebSocket class of its own. Any class that connects like
    `websocket.WebSocket` works: one for a company's tunnel, one that logs the
    handshake, a test double. This one counts the received frames.

USAGE:
    python samples/own_websocket.py

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

from typing import Any

import websocket
from _service import service

from azure_realtime import AzureRealTimeAudio


class CountingWebSocket(websocket.WebSocket):
    """
    A WebSocket that prints its address and counts the frames it receives.
    """

    frames = 0
    received = 0

    def connect(self, url: str, **options: Any) -> None:
        """
        Connect. ``options["header"]`` holds the key: print the address only.
        """
        print("Connecting to", url)
        super().connect(url, **options)

    def recv_frame(self) -> Any:
        """
        Receive one frame. The client calls it when the socket is readable.
        """
        frame = super().recv_frame()
        self.frames += 1
        self.received += len(frame.data)
        return frame


def main() -> None:
    made: list[CountingWebSocket] = []

    def make() -> CountingWebSocket:
        made.append(CountingWebSocket())
        return made[-1]

    # `websocket_impl=CountingWebSocket` works too. This function keeps the objects.
    with (
        service() as options,
        AzureRealTimeAudio(options, websocket_impl=make) as client,
    ):
        client.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is a frame?"}],
            }
        )
        response = client.create_response(modalities=["text"]).result(timeout=60)
        print("Wrote:", response.text)

    for each in made:
        print(f"Received {each.received:,} bytes in {each.frames} frames")


if __name__ == "__main__":
    main()
