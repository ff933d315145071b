"""
The original SDK's second example: bring your own WebSocket. Anything that connects like
`websocket.WebSocket` will do: a subclass that goes through a company's tunnel, one that
logs the handshake, a test double. This one counts what comes.

USAGE:
    python samples/own_websocket.py

VARIABLES: those of _service.py; without them a local service is used.
"""

from typing import Any

import websocket
from _service import service

from azure_realtime import AzureRealTimeAudio


class CountingWebSocket(websocket.WebSocket):
    """
    Says where it connects, and counts the frames it receives.
    """

    frames = 0
    received = 0

    def connect(self, url: str, **options: Any) -> None:
        """
        Connect. The key is among ``options["header"]``: print the address only.
        """
        print("Connecting to", url)
        super().connect(url, **options)

    def recv_frame(self) -> Any:
        """
        Receive one frame; the client calls it when the socket is readable.
        """
        frame = super().recv_frame()
        self.frames += 1
        self.received += len(frame.data)
        return frame


def main() -> None:
    made = []

    def make() -> CountingWebSocket:
        made.append(CountingWebSocket())
        return made[-1]

    # `websocket_impl=CountingWebSocket` works too; the function keeps what it makes
    with (
        service() as options,
        AzureRealTimeAudio(options, websocket_impl=make) as client,
    ):
        client.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Who counts the frames?"}],
            }
        )
        response = client.create_response(modalities=["text"]).result(timeout=60)
        print("Wrote:", response.text)

    for each in made:
        print(f"Received {each.received:,} bytes in {each.frames} frames")


if __name__ == "__main__":
    main()
