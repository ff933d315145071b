"""
From a tool's result back to the model.

Rules:

1. All outputs of one response are sent, in the order the model called, then exactly one
   request for a response follows (protocol reference, trap "tool-continue").
2. That request is like the one it continues, but for what would make it the same again:
   a forced tool choice, its own or the session's, would call the tool for ever.
3. Who waits for the end of a turn waits for the last response of this chain.
4. A session that did not make the calls is told of them together with the outputs.
   Who waited has been told of the drop, unless they ask again (``retry_response``):
   then the model is told, and not asked.
5. A turn has a limited number of rounds (``max_rounds``). After the last one no
   response is requested, and a wait for the end of the turn raises
   `ResponseIncomplete`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import attrs

from .._concurrency.future import InterruptibleFuture
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.emitter import Emitter
from .._engine.sender import Sender
from .._logging import logger
from .._memory import put_bounded
from .._requests.future import CommandFuture
from .._requests.response_requests import ResponseFuture
from .._state.session import SessionState
from ..errors import ConnectionClosed, RealtimeError, ResponseIncomplete, copy_to_raise
from ..events import (
    ConversationItemCreate,
    ResponseCreate,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemDone,
    ServerEvent,
)
from ..models._unset import UNSET
from ..models.items import FunctionCallItem, FunctionCallOutputItem
from ..models.responses import ResponseConfig
from .batch import Results
from .runner import ToolRunner
from .tool import Toolbox

_REMEMBERED = 64  # turns whose continuation somebody may still ask for

Continuation = Future[ResponseFuture]


class ToolLoop:
    """
    Runs the tools that responses call, and has the model go on with the outputs.

    There is no lock: the dictionaries are changed and copied in one step in C each, and
    nothing depends on two of them.

    Args:
        sender: Where commands go.
        emitter: Announces tools that fail.
        lifecycle: Knows the number of the connection, and whether it was the last.
        toolbox: What there is to call.
        session: What it is like.
        outlive: Whether a new session is told the conversation.
        retry_response: Whether an interrupted response is requested again.
        max_rounds: How many responses of a turn may call tools; None: any number.

    Attributes:
        handles: The classes of events that `observe` is for.
    """

    handles = frozenset(
        {ResponseOutputItemDone, ResponseFunctionCallArgumentsDone, ResponseDone}
    )

    def __init__(
        self,
        sender: Sender,
        emitter: Emitter,
        lifecycle: Lifecycle,
        toolbox: Toolbox,
        session: SessionState,
        *,
        outlive: bool,
        retry_response: bool,
        max_rounds: int | None,
    ) -> None:
        self._sender = sender
        self._lifecycle = lifecycle
        self._retry_response = retry_response
        self._session = session
        self._runner = ToolRunner(
            toolbox, self._send, emitter.emit, outlive, max_rounds
        )
        self._under_way: dict[str, tuple[FunctionCallOutputItem, Future[Any]]] = {}
        self._continuations: dict[str, Continuation] = {}
        # how many rounds came before a request, by its event_id
        self._rounds: dict[str | None, int] = {}

    def observe(self, event: ServerEvent) -> None:
        """
        Take note of calls, but for those of responses out of band. Reader thread.
        """
        if self._sender.responses.is_out_of_band(event):
            return
        config, rounds = None, 0
        if isinstance(event, (ResponseDone, ResponseOutputItemDone)):
            response_id = (
                event.response.id
                if isinstance(event, ResponseDone)
                else event.response_id
            )
            request = self._sender.responses.request_for(response_id)
            if request is not None:
                config = request.command.response
                rounds = self._rounds.get(request.command.event_id, 0)
        self._runner.observe(event, config, rounds)

    def continuation(self, response_id: str) -> Continuation | None:
        """
        Return what will hold the future of the response that follows, if one does.

        Any thread, once the response is done.
        """
        known = self._continuations.get(response_id)
        if known is None and self._runner.will_continue(response_id):
            known = self._continuation(response_id)
        return known

    def answers(self, response_id: str) -> bool:
        """
        Whether the calls of a response are answered here. Any thread.
        """
        return self._runner.will_continue(response_id)

    def run_soon(self, function: Callable[[], None]) -> None:
        """
        Run *function* on a thread that runs tools. Any thread; never blocks.
        """
        self._runner.run_soon(function)

    def busy(self) -> bool:
        """
        Whether the model waits for a tool. Any thread.
        """
        return self._runner.busy

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a tool.
        """
        return self._runner.is_current

    def lose(self, error: RealtimeError) -> None:
        """
        Drop what is under way: the response that asked is gone. Reader thread.
        """
        self._runner.connection_lost()
        for response_id, continuation in self._continuations.copy().items():
            if (
                not continuation.done()
                and not self._goes_on(response_id)
                and continuation.set_running_or_notify_cancel()
            ):
                continuation.set_exception(copy_to_raise(error))

    def close(self) -> None:
        """
        Start nothing more, and send nothing more. Any thread; never blocks.
        """
        self._runner.close()
        for continuation in self._continuations.copy().values():
            continuation.cancel()

    def _goes_on(self, response_id: str) -> bool:
        asks_again = self._retry_response and self._lifecycle.ended is None
        return asks_again and self._runner.will_continue(response_id)

    def _continuation(self, response_id: str) -> Continuation:
        # several threads may come for it: they all get the one that was first
        continuation = self._continuations.setdefault(
            response_id, InterruptibleFuture()
        )
        put_bounded(self._continuations, response_id, continuation, _REMEMBERED)
        return continuation

    def _following(self, config: ResponseConfig | None) -> ResponseConfig | None:
        """
        Return the request that follows one that was made with *config*.
        """
        unforced = (UNSET, None, "auto", "none")
        forced = self._session.field("tool_choice") not in unforced
        if config is None:
            return ResponseConfig(tool_choice="auto") if forced else None
        never = config.tool_choice == "none"
        return attrs.evolve(
            config,
            input=UNSET,
            metadata=UNSET,
            tool_choice="none" if never else "auto" if forced else UNSET,
        )

    def owed(self) -> tuple[list[FunctionCallOutputItem], set[str]]:
        """
        Return the outputs that were under way when the connection was lost, and the ids
        of the calls whose outputs still wait to be sent. Reader thread.
        """
        under_way = list(self._under_way.values())
        lost = [output for output, told in under_way if told.done()]
        waiting = {output.call_id for output, told in under_way if not told.done()}
        return lost, waiting

    def _tell(self, item: FunctionCallItem | FunctionCallOutputItem) -> None:
        # by its id the answer is known; without one it would stay outstanding
        item = attrs.evolve(item, id=f"item_{os.urandom(10).hex()}")
        if not isinstance(item, FunctionCallOutputItem):
            self._sender.command(ConversationItemCreate(item=item))
            return
        try:
            self._sender.command(
                ConversationItemCreate(item=item),
                functools.partial(self._expect, item),
            )
        except BaseException:
            self._forget(item.call_id)
            raise

    def _expect(self, item: FunctionCallOutputItem, told: CommandFuture[Any]) -> None:
        """
        Note that an output is under way: from before it can leave, and be lost.
        """
        put_bounded(self._under_way, item.call_id, (item, told), _REMEMBERED)
        told.add_done_callback(functools.partial(self._arrived, item.call_id))

    def _arrived(self, call_id: str, told: Future[Any]) -> None:
        if told.cancelled() or not isinstance(told.exception(), ConnectionClosed):
            self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        self._under_way.pop(call_id, None)

    def _send(self, results: Results) -> None:
        """
        Send the outputs of one response and ask for the next. A worker thread.
        """
        continuation = self._continuation(results.response_id)
        config = self._following(results.config)
        elsewhere = results.generation != self._lifecycle.generation
        try:
            for item in [*(results.calls if elsewhere else ()), *results.outputs]:
                self._tell(item)
            if continuation.done():
                return  # who asked does not want to hear any more
            if results.is_last:
                raise _too_many(results)
            request = self._sender.identified(ResponseCreate(response=config))
            assert isinstance(request, ResponseCreate)
            put_bounded(self._rounds, request.event_id, results.rounds + 1, _REMEMBERED)
            following = self._sender.request(request, "wait")
        except Exception as error:
            if continuation.set_running_or_notify_cancel():
                continuation.set_exception(error)
            if not isinstance(error, RealtimeError):
                raise
            return
        if continuation.set_running_or_notify_cancel():
            continuation.set_result(following)


def _too_many(results: Results) -> ResponseIncomplete:
    """
    Return what a turn ends with that calls tools again and again; log it, too: a script
    of callbacks only does not wait for the turn.
    """
    error = ResponseIncomplete(
        f"The turn was ended: {results.rounds} responses in a row called tools, and "
        "the next one did so again. If that is as it should be, raise "
        "WebSocketOptions(max_tool_rounds=...).",
        response=results.response,
        reason="max_tool_rounds",
    )
    logger.warning("%s", error)
    return error
