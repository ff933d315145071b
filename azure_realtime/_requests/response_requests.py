"""
One response request and its state, and which request a response answers.

Rules:

1. A request waits while the conversation has an active response, or another request is
   under way. When its turn comes it is queued for sending; then it is sent; then its
   response is created; then it is done. A request out of band is queued at once.
2. A conflict ("already has an active response") puts a request back to waiting, also
   one that has a response: the service had started that response by itself.
3. A lost connection ends a request that was sent, or (``retry_response``) puts it back
   to waiting. One that is queued is sent on the next connection.
4. A marker in the metadata says which request a response answers (protocol reference,
   trap "no-response-echo"). Once a service has returned a marker, a response without
   one is known to be started by the service itself.
5. If the service does not return markers, a response answers the oldest request that
   was sent.
6. A request that nobody waits for (abandoned) and that has no response is orphaned: it
   may never be answered, so it delays no other. If a response to it is created after
   all, that is cancelled.

The states and their transitions (rules 1 to 3) are the table `TRANSITIONS`.
`ResponseQueue` holds its lock while it uses any of this.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

import attrs

from ..events import ResponseCreate
from ..models._unset import Unset
from ..models.responses import Response, ResponseConfig
from .error_routing import SentResponse
from .future import CommandFuture

MARKER = "client_event_id"
"""The metadata key by which a response is known to be ours."""

_MAX_METADATA = 16  # pairs that the service accepts


class State(enum.Enum):
    """
    Where a response request is.
    """

    WAITING = enum.auto()
    QUEUED = enum.auto()
    SENT = enum.auto()
    CREATED = enum.auto()
    DONE = enum.auto()


class Step(enum.Enum):
    """
    What happens to a response request.
    """

    QUEUE = enum.auto()
    SEND = enum.auto()
    CREATE = enum.auto()
    RETURN = enum.auto()  # after a conflict or, with retry_response, a loss
    FINISH = enum.auto()


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.WAITING: {Step.QUEUE: State.QUEUED, Step.FINISH: State.DONE},
    State.QUEUED: {Step.SEND: State.SENT, Step.FINISH: State.DONE},
    State.SENT: {
        Step.CREATE: State.CREATED,
        Step.RETURN: State.WAITING,
        Step.FINISH: State.DONE,
    },
    State.CREATED: {
        Step.CREATE: State.CREATED,
        Step.RETURN: State.WAITING,
        Step.FINISH: State.DONE,
    },
    State.DONE: {},
}


class ResponseFuture(CommandFuture[Response]):
    """
    The future of a response.

    Attributes:
        request: The request that it waits for; None until it is registered.
    """

    request: ResponseRequest | None = None

    @property
    def response_id(self) -> str | None:
        """
        The response, once it is created. Any thread.
        """
        return None if self.request is None else self.request.response_id


class ResponseRequest:
    """
    One ``response.create``.

    Attributes:
        command: As the caller gave it, with an ``event_id``.
        futures: Of those who share the response.
        has_marker: Whether it is sent with a marker.
        state: Changed by `step` only.
        response_id: The response to it, from its creation on.
        matched_by_marker: Whether that is certain.
        abandoned: Whether nobody wants the response any more.
        interrupted_response_id: The response to it that a lost connection interrupted.
        done_count: How many responses had ended when it was sent.
    """

    def __init__(
        self,
        command: ResponseCreate,
        futures: list[ResponseFuture],
        has_marker: bool = False,
    ) -> None:
        self.command = command
        self.futures = futures
        self.has_marker = has_marker
        self.state = State.WAITING
        self.response_id: str | None = None
        self.matched_by_marker = False
        self.abandoned = False
        self.interrupted_response_id: str | None = None
        self.done_count = 0

    def step(self, step: Step, response_id: str | None = None) -> None:
        """
        Change the state as `TRANSITIONS` says.

        Args:
            step: What happens.
            response_id: The response that is created.
        """
        self.state = TRANSITIONS[self.state][step]
        if step is Step.CREATE:
            self.response_id = response_id
        elif step is Step.RETURN:
            self.response_id, self.matched_by_marker = None, False

    @property
    def is_sent(self) -> bool:
        """
        Whether the service knows of it.
        """
        return self.state in (State.SENT, State.CREATED)

    @property
    def delays_others(self) -> bool:
        """
        Whether later requests have to wait until it is done (rules 1 and 6).
        """
        return not self.is_out_of_band and not self.is_orphaned

    @property
    def is_orphaned(self) -> bool:
        """
        Whether nobody waits for it, and nobody knows whether it will be answered.
        """
        return self.abandoned and self.state is State.SENT

    @property
    def is_out_of_band(self) -> bool:
        """
        Whether the response is not part of the conversation.
        """
        config = self.command.response
        return config is not None and config.conversation == "none"

    def to_command(self) -> ResponseCreate:
        """
        Return the command to send, with its marker.
        """
        if not self.has_marker:
            return self.command
        config = self.command.response or ResponseConfig()
        own = {} if isinstance(config.metadata, Unset) else config.metadata or {}
        metadata = {**own, MARKER: self.command.event_id or ""}
        response = attrs.evolve(config, metadata=metadata)
        return attrs.evolve(self.command, response=response)


def has_room_for_marker(command: ResponseCreate) -> bool:
    """
    Whether a marker fits into the metadata of a request; None is kept as it is.
    """
    if command.response is None:
        return True
    metadata = command.response.metadata
    if isinstance(metadata, Unset):
        return True
    return metadata is not None and len(metadata) < _MAX_METADATA


class ResponseRequests:
    """
    The requests that are not done, the oldest first.

    Attributes:
        returns_markers: Whether the service is known to return markers.
        active: The id of the conversation's active response.
    """

    def __init__(self, returns_markers: bool = False) -> None:
        self.returns_markers = returns_markers
        self.active: str | None = None
        self._requests: list[ResponseRequest] = []

    def __iter__(self) -> Iterator[ResponseRequest]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: ResponseRequest) -> None:
        """
        Add a request behind all others.
        """
        for future in request.futures:
            future.request = request
        self._requests.append(request)

    def add_or_share(self, request: ResponseRequest) -> None:
        """
        Add a request that waits; if another waits for the same response, share that.
        """
        wanted = request.command.response or ResponseConfig()
        for other in self._requests:
            if other.state is State.WAITING and wanted == (
                other.command.response or ResponseConfig()
            ):
                for future in request.futures:
                    future.request = other
                other.futures += request.futures
                return
        self.add(request)

    def finish(self, *requests: ResponseRequest) -> list[ResponseFuture]:
        """
        Remove requests that are done; return their futures, to be completed.
        """
        for request in requests:
            self._requests.remove(request)
            request.step(Step.FINISH)
        return [future for request in requests for future in request.futures]

    @property
    def is_busy(self) -> bool:
        """
        Whether another request has to wait.
        """
        return self.active is not None or any(r.delays_others for r in self._requests)

    @property
    def next(self) -> ResponseRequest | None:
        """
        The request whose turn it is to be queued.
        """
        if self.active is not None:
            return None
        waiting = None
        for request in self._requests:
            if request.state is State.WAITING:
                waiting = waiting or request
            elif request.delays_others:
                return None
        return waiting

    def by_event_id(self, event_id: str, *states: State) -> ResponseRequest | None:
        """
        Return the request with this id in one of *states*.
        """
        for request in self._requests:
            if request.command.event_id == event_id and request.state in states:
                return request
        return None

    def by_response_id(self, response_id: str) -> ResponseRequest | None:
        """
        Return the request that a response is known to answer.
        """
        for request in self._requests:
            if request.response_id == response_id:
                return request
        return None

    def answered_by(self, response: Response) -> ResponseRequest | None:
        """
        Return the request that *response* answers, as far as can be told (rules 4, 5).
        """
        known = self.by_response_id(response.id)
        if known is not None:
            return known
        marker = (response.metadata or {}).get(MARKER)
        unanswered = [r for r in self._requests if r.state is State.SENT]
        if marker is not None:
            for request in unanswered:
                if marker == request.command.event_id:
                    self.returns_markers = request.matched_by_marker = True
                    return request
            return None
        if self.returns_markers:
            unanswered = [r for r in unanswered if not r.has_marker]
        out_of_band = self.looks_out_of_band(response)
        for request in unanswered:
            if request.is_out_of_band == out_of_band or len(unanswered) == 1:
                return request
        return None

    def looks_out_of_band(self, response: Response) -> bool:
        """
        Whether *response* is of no conversation and runs beside an active one.
        """
        return response.conversation_id is None and self.active is not None

    def sent(self) -> list[SentResponse]:
        """
        Return the requests that an error can be about.
        """
        return [
            SentResponse(
                request.command.event_id or "",
                request.response_id,
                request.matched_by_marker,
                request.is_out_of_band,
            )
            for request in self._requests
            if request.is_sent
        ]
