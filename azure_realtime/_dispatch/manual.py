"""
A dispatcher that runs listeners on the thread that calls `pump` or `run_forever`.

Ctrl-C may interrupt that thread anywhere, and no event may be lost by it. So a job
stays in the queue until all its calls have begun, and each step towards a call can be
repeated. A call is removed by an instruction right before it: in between, CPython
handles no signal.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.waker import Waker
from .._logging import logger
from ..errors import ConnectionClosed
from ..events import ServerEvent
from .backlog import Backlog
from .dispatcher import Dispatcher, Job, may_be_of_signal
from .functions import has_begun
from .subscriptions import Subscription, Subscriptions


class _Function:
    """
    A user function to call.
    """

    def __init__(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.function = function
        self.args = args


class _Event:
    """
    An event to deliver.

    Attributes:
        only: The subscription to deliver it to; None: all that match.
        calls: The subscriptions whose calls have not begun; None before the first.
        counted: Whether the backlog has counted it out.
        claiming: The "once" subscription that is being removed before its call.
    """

    def __init__(
        self, event: ServerEvent, size: int, only: Subscription | None
    ) -> None:
        self.event = event
        self.size = size
        self.only = only
        self.calls: deque[Subscription] | None = None
        self.counted = False
        self.claiming: Subscription | None = None


class ManualDispatcher(Dispatcher):
    """
    Queues jobs until `pump` runs them.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: deque[_Event | _Function] = deque()
        self._changed = Condition()
        self._waker = Waker()
        self._lock = self._waker.lock  # a job is queued and the waker set in one step
        self._finished = False

    def post(
        self, event: ServerEvent, size: int, only: Subscription | None = None
    ) -> None:
        """
        Queue the delivery of *event*, as `Dispatcher.post`. Any thread.
        """
        if self.backlog.enter(event, size):
            self._put(_Event(event, size, only))

    def call(self, function: Callable[..., object], *args: object) -> None:
        """
        Queue a call of a user function. Any thread.
        """
        self._put(_Function(function, args))

    def submit(self, job: Job) -> None:
        """
        Queue *job*. Any thread.
        """
        self.call(job)

    def _put(self, job: _Event | _Function) -> None:
        """
        Queue *job* and make the descriptor readable; after `finish`, drop *job*.
        """
        if self._finished:
            if isinstance(job, _Event):
                self._count_out(job)
            return
        with self._lock:
            self._jobs.append(job)
            self._waker.wake()
        self._changed.notify_all()

    def pump(self, deadline: Deadline) -> int:
        """
        Run the queued jobs; return their number.

        If none is queued, wait for the first until *deadline*. The user's thread.
        """
        self._changed.wait(lambda: bool(self._jobs) or self._finished, deadline)
        try:
            with self._lock:
                self._waker.drain()
                count = len(self._jobs)
            for done in range(count):
                if not self._jobs:  # a listener has called `pump`
                    return done
                self._run(self._jobs[0])
            return count
        finally:
            with self._lock:
                if self._jobs:  # Ctrl-C in a listener: other jobs are still queued
                    self._waker.wake()

    def _run(self, job: _Event | _Function) -> None:
        """
        Run the first job and remove it. A nested `pump` continues with the same job.
        """
        if isinstance(job, _Function):
            self._begin(self._jobs, job.function, job.args, self._log)
            return
        self._count_out(job)
        if job.calls is None:
            job.calls = self._calls_of(job)
        while job.calls:
            subscription = job.calls[0]
            if self._claim(job, subscription):
                report = partial(
                    self._report, subscription=subscription, event=job.event
                )
                self._begin(job.calls, subscription.listener, (job.event,), report)
            else:
                del job.calls[0]
        with contextlib.suppress(ValueError):
            self._jobs.remove(job)

    def _begin(
        self,
        waiting: deque[Any],
        function: Callable[..., object],
        args: tuple[Any, ...],
        report: Callable[[BaseException], None],
    ) -> None:
        """
        Remove the first of *waiting*, which is the call of a user function, and call
        it; pass what it raises to *report*. A call that Ctrl-C ends before the first
        instruction of the function is still to be made.
        """
        begun = time.monotonic()
        self.backlog.running = (function, begun)
        try:
            call = waiting[0]
            del waiting[0]
            function(*args)
        except BaseException as error:
            if self._process.is_other_process:
                raise
            if may_be_of_signal(error):
                if not has_begun(error):
                    waiting.appendleft(call)
                raise
            report(error)
        finally:
            self.backlog.running = None  # it may refer to the client
        self.backlog.ran(function, time.monotonic() - begun)
        self._process.check()  # a child that the function forked stops here

    @staticmethod
    def _log(error: BaseException) -> None:
        logger.error("A user function raised", exc_info=error)

    def _count_out(self, job: _Event) -> None:
        if not job.counted:
            before = self.backlog.out_count
            try:
                self.backlog.leave(job.size, time.monotonic())
            finally:
                job.counted = self.backlog.out_count != before

    def _calls_of(self, job: _Event) -> deque[Subscription]:
        """
        Return the subscriptions that get the event of *job*.
        """
        subscriptions = self._subscriptions()
        if subscriptions is None:
            return deque()
        if job.only is not None:
            # an event that ends the state may have been delivered before this job
            return deque([job.only] if subscriptions.holds(job.event) else [])
        return deque(subscriptions.take(job.event))

    def _claim(self, job: _Event, subscription: Subscription) -> bool:
        """
        Return whether to call the listener; remove a "once" subscription.
        """
        if not subscription.active:
            return job.claiming is subscription  # removed here, before Ctrl-C
        subscriptions = self._subscriptions()
        if subscriptions is not None and subscription.once:
            job.claiming = subscription
            return subscriptions.claim(subscription)
        return True

    def fileno(self) -> int:
        """
        Return the descriptor that is readable while jobs are queued.

        Raises:
            ConnectionClosed: `finish` has closed it.
        """
        if self._finished:
            raise ConnectionClosed(
                1000, "there is no descriptor: pump() runs the listeners that are left"
            )
        return self._waker.fileno()

    def finish(self) -> None:
        """
        Accept no further job; `pump` still runs the queued ones. Any thread.
        """
        self._finished = True
        self._waker.close()
        self._changed.notify_all()
