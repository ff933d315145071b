"""
The iterator over the deltas of a turn, which collects the complete turn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

import attrs

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._concurrency.with_block import GuaranteedExit
from .._dispatch.mailbox import Mailboxes
from ..errors import ConnectionClosed, RealtimeError, ServerError
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..models.fields import WhenBusy
from ..models.responses import ResponseConfig
from ..models.turn import Turn
from .audio_input import response_command
from .commands import Commands
from .open_turn import OpenTurn
from .open_turns import OpenTurns
from .turn_order import TurnTicket
from .user_turn import question_item, send_user_turn

if TYPE_CHECKING:  # imported with the first client
    from .._requests.response_requests import ResponseFuture
    from .._state.conversation_state import ConversationState
    from .._state.session import SessionState
    from .._state.turn_recorder import TurnRecorder
    from .._tools.loop import Continuation, ToolLoop

__all__ = ["TurnStream"]

Delta = (
    ResponseOutputTextDelta
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioDelta
)
"""The events that a stream yields."""


_DELTAS = {
    ResponseOutputTextDelta.type,
    ResponseOutputAudioTranscriptDelta.type,
    ResponseOutputAudioDelta.type,
}


_HEARD = (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
)


_WATCHED = frozenset(
    {
        *_DELTAS,
        *(event.type for event in _HEARD),
        "conversation.item.added",
        "response.content_part.done",
        "response.created",
        "response.done",
        "response.function_call_arguments.done",
        "response.output_audio_transcript.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.done",
    }
)


# seconds after the answer in which the transcript of the question may still arrive
_HEARD_WITHIN = 5.0


class TurnStream(GuaranteedExit, Iterator[Delta]):
    """
    Iterator over the text, transcript and audio deltas of one turn.

    `AzureRealTimeAudio.stream` makes it; its errors are described there. It ends when
    the last response is done; then `turn` is the complete turn. Leaving its ``with``
    block or calling `close` earlier cancels the response. One thread at a time iterates
    over it; not the reader thread.

    It is in no reference cycle: one that the program drops is closed at once.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        mailboxes: Mailboxes,
        session: SessionState,
        conversation: ConversationState,
        tools: ToolLoop,
        turns: OpenTurns,
        new_recorder: type[TurnRecorder],
        timeout: float,
        deadline: Deadline,
        ticket: TurnTicket,
    ) -> None:
        super().__init__()
        self._lifecycle = lifecycle
        self._mailboxes = mailboxes
        self._session = session
        self._tools = tools
        self._deadline = deadline
        self._timeout = timeout
        self._mailbox = mailbox = mailboxes.open(
            _WATCHED, survives_reconnect=turns.survive_reconnect
        )
        # times are those at which events arrived, however late they are iterated over
        self._recorder = new_recorder(
            session.output_format, clock=lambda: mailbox.came_at
        )
        self._future: ResponseFuture | None = None
        self._closed = self._left = False
        # what reverses the changes of a question that was sent in part
        self._undo: list[Callable[[], object]] = []
        self._turn: Turn | None = None
        self._open = OpenTurn(turns, conversation, tools, mailbox, ticket)

    def _begin(
        self,
        commands: Commands,
        question: dict[str, Any],
        config: ResponseConfig,
        when_busy: WhenBusy,
    ) -> None:
        """
        Send the question and request the response. The caller's thread.
        """
        if config.conversation == "none":
            item = question_item(self._session, **question, deadline=self._deadline)
            given = config.input if isinstance(config.input, tuple) else ()
            config = attrs.evolve(config, input=(*given, item))
            self._request(commands, config, when_busy)
            return
        try:
            committed = send_user_turn(
                commands,
                self._session,
                **question,
                timeout=self._deadline.remaining(),
                turn=self._open,
                undo=self._undo,
            )
            if committed is not None:
                self._wait_for(committed)
            self._undo.clear()
        except (RealtimeError, ValueError) as error:
            if isinstance(error, ConnectionClosed):
                self._open.lose(error)
            elif isinstance(error, ServerError):
                self._open.take_back(error)
            self._open.check()  # the error may be a consequence of the loss
            raise
        self._open.check()
        self._request(commands, config, when_busy)

    def _wait_for(self, committed: Future[Any]) -> None:
        try:
            committed.result(self._deadline.remaining())
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> TimeoutError:
        return TimeoutError(
            f"the turn was not done within {self._timeout:g} s; it was cancelled"
        )

    @property
    def turn(self) -> Turn:
        """
        The complete turn.

        Raises:
            RuntimeError: The iteration has not reached the end of the turn.
        """
        if self._turn is None:
            raise RuntimeError(
                "the turn is complete only after the iteration over the stream: read "
                "stream.turn after the loop"
            )
        return self._turn

    def __next__(self) -> Delta:
        self._lifecycle.check_may_wait()
        if self._closed or self._turn is not None:
            raise StopIteration
        try:
            return self._next_delta()
        except StopIteration:
            raise
        except RealtimeError:
            if self._closed:
                raise StopIteration from None
            self.close()
            raise
        except (TimeoutError, FutureTimeoutError):  # two classes before Python 3.11
            self.close()
            raise self._late() from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """
        Cancel the response if it is in progress, and stop collecting. Any thread.
        """
        if self._lifecycle.process.is_other_process:
            return
        self._closed = True
        with contextlib.suppress(RealtimeError):  # the client may be over
            while self._undo:
                self._undo[-1]()
                self._undo.pop()
        self._mailboxes.close(self._mailbox)
        self._mailbox.end(ConnectionClosed(1000, "the stream was closed"))
        self._open.close()
        self._left = True

    def __del__(self) -> None:
        # __init__ may have failed, or the interpreter may be finalizing
        with contextlib.suppress(Exception):
            if not self._left:  # Ctrl-C in a finalizer is lost: it should be short
                self.close()

    def __enter__(self) -> TurnStream:
        return self

    def _end(self) -> None:
        self.close()

    def _request(
        self, commands: Commands, config: ResponseConfig, when_busy: WhenBusy
    ) -> None:
        """
        Request the response of which deltas are yielded.
        """
        command = response_command(config, self._session.input_format)
        # followed before it is queued: after Ctrl-C from there on it is cancelled
        commands._sender.request(command, when_busy, self._follow)

    def _follow(self, future: ResponseFuture) -> None:
        self._future = future
        self._open.follow(future)

    def _next_delta(self) -> Delta:
        while True:
            event = self._take(self._deadline)
            assert self._future is not None
            expected_id = self._future.response_id
            if isinstance(event, ResponseDone):
                response_id = event.response.id
                # without markers the id is a guess at first, and may be another's: the
                # request is then not done with this event
                if response_id != expected_id or not self._future.done():
                    continue
                self._recorder.begin(response_id)
                self._future.result(0)
                continuation = self._tools.continuation(response_id)
                if continuation is None:
                    self._finish()
                    raise StopIteration
                self._future = self._next(continuation)
            elif isinstance(event, Delta) and event.response_id == expected_id:
                return event

    def _finish(self) -> None:
        self._listen()
        self._mailboxes.close(self._mailbox)
        self._turn = self._recorder.finish()

    def _next(self, continuation: Continuation) -> ResponseFuture:
        """
        Wait for the request of the next response, and return its future.
        """
        try:
            return continuation.result(self._deadline.remaining())
        except CancelledError:  # the connection was lost, or the stream closed
            while True:
                self._take(self._deadline)  # raises the error

    def _take(self, deadline: Deadline) -> ServerEvent:
        event = self._mailbox.get(deadline)
        self._recorder.observe(event)
        return event

    def _listen(self) -> None:
        """
        Wait for the transcript of the question, which may arrive after the answer.
        """
        if self._open.spoken is None:
            return
        self._recorder.listen(self._open.spoken)
        if not self._session.transcribes:
            return
        remaining = self._deadline.remaining()
        seconds = _HEARD_WITHIN if remaining is None else min(remaining, _HEARD_WITHIN)
        deadline = Deadline(seconds)
        # without a connection the transcript does not come, and the turn is complete
        with contextlib.suppress(TimeoutError, RealtimeError):
            while not self._recorder.heard_is_final:
                self._take(deadline)
