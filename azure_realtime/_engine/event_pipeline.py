"""
Passes received events to the state, then to futures and waits, then to listeners.

Rules:

1. An event is passed to the parts that handle its class, in a fixed order: session and
   conversation state, futures, waits, listeners. A thread that an event wakes sees the
   new state, and a listener can wait for an event that is queued behind its own.
2. Deltas are nearly all of the traffic, and concern the conversation and the status
   only. They have a route of their own, which is looked up once, and the events of one
   read go to the dispatcher as one batch.
3. Other events that do not concern the connection join the batch as well. The batch so
   far is posted before an event completes a future: done-callbacks run in wire order
   with the listeners.
4. All other messages are passed to `SessionEvents.follow`, one at a time, after the
   batch so far was posted: this keeps the wire order.
5. A wait for an event is completed before the event is posted. A delta is offered to
   the waits only if one of them waits for its type.
6. The size of a delta is that of its text, times four if the text is not ASCII. It
   bounds the memory of the event, because the generated reader has checked that the
   event consists of scalars only.

All of it runs on the reader thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.emitter import Emitter
from .._dispatch.event_keys import ANY
from .._dispatch.mailbox import Mailboxes
from .._logging import logger
from .._memory import approximate_size
from .._requests.error_routing import (
    ErrorRoute,
    Outstanding,
    SentItem,
    Subject,
    route_error,
)
from .._requests.failures import refusal
from .._requests.future import CommandFuture
from .._requests.unread_errors import UnreadErrors
from .._state.model_status import ModelStatus
from ..events import (
    SERVER_EVENTS,
    ErrorEvent,
    InvalidMessage,
    ServerEvent,
    StatusChanged,
    UnknownEvent,
)
from .sender import Sender

_CHANGE_SIZE = 500  # bytes: about the size of a `StatusChanged` event

Handler = Callable[[Any], object]
Route = tuple[Handler, Callable[[Any], StatusChanged | None]]
Follow = Callable[[Sequence[ServerEvent]], bool]
"""
Handles the events of one message that may concern the connection; returns whether they
do.
"""


class Part(Protocol):
    """
    A part of the client that observes events. It must neither block nor raise.
    """

    @property
    def handles(self) -> frozenset[type[ServerEvent]]:
        """
        The classes of the events that are passed to `observe`.
        """

    def observe(self, event: Any, /) -> object:
        """
        Update the state of this part.
        """


class EventPipeline:
    """
    Decodes messages, and passes each event to the parts that handle its class.

    Args:
        deltas: The routes of the deltas.
        parts: Observe other events, in this order.
        of_the_connection: The types of events that `SessionEvents` handles.
        status: The status of the model.
        sender: Has the decoder, and the commands and requests that an event may answer.
        mailboxes: The waits for events.
        emitter: Passes events to waits and listeners.
        dispatcher: Knows whether an error has a listener.
        lifecycle: Knows the process.

    Attributes:
        unread_errors: The errors that are logged unless the program reads them.
        answers: Number of events that may have answered a command.
    """

    def __init__(
        self,
        deltas: Mapping[type[ServerEvent], Route],
        parts: Sequence[Part],
        of_the_connection: Collection[str],
        status: ModelStatus,
        sender: Sender,
        mailboxes: Mailboxes,
        emitter: Emitter,
        dispatcher: Dispatcher,
        lifecycle: Lifecycle,
    ) -> None:
        self._status = status
        self._decode = sender.codec.decode_one
        self._sender = sender
        self._mailboxes = mailboxes
        self._emitter = emitter
        self._dispatcher = dispatcher
        self._lifecycle = lifecycle
        self.unread_errors = UnreadErrors()
        self.answers = 0
        self._delta_routes: dict[type, Route] = dict(deltas)
        self._handlers: dict[type[ServerEvent], tuple[Handler, ...]] = {}
        for part in parts:
            handle = part.observe
            for kind in part.handles:
                self._handlers[kind] = (*self._handlers.get(kind, ()), handle)
        self._answers = sender.pending.handles | sender.responses.handles
        # a type that only other kinds of session have is decoded as an UnknownEvent
        self._connection_types = {ErrorEvent, InvalidMessage, UnknownEvent} | {
            SERVER_EVENTS[name] for name in of_the_connection if name in SERVER_EVENTS
        }

    def receive(self, messages: list[bytes], generation: int, follow: Follow) -> bool:
        """
        Handle the messages of one read.

        Args:
            messages: In wire order. The list is emptied: a message is freed before the
                next is decoded, else a burst would be in memory twice.
            generation: Number of the connection.
            follow: Handles the events that concern the connection, and unknown ones.

        Returns:
            Whether one of the events concerns the connection.

        Raises:
            UnicodeDecodeError: A message is not UTF-8; those before it were handled.
        """
        decode, routes, mailboxes = self._decode, self._delta_routes, self._mailboxes
        concerned = False
        batch: list[ServerEvent] = []  # the events of this read that are not posted yet
        sizes: list[int] = []
        messages.reverse()
        try:
            while messages:
                data = messages.pop()
                event = decode(data, generation)
                route = routes.get(event.__class__)
                if route is not None:
                    assert not isinstance(event, tuple)
                    size = len(data) if data.isascii() else 4 * len(data)
                    change = self._follow_delta(event, route)
                else:
                    events = event if isinstance(event, tuple) else (event,)
                    event = events[0]
                    kind = event.__class__
                    answers = kind in self._answers
                    for_connection = len(events) > 1 or kind in self._connection_types
                    if batch and (answers or for_connection):
                        ready, ready_sizes, batch, sizes = batch, sizes, [], []
                        self._emitter.post_batch(ready, ready_sizes)
                    if for_connection:
                        concerned |= follow(events)
                        continue
                    size = approximate_size(event.raw)
                    change = self.follow(event)
                    if answers:
                        self.settle(event)
                wanted = mailboxes.wanted
                if event.type in wanted or ANY in wanted:
                    mailboxes.offer(event, size)
                batch.append(event)
                sizes.append(size)
                if change is not None:
                    change = attrs.evolve(change, generation=generation)
                    mailboxes.offer(change, _CHANGE_SIZE)
                    batch.append(change)
                    sizes.append(_CHANGE_SIZE)
        except BaseException:
            # A listener on this thread may have forked: its child must not post.
            if not self._lifecycle.process.is_other_process:
                self._emitter.post_batch(batch, sizes)
            raise
        if batch:
            self._emitter.post_batch(batch, sizes)
        return concerned

    def _follow_delta(self, event: ServerEvent, route: Route) -> StatusChanged | None:
        """
        Update the state by a delta. Return the change of status to emit, if any.
        """
        in_conversation, in_status = route
        try:
            in_conversation(event)
        except Exception:
            logger.exception("%r failed; this is a bug", in_conversation)
        out_of_band_ids = self._sender.responses.out_of_band_ids
        if out_of_band_ids and event.response_id in out_of_band_ids:  # type: ignore[attr-defined]
            return None
        return in_status(event)

    def follow(self, event: ServerEvent) -> StatusChanged | None:
        """
        Update the state by *event*. Return the change of status to emit, if any.
        """
        for handle in self._handlers.get(type(event), ()):
            try:
                handle(event)
            except Exception:
                logger.exception("%r failed; this is a bug", handle)
        if type(event) not in self._status.handles:
            return None
        return self._status.observe(event, self._sender.responses.is_out_of_band(event))

    def settle(self, event: ServerEvent) -> None:
        """
        Complete the futures that *event* answers.
        """
        kind = type(event)
        pending, responses = self._sender.pending, self._sender.responses
        if kind in pending.handles:
            self.answers += 1
            pending.observe(event)
        elif kind in responses.handles:
            self.answers += 1
            self._sender.follow_up(responses.observe(event))

    # Errors.

    def route(
        self,
        error: ErrorEvent,
        opening_id: str | None,
        restored: Collection[str],
        unanswered: Sequence[SentItem],
    ) -> ErrorRoute:
        """
        Return what an error is about.

        Args:
            error: The event.
            opening_id: Id of the session's opening message; None after its answer.
            restored: The ids of the commands that restore items.
            unanswered: Those of these items that the service may still refuse.
        """
        pending, responses = self._sender.pending, self._sender.responses
        return route_error(
            error.error,
            Outstanding(
                opening_id,
                restored,
                unanswered,
                pending.sent_commands(),
                responses.sent_responses(),
                responses.is_active,
            ),
        )

    def refuse(self, event: ErrorEvent, route: ErrorRoute) -> None:
        """
        Fail the futures that *event* is about. If no listener receives the error, and
        the program does not read such a future, it is logged.
        """
        pending, responses = self._sender.pending, self._sender.responses
        refused: Sequence[CommandFuture[Any]] = ()
        if route.subject is Subject.COMMAND and route.event_id:
            refused = [pending.refuse(route.event_id, refusal(event))]
        elif route.subject is Subject.RESPONSE and route.event_id:
            refused, following = responses.refuse(route.event_id, event)
            self._sender.follow_up(following)
        if not route.benign and not self._dispatcher.has_listener(event):
            self.unread_errors.add(refused, refusal(event))
