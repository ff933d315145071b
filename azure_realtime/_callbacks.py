"""
The callback thread: it runs user functions, in wire order, one at a time.

It lives as long as the client, not as long as a connection: who registers after a
refused connection still hears of it. It reaches the subscriptions through a weak
reference; while it waits it holds nothing that could keep a client alive.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from typing import NamedTuple

from ._deadline import Deadline
from ._subscriptions import Subscription, Subscriptions
from .events import ListenerError, ServerEvent

logger = logging.getLogger("azure_realtime")


class _Job(NamedTuple):
    event: ServerEvent
    only: Subscription | None


class CallbackThread:
    """
    A queue of events and the thread that delivers them.

    Args:
        subscriptions: Who hears them; only a weak reference is kept.
        name: Of the thread.
    """

    def __init__(self, subscriptions: Subscriptions, name: str) -> None:
        self._subscriptions = weakref.ref(subscriptions)
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._finishing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """
        Start the thread. The thread that makes the client.
        """
        self._thread.start()

    def post(self, event: ServerEvent, only: Subscription | None = None) -> None:
        """
        Queue an event for everybody, or for one subscription. Any thread; never blocks.
        """
        with self._changed:
            self._jobs.append(_Job(event, only))
            self._changed.notify()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a callback.
        """
        return threading.current_thread() is self._thread

    def finish(self) -> None:
        """
        Deliver what is queued, then end. Any thread, also a finalizer; never blocks.
        """
        with self._changed:
            self._finishing = True
            self._changed.notify()

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end; whatever has not been delivered by then never will be.

        Any thread; returns False at once in a callback, which cannot wait for itself,
        and after the deadline while a user function still runs.
        """
        if self.is_current:
            return False
        self._thread.join(deadline.remaining())
        with self._changed:
            self._jobs.clear()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while self._deliver_next():
            pass

    def _deliver_next(self) -> bool:
        # a function of its own: between two events nothing here refers to the last one
        with self._changed:
            while not self._jobs:
                if self._finishing:
                    return False
                self._changed.wait()
            job = self._jobs.popleft()
        deliver(job.event, job.only, self._subscriptions())
        return True


def deliver(
    event: ServerEvent, only: Subscription | None, subscriptions: Subscriptions | None
) -> None:
    """
    Call the listeners of *event*; a failing one harms nobody else.
    """
    if subscriptions is None:
        return
    for subscription in subscriptions.take(event) if only is None else [only]:
        if not subscriptions.claim(subscription):
            continue
        try:
            subscription.listener(event)
        except BaseException as error:  # sys.exit() in a listener must not end us
            logger.exception(
                "The listener %r of %r raised", subscription.listener, event.type
            )
            if event.type != ListenerError.type:
                failure = ListenerError(
                    error=error, listener=subscription.listener, event=event
                )
                deliver(failure, None, subscriptions)
