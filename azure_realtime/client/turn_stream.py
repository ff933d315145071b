"""
The iterator over the deltas of a turn, which collects the complete turn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.mailbox import Mailboxes
from ..errors import ConnectionClosed, RealtimeError, ResponseError
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..models.items import Item
from ..models.turn import Turn
from .commands import Commands
from .turn_order import TurnTicket, leaver
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


class _Asked:
    """
    The items and responses that one turn has added to the conversation.

    Attributes:
        items: The futures of the commands that created items of the question.
        spoken: The id of the item with the question's audio, if any.
        responses: The futures of the responses.
    """

    def __init__(self, conversation: ConversationState) -> None:
        self._conversation = conversation
        self.items: list[Future[Item]] = []
        self.spoken: str | None = None
        self.responses: list[ResponseFuture] = []

    def forget(self) -> None:
        """
        Remove the items from the conversation after the connection was lost.

        Otherwise a question that the user repeats would be in the next session twice.
        Reader thread.
        """
        created = [item for item in self.items if item.done() and not item.cancelled()]
        ids = {item.result().id or "" for item in created if not item.exception()}
        if self.spoken is not None:
            ids.add(self.spoken)
        responses = {response.response_id or "" for response in self.responses}
        self._conversation.forget_turn(ids, responses - {""})


class TurnStream(Iterator[Delta]):
    """
    Iterator over the text, transcript and audio deltas of one turn.

    `AzureRealTimeAudio.stream` makes it; its errors are described there. It ends when
    the last response is done; then `turn` is the complete turn. Leaving its ``with``
    block or calling `close` earlier cancels the response. One thread at a time iterates
    over it; not the reader thread.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        mailboxes: Mailboxes,
        session: SessionState,
        conversation: ConversationState,
        tools: ToolLoop,
        new_recorder: type[TurnRecorder],
        timeout: float,
        deadline: Deadline,
        ticket: TurnTicket,
        *,
        lasting: bool,
    ) -> None:
        self._lifecycle = lifecycle
        self._mailboxes = mailboxes
        self._session = session
        self._tools = tools
        self._deadline = deadline
        self._timeout = timeout
        # None once a response has it, which leaves it at its end
        self._ticket: TurnTicket | None = ticket
        self._mailbox = mailbox = mailboxes.open(_WATCHED, lasting=lasting)
        # times are those at which events arrived, however late they are iterated over
        self._recorder = new_recorder(
            session.output_format, clock=lambda: mailbox.came_at
        )
        self._future: ResponseFuture | None = None
        self._continuation: Continuation | None = None
        self._closed = self._left = False
        # what reverses the changes of a question that was sent in part
        self._undo: list[Callable[[], object]] = []
        self._spoken: str | None = None
        self._asked = _Asked(conversation)
        # Made by the first step: until then the stream is in no reference cycle, and
        # Ctrl-C between its creation and the caller's next line closes it at once.
        self._events: Iterator[Delta] | None = None
        self._turn: Turn | None = None

    def _begin(
        self, commands: Commands, question: dict[str, Any], fields: dict[str, Any]
    ) -> None:
        """
        Send the question and request the response. The caller's thread.
        """
        if fields.get("conversation") == "none":
            item = question_item(self._session, **question, deadline=self._deadline)
            given = fields.get("input") or ()
            self._follow(
                commands.create_response(**{**fields, "input": [*given, item]})
            )
            return
        self._spoken = self._asked.spoken = send_user_turn(
            commands,
            self._session,
            self._mailboxes,
            **question,
            timeout=self._deadline.remaining(),
            watch=self._watch_item,
            undo=self._undo,
        )
        if self._spoken is not None:
            self._recorder.listen(self._spoken)
        self._follow(commands.create_response(**fields))

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
        if self._closed:
            raise StopIteration
        try:
            if self._events is None:
                self._events = self._run()
            return next(self._events)
        except StopIteration:
            raise
        except RealtimeError:
            if self._closed:
                raise StopIteration from None
            self.close()
            raise
        except (TimeoutError, FutureTimeoutError):  # two classes before Python 3.11
            self.close()
            raise TimeoutError(
                f"the turn was not done within {self._timeout:g} s; it was cancelled"
            ) from None
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
        continuation = self._continuation
        # cancel() is False if the next response was requested a moment ago
        if (
            continuation is not None
            and not continuation.cancel()
            and not continuation.exception()
        ):
            continuation.result().cancel()
        if self._future is not None:
            self._future.cancel()
        if self._ticket is not None:
            self._ticket.leave()
        self._left = True

    def __del__(self) -> None:
        # __init__ may have failed, or the interpreter may be finalizing
        with contextlib.suppress(Exception):
            if not self._left:  # Ctrl-C in a finalizer is lost: it should be short
                self.close()

    def __enter__(self) -> TurnStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _follow(self, future: Any) -> None:
        """
        Make *future* the response of which deltas are yielded.
        """
        self._future = future
        self._asked.responses.append(future)
        self._watch(future)
        if self._ticket is not None:
            # without a reference to the stream: the ticket is left at the end of the
            # last response, also if the stream has been dropped
            Future.add_done_callback(future, leaver(self._tools, self._ticket))
            self._ticket = None
        if self._closed:
            future.cancel()

    def _watch_item(self, future: Future[Item]) -> None:
        self._asked.items.append(future)
        self._watch(future)

    def _watch(self, future: Future[Any]) -> None:
        """
        End the iteration with the error of a refused command.
        """
        mailbox, asked = self._mailbox, self._asked

        def refused(done: Future[Any]) -> None:
            error = None if done.cancelled() else done.exception()
            if isinstance(error, RealtimeError) and not isinstance(
                error, ResponseError
            ):
                if isinstance(error, ConnectionClosed) and error.reconnecting:
                    asked.forget()
                mailbox.end(error)

        # the base class's method: runs on the reader thread, not the callback thread
        Future.add_done_callback(future, refused)

    def _run(self) -> Iterator[Delta]:
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
                self._continuation = self._tools.continuation(response_id)
                if self._continuation is None:
                    break
                remaining = self._deadline.remaining()
                self._follow(self._continuation.result(remaining))
            elif isinstance(event, Delta) and event.response_id == expected_id:
                yield event
        self._listen()
        self._mailboxes.close(self._mailbox)
        self._turn = self._recorder.finish()

    def _take(self, deadline: Deadline) -> ServerEvent:
        event = self._mailbox.get(deadline)
        self._recorder.observe(event)
        return event

    def _listen(self) -> None:
        """
        Wait for the transcript of the question, which may arrive after the answer.
        """
        if self._spoken is None or not self._session.transcribes:
            return
        remaining = self._deadline.remaining()
        seconds = _HEARD_WITHIN if remaining is None else min(remaining, _HEARD_WITHIN)
        deadline = Deadline(seconds)
        with contextlib.suppress(TimeoutError):
            while not self._recorder.heard_all:
                self._take(deadline)
