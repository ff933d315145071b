"""
The queue of response requests, of which the conversation allows one at a time.

Rules:

1. A conversation has at most one active response, from ``response.created`` to
   ``response.done``. Events determine it: the service starts responses, too (VAD).
2. A request made while a response is active waits for its end, cancels it, or fails, as
   the caller chooses. Waiting requests with equal settings share one response.
3. ``response.created`` does not name the command it acknowledges. `response_requests`
   matches them, and `error_routing` finds the request of an ``error`` event.
4. Two errors report race conditions and are no failures. After "already has an active
   response" the request waits again; "no active response" means that a cancelled
   response had already ended. Both errors are delivered as events.
5. A response out of band (``conversation="none"``) runs independently of the queue.

Every method changes the state under the lock and returns the commands to queue.
Futures are completed after its release.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .._concurrency.lock import OwnLock
from ..errors import RealtimeError, ServerError, copy_to_raise
from ..events import (
    ClientEvent,
    ErrorEvent,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)
from ..models.fields import WhenBusy
from ..models.responses import Response
from .error_routing import ALREADY_ACTIVE, SentResponse
from .failures import (
    CANCELLED_HERE,
    completing,
    fail_all,
    failure_of,
    refusal,
    settle_all,
)
from .response_requests import (
    ResponseFuture,
    ResponseRequest,
    ResponseRequests,
    State,
    Step,
    has_room_for_marker,
)

_UNKNOWN = "(unknown)"


class ResponseQueue:
    """
    The response requests that are not done, and the active response.

    Args:
        ended: Returns the error that ended the client, or None. The error must be set
            before `end` is called: `ask` adds a request and reads the error under one
            lock, so either `end` finds the request, or `ask` finds the error.
        use_markers: Whether requests carry a marker in their metadata.
        returns_markers: Whether the service is known to return markers. For any other
            service its first returned marker shows it.

    Attributes:
        handles: The classes of events for which `observe` must be called.
        out_of_band_ids: The ids of the created responses out of band. The set is
            replaced, never changed, so that any thread can read it without the lock.
    """

    handles: frozenset[type[ServerEvent]] = frozenset({ResponseCreated, ResponseDone})

    def __init__(
        self,
        ended: Callable[[], RealtimeError | None],
        use_markers: bool = True,
        returns_markers: bool = False,
    ) -> None:
        self._ended = ended
        self._use_markers = use_markers
        # guards the requests: callers and the reader thread change them
        self._lock = OwnLock()
        self._requests, self._done_count = ResponseRequests(returns_markers), 0
        self._cancelled: str | None = None  # the id that `cancel` had last
        self.out_of_band_ids: frozenset[str] = frozenset()

    def ask(
        self, command: ResponseCreate, future: ResponseFuture, when_busy: WhenBusy
    ) -> list[ClientEvent]:
        """
        Register a request; return the commands to queue now. Any thread.

        Raises:
            RealtimeError: The client has ended.
        """
        with self._lock:
            if (error := self._ended()) is not None:
                raise copy_to_raise(error)
            has_marker = self._use_markers and has_room_for_marker(command)
            request = ResponseRequest(command, [future], has_marker)
            if request.is_out_of_band or not self._requests.is_busy:
                self._requests.add(request)
                return [self._queue(request)]
            if when_busy != "error":
                self._requests.add_or_share(request)
                return self.cancel()[1] if when_busy == "cancel" else []
        text = "A response is active already: wait for it, or leave out when_busy."
        future.fail(ServerError(text, code=ALREADY_ACTIVE))
        return []

    def cancel(self, response_id: str | None = None) -> tuple[bool, list[ClientEvent]]:
        """
        Return whether there is a response to cancel, and what to queue. Any thread.

        A requested response that is not created yet is cancelled on its creation.
        """
        ResponseCancel(response_id=response_id)  # raises TypeError for another object
        with self._lock:
            target = self._requests.active if response_id is None else response_id
            if target is None:
                return self._requests.abandon_uncreated(), []
            answered = self._requests.by_response_id(target)
            if answered is not None:
                answered.abandoned = True
            elif target != self._requests.active:
                return False, []
            named = self._cancelled = None if target == _UNKNOWN else target
        return True, [ResponseCancel(response_id=named)]

    def abandon(self, future: ResponseFuture) -> tuple[list[ClientEvent], str | None]:
        """
        Abandon the request of a cancelled future, unless others share it. Reader
        thread, which calls `withdrawn` afterwards.

        Returns:
            The commands to queue, and the id of a command to withdraw.
        """
        request = future.request
        with self._lock:
            if request is None or request.state is State.DONE:
                return [], None
            if {other.cancelled() for other in request.futures} != {True}:
                return [], None
            request.futures.clear()  # `abandon` may be called twice
            if request.state is State.WAITING:
                self._requests.finish(request)
                return [], None
            request.abandoned = True
            if request.response_id is not None:
                return [ResponseCancel(response_id=request.response_id)], None
            return [], request.command.event_id

    def withdrawn(self, event_id: str) -> list[ClientEvent]:
        """
        Remove an unsent, abandoned request; return the next command. Reader thread.
        """
        with self._lock:
            request = self._requests.by_event_id(event_id, State.QUEUED)
            if request is not None and request.abandoned:
                self._requests.finish(request)
            return self._next()

    def mark_sent(self, event_id: str) -> None:
        """Note that a command was sent. Reader thread."""
        if not self._requests:
            return
        with self._lock:
            request = self._requests.by_event_id(event_id, State.QUEUED)
            if request is not None:
                request.done_count = self._done_count
                request.step(Step.SEND)

    def observe(self, event: ServerEvent) -> list[ClientEvent]:
        """
        Update the responses from *event*; return the commands to queue. Reader thread.
        """
        if isinstance(event, ResponseCreated):
            return self._on_created(event.response)
        assert isinstance(event, ResponseDone)
        return self._on_done(event.response)

    def sent_responses(self) -> list[SentResponse]:
        """
        Return the requests that an error can be about, oldest first. Reader thread.
        """
        with self._lock:
            return self._requests.sent()

    def refuse(
        self, event_id: str, event: ErrorEvent
    ) -> tuple[list[ResponseFuture], list[ClientEvent]]:
        """
        Fail a sent request, or return it to waiting (rule 4). Return the failed futures
        and the commands to queue. Reader thread.
        """
        error: RealtimeError = refusal(event)
        with completing(lambda done: fail_all(done, error)) as futures, self._lock:
            requests = self._requests
            request = requests.by_event_id(event_id, State.SENT, State.CREATED)
            assert request is not None
            if event.error.code == ALREADY_ACTIVE and not request.is_out_of_band:
                # the active response may have ended since, before its refusal came
                ended = self._done_count != request.done_count
                if requests.active is None and not ended:
                    requests.active = _UNKNOWN
                if not request.abandoned:
                    request.step(Step.RETURN)
                    return [], self._next()
                error = failure_of(CANCELLED_HERE) or error
            futures += requests.finish(request)
            following = self._next()
            self._publish()
        return futures, following

    def lose(self, error: RealtimeError, retry: bool) -> None:
        """
        Fail the requests sent on a lost connection or, with *retry*, return them to
        waiting for the next connection. Reader thread.
        """
        with completing(partial(fail_all, error=error)) as futures, self._lock:
            self._requests.active = None
            futures += self._finish_sent(retry)
            self._publish()

    def _finish_sent(self, retry: bool) -> list[ResponseFuture]:
        lost = [request for request in self._requests if request.is_sent]
        for request in lost if retry else ():
            if not request.abandoned:
                if request.response_id is not None:
                    request.interrupted_response_id = request.response_id
                request.step(Step.RETURN)
        return self._requests.finish(*(r for r in lost if r.is_sent))

    def session_restored(self) -> list[ClientEvent]:
        """Return the first command to queue on a new connection. Reader thread."""
        with self._lock:
            return self._next()

    def interrupted_response_ids(self) -> list[str]:
        """
        Return the ids of interrupted responses that are requested again. Any thread.
        """
        with self._lock:
            interrupted = [r.interrupted_response_id for r in self._requests]
        return [response_id for response_id in interrupted if response_id]

    def event_ids(self) -> set[str | None]:
        """Return the ids of the requests that are not done. Any thread."""
        with self._lock:
            return {request.command.event_id for request in self._requests}

    @property
    def is_active(self) -> bool:
        """Whether the conversation has an active response. Any thread."""
        return self._requests.active is not None

    @property
    def is_idle(self) -> bool:
        """Whether no response is active or requested. Any thread."""
        return not self.is_active and not self._requests

    @property
    def is_awaited(self) -> bool:
        """Whether a response not cancelled is active or requested. Any thread."""
        with self._lock:
            requests, active = list(self._requests), self._requests.active
        cancelled = [r.response_id for r in requests if r.abandoned]
        given_up = (None, self._cancelled, *cancelled)
        return len(requests) > len(cancelled) or active not in given_up

    def request_for(self, response_id: str) -> ResponseRequest | None:
        """Return the request of a response that is not done, or None. Reader thread."""
        with self._lock:
            return self._requests.by_response_id(response_id)

    def is_out_of_band(self, event: ServerEvent) -> bool:
        """
        Whether *event* belongs to a response requested out of band. Reader thread.

        A null ``conversation_id`` does not prove it: compatible services send null in
        every response.
        """
        if not isinstance(event, (ResponseCreated, ResponseDone)):
            return getattr(event, "response_id", None) in self.out_of_band_ids
        with self._lock:  # `observe` may not have matched the response yet
            request = self._requests.answered_by(event.response)
            return request is not None and request.is_out_of_band

    def end(self, error: RealtimeError) -> None:
        """Fail every request. Reader thread."""
        fail_all([future for r in tuple(self._requests) for future in r.futures], error)
        with self._lock:
            self._requests.finish(*self._requests)
            self._requests.active = None
            self._publish()

    # Lock held.

    def _queue(self, request: ResponseRequest) -> ResponseCreate:
        request.step(Step.QUEUE)
        return request.to_command()

    def _next(self) -> list[ClientEvent]:
        request = self._requests.next
        return [] if request is None else [self._queue(request)]

    def _publish(self) -> None:
        self.out_of_band_ids = frozenset(
            request.response_id
            for request in self._requests
            if request.response_id is not None and request.is_out_of_band
        )

    # Reader thread.

    def _on_created(self, response: Response) -> list[ClientEvent]:
        with self._lock:
            request = self._requests.answered_by(response)
            if request is None:
                if not self._requests.looks_out_of_band(response):
                    self._requests.active = response.id
                return []
            if not request.is_out_of_band:
                self._requests.active = response.id
            request.step(Step.CREATE, response.id)
            self._publish()
            if request.abandoned:
                return [ResponseCancel(response_id=response.id)]
            return []

    def _on_done(self, response: Response) -> list[ClientEvent]:
        error = failure_of(response)
        with completing(partial(settle_all, response, error)) as futures, self._lock:
            request = self._requests.answered_by(response)
            if request is not None:
                request.step(Step.CREATE, response.id)  # if `created` was missing
                futures += self._requests.finish(request)
            self._done_count += 1
            if self._requests.active in (response.id, _UNKNOWN):
                self._requests.active = None
            following = self._next()
            self._publish()
        return following
