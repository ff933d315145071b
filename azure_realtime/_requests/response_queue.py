"""
Which response belongs to whom, and when the next may be asked for.

Rules:

1. The conversation has one active response. What is active is known from events alone:
   ``response.created`` to ``response.done``; the service starts some by itself (VAD).
2. Who asks while one is active waits for its end, cancels it, or fails, as they choose.
   Those who wait for the same thing share one response.
3. ``response.created`` does not say which command it answers: `response_requests` does.
4. Losing a race is no failure. "Already has an active response" puts the request back
   in line; "no active response" to a cancel is what was wanted. Both are still
   delivered as events.
5. A response out of band (``conversation="none"``) runs beside all this.

Every method decides under the lock and returns the commands to queue; whoever called it
queues them.
"""

from __future__ import annotations

import threading
from typing import Literal

from ..errors import RealtimeError, ServerError, fresh
from ..events import (
    ClientEvent,
    ErrorEvent,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)
from ..models.responses import Response, StatusDetails
from .failures import failure_of, refusal
from .response_requests import ALREADY_ACTIVE, Future, Line, Request

WhenBusy = Literal["wait", "cancel", "error"]

_UNKNOWN = "(unknown)"
_CANCELLED = Response(
    status="cancelled",
    status_details=StatusDetails(type="cancelled", reason="client_cancelled"),
)


class ResponseGate:
    """
    The responses that were asked for, and the one that is active.

    Args:
        mark: Whether requests carry a mark in their metadata.
        marks_come_back: Whether the service is known to hand it back. Of another it is
            learnt from its first answer.
    """

    def __init__(self, mark: bool = True, marks_come_back: bool = False) -> None:
        self._mark = mark
        self._lock = threading.RLock()
        self._line = Line(marks_come_back)
        self._error: RealtimeError | None = None
        self._refused: list[Future] = []

    def ask(
        self, command: ResponseCreate, future: Future, when_busy: WhenBusy
    ) -> list[ClientEvent]:
        """
        Register a request; return what to queue now. Any thread.
        """
        with self._lock:
            if self._error is not None:
                raise fresh(self._error)
            request = Request(command, [future])
            if request.out_of_band or not self._line.busy:
                self._line.requests.append(request)
                return [request.said(self._mark)]
            if when_busy == "error":
                future.fail(
                    ServerError("A response is active already.", code=ALREADY_ACTIVE)
                )
                return []
            if (other := self._line.like(command)) is not None:
                other.futures.append(future)
            else:
                request.held = True
                self._line.requests.append(request)
            return self._cancel()[1] if when_busy == "cancel" else []

    def cancel(self, response_id: str | None = None) -> tuple[bool, list[ClientEvent]]:
        """
        Return whether there is something to cancel, and what to queue. Any thread.

        A response that has been asked for and has no name yet is cancelled as soon as
        it has one.
        """
        with self._lock:
            if response_id is None:
                return self._cancel()
            if self._line.unwant(response_id) or response_id == self._line.active:
                return True, [ResponseCancel(response_id=response_id)]
            return False, []

    def abandon(self, future: Future) -> tuple[list[ClientEvent], str | None]:
        """
        Undo the request of a cancelled future, unless others share it. Any thread.

        Returns:
            What to queue, and the id of a command to take out of the queue.
        """
        with self._lock:
            for request in self._line.requests:
                if future in request.futures:
                    break
            else:
                return [], None
            if any(not other.cancelled() for other in request.futures):
                return [], None
            if request.held:
                self._line.requests.remove(request)
                return [], None
            request.unwanted = True
            if request.response_id is not None:
                return [ResponseCancel(response_id=request.response_id)], None
            return [], request.command.event_id

    def withdrawn(self, event_id: str) -> list[ClientEvent]:
        """
        Forget a request that never left; return who is next. Any thread.
        """
        with self._lock:
            line = self._line
            line.requests = [
                r for r in line.requests if r.held or r.command.event_id != event_id
            ]
            return self._next()

    def sent(self, event_id: str | None) -> None:
        """
        Note that a request has left. Reader thread.
        """
        if not self._line.requests:
            return
        with self._lock:
            for request in self._line.requests:
                if not request.held and request.command.event_id == event_id:
                    request.sent = True

    def observe(
        self, event: ServerEvent, spoken_for: bool = False
    ) -> list[ClientEvent]:
        """
        Follow the responses; return what to queue. Reader thread.

        Args:
            event: What came.
            spoken_for: Whether it is an error about something else.
        """
        if isinstance(event, ResponseCreated):
            return self._on_created(event.response)
        if isinstance(event, ResponseDone):
            return self._on_done(event.response)
        if isinstance(event, ErrorEvent) and not spoken_for:
            return self._on_error(event)
        return []

    def take_refused(self) -> list[Future]:
        """
        Return the futures that an ``error`` has failed since the last time. Reader
        thread.
        """
        refused, self._refused = self._refused, []
        return refused

    def lose(self, error: RealtimeError, retry: bool) -> None:
        """
        Fail what was under way on a connection that is gone, or (*retry*) put it back
        in line. Reader thread.
        """
        with self._lock:
            self._line.active = None
            lost = [r for r in self._line.requests if r.sent]
            if retry:
                for request in lost:
                    request.held, request.sent = not request.unwanted, False
                    request.cut_off = request.response_id or request.cut_off
                    request.response_id = None
                lost = [r for r in lost if r.unwanted]
            self._line.requests = [r for r in self._line.requests if r not in lost]
        for request in lost:
            for future in request.futures:
                future.fail(fresh(error))

    def restored(self) -> list[ClientEvent]:
        """
        Return what to queue on a new connection: who is next. Reader thread.
        """
        with self._lock:
            return self._next()

    def cut_off(self) -> list[str]:
        """
        Return the responses that are asked for again. Any thread.
        """
        with self._lock:
            return [r.cut_off for r in self._line.requests if r.cut_off]

    @property
    def quiet(self) -> bool:
        """
        Whether no response is active or asked for. Any thread.
        """
        return self._line.active is None and not self._line.requests

    def request_for(self, response_id: str) -> Request | None:
        """
        Return the request that a response answers, until it is done. Reader thread.
        """
        with self._lock:
            return self._line.named(response_id)

    def is_out_of_band(self, event: ServerEvent) -> bool:
        """
        Whether *event* is of a response that was asked for out of band. Reader thread.

        That a response has no ``conversation_id`` does not tell: compatible services
        leave it null in every response.
        """
        if not self._line.requests:
            return False
        response = getattr(event, "response", None)
        with self._lock:
            if isinstance(response, Response):
                request = self._line.answered_by(response)
            else:
                request = self.request_for(getattr(event, "response_id", None) or "")
            return request is not None and request.out_of_band

    def end(self, error: RealtimeError) -> None:
        """
        Fail every request, and every later one. Reader thread.
        """
        with self._lock:
            self._error = error
            requests, self._line.requests, self._line.active = (
                self._line.requests,
                [],
                None,
            )
        for request in requests:
            for future in request.futures:
                future.fail(fresh(error))

    # With the lock held.

    def _cancel(self) -> tuple[bool, list[ClientEvent]]:
        active = self._line.active
        if active is not None:
            self._line.unwant(active)
            known = None if active == _UNKNOWN else active
            return True, [ResponseCancel(response_id=known)]
        asked = False
        for request in self._line.requests:
            if not request.held and not request.out_of_band and not request.unwanted:
                asked = request.unwanted = True  # as soon as it has a name
        return asked, []

    def _next(self) -> list[ClientEvent]:
        request = self._line.next
        if request is None:
            return []
        request.held = False
        return [request.said(self._mark)]

    # Reader thread.

    def _on_created(self, response: Response) -> list[ClientEvent]:
        with self._lock:
            request = self._line.answered_by(response)
            if request is None:
                if not self._line.beside(response):
                    self._line.active = response.id
                return []
            if not request.out_of_band:
                self._line.active = response.id
            request.response_id = response.id
            for future in request.futures:
                future.response_id = response.id
            if request.unwanted:
                return [ResponseCancel(response_id=response.id)]
            return []

    def _on_done(self, response: Response) -> list[ClientEvent]:
        with self._lock:
            request = self._line.answered_by(response)
            if request is not None:
                self._line.requests.remove(request)
            if self._line.active in (response.id, _UNKNOWN):
                self._line.active = None
            following = self._next()
        if request is not None:
            for future in request.futures:  # its beginning may not have been told
                future.response_id = response.id
            error = failure_of(response)
            for future in request.futures:
                if error is None:
                    future.settle(response)
                else:
                    future.fail(fresh(error))
        return following

    def _on_error(self, event: ErrorEvent) -> list[ClientEvent]:
        with self._lock:
            request = self._line.blamed_by(event)
            if request is None:
                return []
            if event.error.code == ALREADY_ACTIVE and not request.out_of_band:
                if self._line.active is None:
                    self._line.active = _UNKNOWN
                # what looked like its answer was the one that was there before
                request.held, request.sent, request.response_id = True, False, None
                for future in request.futures:
                    future.response_id = None
                if not request.unwanted:
                    return []
            self._line.requests.remove(request)
            self._refused += request.futures
            following = self._next()
        error: RealtimeError | None = refusal(event)
        if request.unwanted and event.error.code == ALREADY_ACTIVE:
            error = failure_of(_CANCELLED)
        assert error is not None
        for future in request.futures:
            future.fail(fresh(error))
        return following
