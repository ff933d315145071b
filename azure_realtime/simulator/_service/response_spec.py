"""
The input and the parameters of one response.
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
    The specification of one response.

    Attributes:
        params: The effective parameters, in GA's shape, including session defaults.
        given: The client's ``response.create`` parameters.
        context: The items that the response answers.
        in_conversation: False for an out-of-band response.
        reply: The reply to send; None takes the next reply of the script.
    """

    params: Json
    given: Json
    context: list[Item]
    in_conversation: bool
    reply: Reply | None = None

    @property
    def audio_format(self) -> str:
        """
        The format of the response's audio, e.g. ``audio/pcm``.
        """
        return str(self.params["audio"]["output"]["format"]["type"])

    @property
    def voice(self) -> str:
        """
        The name or the id of the response's voice.
        """
        voice = self.params["audio"]["output"]["voice"]
        return str(voice["id"] if isinstance(voice, dict) else voice)

    @property
    def user_item(self) -> Item | None:
        """
        The last message of the user, or None.
        """
        for item in reversed(self.context):
            if item.wire.get("role") == "user":
                return item
        return None

    def request(self, connection: Connection) -> Request:
        """
        Return the argument for a script's function. Under the connection's lock.
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
