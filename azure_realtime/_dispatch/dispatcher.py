"""
The callback thread: it runs user functions, in wire order, one at a time.

It lives as long as the client, not as long as a connection: who registers after a
refused connection still hears of it. It reaches the subscriptions through a weak
reference; while it waits it holds nothing that could keep a client alive.
"""

from __future__ import annotations

import functools
import logging
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from .._concurrency.deadline import Deadline
from .._concurrency.process import Home
from ..events import ListenerError, ServerEvent
from .backlog import Backlog
from .subscriptions import Subscription, Subscriptions

logger = logging.getLogger("azure_realtime")

Job = Callable[[], object]


class Delivery(functools.partial[None]):
    """
    The job to deliver an event, which is counted until it runs.
    """


class Dispatcher(ABC):
    """
    Where user functions run. Jobs run one at a time, in the order they were given.

    Args:
        subscriptions: Who hears events; only a weak reference is kept.
        backlog: Keeps count of what waits.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        self._subscriptions = weakref.ref(subscriptions)
        self._home = Home()
        self.backlog = backlog or Backlog(64 << 20, disconnect=False)

    def post(self, event: ServerEvent, only: Subscription | None = None) -> None:
        """
        Have an event delivered, to everybody or to one. Any thread; never blocks.
        """
        if self.backlog.enter(event):
            self.submit(Delivery(self._deliver, event, only))

    def _deliver(self, event: ServerEvent, only: Subscription | None) -> None:
        # the child of a done-callback may come here: `concurrent.futures` goes on,
        # whatever one raises
        self._home.check()
        self.backlog.leave()
        deliver(event, only, self._subscriptions, self.backlog, self._home)

    def _discard(self, jobs: Iterable[Job]) -> None:
        """
        Count out what will never be run. Any thread.
        """
        for job in jobs:
            if isinstance(job, Delivery):
                self.backlog.leave()

    def hears(self, event: ServerEvent) -> bool:
        """
        Whether anybody listens for *event*. Any thread.
        """
        subscriptions = self._subscriptions()
        return subscriptions is not None and subscriptions.hears(event)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """
        Have a user function run. Any thread; never blocks.
        """
        self.submit(functools.partial(self._guarded, function, args))

    def _guarded(self, function: Callable[..., object], args: Iterable[object]) -> None:
        self.backlog.begin(function)
        try:
            function(*args)
        except BaseException as error:
            if self._home.elsewhere or _is_ctrl_c(error):
                raise
            logger.exception("The function %r raised", function)
        finally:
            self.backlog.end()
        self._home.check()  # as for listeners

    @abstractmethod
    def submit(self, job: Job) -> None:
        """
        Have *job* run; it does not raise.
        """

    def start(self) -> None:  # noqa: B027 - most have nothing to start
        """
        Begin. The thread that makes the client.
        """

    def attach(  # noqa: B027
        self,
        is_reader: Callable[[], bool],
        wake: Callable[[], object],
        closing: Callable[[], bool],
    ) -> None:
        """
        Say how to know the reader thread, how to wake it, and whether the client is
        being closed. Before the thread starts.
        """

    def turn(self) -> None:  # noqa: B027
        """
        Run what belongs on the reader thread. Reader thread, once a turn.
        """

    def detach(self) -> None:  # noqa: B027
        """
        Note that the reader ends. Reader thread, last.
        """

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a user function that this dispatcher runs.
        """
        return False

    def drain(self, deadline: Deadline) -> None:  # noqa: B027
        """
        Wait until what is queued now has been run, or until *deadline*.

        Any thread but the one that runs it. Where nobody is sure to run it, this does
        not wait.
        """

    def finish(self) -> None:  # noqa: B027
        """
        Run what is queued, then end. Any thread, also a finalizer; never blocks.
        """

    def join(self, deadline: Deadline) -> bool:  # noqa: ARG002
        """
        Wait for the end; return whether it has come.
        """
        return True


def deliver(
    event: ServerEvent,
    only: Subscription | None,
    registry: Callable[[], Subscriptions | None],
    backlog: Backlog,
    home: Home,
) -> None:
    """
    Call the listeners of *event*; a failing one harms nobody else.

    The child of one that forks does not go on here, however it comes back.

    Raises:
        RuntimeError: This is that child.
    """
    subscriptions = registry()
    if subscriptions is None:
        return
    for subscription in subscriptions.take(event) if only is None else [only]:
        if not subscriptions.claim(subscription):
            continue
        backlog.begin(subscription.listener)
        try:
            subscription.listener(event)
        except BaseException as error:  # sys.exit() in a listener must not end us
            if home.elsewhere or _is_ctrl_c(error):
                raise
            logger.exception(
                "The listener %r of %r raised", subscription.listener, event.type
            )
            if event.type != ListenerError.type:
                # no name for it here: the error's traceback holds this frame, and
                # the two would keep each other, and the client, alive
                deliver(
                    ListenerError(
                        error=error,
                        listener=subscription.listener,
                        event=event,
                        generation=event.generation,
                    ),
                    None,
                    registry,
                    backlog,
                    home,
                )
        finally:
            backlog.end()
        home.check()


def _is_ctrl_c(error: BaseException) -> bool:
    """
    Whether *error* is the user's who runs listeners on the main thread, by `pump`.
    """
    main = threading.current_thread() is threading.main_thread()
    return main and isinstance(error, KeyboardInterrupt)
