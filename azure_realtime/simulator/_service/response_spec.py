"""
What one response answers, and with which parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .connection import Connection
from .conversation import Item
from .script import Reply, Request

__all__ = ["ResponseSpec"]

Json = dict[str, Any]


@dataclass(frozen=True)
class ResponseSpec:
    """
    The input of one response.

    Attributes:
        params: The effective parameters, in GA's shape, session defaults filled in.
        given: The client's ``response.create`` parameters.
        context: The items that it answers.
        in_conversation: False for an out-of-band response.
        reply: The reply to send; None takes it from the script.
    """

    params: Json
    given: Json
    context: list[Item]
    in_conversation: bool
    reply: Reply | None = None

    @property
    def audio_format(self) -> str:
        """
        The format of its audio, e.g. ``audio/pcm``.
        """
        return str(self.params["audio"]["output"]["format"]["type"])

    @property
    def voice(self) -> str:
        """
        The name or the id of its voice.
        """
        voice = self.params["audio"]["output"]["voice"]
        return str(voice["id"] if isinstance(voice, dict) else voice)

    @property
    def user_item(self) -> Item | None:
        """
        The last message of the user's, or None.
        """
        for item in reversed(self.context):
            if item.wire.get("role") == "user":
                return item
        return None

    def request(self, connection: Connection) -> Request:
        """
        Return what a script is called with. The caller holds the connection's lock.
        """
        user = self.user_item
        return Request(
            text=user.text if user is not None else "",
            items=[item.retrieved() for item in self.context],
            tools=list(self.params["tools"]),
            tool_choice=self.params["tool_choice"],
            instructions=self.params["instructions"],
            modalities=list(self.params["output_modalities"]),
            response=self.given,
            audio_ms=user.audio_ms if user is not None else 0,
            connection=connection,
        )
