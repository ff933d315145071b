"""
Runs the tools that the model calls, and collects their outputs.

1. The calls of one response are a batch. They start as they arrive, in parallel.
2. When the response is complete and each call has its output, the outputs are sent
   together, in the order of the calls, so that one response follows for all.
3. The batch of a response that does not complete (it is interrupted, or the connection
   is lost) is dropped: its queued calls are not started, its other results discarded.
   A batch whose response is complete survives the connection if the conversation is
   restored, because the effects of its functions remain.
4. A ``call_id`` is called once, however often it is announced.
5. A turn has a limited number of rounds; a round is a response that calls tools.
   Further calls are answered with an error.
6. Calls of an out-of-band response (``conversation="none"``) are not run, because their
   outputs belong to no conversation. `ToolRunner.observe` must not be given its events.

Strictly private.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any

from .._concurrency.lock import OwnLock
from .._concurrency.worker_pool import Job, WorkerPool
from .._logging import logger
from .._memory import put_bounded
from .._requests.failures import failure_of
from ..events import (
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
    ToolErrorEvent,
)
from ..models.items import FunctionCallItem, Item
from ..models.responses import Response, ResponseConfig
from .announced import ANNOUNCING, AnnouncedCalls
from .batch import Batch, Call, Results, calls_in
from .call import (
    Outcome,
    call_tool,
    timed_out,
    too_many_rounds,
    unknown_tool,
)
from .tool import DEFAULT_TIMEOUT, Tool, Toolbox

_REMEMBERED = 1000  # ids


class ToolRunner:
    """
    Runs tools for one client.

    Args:
        toolbox: The tools; while it is empty, function calls are left to the user. Only
            a weak reference is kept, because a function may refer to the client.
        send_results: Called once for each response that called tools, on a worker
            thread; queues the outputs and requests the next response.
        on_error: Called when a call fails, on a thread of the pool; must not block.
        outlive: Whether the conversation is restored (rule 3).
        max_rounds: The limit of rule 5; None means no limit.
        workers: The number of tools that run in parallel.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        send_results: Callable[[Results], None],
        on_error: Callable[[ToolErrorEvent], None],
        outlive: bool = False,
        max_rounds: int | None = None,
        workers: int = 8,
    ) -> None:
        self._registry = weakref.ref(toolbox)
        self._send_results = send_results
        self._on_error = on_error
        self._outlive = outlive
        self._max_rounds = max_rounds
        self._pool = WorkerPool(workers, "azure-realtime-tool")
        # Makes atomic which thread sends the outputs of a batch: several threads
        # complete calls, and the reader thread ends batches.
        self._lock = OwnLock()
        self._batches: dict[str, Batch] = {}
        self._sending: dict[str, Batch] = {}  # those whose results are being sent
        self._called: dict[str, None] = {}
        self._announced = AnnouncedCalls()
        self._answered: dict[str, None] = {}
        self._generation = 0
        self._closed = False
        self._thread_local = threading.local()

    @property
    def is_current(self) -> bool:
        """
        Whether the calling thread runs a tool.
        """
        return getattr(self._thread_local, "tool", False)

    def observe(
        self,
        event: ServerEvent,
        config: ResponseConfig | None = None,
        rounds: int = 0,
    ) -> None:
        """
        Start the calls in *event*, or close a batch; never blocks or raises.

        Reader thread.

        Args:
            event: An event of a response in the conversation.
            config: The configuration of the request, for a response that is done.
            rounds: Number of earlier responses of the turn that called tools.
        """
        if event.generation > self._generation:
            self.connection_lost()
            self._generation = event.generation
        if isinstance(event, ResponseOutputItemDone):
            items = {event.output_index: event.item}
            self._start(event, event.response_id, items, rounds)
        elif isinstance(event, ANNOUNCING):
            self._announced.add(event)
        elif isinstance(event, ResponseDone):
            self._finish(event, event.response, config, rounds)

    def will_continue(self, response_id: str) -> bool:
        """
        Whether tool outputs follow, or have followed, this response. Any thread.
        """
        with self._lock:
            return response_id in self._batches or response_id in self._answered

    def open_calls(self) -> list[FunctionCallItem]:
        """
        Return the calls of complete responses whose outputs are not sent. Any thread.
        """
        with self._lock:
            closed = filter(attrgetter("closed"), self._batches.values())
            batches = [*self._sending.values(), *closed]
            return [item for batch in batches for item in batch.items()]

    def abandon(self, response_ids: Collection[str]) -> None:
        """
        Drop the batches of responses: `will_continue` becomes False. Any thread.
        """
        with self._lock:
            for response_id in response_ids:
                self._answered.pop(response_id, None)
                self._sending.pop(response_id, None)
                self._drop(response_id)

    def run_on_worker(self, function: Callable[[], None]) -> None:
        """
        Run *function* on a worker thread before all queued calls; never blocks.

        Any thread.
        """
        self._pool.submit(Job(function), first=True)

    @property
    def busy(self) -> bool:
        """
        Whether a batch is open. Any thread.
        """
        return bool(self._batches)

    def connection_lost(self) -> None:
        """
        Drop the batches that do not survive the connection; never blocks.

        Reader thread.
        """
        with self._lock:
            for response_id in self._dying():
                self._drop(response_id)

    def close(self) -> None:
        """
        Drop all batches; running functions finish, their results are discarded.

        It never blocks. Any thread, also a finalizer.
        """
        with self._lock:
            self._closed = True
            for response_id in list(self._batches):
                self._drop(response_id)
        self._pool.close()

    # -- Reader thread -----------------------------------------------------------

    def _start(
        self,
        event: ServerEvent,
        response_id: str,
        items: Mapping[int, Item],
        rounds: int,
    ) -> None:
        toolbox = self._registry()
        # calls of an open batch are answered even if the last tool has been removed
        if toolbox is None or not (toolbox or response_id in self._batches):
            return
        is_last = self._max_rounds is not None and rounds >= self._max_rounds
        with self._lock:
            batch = self._batches.get(response_id)
            batch = batch or Batch(response_id, event.generation, rounds, is_last)
            calls = self._new_calls(items)
            if self._closed or batch.closed or not calls:
                return
            self._batches[response_id] = batch
            batch.calls.update(calls)
        for call in calls.values():
            tool = toolbox.get(call.name)
            timeout = tool.timeout if tool else DEFAULT_TIMEOUT
            job = Job(
                functools.partial(self._run, batch, call, tool),
                timeout,
                functools.partial(self._give_up, batch, call, timeout),
            )
            self._pool.submit(job)

    def _finish(
        self,
        event: ServerEvent,
        response: Response,
        config: ResponseConfig | None,
        rounds: int,
    ) -> None:
        announced = self._announced.take(response.id)
        complete = failure_of(response) is None  # also with an unknown status
        if complete:
            items = announced | dict(enumerate(response.output))
            self._start(event, response.id, items, rounds)
        with self._lock:
            batch = self._batches.get(response.id)
            if batch is None:
                return
            if not complete:
                self._drop(batch.response_id)
                return
            batch.closed, batch.config, batch.response = True, config, response
            ready = self._take(batch)
        if ready:
            self._send_on_worker(batch)

    # -- Worker threads ----------------------------------------------------------

    def _run(self, batch: Batch, call: Call, tool: Tool[..., Any] | None) -> None:
        if not self._is_wanted(batch):
            return
        self._thread_local.tool = True
        if batch.is_last:
            outcome = too_many_rounds(batch.rounds)
        elif tool is None:
            toolbox = self._registry()
            names = toolbox.names() if toolbox is not None else ()
            outcome = unknown_tool(call.name, names)
        else:
            outcome = call_tool(tool, call.arguments)
        if self._settle(batch, call, outcome):
            self._send(batch)

    def _send(self, batch: Batch) -> None:
        try:
            self._send_results(batch.results())
        except Exception:
            with self._lock:
                self._answered.pop(batch.response_id, None)
            logger.exception("The results of tools could not be sent")
        finally:
            with self._lock:
                self._sending.pop(batch.response_id, None)

    # -- Threads that watch a call's timeout -------------------------------------

    def _give_up(self, batch: Batch, call: Call, timeout: float) -> None:
        if self._settle(batch, call, timed_out(call.name, timeout)):
            self._send_on_worker(batch)

    # -- Any of these threads ----------------------------------------------------

    def _send_on_worker(self, batch: Batch) -> None:
        self.run_on_worker(functools.partial(self._send, batch))

    def _settle(self, batch: Batch, call: Call, outcome: Outcome) -> bool:
        """
        Store the outcome of a call; return whether the caller must send the outputs.
        """
        with self._lock:
            if self._closed or call.settled:  # settled by its timeout
                return False
            call.settled = True
        if outcome.error is not None:  # emitted before the outputs can be sent
            self._report(batch, call, outcome.error)
        with self._lock:
            call.output = outcome.output
            return self._take(batch)

    def _report(self, batch: Batch, call: Call, error: BaseException) -> None:
        event = ToolErrorEvent(
            tool=call.name,
            call_id=call.call_id,
            arguments=call.arguments,
            error=error,
            generation=batch.generation,
        )
        try:
            self._on_error(event)
        except Exception:
            logger.exception("The error of a tool could not be emitted")

    def _is_wanted(self, batch: Batch) -> bool:
        with self._lock:
            return self._batches.get(batch.response_id) is batch

    def _take(self, batch: Batch) -> bool:
        # requires the lock; True once: the thread that gets it sends the outputs
        if not batch.complete or self._batches.get(batch.response_id) is not batch:
            return False
        self._drop(batch.response_id)
        self._sending[batch.response_id] = batch
        put_bounded(self._answered, batch.response_id, None, _REMEMBERED)
        return True

    def _drop(self, response_id: str) -> None:
        # requires the lock; the ids are kept for services that announce a call twice
        batch = self._batches.pop(response_id, None)
        for call_id in () if batch is None else batch.calls:
            put_bounded(self._called, call_id, None, _REMEMBERED)

    def _dying(self) -> list[str]:
        # requires the lock
        batches = self._batches.values()
        return [b.response_id for b in batches if not (b.closed and self._outlive)]

    def _new_calls(self, items: Mapping[int, Item]) -> dict[str, Call]:
        # requires the lock
        calls = calls_in(items)
        return {c: call for c, call in calls.items() if not self._is_known(c)}

    def _is_known(self, call_id: str) -> bool:
        # requires the lock
        return call_id in self._called or any(
            call_id in batch.calls for batch in self._batches.values()
        )
