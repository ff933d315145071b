"""
A connection that the reader thread is to serve next.
"""

from __future__ import annotations

from typing import NamedTuple

from .._transport.websocket import WebSocketStream
from ..events import ServerEvent
from .session_kind import OpeningMessages


class Handover(NamedTuple):
    """
    A connection to serve next: just dialled, or with a session that is ready.

    Attributes:
        stream: The connection.
        opening: The opening messages that are still to be sent.
        events: The events that were received, those of each message together.
    """

    stream: WebSocketStream
    opening: OpeningMessages
    events: list[tuple[ServerEvent, ...]]
