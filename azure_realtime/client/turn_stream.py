"""
The deltas of a turn, as they come, and the turn when it is complete.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.mailbox import Mailboxes
from .._requests.response_requests import ResponseFuture
from .._state.conversation import Conversation
from .._state.session import SessionState
from .._state.turn_recorder import TurnRecorder
from .._tools.loop import Continuation, ToolLoop
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
from ..models.responses import Response
from ..models.turn import Turn
from .commands import Commands
from .turn_order import TurnTicket
from .user_turn import question_item, send_user_turn

Delta = (
    ResponseOutputTextDelta
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioDelta
)
"""What a stream yields."""


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


_HEARD_WITHIN = 5.0  # seconds after the answer in which the transcript may still come


class _Asked:
    """
    What one turn has put into the conversation.

    Attributes:
        items: The answers to the commands that created the question.
        spoken: The id of the spoken question.
        responses: The answers.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.items: list[Future[Item]] = []
        self.spoken: str | None = None
        self.responses: list[ResponseFuture] = []

    def forget(self) -> None:
        """
        Remove it: the connection is lost, and a question that is asked again must not
        stand twice in the next session. Reader thread.
        """
        created = [item for item in self.items if item.done() and not item.cancelled()]
        ids = {item.result().id or "" for item in created if not item.exception()}
        if self.spoken is not None:
            ids.add(self.spoken)
        answers = {response.response_id or "" for response in self.responses}
        self._conversation.forget_turn(ids, answers - {""})


class TurnStream(Iterator[Delta]):
    """
    The deltas of one turn as they come: of text, transcript and audio.

    It ends when the last answer is done; then `turn` is the whole. Leaving it early (as
    a context manager, or by `close`) stops the response.

    Attributes:
        turn: The turn; None before its end.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        mailboxes: Mailboxes,
        session: SessionState,
        conversation: Conversation,
        tools: ToolLoop,
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
        self._ticket = ticket
        self._mailbox = mailboxes.open(_WATCHED, lasting=lasting)
        self._now = time.monotonic()
        # the times are those at which events came, however late they are looked at
        self._recorder = TurnRecorder(session.output_format, clock=lambda: self._now)
        self._future: ResponseFuture | None = None
        self._continuation: Continuation | None = None
        self._closed = False
        # what reverses the changes of a question that was sent in part
        self._undo: list[Callable[[], object]] = []
        self._spoken: str | None = None
        self._asked = _Asked(conversation)
        self._events = self._run()
        self.turn: Turn | None = None

    def begin(
        self, commands: Commands, question: dict[str, Any], fields: dict[str, Any]
    ) -> None:
        """
        Send the question and request the answer. The caller's thread.
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
            **question,
            timeout=self._deadline.remaining(),
            watch=self._watch_item,
            undo=self._undo,
        )
        if self._spoken is not None:
            self._recorder.listen(self._spoken)
        self._follow(commands.create_response(**fields))

    def __next__(self) -> Delta:
        self._lifecycle.check_may_wait()
        if self._closed:
            raise StopIteration
        try:
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
        Stop the response if it still runs, and collect no more. Any thread.
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
        waiting = self._continuation
        # it may have come at this very moment
        if waiting is not None and not waiting.cancel() and not waiting.exception():
            waiting.result().cancel()
        if self._future is not None:
            self._future.cancel()
        else:
            self._ticket.leave()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # half made, or at the interpreter's end
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
        Make *future* the response we wait for; its refusal ends the wait.
        """
        self._future = future
        self._asked.responses.append(future)
        self._watch(future)
        # not through the stream: its end is no business of who reads it
        Future.add_done_callback(future, _leaver(self._tools, self._ticket))
        if self._closed:
            future.cancel()

    def _watch_item(self, future: Future[Item]) -> None:
        self._asked.items.append(future)
        self._watch(future)

    def _watch(self, future: Future[Any]) -> None:
        """
        Have the refusal of a command end the wait.
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

        Future.add_done_callback(future, refused)  # at once, on the reader thread

    def _run(self) -> Iterator[Delta]:
        while True:
            event = self._take(self._deadline)
            assert self._future is not None
            ours = self._future.response_id
            if isinstance(event, ResponseDone):
                response_id = event.response.id
                # what was taken for ours may have turned out to be somebody else's
                if response_id != ours or not self._future.done():
                    continue
                self._recorder.begin(response_id)
                self._future.result(0)
                self._continuation = self._tools.continuation(response_id)
                if self._continuation is None:
                    break
                left = self._deadline.remaining()
                self._follow(self._continuation.result(left))
            elif isinstance(event, Delta) and event.response_id == ours:
                yield event
        self._listen()
        self._mailboxes.close(self._mailbox)
        self.turn = self._recorder.finish()

    def _take(self, deadline: Deadline) -> ServerEvent:
        event = self._mailbox.get(deadline)
        self._now = self._mailbox.came_at
        self._recorder.observe(event)
        return event

    def _listen(self) -> None:
        """
        Wait for what the user was understood to say: it may come after the answer.
        """
        if self._spoken is None or not self._session.transcribes:
            return
        left = self._deadline.remaining()
        within = _HEARD_WITHIN if left is None else min(left, _HEARD_WITHIN)
        deadline = Deadline(within)
        with contextlib.suppress(TimeoutError):
            while not self._recorder.heard_all:
                self._take(deadline)


def _leaver(tools: ToolLoop, ticket: TurnTicket) -> Callable[[Future[Response]], None]:
    """
    Return what to call when a response is done: after the last one, *ticket* is left.
    """

    def done(response: Future[Response]) -> None:
        failed = response.cancelled() or response.exception() is not None
        following = None if failed else tools.continuation(response.result().id)
        if following is None:
            ticket.leave()
        else:
            following.add_done_callback(go_on)

    def go_on(following: Continuation) -> None:
        if following.cancelled() or following.exception() is not None:
            ticket.leave()
        else:
            Future.add_done_callback(following.result(), done)

    return done
