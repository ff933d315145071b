"""
The tool loop: sends tool outputs to the model and requests the next response.

Rules:

1. All outputs of one response are sent, in the order of the calls, then exactly one
   request for a response follows (protocol reference, trap "tool-continue").
2. That request has the configuration of the request that it continues, except the
   fields that would repeat it: a forced tool choice, in the request or the session,
   would call the tool in an endless loop.
3. A turn ends with the last response of this chain.
4. A new session is restored with the calls whose outputs are to come
   (`unacknowledged`), so an output is the only item that is sent for a call.
5. A turn has a limited number of rounds (``max_rounds``). After the last one no
   response is requested, and the turn fails with `ResponseIncomplete`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, NamedTuple

import attrs

from .._concurrency.future import InterruptibleFuture
from .._dispatch.emitter import Emitter
from .._engine.sender import Sender
from .._logging import logger
from .._memory import put_bounded
from .._requests.future import CommandFuture
from .._requests.response_requests import ResponseFuture
from .._state.session import SessionState
from ..errors import ConnectionClosed, RealtimeError, ResponseIncomplete
from ..events import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ResponseCreate,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
)
from ..models._unset import UNSET
from ..models.items import FunctionCallItem, FunctionCallOutputItem
from ..models.responses import ResponseConfig
from .announced import ANNOUNCING
from .batch import Results
from .runner import ToolRunner
from .tool import Toolbox

_REMEMBERED = 64  # responses whose continuation can be looked up

Continuation = Future[ResponseFuture]
ToolItems = tuple[list[FunctionCallItem], list[FunctionCallOutputItem]]


class _AbandonedError(Exception):
    """
    The turn failed while its outputs were being sent.
    """


class _Output(NamedTuple):
    """
    An output that is not acknowledged.

    Attributes:
        response_id: The response that made the call.
        added: The future of the command that creates the item.
    """

    response_id: str
    call: FunctionCallItem
    item: FunctionCallOutputItem
    added: Future[Any]


class ToolLoop:
    """
    Runs the tools that responses call, and continues the turn with their outputs.

    It has no lock: each change and each copy of a dictionary is atomic, and no
    invariant spans two of them.

    Args:
        sender: Sends the outputs and requests.
        emitter: Emits ``tool_error``.
        toolbox: The tools.
        session: The state of the session.
        outlive: Whether the conversation is restored in a new session.
        max_rounds: Limit of rule 5; None means no limit.

    Attributes:
        handles: The event classes that `observe` takes.
    """

    handles = frozenset(
        {
            *ANNOUNCING,
            ConversationItemAdded,
            ConversationItemCreated,
            ResponseOutputItemDone,
            ResponseDone,
        }
    )

    def __init__(
        self,
        sender: Sender,
        emitter: Emitter,
        toolbox: Toolbox,
        session: SessionState,
        *,
        outlive: bool,
        max_rounds: int | None,
    ) -> None:
        self._sender = sender
        self._session = session
        self._runner = ToolRunner(
            toolbox, self._send, emitter.emit, outlive, max_rounds
        )
        self._sent_outputs: dict[str, _Output] = {}  # by call_id
        self._continuations: dict[str, Continuation] = {}
        # number of rounds before a request, by the request's event_id
        self._rounds: dict[str | None, int] = {}

    def observe(self, event: ServerEvent) -> None:
        """
        Start the tool calls of *event*, except those of out-of-band responses; or note
        that an output has arrived, also one that was restored. Reader thread.
        """
        if isinstance(event, (ConversationItemAdded, ConversationItemCreated)):
            if isinstance(event.item, FunctionCallOutputItem):
                self._forget(event.item.call_id)
            return
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

    def run_on_worker(self, function: Callable[[], None]) -> None:
        """
        Run *function* on a worker thread; never blocks. Any thread.
        """
        self._runner.run_on_worker(function)

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

    def lose(self, _: object) -> None:
        """
        Drop the calls of unfinished responses. Reader thread.
        """
        self._runner.connection_lost()

    def abandon(self, response_ids: Collection[str]) -> None:
        """
        Drop the calls of a failed turn, and withdraw their outputs. Any thread.
        """
        self._runner.abandon(response_ids)
        for call_id, output in self._sent_outputs.copy().items():
            if output.response_id in response_ids:
                output.added.cancel()
                self._forget(call_id)

    def close(self) -> None:
        """
        Start no more calls and send no more outputs; never blocks. Any thread.
        """
        self._runner.close()
        for continuation in self._continuations.copy().values():
            continuation.cancel()

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

    def unacknowledged(self) -> ToolItems:
        """
        Return the calls whose outputs are not acknowledged, and those of these outputs
        that were lost with the connection. Reader thread.
        """
        calls = self._runner.open_calls()  # first: a batch that is sent is in the other
        sent = [
            o for o in list(self._sent_outputs.values()) if self.answers(o.response_id)
        ]
        lost = [output.item for output in sent if output.added.done()]
        # a batch whose outputs are being sent is in both
        calls = [*calls, *(output.call for output in sent)]
        return list({call.call_id: call for call in calls}.values()), lost

    def refuse(self, item_id: str, call_ids: Collection[str]) -> None:
        """
        Drop an output that a new session refuses, and those of refused calls. Reader
        thread.
        """
        for call_id, output in self._sent_outputs.copy().items():
            if output.item.id == item_id or call_id in call_ids:
                self._forget(call_id)

    def _send_output(
        self, call: FunctionCallItem, item: FunctionCallOutputItem, response_id: str
    ) -> None:
        # the id matches the acknowledgement; without it the command stays pending
        item = attrs.evolve(item, id=f"item_{os.urandom(10).hex()}")

        def expect(added: CommandFuture[Any]) -> None:
            # recorded before it can be sent and lost
            output = _Output(response_id, call, item, added)
            put_bounded(self._sent_outputs, item.call_id, output, _REMEMBERED)
            added.add_done_callback(functools.partial(self._arrived, item.call_id))
            if not self._runner.will_continue(response_id):
                raise _AbandonedError

        try:
            self._sender.command(ConversationItemCreate(item=item), expect)
        except BaseException:
            self._forget(item.call_id)
            raise

    def _arrived(self, call_id: str, added: Future[Any]) -> None:
        if added.cancelled() or not isinstance(added.exception(), ConnectionClosed):
            self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        self._sent_outputs.pop(call_id, None)

    def _send(self, results: Results) -> None:
        """
        Send the outputs of one response and request the next one. Worker thread.
        """
        continuation = self._continuation(results.response_id)
        config = self._following(results.config)
        try:
            for call, output in zip(results.calls, results.outputs, strict=True):
                self._send_output(call, output, results.response_id)
        except _AbandonedError:
            return
        except Exception as error:
            if continuation.set_running_or_notify_cancel():
                continuation.set_exception(error)
            if not isinstance(error, RealtimeError):
                raise
            return
        # claimed before the request: a turn that is cancelled now requests no response
        if not continuation.set_running_or_notify_cancel():
            return
        try:
            if results.is_last:
                raise _too_many(results)
            request = self._sender.identified(ResponseCreate(response=config))
            assert isinstance(request, ResponseCreate)
            put_bounded(self._rounds, request.event_id, results.rounds + 1, _REMEMBERED)
            self._sender.request(request, "wait", continuation.set_result)
        except Exception as error:
            if not continuation.done():  # else its response is cancelled
                continuation.set_exception(error)
            if not isinstance(error, RealtimeError):
                raise


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
