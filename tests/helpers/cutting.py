"""
A local service that drops its first connection after a given number of messages, and
what its conversation contains.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from azure_realtime.simulator import Connection


class Cut:
    """
    For ``Simulator(on_connection=...)``: drops the first connection.

    Args:
        after: The number of messages that the client receives after `begin`.

    Attributes:
        sent: The types of these messages.
        done: Whether the connection was dropped.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        self._begun = threading.Event()
        self._connection: Connection | None = None
        self.sent: list[str] = []
        self.done = False

    def __call__(self, connection: Connection) -> None:
        """
        Count the messages of the first connection.
        """
        if self._connection is not None:
            return
        self._connection, send = connection, connection.send_text

        def send_text(text: str) -> None:
            if self.done:
                return
            send(text)
            if self._begun.is_set():
                self.sent.append(json.loads(text)["type"])
                if len(self.sent) == self._after:
                    self.done = True
                    connection.transport.flush(1.0)
                    connection.drop("fin")

        connection.send_text = send_text  # type: ignore[method-assign]

    def begin(self) -> None:
        """
        Start to count.
        """
        self._begun.set()


def stored(connection: Connection) -> list[str]:
    """
    Return the items of the service's conversation, in order of their creation.
    """
    items: dict[str, Any] = {}
    for event in connection.sent:
        if event["type"] == "conversation.item.deleted":
            del items[event["item_id"]]
        elif event["type"] in (
            "conversation.item.added",
            "conversation.item.created",
            "response.output_item.done",
        ):
            items[event["item"]["id"]] = event["item"]
    return [_described(item) for item in items.values()]


def _described(item: dict[str, Any]) -> str:
    if item["type"] != "message":
        return f"{item['type'].removeprefix('function_')} {item['call_id']}"
    part = item["content"][0] if item["content"] else {"type": "nothing"}
    return f"{item['role']}: {part.get('text') or part['type']}"
