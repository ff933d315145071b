"""
One request for a response, on its way.
"""

from __future__ import annotations

import attrs

from ..events import ResponseCreate
from ..models._unset import Unset
from ..models.responses import Response, ResponseConfig
from .future import CommandFuture

Future = CommandFuture[Response]

MARK = "client_event_id"
"""The metadata key by which a response is known to be ours."""

_MOST_METADATA = 16  # pairs that the service takes


@attrs.define(eq=False)
class Request:
    """
    One ``response.create``: held back, queued, or left and running.

    Attributes:
        cut_off: The response to it that a lost connection has cut off.
    """

    command: ResponseCreate
    futures: list[Future]
    held: bool = False
    sent: bool = False
    marked: bool = False
    certain: bool = False
    unwanted: bool = False
    response_id: str | None = None
    cut_off: str | None = None

    @property
    def given_up(self) -> bool:
        """
        Whether nobody waits for it, and nobody knows whether the service will answer:
        it keeps nobody else waiting, but is cancelled if it is answered after all.
        """
        return self.unwanted and self.sent and self.response_id is None

    @property
    def out_of_band(self) -> bool:
        """
        Whether the response is none of the conversation's.
        """
        config = self.command.response
        return config is not None and config.conversation == "none"

    def said(self, mark: bool) -> ResponseCreate:
        """
        Return the command to send, with a *mark* if that is wanted and there is room.
        """
        config = self.command.response or ResponseConfig()
        metadata = config.metadata
        if not mark or metadata is None:
            return self.command
        pairs: dict[str, str] = {} if isinstance(metadata, Unset) else {**metadata}
        if len(pairs) >= _MOST_METADATA:
            return self.command
        self.marked = True
        pairs[MARK] = self.command.event_id or ""
        return attrs.evolve(self.command, response=attrs.evolve(config, metadata=pairs))
