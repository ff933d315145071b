"""
The tool loop: sends tool outputs to the model and requests the next response.

Rules:

1. All outputs of one response are sent, in the order of the calls, then exactly one
   request for a response follows (protocol reference, trap "tool-continue").
2. That request has the configuration of the request that it continues, except the
   fields that would repeat it: a forced tool choice, in the request or the session,
   would call the tool in an endless loop.
3. A turn ends with the last response of this chain.
4. Calls made in an earlier session are sent to the current session together with their
   outputs. The turn has failed with the connection, so no response is requested,
   unless interrupted responses are requested again (``retry_response``).
5. A turn has a limited number of rounds (``max_rounds``). After the last one no
   response is requested, and the turn fails with `ResponseIncomplete`.
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

_REMEMBERED = 64  # responses whose continuation can be looked up

Continuation = Future[ResponseFuture]


class ToolLoop:
    """
    Runs the tools that responses call, and continues the turn with their outputs.

    It has no lock: each change and each copy of a dictionary is atomic, and no
    invariant spans two of them.

    Args:
        sender: Sends the outputs and requests.
        emitter: Emits ``tool_error``.
        lifecycle: Has the number of the connection, and the error of the client's end.
        toolbox: The tools.
        session: The state of the session.
        outlive: Whether the conversation is restored in a new session.
        retry_response: Whether an interrupted response is requested again.
        max_rounds: Limit of rule 5; None means no limit.

    Attributes:
        handles: The event classes that `observe` takes.
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
        # number of rounds before a request, by the request's event_id
        self._rounds: dict[str | None, int] = {}

    def observe(self, event: ServerEvent) -> None:
        """
        Start the tool calls of *event*, except those of out-of-band responses. Reader
        thread.
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
        Return a future of the request that follows a response; None if none follows.

        To be called when the response is done. Any thread.
        """
        continuation = self._continuations.get(response_id)
        if continuation is None and self._runner.will_continue(response_id):
            continuation = self._continuation(response_id)
        return continuation

    def answers(self, response_id: str) -> bool:
        """
        Whether this loop sends outputs for the calls of a response. Any thread.
        """
        return self._runner.will_continue(response_id)

    def run_soon(self, function: Callable[[], None]) -> None:
        """
        Run *function* on a worker thread; never blocks. Any thread.
        """
        self._runner.run_soon(function)

    def busy(self) -> bool:
        """
        Whether a tool output is still to be sent. Any thread.
        """
        return self._runner.busy

    @property
    def is_current(self) -> bool:
        """
        Whether the calling thread runs a tool.
        """
        return self._runner.is_current

    def lose(self, error: RealtimeError) -> None:
        """
        Drop the calls of unfinished responses, and fail the turns that wait for them.

        Reader thread.
        """
        self._runner.connection_lost()
        for response_id, continuation in self._continuations.copy().items():
            if (
                not continuation.done()
                and not self._is_retried(response_id)
                and continuation.set_running_or_notify_cancel()
            ):
                continuation.set_exception(copy_to_raise(error))

    def close(self) -> None:
        """
        Start no more calls and send no more outputs; never blocks. Any thread.
        """
        self._runner.close()
        for continuation in self._continuations.copy().values():
            continuation.cancel()

    def _is_retried(self, response_id: str) -> bool:
        retries = self._retry_response and self._lifecycle.ended is None
        return retries and self._runner.will_continue(response_id)

    def _continuation(self, response_id: str) -> Continuation:
        # setdefault is atomic: all threads get the same future
        continuation = self._continuations.setdefault(
            response_id, InterruptibleFuture()
        )
        put_bounded(self._continuations, response_id, continuation, _REMEMBERED)
        return continuation

    def _following(self, config: ResponseConfig | None) -> ResponseConfig | None:
        """
        Return the configuration of the request that continues one with *config*.
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
        Return the outputs that were lost with the connection, and the ids of the calls
        whose outputs are still queued. Reader thread.
        """
        sent = list(self._under_way.values())
        lost = [output for output, added in sent if added.done()]
        queued = {output.call_id for output, added in sent if not added.done()}
        return lost, queued

    def _send_item(self, item: FunctionCallItem | FunctionCallOutputItem) -> None:
        # the id matches the acknowledgement; without it the command stays pending
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

    def _expect(self, item: FunctionCallOutputItem, added: CommandFuture[Any]) -> None:
        """
        Record an output as unacknowledged, before it can be sent and lost.
        """
        put_bounded(self._under_way, item.call_id, (item, added), _REMEMBERED)
        added.add_done_callback(functools.partial(self._arrived, item.call_id))

    def _arrived(self, call_id: str, added: Future[Any]) -> None:
        if added.cancelled() or not isinstance(added.exception(), ConnectionClosed):
            self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        self._under_way.pop(call_id, None)

    def _send(self, results: Results) -> None:
        """
        Send the outputs of one response and request the next one. Worker thread.
        """
        continuation = self._continuation(results.response_id)
        config = self._following(results.config)
        is_new_session = results.generation != self._lifecycle.generation
        try:
            for item in [*(results.calls if is_new_session else ()), *results.outputs]:
                self._send_item(item)
            if continuation.done():
                return  # the turn was cancelled, or has failed with the connection
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
    Return the error of a turn with too many tool rounds.

    It is logged as well, because a program with listeners only does not wait for turns.
    """
    error = ResponseIncomplete(
        f"The turn was ended: {results.rounds} responses in a row called tools, and "
        "the next one did so again. If the turn needs more, raise "
        "WebSocketOptions(max_tool_rounds=...).",
        response=results.response,
        reason="max_tool_rounds",
    )
    logger.warning("%s", error)
    return error
