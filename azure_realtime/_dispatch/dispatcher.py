"""
The base class of dispatchers, which run user functions in wire order, one at a time.

A dispatcher exists as long as its client, across connections: a listener registered
after a refused connection still receives the events about it. It has only a weak
reference to the subscriptions; while it waits, it refers to nothing that could keep a
client alive.
"""

from __future__ import annotations

import functools
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Any, Literal

from .._concurrency.deadline import Deadline
from .._concurrency.process import current_process
from .._logging import logger
from ..events import ListenerError, ServerEvent
from .backlog import Backlog
from .subscriptions import Subscription, Subscriptions

Job = Callable[[], object]
Sized = tuple[ServerEvent, int]

Dispatch = Literal["thread", "reader", "manual"] | Executor | Callable[[Job], Any]
"""Values of ``dispatch=...``: a mode, an executor or a submit function."""


class Delivery(functools.partial[None]):
    """
    The job that delivers events; `Backlog` counts them until they are delivered.

    Its first argument is a deque of events and their sizes.
    """


class RunToken:
    """
    The right to run jobs, which one thread has at a time; no thread waits for it.

    It is not a lock, because user functions run while it is taken, and acquire locks.
    """

    def __init__(self) -> None:
        self._free = [None]

    def take(self) -> bool:
        """
        Take the token; return False if a thread has it, even this one. Any thread.
        """
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> None:
        """
        Return the token. The thread that has taken it.
        """
        self._free.append(None)


class Dispatcher(ABC):
    """
    Runs jobs (event deliveries, user functions) one at a time, in order of submission.

    Args:
        subscriptions: The registry of listeners; only a weak reference is kept.
        backlog: Counts the waiting events.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        self._subscriptions = weakref.ref(subscriptions)
        self._process = current_process()
        self._dropping = False  # whether the callback thread drops its jobs
        self.backlog = backlog or Backlog(64 << 20)

    def post(
        self, event: ServerEvent, size: int, only: Subscription | None = None
    ) -> None:
        """
        Submit the delivery of *event*. Any thread; never blocks.

        Args:
            event: The event.
            size: Approximate memory of its content in bytes. For an event with scalar
                fields only, the length of the wire text (four times the length if the
                text is not ASCII); for any other event, `size_of`.
            only: The subscription to deliver it to; None: all that match.
        """
        if self.backlog.enter(event, size):
            self.submit(Delivery(self._deliver, deque(((event, size),)), only))

    def post_batch(self, events: Sequence[ServerEvent], sizes: Sequence[int]) -> None:
        """
        Submit the delivery of a batch of events. Any thread; never blocks.

        Args:
            events: The events in wire order.
            sizes: The size of each event, as for `post`.
        """
        for event, size in zip(events, sizes, strict=True):
            self.post(event, size)

    def _deliver(self, waiting: deque[Sized], only: Subscription | None) -> None:
        """
        Count out and deliver the events of *waiting*, one at a time.

        Raises:
            RuntimeError: This is a forked child process of a listener.
        """
        # a child forked in a done-callback may come here: `concurrent.futures` logs
        # what a done-callback raises and continues
        if self._process.is_other_process:
            self._process.check()
        backlog = self.backlog
        now = time.monotonic()
        try:
            while waiting:
                event, size = waiting.popleft()
                if waiting:
                    # no lock: only the callback thread, a single thread, has batches
                    backlog.out_bytes += size
                    backlog.out_count += 1
                else:
                    backlog.leave(size, now)
                # `is_current`: a job posted after the end of the callback thread runs
                # on the thread that posts, and is not dropped
                if not (self._dropping and self.is_current):
                    now = self._call_listeners(event, only, now)
        finally:
            backlog.running = None  # it may refer to the client

    def _call_listeners(
        self, event: ServerEvent, only: Subscription | None, now: float
    ) -> float:
        """
        Call the listeners of *event*; return the monotonic time after the last call.

        An exception in a listener affects no other listener. A listener that forks
        returns or raises in the child process as well; the child stops here.

        Args:
            event: The event.
            only: The subscription to deliver it to; None: all that match.
            now: The current time on the monotonic clock.

        Raises:
            RuntimeError: This is a forked child process of a listener.
        """
        # dereferenced for each event: a strong reference would keep the client alive
        subscriptions = self._subscriptions()
        if subscriptions is None:
            return now
        if only is not None:
            # an event that ends the state may have been delivered before this job
            holds = subscriptions.holds(event)
            listening: tuple[Subscription, ...] | None = (only,) if holds else ()
        else:
            listening = subscriptions.table.get(event.__class__)
        if listening is None:
            listening = subscriptions.take(event)
        backlog = self.backlog
        for subscription in listening:
            if not subscription.active:
                continue
            if subscription.once and not subscriptions.claim(subscription):
                continue
            listener = subscription.listener
            backlog.running = (listener, now)
            try:
                listener(event)
            except BaseException as error:  # sys.exit() must not end the thread
                if self._process.is_other_process or may_be_of_signal(error):
                    raise
                self._report(error, subscription, event)
            begun, now = now, time.monotonic()
            if backlog.in_count != backlog.out_count:  # else `ran` would do nothing
                backlog.ran(listener, now - begun)
            if self._process.is_other_process:
                self._process.check()
        return now

    def _report(
        self, error: BaseException, subscription: Subscription, event: ServerEvent
    ) -> None:
        """
        Log the exception of a listener, and deliver it as ``listener_error``.

        The first exception is logged with a traceback, the 10th, the 100th and so on
        with their number; the others are not logged.
        """
        listener = subscription.listener
        subscription.failures += 1
        failures = subscription.failures
        if failures == 1:
            raised = "raised"
            if isinstance(error, SystemExit):
                raised = "called sys.exit(): client.close() ends run_forever()"
            logger.exception("The listener %r of %r %s", listener, event.type, raised)
        elif failures == 10 ** (len(str(failures)) - 1):
            logger.error(
                "The listener %r has raised %d times, the last time %r",
                listener,
                failures,
                error,
            )
        if event.type != ListenerError.type:
            # created here, not in a variable of `_call_listeners`: the error's
            # traceback refers to that frame, and the reference cycle would keep the
            # client alive
            self._call_listeners(
                ListenerError(
                    error=error,
                    listener=listener,
                    event=event,
                    generation=event.generation,
                ),
                None,
                time.monotonic(),
            )

    def _discard(self, jobs: Iterable[Job]) -> None:
        """
        Count out the events of jobs that will not run. Any thread.
        """
        for job in jobs:
            if isinstance(job, Delivery):
                waiting: deque[Sized] = job.args[0]
                while waiting:
                    self.backlog.leave(waiting.popleft()[1], time.monotonic())

    def has_listener(self, event: ServerEvent) -> bool:
        """
        Whether *event* has a listener. Any thread.
        """
        subscriptions = self._subscriptions()
        return subscriptions is not None and subscriptions.has_listener(event)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """
        Submit a call of a user function. Any thread; never blocks.
        """
        self.submit(functools.partial(self._guarded, function, args))

    def _guarded(self, function: Callable[..., object], args: Iterable[object]) -> None:
        begun = time.monotonic()
        self.backlog.running = (function, begun)
        try:
            function(*args)
        except BaseException as error:
            if self._process.is_other_process or may_be_of_signal(error):
                raise
            logger.exception("The function %r raised", function)
        finally:
            self.backlog.running = None
            self.backlog.ran(function, time.monotonic() - begun)
        self._process.check()  # a forked child stops here, as in `_call_listeners`

    @abstractmethod
    def submit(self, job: Job) -> None:
        """
        Queue *job*, or run it; *job* must not raise. Any thread.
        """

    def start(self) -> None:  # noqa: B027 - most dispatchers have nothing to start
        """
        Start dispatching. Called by the thread that creates the client.
        """

    def turn(self) -> None:  # noqa: B027
        """
        Run the jobs of the reader thread. Reader thread, once per turn.
        """

    def detach(self) -> None:  # noqa: B027
        """
        Note that the reader ends. Reader thread, its last call.
        """

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a user function run by this dispatcher.
        """
        return False

    def drain(self, deadline: Deadline) -> None:  # noqa: B027
        """
        Wait until the jobs queued so far have run, or until *deadline*.

        Returns at once in a dispatcher that cannot know whether its jobs will be run.
        Any thread but the dispatching thread.
        """

    def finish(self) -> None:  # noqa: B027
        """
        End after the queued jobs. Any thread, finalizers included; never blocks.
        """

    def join(self, deadline: Deadline) -> bool:  # noqa: ARG002
        """
        Wait until the dispatcher has ended; return False if it has not. Any thread.
        """
        return True


def may_be_of_signal(error: BaseException) -> bool:
    """
    Whether a signal handler may have raised *error* in a listener that `pump` runs.

    That is Ctrl-C, or ``sys.exit()`` in a handler of SIGTERM, on the main thread. No
    other thread runs signal handlers.
    """
    main = threading.current_thread() is threading.main_thread()
    return main and not isinstance(error, Exception)
