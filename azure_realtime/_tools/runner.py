"""
Calls the tools that the model asks for, and hands back what they return.

1. The calls of one response are a batch. They start as they come, in parallel.
2. When the response is complete and each call has its outcome, the outputs are sent,
   in the order of the calls, once: so one answer follows, not one for each call.
3. A response that does not complete takes its batch with it: somebody interrupted, or
   the connection is gone. Calls that have not begun never do; what the others return is
   dropped. A batch whose response is complete outlives the connection where the new
   session is told the conversation: what a function has done is done.
4. A ``call_id`` is called once, however often it is announced.
5. A turn has a limited number of rounds, each a response that calls tools. What is
   called beyond it is answered with an error instead.
6. A response out of band (``conversation="none"``) is not handled: there is nowhere
   to put the outputs. Its events must not be given to us.

Strictly private.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from .._concurrency.lock import OwnLock
from .._concurrency.worker_pool import Job, WorkerPool
from .._logging import logger
from .._memory import put_bounded
from ..events import (
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemDone,
    ServerEvent,
    ToolErrorEvent,
)
from ..models.items import FunctionCallItem, Item
from ..models.responses import Response, ResponseConfig
from .batch import Batch, Call, Results
from .call import (
    Outcome,
    call_tool,
    timed_out,
    too_many_rounds,
    unknown_tool,
)
from .tool import DEFAULT_TIMEOUT, Tool, Toolbox

_REMEMBERED = 1000  # ids
_ANNOUNCED = 64  # responses


class ToolRunner:
    """
    Runs tools for one client.

    Args:
        toolbox: The tools; while it is empty, function calls are left to the user. Only
            a weak reference is kept: a function may refer to the client.
        send_results: Called once for each response that called tools, on a worker
            thread; queues the outputs and asks for the answer to them.
        on_error: Called when a call comes to nothing; on a thread of the pool,
            so it must not block.
        outlive: Whether rule 3 lets a complete batch outlive the connection.
        max_rounds: Of rule 5; None: no limit.
        workers: How many tools run side by side.
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
        # makes one step of what decides, on several threads, who sends the outputs
        self._lock = OwnLock()
        self._batches: dict[str, Batch] = {}
        self._called: dict[str, None] = {}
        # by response and index; of the reader thread
        self._announced: dict[str, dict[int, Item]] = {}
        self._answered: dict[str, None] = {}
        self._generation = 0
        self._closed = False
        self._here = threading.local()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a tool.
        """
        return getattr(self._here, "tool", False)

    def observe(
        self,
        event: ServerEvent,
        config: ResponseConfig | None = None,
        rounds: int = 0,
    ) -> None:
        """
        Start the calls in *event*, end a batch. Reader thread; never blocks or raises.

        Args:
            event: Of a response in the conversation.
            config: What a response that is done was requested with.
            rounds: How many responses of the same turn called tools before it.
        """
        if event.generation > self._generation:
            self.connection_lost()
            self._generation = event.generation
        if isinstance(event, ResponseOutputItemDone):
            items = {event.output_index: event.item}
            self._start(event, event.response_id, items, rounds)
        elif isinstance(event, ResponseFunctionCallArgumentsDone):
            self._announce(event)
        elif isinstance(event, ResponseDone):
            self._finish(event, event.response, config, rounds)

    def will_continue(self, response_id: str) -> bool:
        """
        Whether outputs of tools follow, or have followed, this response. Any thread.
        """
        with self._lock:
            return response_id in self._batches or response_id in self._answered

    def run_soon(self, function: Callable[[], None]) -> None:
        """
        Run *function* on a worker thread, before all calls. Any thread; never blocks.
        """
        self._pool.submit(Job(function), first=True)

    @property
    def busy(self) -> bool:
        """
        Whether outputs are still to come. Any thread.
        """
        return bool(self._batches)

    def connection_lost(self) -> None:
        """
        Drop what is incomplete: who asked is gone. Reader thread; never blocks.
        """
        with self._lock:
            for batch in list(self._batches.values()):
                if not (batch.closed and self._outlive):
                    self._drop(batch)

    def close(self) -> None:
        """
        Stop. Functions that run are left to finish; what they return is dropped.

        Any thread, also a finalizer; never blocks.
        """
        with self._lock:
            self._closed = True
            for batch in list(self._batches.values()):
                self._drop(batch)
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
        # a batch that was begun is answered as a whole, even without a tool left
        if toolbox is None or not (toolbox or response_id in self._batches):
            return
        is_last = self._max_rounds is not None and rounds >= self._max_rounds
        with self._lock:
            batch = self._batches.get(response_id)
            batch = batch or Batch(response_id, event.generation, rounds, is_last)
            calls = {
                item.call_id: Call(item.call_id, item.name, item.arguments, index)
                for index, item in items.items()
                if isinstance(item, FunctionCallItem)
                and item.call_id
                and item.status != "incomplete"  # cut off: half its arguments
                and not self._is_known(item.call_id)
            }
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

    def _announce(self, event: ResponseFunctionCallArgumentsDone) -> None:
        """
        Keep a call until its response is done: some services send no event about the
        item. One that does says more: whether the item is complete.
        """
        if event.name and event.call_id:
            calls = self._announced.get(event.response_id, {})
            index = event.output_index
            while index in calls:  # a service that sends no index
                index += 1
            calls[index] = FunctionCallItem(event.name, event.arguments, event.call_id)
            put_bounded(self._announced, event.response_id, calls, _ANNOUNCED)

    def _finish(
        self,
        event: ServerEvent,
        response: Response,
        config: ResponseConfig | None,
        rounds: int,
    ) -> None:
        announced = self._announced.pop(response.id, {})
        if response.status == "completed":
            # for services that leave out the items' own events
            items = announced | dict(enumerate(response.output))
            self._start(event, response.id, items, rounds)
        with self._lock:
            batch = self._batches.get(response.id)
            if batch is None:
                return
            if response.status != "completed":
                self._drop(batch)
                return
            batch.closed, batch.config, batch.response = True, config, response
            ready = self._take(batch)
        if ready:
            self._send_soon(batch)

    # -- Worker threads ----------------------------------------------------------

    def _run(self, batch: Batch, call: Call, tool: Tool[..., Any] | None) -> None:
        if not self._is_wanted(batch):
            return
        self._here.tool = True
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

    # -- Threads that wait beside a call -----------------------------------------

    def _give_up(self, batch: Batch, call: Call, timeout: float) -> None:
        if self._settle(batch, call, timed_out(call.name, timeout)):
            self._send_soon(batch)

    # -- Any of them -------------------------------------------------------------

    def _send_soon(self, batch: Batch) -> None:
        self.run_soon(functools.partial(self._send, batch))

    def _settle(self, batch: Batch, call: Call, outcome: Outcome) -> bool:
        """
        Note what came of a call; return whether it is the last that was waited for.
        """
        with self._lock:
            if self._closed or call.settled:  # the model has been told of a timeout
                return False
            call.settled = True
        if outcome.error is not None:  # told before the outputs can be sent
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
            logger.exception("The error of a tool could not be told")

    def _is_wanted(self, batch: Batch) -> bool:
        with self._lock:
            return self._batches.get(batch.response_id) is batch

    def _take(self, batch: Batch) -> bool:
        # under the lock; whoever gets True, once, sends the outputs
        if not batch.complete or self._batches.get(batch.response_id) is not batch:
            return False
        self._drop(batch)
        put_bounded(self._answered, batch.response_id, None, _REMEMBERED)
        return True

    def _drop(self, batch: Batch) -> None:
        # under the lock; the calls stay known, for services that say things twice
        self._batches.pop(batch.response_id, None)
        for call_id in batch.calls:
            put_bounded(self._called, call_id, None, _REMEMBERED)

    def _is_known(self, call_id: str) -> bool:
        # under the lock
        return call_id in self._called or any(
            call_id in batch.calls for batch in self._batches.values()
        )
