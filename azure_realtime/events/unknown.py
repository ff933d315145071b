"""
What has no class of its own: news from the service, garbage, and commands sent raw.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ._base import ClientEvent, ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownEvent(ServerEvent):
    """
    An event of a type this library does not know; `raw` has all of it.

    Attributes:
        type: As it came; "" when it had none.
    """

    type: str  # type: ignore[misc]  # of each event here, not of the class


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InvalidMessage(ServerEvent):
    """
    A message that is not a JSON object. It does no harm.

    Attributes:
        data: The message.
        reason: What is wrong with it.
    """

    type: ClassVar[str] = "invalid_message"

    data: bytes | str = attrs.field(default="", repr=False)
    reason: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RawCommand(ClientEvent):
    """
    A command of a type this library does not know, sent as it is given.

    Attributes:
        message: The whole command, in the words of the protocol in use.
    """

    type: str  # type: ignore[misc]  # of each command here, not of the class
    message: Mapping[str, Any] = attrs.field(repr=False)
