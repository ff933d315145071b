"""
The states of a response request, and the matching of responses with requests.

Rules:

1. A request waits while the conversation has an active response or another request is
   queued or sent. Then it is queued for sending, sent, its response is created, and it
   is done. A request out of band is queued at once.
2. A conflict ("already has an active response") returns a request to waiting, even one
   with a response: the service had started that response by itself.
3. A lost connection ends a sent request or, with ``retry_response``, returns it to
   waiting. A queued request is sent on the next connection.
4. A marker in the metadata identifies the request of a response (protocol reference,
   trap "no-response-echo"). Once a service has returned a marker, a response without
   one belongs to a request without one, or the service started it by itself.
5. If the service does not return markers, a response belongs to the oldest sent
   request.
6. An abandoned request (its futures are cancelled) that was sent and has no response is
   orphaned: its response may never come, so it delays no other request. If its response
   is created later, that response is cancelled.

The states and their transitions (rules 1 to 3) are the table `TRANSITIONS`.
`ResponseQueue` holds its lock while it uses the classes of this module.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping

import attrs

from ..events import ResponseCreate
from ..models._unset import Unset
from ..models.responses import MARKER, Response, ResponseConfig
from .error_routing import SentResponse
from .future import CommandFuture

_MAX_METADATA = 16  # key-value pairs that the service accepts


class State(enum.Enum):
    """
    The state of a response request.
    """

    WAITING = enum.auto()
    QUEUED = enum.auto()
    SENT = enum.auto()
    CREATED = enum.auto()
    DONE = enum.auto()


class Step(enum.Enum):
    """
    A transition of a response request.
    """

    QUEUE = enum.auto()
    SEND = enum.auto()
    CREATE = enum.auto()
    RETURN = enum.auto()  # after a conflict (rule 2) or a lost connection (rule 3)
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
        request: The request of the response; None until it is registered.
    """

    request: ResponseRequest | None = None

    @property
    def response_id(self) -> str | None:
        """
        The id of the response; None until it is created. Any thread.
        """
        return None if self.request is None else self.request.response_id


class ResponseRequest:
    """
    One ``response.create``.

    Attributes:
        command: The caller's command, with an ``event_id``.
        futures: The futures that share the response.
        has_marker: Whether the command is sent with a marker.
        state: The state; changed by `step` only.
        response_id: The id of its response; None until that is created.
        matched_by_marker: Whether a marker proves that the response is to this request.
        abandoned: Whether the response is not wanted any more.
        interrupted_response_id: The response that a lost connection interrupted.
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
        Change the state as `TRANSITIONS` defines.

        Args:
            step: The transition.
            response_id: The id of the created response, for `Step.CREATE`.
        """
        self.state = TRANSITIONS[self.state][step]
        if step is Step.CREATE:
            self.response_id = response_id
        elif step is Step.RETURN:
            self.response_id, self.matched_by_marker = None, False

    @property
    def is_sent(self) -> bool:
        """
        Whether the command was sent on this connection.
        """
        return self.state in (State.SENT, State.CREATED)

    @property
    def delays_others(self) -> bool:
        """
        Whether other requests wait until this one is done (rules 1 and 6).
        """
        return not self.is_out_of_band and not self.is_orphaned

    @property
    def is_orphaned(self) -> bool:
        """
        Whether the request is abandoned and its response may never come (rule 6).
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
        Return the command to send, with its marker if it has one.
        """
        if not self.has_marker:
            return self.command
        config = self.command.response or ResponseConfig()
        given = {} if isinstance(config.metadata, Unset) else config.metadata or {}
        metadata = {**given, MARKER: self.command.event_id or ""}
        response = attrs.evolve(config, metadata=metadata)
        return attrs.evolve(self.command, response=response)


def has_room_for_marker(command: ResponseCreate) -> bool:
    """
    Whether a marker fits into the metadata of *command*; metadata of None gets none.
    """
    if command.response is None:
        return True
    metadata = command.response.metadata
    if isinstance(metadata, Unset):
        return True
    return metadata is not None and len(metadata) < _MAX_METADATA


class ResponseRequests:
    """
    The requests that are not done, oldest first.

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
        Append a request.
        """
        for future in request.futures:
            future.request = request
        self._requests.append(request)

    def add_or_share(self, request: ResponseRequest) -> None:
        """
        Add a waiting request, or its futures to a waiting request with equal settings.
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
        Remove requests as done; return their futures, which the caller completes.
        """
        for request in requests:
            if request in self._requests:  # else Ctrl-C came while it was added
                self._requests.remove(request)
            request.step(Step.FINISH)
        return [future for request in requests for future in request.futures]

    def abandon_uncreated(self) -> bool:
        """
        Cancel the requests on their creation; return whether there was one to cancel.
        """
        sent = [r for r in self._requests if r.state is not State.WAITING]
        found = [r for r in sent if r.delays_others and not r.abandoned]
        for request in found:
            request.abandoned = True
        return bool(found)

    @property
    def is_busy(self) -> bool:
        """
        Whether a new request has to wait.
        """
        return self.active is not None or any(r.delays_others for r in self._requests)

    @property
    def next(self) -> ResponseRequest | None:
        """
        The request to queue next; None if none waits or another delays it.
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
        Return the request with this event id in one of *states*, or None.
        """
        for request in self._requests:
            if request.command.event_id == event_id and request.state in states:
                return request
        return None

    def by_response_id(self, response_id: str) -> ResponseRequest | None:
        """
        Return the request that was matched with a response, or None.
        """
        for request in self._requests:
            if request.response_id == response_id:
                return request
        return None

    def answered_by(self, response: Response) -> ResponseRequest | None:
        """
        Match *response* with a request (rules 4 and 5); return it, or None.
        """
        matched = self.by_response_id(response.id)
        if matched is not None:
            return matched
        metadata = response.raw.get("metadata")
        marker = metadata.get(MARKER) if isinstance(metadata, Mapping) else None
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
        Whether *response* has no conversation while another response is active.
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
