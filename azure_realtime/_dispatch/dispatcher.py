"""
What all dispatchers have in common: they run user functions, in wire order, one at a
time.

A dispatcher lives as long as the client, not as long as a connection: a listener that
is registered after a refused connection still receives the events of its end. It
reaches the subscriptions through a weak reference; while it waits it holds nothing that
could keep a client alive.
"""

from __future__ import annotations

import functools
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from .._concurrency.deadline import Deadline
from .._concurrency.process import current_process
from .._logging import logger
from ..events import ListenerError, ServerEvent
from .backlog import Backlog
from .subscriptions import Subscription, Subscriptions

Job = Callable[[], object]
Sized = tuple[ServerEvent, int]


class Delivery(functools.partial[None]):
    """
    The job to deliver events, which are counted until they are delivered.

    Its first argument is a deque of the events and their sizes.
    """


class RunToken:
    """
    The right to run jobs: one thread has it at a time, and nobody waits for it.

    No lock: user functions run while it is taken, and take locks.
    """

    def __init__(self) -> None:
        self._free = [None]

    def take(self) -> bool:
        """
        Take it; return False if a thread has it, perhaps this one. Any thread.
        """
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> None:
        """
        Let others take it. The thread that has it.
        """
        self._free.append(None)


class Dispatcher(ABC):
    """
    Where user functions run. Jobs run one at a time, in the order they were given.

    Args:
        subscriptions: Who receives events; only a weak reference is kept.
        backlog: Counts what waits.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        self._subscriptions = weakref.ref(subscriptions)
        self._process = current_process()
        self._dropping = False  # whether the callback thread drops what it finds
        self.backlog = backlog or Backlog(64 << 20)

    def post(
        self, event: ServerEvent, size: int, only: Subscription | None = None
    ) -> None:
        """
        Have an event delivered, to everybody or to one. Any thread; never blocks.

        Args:
            event: The event.
            size: About how many bytes of memory its content takes. The length of the
                wire text will do where the event holds nothing but scalars (four times
                the length if it is not ASCII); `size_of` knows it of any event.
            only: The one subscription to deliver it to.
        """
        if self.backlog.enter(event, size):
            self.submit(Delivery(self._deliver, deque(((event, size),)), only))

    def post_batch(self, events: Sequence[ServerEvent], sizes: Sequence[int]) -> None:
        """
        Have events delivered that came together. Any thread; never blocks.

        Args:
            events: In wire order.
            sizes: Of each event, as for `post`.
        """
        for event, size in zip(events, sizes, strict=True):
            self.post(event, size)

    def _deliver(self, waiting: deque[Sized], only: Subscription | None) -> None:
        """
        Deliver what *waiting* holds, and count it out, one event at a time.

        Raises:
            RuntimeError: This is the child of a listener that forked.
        """
        # the child of a done-callback may come here: `concurrent.futures` goes on,
        # whatever one raises
        if self._process.is_other_process:
            self._process.check()
        backlog = self.backlog
        now = time.monotonic()
        try:
            while waiting:
                event, size = waiting.popleft()
                if waiting:
                    # only a callback thread has batches, and it is alone
                    backlog.out_bytes += size
                    backlog.out_count += 1
                else:
                    backlog.leave(size, now)
                # what is posted after the end of a thread runs where it is posted
                if not (self._dropping and self.is_current):
                    now = self._call_listeners(event, only, now)
        finally:
            backlog.running = None  # it may refer to the client

    def _call_listeners(
        self, event: ServerEvent, only: Subscription | None, now: float
    ) -> float:
        """
        Call the listeners of *event*; a failing one affects no other. Return the time.

        The child of one that forks does not go on here, however it comes back.

        Args:
            event: The event.
            only: The subscription to deliver it to; None: all.
            now: The time, on the monotonic clock.

        Raises:
            RuntimeError: This is that child.
        """
        # not kept from one event to the next: the client may be dropped meanwhile
        subscriptions = self._subscriptions()
        if subscriptions is None:
            return now
        if only is not None:
            # what replaced a state may have been queued before this
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
            except BaseException as error:  # sys.exit() in a listener must not end us
                if self._process.is_other_process or _is_ctrl_c(error):
                    raise
                self._report(error, subscription, event)
            begun, now = now, time.monotonic()
            if backlog.in_count != backlog.out_count:  # else `ran` has nothing to note
                backlog.ran(listener, now - begun)
            if self._process.is_other_process:
                self._process.check()
        return now

    def _report(
        self, error: BaseException, subscription: Subscription, event: ServerEvent
    ) -> None:
        """
        Log what a listener raised, and deliver it as ``listener_error``.

        The first time with a traceback; then the 10th, the 100th and so on are counted.
        """
        listener = subscription.listener
        subscription.failures += 1
        failures = subscription.failures
        if failures == 1:
            logger.exception("The listener %r of %r raised", listener, event.type)
        elif failures == 10 ** (len(str(failures)) - 1):
            logger.error(
                "The listener %r has raised %d times, the last time %r",
                listener,
                failures,
                error,
            )
        if event.type != ListenerError.type:
            # not named in the frame of `_call_listeners`: the error's traceback holds
            # that frame, and the two would keep each other, and the client, alive
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
        Count out what will never be delivered. Any thread.
        """
        for job in jobs:
            if isinstance(job, Delivery):
                waiting: deque[Sized] = job.args[0]
                while waiting:
                    self.backlog.leave(waiting.popleft()[1], time.monotonic())

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
        begun = time.monotonic()
        self.backlog.running = (function, begun)
        try:
            function(*args)
        except BaseException as error:
            if self._process.is_other_process or _is_ctrl_c(error):
                raise
            logger.exception("The function %r raised", function)
        finally:
            self.backlog.running = None
            self.backlog.ran(function, time.monotonic() - begun)
        self._process.check()  # as for listeners

    @abstractmethod
    def submit(self, job: Job) -> None:
        """
        Have *job* run; it does not raise.
        """

    def start(self) -> None:  # noqa: B027 - most have nothing to start
        """
        Begin. The thread that makes the client.
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


def _is_ctrl_c(error: BaseException) -> bool:
    """
    Whether *error* is the user's who runs listeners on the main thread, by `pump`.
    """
    main = threading.current_thread() is threading.main_thread()
    return main and isinstance(error, KeyboardInterrupt)
