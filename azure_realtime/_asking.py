"""
``ask`` and ``stream``: one whole turn, with its tools, as a blocking call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from ._commands import Commands
from ._core import Core
from ._deadline import Deadline
from ._futures import CommandFuture
from ._pulling import Pulling
from ._question import put_question
from ._session_follower import SessionFollower
from ._tool_loop import ToolLoop
from .errors import RealtimeError, ResponseError
from .events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ResponseDone,
    ServerEvent,
)
from .responses import Response
from .turn import Turn, TurnRecorder

_DELTAS = {
    "response.output_text.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
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
        "conversation.item.done",
        "response.created",
        "response.output_item.done",
        "response.done",
        "tool_error",
    }
)
_HEARD_WITHIN = 5.0  # seconds after the answer in which the transcript may still come


class TurnStream(Iterator[ServerEvent]):
    """
    The deltas of one turn as they come: of text, transcript and audio.

    It ends when the last answer is done; then `turn` is the whole. Leaving it early (as
    a context manager, or by `close`) stops the response.

    Attributes:
        turn: The turn; None before its end.
    """

    def __init__(
        self, core: Core, session: SessionFollower, tools: ToolLoop, timeout: float
    ) -> None:
        self._core = core
        self._session = session
        self._tools = tools
        self._deadline = Deadline(timeout)
        self._timeout = timeout
        self._box = core.waiters.open(_WATCHED)
        self._recorder = TurnRecorder(session.output_format, time.monotonic())
        self._future: CommandFuture[Response] | None = None
        self._spoken: str | None = None
        self._events = self._run()
        self.turn: Turn | None = None

    def begin(
        self, commands: Commands, question: dict[str, Any], fields: dict[str, Any]
    ) -> None:
        """
        Put the question and ask for the answer. The caller's thread.
        """
        self._spoken = put_question(
            commands, self._session, **question, timeout=self._deadline.remaining()
        )
        self._follow(commands.create_response(**fields))

    def __next__(self) -> ServerEvent:
        self._core.check_may_wait()
        try:
            return next(self._events)
        except StopIteration:
            raise
        except TimeoutError:
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
        self._core.waiters.close(self._box)
        if self._future is not None:
            self._future.cancel()

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
        box = self._box

        def refused(done: Future[Response]) -> None:
            error = None if done.cancelled() else done.exception()
            if isinstance(error, RealtimeError) and not isinstance(
                error, ResponseError
            ):
                box.end(error)

        Future.add_done_callback(future, refused)  # at once, on the reader thread

    def _run(self) -> Iterator[ServerEvent]:
        assert self._future is not None
        while True:
            event = self._box.get(self._deadline)
            ours = self._future.response_id
            self._recorder.observe(event, self._box.came_at)
            if isinstance(event, ResponseDone) and event.response.id == ours:
                response = self._future.result(0)
                following = self._tools.continuation(response.id)
                if following is None:
                    break
                self._follow(following.result(self._deadline.remaining()))
                self._recorder.begin(self._future)
            elif event.type in _DELTAS and getattr(event, "response_id", "") == ours:
                yield event
        self._listen(response)

    def _listen(self, response: Response) -> None:
        """
        Wait for what the user was understood to say, then make the turn.
        """
