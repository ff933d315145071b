"""
From a tool's result back to the model.

Rules:

1. All outputs of one response are sent, in the order the model called, then exactly one
   request for a response follows (protocol reference, trap "tool-continue").
2. That request is like the one it continues, but for what would make it the same again:
   a forced tool choice would call the tool for ever.
3. Who waits for the end of a turn waits for the last response of this chain.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future

import attrs

from ._core import Core
from ._futures import CommandFuture
from ._tool_runner import ToolRunner
from ._unset import UNSET
from .errors import RealtimeError, fresh
from .events import ConversationItemCreate, ResponseCreate, ResponseDone, ServerEvent
from .items import FunctionCallOutputItem
from .responses import Response, ResponseConfig
from .tools import Toolbox

_REMEMBERED = 64  # turns whose continuation somebody may still ask for

Continuation = Future[CommandFuture[Response]]


class ToolLoop:
    """
    Runs the tools that responses call, and has the model go on with the outputs.

    Args:
        core: Where commands go; it gets `observe` among its observers.
        toolbox: What there is to call.
    """

    def __init__(self, core: Core, toolbox: Toolbox) -> None:
        self._core = core
        self._runner = ToolRunner(toolbox, self._send, core.emit)
        self._lock = threading.RLock()
        self._continuations: OrderedDict[str, Continuation] = OrderedDict()
        self._configs: dict[str, ResponseConfig] = {}

    def observe(self, event: ServerEvent) -> None:
        """
        Take note of calls, but for those of responses out of band. Reader thread.
        """
        if self._core.gate.is_out_of_band(event):
            return
        self._runner.observe(event)
        if isinstance(event, ResponseDone):
            response_id = event.response.id
            request = self._core.gate.request_for(response_id)
            config = request.command.response if request is not None else None
            if config is not None and self._runner.will_continue(response_id):
                self._configs[response_id] = config

    def continuation(self, response_id: str) -> Continuation | None:
        """
        Return what will hold the future of the response that follows, if one does.

        Any thread, once the response is done.
        """
        with self._lock:
            if response_id in self._continuations:
                return self._continuations[response_id]
            if not self._runner.will_continue(response_id):
                return None
            return self._continuation(response_id)

    def lose(self, error: RealtimeError) -> None:
        """
        Drop what is under way: the response that asked is gone. Reader thread.
        """
        self._runner.connection_lost()
        self._configs.clear()
        with self._lock:
            waiting = [c for c in self._continuations.values() if not c.done()]
        for continuation in waiting:
            if continuation.set_running_or_notify_cancel():
                continuation.set_exception(fresh(error))

    def close(self) -> None:
        """
        Start nothing more, and send nothing more. Any thread; never blocks.
        """
        self._runner.close()
        with self._lock:
            waiting = list(self._continuations.values())
        for continuation in waiting:
            continuation.cancel()

    def _continuation(self, response_id: str) -> Continuation:
        with self._lock:
            if response_id not in self._continuations:
                self._continuations[response_id] = Future()
                if len(self._continuations) > _REMEMBERED:
                    self._continuations.popitem(last=False)
            return self._continuations[response_id]

    def _send(self, outputs: list[FunctionCallOutputItem], response_id: str) -> None:
        """
        Send the outputs of one response and ask for the next. A worker thread.
        """
        continuation = self._continuation(response_id)
        config = self._configs.pop(response_id, None)
        if config is not None:
            config = attrs.evolve(
                config,
                input=UNSET,
                metadata=UNSET,
                tool_choice=UNSET if config.tool_choice != "none" else "none",
            )
        try:
            for output in outputs:
                self._core.command(ConversationItemCreate(item=output))
            following = self._core.request(ResponseCreate(response=config), "wait")
        except Exception as error:
            if continuation.set_running_or_notify_cancel():
                continuation.set_exception(error)
            if not isinstance(error, RealtimeError):
                raise
            return
        if continuation.set_running_or_notify_cancel():
            continuation.set_result(following)
