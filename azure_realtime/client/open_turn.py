"""
A turn in progress, and what it has added to the conversation.

Rules:

1. A turn is open from its first command to the end of its last response, tool calls
   included, whether or not the calling thread has read its events.
2. A turn that is open when the connection is lost fails, and is removed from the
   conversation before that is restored: its question, its responses, the calls and
   outputs of its tools. What is still queued is withdrawn. So a question that is asked
   again is in the next session once.
3. With ``retry_response`` a turn goes on in the next session, if that is restored with
   the conversation and the whole question: not if its response was not requested yet,
   a part of the question was not acknowledged, or its transcript was not complete.
4. A turn that the service refuses, or fails to answer, is deleted from the conversation
   for the same reason. One that is incomplete or cancelled is kept.
5. A response that was created acknowledges the question before it: some services send
   no other acknowledgement, or send it later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._dispatch.mailbox import Mailbox
from .._state.transcript import as_mappings
from ..errors import (
    ConnectionClosed,
    RealtimeError,
    ResponseError,
    ResponseFailed,
    ServerError,
    copy_to_raise,
)
from ..events import InputAudioBufferCommitted
from ..models.items import Item, MessageItem
from .open_turns import OpenTurns

if TYPE_CHECKING:  # imported with the first client
    from .._requests.response_requests import ResponseFuture
    from .._state.conversation_state import ConversationState
    from .._tools.loop import Continuation, ToolLoop
    from .turn_order import TurnTicket

T = TypeVar("T")


class _Part:
    """
    A part of a question.

    Attributes:
        item: The item, with its id.
        created: The future of the command that creates it; None before that is queued.
        assumed: Whether a response has acknowledged it instead (rule 5).
    """

    def __init__(self, item: MessageItem) -> None:
        self.item = item
        self.created: Future[Item] | None = None
        self.assumed = False

    @property
    def acknowledged_id(self) -> str | None:
        """
        The id that the service has acknowledged, which may be its own.
        """
        if self.created is None or not _succeeded(self.created):
            return None
        return self.created.result().id


class OpenTurn:
    """
    One turn, as the rules of this module need it.

    It does not refer to its stream, so that a stream that the program drops is deleted.

    Args:
        turns: Where the turn is registered while it is open.
        conversation: Has the items.
        tools: Runs the tools of the turn.
        mailbox: Gets the events of the turn; ended if the turn fails.
        ticket: Left when the turn is over.

    Attributes:
        spoken: The id of the item that the service has made of audio.
        error: The loss or the refusal that the turn has failed with; None without one.
    """

    def __init__(
        self,
        turns: OpenTurns,
        conversation: ConversationState,
        tools: ToolLoop,
        mailbox: Mailbox,
        ticket: TurnTicket,
    ) -> None:
        self._turns = turns
        self._conversation = conversation
        self._tools = tools
        self._mailbox = mailbox
        self._ticket = ticket
        self._parts: list[_Part] = []
        self._responses: list[ResponseFuture] = []
        self._continuation: Continuation | None = None
        self._over = False
        self._queued: list[Future[Any]] = []
        self._cleared: tuple[Future[Any], ...] = ()
        self.spoken: str | None = None
        self.error: RealtimeError | None = None
        turns.add(self)

    def ask(self, item: MessageItem, create: Callable[..., Future[Item]]) -> None:
        """
        Add a part of the question. The caller's thread.

        Args:
            item: The part, with its id.
            create: Queues the command that creates it, as `commit` describes.
        """
        part = _Part(item)
        self._parts.append(part)
        self._send(create, partial(setattr, part, "created"))

    def commit(
        self, commit: Callable[..., Future[InputAudioBufferCommitted]]
    ) -> Future[InputAudioBufferCommitted]:
        """
        Commit the audio of the question by *commit*, which calls its argument *expect*
        with the future before the command is queued. The caller's thread.
        """
        # the base class's method: runs on the reader thread, not the callback thread
        return self._send(commit, lambda f: Future.add_done_callback(f, self._spoke))

    def _send(
        self,
        send: Callable[..., Future[T]],
        expect: Callable[[Future[T]], object],
    ) -> Future[T]:
        def register(future: Future[T]) -> None:
            expect(future)
            self._queued.append(future)
            self._watch(future)
            self.check()  # a turn that fails later finds the future

        future = send(expect=register)
        self.check()
        return future

    def check(self) -> None:
        """
        Raise the error that the turn has failed with, if any. Any thread.
        """
        if self.error is not None:
            raise copy_to_raise(self.error) from None

    def listen(self, *cleared: Future[Any]) -> None:
        """
        Take the next commit for that of the question. The caller's thread.

        Args:
            cleared: The future of the command that clears the input audio buffer, and
                those of commands behind it, because some services do not acknowledge a
                clear. What is committed before any of them is done is from before the
                question.
        """
        self._cleared = cleared

    def committed(self, item_id: str) -> None:
        """
        Note that audio was committed, see `listen`. Reader thread.
        """
        if any(future.done() for future in self._cleared):
            self._cleared, self.spoken = (), item_id

    def _spoke(self, committed: Future[InputAudioBufferCommitted]) -> None:
        if _succeeded(committed):
            self.spoken = committed.result().item_id

    def follow(self, response: ResponseFuture) -> None:
        """
        Add the first response of the turn; those after tool calls are added by itself.

        Any thread.
        """
        self._responses.append(response)
        self._watch(response)
        # the base class's method: runs on the reader thread, not the callback thread
        Future.add_done_callback(response, self._answered)
        if self._over:
            response.cancel()
            self._ticket.leave()

    def close(self) -> None:
        """
        Cancel the response and the tool calls in progress. Any thread; may be repeated.

        A turn whose question was sent in part is undone first: the next one begins now.
        """
        if self.error is None:  # else what was sent is deleted when it is acknowledged
            self._withdraw()
        self._stop(self._responses)
        self._ticket.leave()

    def _withdraw(self) -> None:
        for future in self._queued:
            future.cancel()  # removes what is still queued

    def lose(self, error: RealtimeError) -> None:
        """
        Fail the turn after the connection was lost, unless it survives (rule 3).

        The reader thread, or the caller's if a command has failed with *error*.
        """
        reconnecting = isinstance(error, ConnectionClosed) and error.reconnecting
        if self._over or (
            reconnecting and self._turns.survive_reconnect and self._survives()
        ):
            return
        self.error = error
        self._withdraw()
        # a response that was created has ended with the connection
        self._stop(r for r in self._responses if r.response_id is None)
        if reconnecting:
            self._forget()
        self._mailbox.end(error)

    def take_back(self, error: RealtimeError | None = None) -> None:
        """
        Delete the turn from the conversation, because the service has refused or failed
        it (rule 4). Any thread.
        """
        self.error = self.error or error
        # queued before the next turn can begin
        self._turns.delete(self._forget())
        self._stop(self._responses)

    def _forget(self) -> list[str]:
        """
        Remove the turn from the conversation; return the ids of its items there.
        """
        responses = self._response_ids()
        self._tools.abandon(responses)
        asked = [part.item.id or "" for part in self._parts]
        question = {*asked, *self._acknowledged_ids()}
        return self._conversation.forget_turn(question, responses)

    def _response_ids(self) -> set[str]:
        requests = [r.request for r in self._responses if r.request is not None]
        ids = {r.response_id or r.interrupted_response_id or "" for r in requests}
        return ids - {""}

    def _acknowledged_ids(self) -> set[str]:
        ids = {part.acknowledged_id for part in self._parts}
        return {item_id for item_id in (*ids, self.spoken) if item_id is not None}

    def _survives(self) -> bool:
        """
        Whether the turn can go on in the next session (rule 3).
        """
        if not self._responses:
            return False
        self._confirm()
        expected = [p.created for p in self._parts if p.created and not p.assumed]
        if any(_error_of(created) is not None for created in expected):
            return False
        ids = self._acknowledged_ids()
        if not all(self._conversation.is_whole(item_id) for item_id in ids):
            return False
        items = [self._conversation.item(item_id, None) for item_id in ids]
        return len(as_mappings(i for i in items if i is not None)) == len(ids)

    def _confirm(self) -> None:
        """
        Add the unacknowledged parts of a question with a response to the conversation
        (rule 5).
        """
        response_id = self._responses[0].response_id if self._responses else None
        if response_id is not None:
            for part in self._parts:
                if not part.assumed and part.acknowledged_id is None:
                    part.assumed = True
                    self._conversation.assume(part.item, response_id)

    def _watch(self, future: Future[Any]) -> None:
        """
        End the stream with the error of a refused command.
        """
        Future.add_done_callback(future, self._done)

    def _done(self, future: Future[Any]) -> None:
        error = _error_of(future)
        if isinstance(error, ConnectionClosed):
            self.lose(error)
            return
        refused = isinstance(error, (ServerError, ResponseFailed))
        late = self.error is not None and _succeeded(future)  # a part is acknowledged
        if refused or late:
            self.take_back(error if isinstance(error, RealtimeError) else None)
        if isinstance(error, RealtimeError) and not isinstance(error, ResponseError):
            self._mailbox.end(error)

    def _answered(self, response: Future[Any]) -> None:
        following = None
        if not response.cancelled() and response.exception() is None:
            following = self._tools.continuation(response.result().id)
            if following is None:
                self._confirm()
        if following is None:
            self._end()
            return
        self._continuation = following
        following.add_done_callback(self._continued)
        if self._over:
            following.cancel()

    def _continued(self, following: Continuation) -> None:
        if following.cancelled() or following.exception() is not None:
            self._end()
        else:
            self.follow(following.result())

    def _stop(self, responses: Iterable[ResponseFuture]) -> None:
        """
        Cancel what is in progress of *responses*, and end the turn.
        """
        self._over = True  # first: what begins at the same time is cancelled as well
        if self._continuation is not None:
            self._continuation.cancel()
        for response in responses:
            response.cancel()
        self._end()

    def _end(self) -> None:
        self._over = True
        self._turns.discard(self)
        if self._responses:  # else its thread still sends audio, or has to undo that
            self._ticket.leave()


def _error_of(future: Future[Any]) -> BaseException | None:
    return future.exception() if future.done() and not future.cancelled() else None


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
