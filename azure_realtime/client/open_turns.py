"""
The turns in progress, and what each has added to the conversation.

Rules:

1. A turn is open from its first command to the end of its last response, tool calls
   included, whether or not the calling thread has read its events.
2. A turn that is open when the connection is lost fails, and is removed from the
   conversation before that is restored: its question, its responses, the calls and
   outputs of its tools. What is still queued is withdrawn. So a question that is asked
   again is in the next session once.
3. With ``retry_response`` a turn goes on in the next session, if that is restored with
   the conversation and the whole question: not if a part of the question was not
   acknowledged, or is speech without a transcript.
4. A turn that the service refuses, or fails to answer, is deleted from the conversation
   for the same reason. One that is incomplete or cancelled is kept.
5. A response that was created acknowledges the question before it: some services send
   no other acknowledgement, or send it later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

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
from ..events import ConversationItemDelete, InputAudioBufferCommitted, ServerEvent
from ..models.items import Item, MessageItem

if TYPE_CHECKING:  # imported with the first client
    from .._engine.sender import Sender
    from .._requests.response_requests import ResponseFuture
    from .._state.conversation_state import ConversationState
    from .._tools.loop import Continuation, ToolLoop
    from .turn_order import TurnTicket


class OpenTurns:
    """
    The open turns of a client.

    It has no lock: each change and each copy of the dictionary is atomic.

    Args:
        sender: Deletes items.
        survive_reconnect: Whether turns survive the connection (rule 3).

    Attributes:
        survive_reconnect: As given.
        handles: The event classes that `observe` takes.
    """

    handles: ClassVar[frozenset[type[ServerEvent]]] = frozenset(
        {InputAudioBufferCommitted}
    )

    def __init__(self, sender: Sender, *, survive_reconnect: bool) -> None:
        self.survive_reconnect = survive_reconnect
        self._sender = sender
        self._turns: dict[int, OpenTurn] = {}

    def add(self, turn: OpenTurn) -> None:
        """
        Add a turn. Any thread.
        """
        self._turns[id(turn)] = turn

    def discard(self, turn: OpenTurn) -> None:
        """
        Remove a turn that is over; may be repeated. Any thread.
        """
        self._turns.pop(id(turn), None)

    def delete(self, item_ids: Collection[str]) -> None:
        """
        Delete items of a turn, without waiting for it. Any thread.
        """
        self._sender.follow_up(
            ConversationItemDelete(item_id=item_id) for item_id in item_ids
        )

    def observe(self, event: InputAudioBufferCommitted) -> None:
        """
        Note the item of a spoken question. Reader thread.
        """
        for turn in self._turns.copy().values():
            turn.committed(event.item_id)

    def lose(self, error: RealtimeError) -> None:
        """
        Fail the open turns that do not survive the connection. Reader thread.
        """
        for turn in self._turns.copy().values():
            turn.lose(error)


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
        speaking: Whether the next commit of audio is a part of the question.
        error: The loss that the turn has failed with; None without one.
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
        self._questions: list[tuple[MessageItem, Future[Item]]] = []
        self._asked_ids: list[str] = []  # of items that the client creates
        self._spoken: list[str] = []  # ids of items that the service makes of audio
        self._responses: list[ResponseFuture] = []
        self._continuation: Continuation | None = None
        self._closed = self._over = self._taken_back = False
        self.speaking = False
        self.error: RealtimeError | None = None
        turns.add(self)

    def ask(
        self, item: MessageItem, create: Callable[[MessageItem], Future[Item]]
    ) -> None:
        """
        Add a part of the question. The caller's thread.

        Args:
            item: The part, with its id.
            create: Queues the command that creates it; returns the command's future.
        """
        # before the command: the connection may be lost before its future is known here
        self._asked_ids.append(item.id or "")
        self.check()
        created = create(item)
        self._questions.append((item, created))
        self._watch(created)
        if self.error is not None and not created.cancel() and _succeeded(created):
            self._conversation.forget([created.result().id or ""])

    def commit(
        self, commit: Callable[[], Future[InputAudioBufferCommitted]]
    ) -> Future[InputAudioBufferCommitted]:
        """
        Commit the audio of the question by *commit*. The caller's thread.
        """
        self.check()
        committed = commit()
        if self.error is not None:
            committed.cancel()
        self.check()
        return committed

    def check(self) -> None:
        """
        Raise the loss that the turn has failed with, if any. Any thread.
        """
        if self.error is not None:
            raise copy_to_raise(self.error) from None

    def committed(self, item_id: str) -> None:
        """
        Note that audio was committed: the spoken part of the question, if the turn is
        `speaking`. Reader thread.
        """
        if self.speaking:
            self.speaking = False
            self._spoken.append(item_id)

    def follow(self, response: ResponseFuture) -> None:
        """
        Add the first response of the turn; those after tool calls are added by itself.

        Any thread.
        """
        self._responses.append(response)
        self._watch(response)
        # the base class's method: runs on the reader thread, not the callback thread
        Future.add_done_callback(response, self._answered)
        if self._closed or self.error is not None:
            response.cancel()

    def close(self) -> None:
        """
        Cancel the response and the tool calls in progress. Any thread; may be repeated.
        """
        self._closed = True
        if self._continuation is not None:
            self._continuation.cancel()
        for response in self._responses[-1:]:
            response.cancel()
        self._end()

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
        for _, created in self._questions:
            created.cancel()  # withdraws what is still queued
        for response in self._responses:
            if response.response_id is None:  # else it has ended with the connection
                response.cancel()
        if self._continuation is not None:
            self._continuation.cancel()
        if reconnecting:
            responses = self._response_ids()
            self._tools.abandon(responses)
            question = {*self._asked_ids, *self._acknowledged_ids()}
            self._conversation.forget_turn(question, responses)
        self._mailbox.end(error)
        self._end()

    def take_back(self) -> None:
        """
        Delete the turn from the conversation, because the service has refused or failed
        it (rule 4). Any thread.
        """
        self._taken_back = True
        responses = self._response_ids()
        self._tools.abandon(responses)
        self._turns.delete(
            self._conversation.forget_turn(self._acknowledged_ids(), responses)
        )

    def _response_ids(self) -> set[str]:
        requests = [r.request for r in self._responses if r.request is not None]
        ids = {r.response_id or r.interrupted_response_id or "" for r in requests}
        return ids - {""}

    def _acknowledged_ids(self) -> list[str]:
        created = [f.result().id or "" for _, f in self._questions if _succeeded(f)]
        return [*created, *self._spoken]

    def _survives(self) -> bool:
        """
        Whether the turn can go on in the next session (rule 3).
        """
        if self.speaking:
            return False
        self._confirm()
        if any(_error_of(created) is not None for _, created in self._questions):
            return False
        ids = self._acknowledged_ids()
        items = [self._conversation.item(item_id, None) for item_id in ids]
        return len(as_mappings(i for i in items if i is not None)) == len(ids)

    def _confirm(self) -> None:
        """
        Add the unacknowledged parts of a question with a response to the conversation
        (rule 5).
        """
        response_id = self._responses[0].response_id if self._responses else None
        if response_id is not None:
            for item, created in self._questions:
                if not _succeeded(created):
                    self._conversation.assume(item, response_id)
            self._questions = [q for q in self._questions if _succeeded(q[1])]

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
        if isinstance(error, (ServerError, ResponseFailed)):
            self.take_back()
        elif error is None and self._taken_back and not future.cancelled():
            self.take_back()  # a part of the question was acknowledged late
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
        if self._closed:
            following.cancel()

    def _continued(self, following: Continuation) -> None:
        if following.cancelled() or following.exception() is not None:
            self._end()
        else:
            self.follow(following.result())

    def _end(self) -> None:
        self._over = True
        self._turns.discard(self)
        self._ticket.leave()


def _error_of(future: Future[Any]) -> BaseException | None:
    return future.exception() if future.done() and not future.cancelled() else None


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
