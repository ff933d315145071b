"""
The requests for responses, in line, and which of them something is about.

Rules:

1. A mark in the metadata says which command a response answers (protocol reference,
   trap "no-response-echo"). A service that has handed back a mark once is taken at its
   word: a response without one it has begun by itself.
2. Where a service does not hand it back, the oldest request that has left is meant.
3. An error that names our command is believed. Another is blamed on a request only if
   what it says can be about nothing else.

Its owner holds a lock over it.
"""

from __future__ import annotations

import attrs

from ..events import ErrorEvent, ResponseCreate
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


ALREADY_ACTIVE = "conversation_already_has_active_response"

BENIGN = {ALREADY_ACTIVE, "response_cancel_not_active"}
"""Codes of lost races: no failure."""


@attrs.define(eq=False)
class Line:
    """
    The requests that are not done, the oldest first.

    Attributes:
        marks_come_back: Whether the service is known to hand back a mark.
        requests: Held back, queued, or left.
        active: The id of the conversation's active response.
    """

    marks_come_back: bool = False
    requests: list[Request] = attrs.field(factory=list)
    active: str | None = None

    @property
    def busy(self) -> bool:
        """
        Whether another request would have to wait.
        """
        return self.active is not None or any(
            not request.out_of_band and not request.given_up
            for request in self.requests
        )

    @property
    def next(self) -> Request | None:
        """
        The request whose turn it is to leave.
        """
        under_way = any(
            not r.held and not r.out_of_band and not r.given_up for r in self.requests
        )
        if self.active is not None or under_way:
            return None
        return next((r for r in self.requests if r.held), None)

    def like(self, command: ResponseCreate) -> Request | None:
        """
        Return a request that waits for the same.
        """
        for request in self.requests:
            if request.held and _config(request.command) == _config(command):
                return request
        return None

    def named(self, response_id: str) -> Request | None:
        """
        Return the request that a response is known to answer.
        """
        for request in self.requests:
            if request.response_id == response_id:
                return request
        return None

    def unwant(self, response_id: str) -> bool:
        """
        Note that nobody wants a response any more; return whether it was asked for.
        """
        request = self.named(response_id)
        if request is not None:
            request.unwanted = True
        return request is not None

    def answered_by(self, response: Response) -> Request | None:
        """
        Return the request that *response* answers, as far as can be told.
        """
        mark = (response.metadata or {}).get(MARK)
        waiting = []
        for request in self.requests:
            if request.response_id == response.id:
                return request
            if request.sent and request.response_id is None:
                if mark is not None and mark == request.command.event_id:
                    self.marks_come_back = request.certain = True
                    return request
                if not (request.marked and self.marks_come_back):
                    waiting.append(request)
        if mark is not None:
            return None
        beside = self.beside(response)
        for request in waiting:
            if request.out_of_band == beside or len(waiting) == 1:
                return request
        return None

    def beside(self, response: Response) -> bool:
        """
        Whether *response* looks out of band: of no conversation, next to an active one.
        """
        return response.conversation_id is None and self.active is not None

    def blamed_by(self, event: ErrorEvent) -> Request | None:
        """
        Return the request that an error is about.
        """
        left = [r for r in self.requests if r.sent]
        details = event.error
        if details.event_id:
            for request in left:
                if request.command.event_id == details.event_id:
                    return request
            return None
        param, code = details.param or "", details.code or ""
        nameless = [r for r in left if r.response_id is None]
        if code == ALREADY_ACTIVE:
            # one that seemed to have a response may have got somebody else's
            line = [r for r in left if not r.certain and not r.out_of_band]
            return next((r for r in line if r in nameless), line[0] if line else None)
        if param.startswith("response"):
            return nameless[0] if nameless else None
        if code in BENIGN or param or self.active is not None:
            return None
        if details.type != "invalid_request_error":
            return None
        # what a model does not have is refused without a word on where it was asked for
        return nameless[0] if len(nameless) == 1 else None


def _config(command: ResponseCreate) -> ResponseConfig:
    return command.response or ResponseConfig()
