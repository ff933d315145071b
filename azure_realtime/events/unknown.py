"""
Events and commands of unknown types, and invalid messages.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from ._base import ClientEvent, ServerEvent

__all__ = ["InvalidMessage", "RawCommand", "UnknownEvent"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownEvent(ServerEvent):
    """
    An event of a type that this library does not know; `raw` has its fields.

    Attributes:
        type: The type as received; "" without one.
    """

    type: str  # type: ignore[misc]  # of each event here, not of the class


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InvalidMessage(ServerEvent):
    """
    A received message that is not a JSON object. The connection stays open.

    Attributes:
        data: The message.
        reason: Why it is invalid.
    """

    type: "ClassVar[Literal['invalid_message']]" = "invalid_message"

    data: bytes | str = attrs.field(default="", repr=False)
    reason: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RawCommand(ClientEvent):
    """
    A command of a type that this library does not know, which is sent unchanged.

    Attributes:
        type: The type of the command.
        message: The complete command, in the protocol in use.
    """

    type: str  # type: ignore[misc]  # of each command here, not of the class
    message: Mapping[str, Any] = attrs.field(repr=False)
