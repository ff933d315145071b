"""
What a call still waits for: speech, answers, and responses after tool calls.

Rules:

1. After the user's turn a response is expected, if turn detection or the call requests
   one. The service may refuse it, so it is expected for `_ANSWER_TIMEOUT` only.
2. After a response with tool calls another response is expected, which begins when the
   tools have ended.
3. After a lost connection nothing is expected any more. What was expected is lost; a
   later response shows that the conversation goes on.

The thread of the call; any thread may read `in_speech`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._concurrency.deadline import Deadline
from ..errors import ConnectionClosed
from ..events import (
    Disconnected,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    ResponseCreated,
    ResponseDone,
)
from ..models.items import FunctionCallItem
from .interfaces import SessionFacts, Signal

_ANSWER_TIMEOUT = 10.0  # seconds; the service takes a fraction of a second


class Progress:
    """
    The state of the conversation, as a call needs it.

    Args:
        session: The configuration: whether turn detection requests responses.
        tools_busy: Returns whether outputs of tools are still to be sent.

    Attributes:
        handles: The events that `observe` takes.
        in_speech: Whether turn detection reports that the user speaks.
        responding: The ids of the conversation's responses in progress.
        input_over: Whether no more audio will be sent.
        others: The ids of responses out of band, which are not part of the call.
        lost: The loss of the last answer, or of the speech for it; None without one.
    """

    handles = (
        Disconnected,
        InputAudioBufferCommitted,
        InputAudioBufferSpeechStarted,
        ResponseCreated,
        ResponseDone,
    )

    def __init__(self, session: SessionFacts, tools_busy: Callable[[], bool]) -> None:
        self._session = session
        self._tools_busy = tools_busy
        self._answer_by = Deadline(0)
        self._follows_tools = False
        self.input_over = False
        self.in_speech = False
        self.responding: set[str] = set()
        self.others: set[str] = set()
        self.lost: ConnectionClosed | None = None

    def observe(self, event: Any) -> None:
        """
        Apply an event or a signal.
        """
        if isinstance(event, InputAudioBufferSpeechStarted):
            self.in_speech = True
        elif isinstance(event, InputAudioBufferCommitted):
            self.in_speech = False
            detection = self._session.field("turn_detection")
            if self._session.vad and (
                getattr(detection, "create_response", None) is not False
            ):
                self._answer_by = Deadline(_ANSWER_TIMEOUT)
        elif event is Signal.ASKED:
            self._answer_by = Deadline(_ANSWER_TIMEOUT)
        elif event is Signal.INPUT_OVER:
            self.input_over = True
        elif isinstance(event, ResponseCreated):
            if event.response.raw.get("conversation_id", "") is None:
                self.others.add(event.response.id)
                return
            self._answer_by, self._follows_tools = Deadline(0), False
            self.lost = None
            self.responding.add(event.response.id)
        elif isinstance(event, ResponseDone):
            self._done(event)
        elif isinstance(event, Disconnected):
            if self._is_answer_expected():
                self.lost = _loss_of(event)
            self.in_speech = self._follows_tools = False
            self._answer_by = Deadline(0)
            self.responding.clear()
            self.others.clear()

    def _done(self, event: ResponseDone) -> None:
        response = event.response
        self.others.discard(response.id)
        if response.id not in self.responding:
            return
        self.responding.discard(response.id)
        if response.status == "completed" and any(
            isinstance(item, FunctionCallItem) for item in response.output
        ):
            self._follows_tools = True
            self._answer_by = Deadline(_ANSWER_TIMEOUT)

    def is_complete(self) -> bool:
        """
        Return whether no more audio is sent and no answer is expected any more.
        """
        if self._follows_tools and self._tools_busy():
            self._answer_by = Deadline(_ANSWER_TIMEOUT)  # from their end
        return self.input_over and not self._is_answer_expected()

    def _is_answer_expected(self) -> bool:
        return self.in_speech or bool(self.responding) or not self._answer_by.passed


def _loss_of(event: Disconnected) -> ConnectionClosed:
    """
    Return the error of a call whose last answer was lost with its connection.
    """
    reason = f"an answer of the voice call was lost: {event.reason}".rstrip(": .")
    loss = ConnectionClosed(event.code or 1006, reason)
    loss.__cause__ = event.error
    return loss
