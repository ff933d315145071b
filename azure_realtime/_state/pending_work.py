"""
The events that are still expected while no response is active.

Rules:

1. After the user's speech a response may follow. It does not if turn detection only
   commits, so it is expected for `_ANSWER_TIMEOUT` only.
2. The transcript of the user's speech may come after the response.
3. A tool call without a registered function is answered by the user.
4. Each expectation has a timeout.

Reader thread.
"""

from __future__ import annotations

from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._memory import put_bounded
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)
from ..models.items import FunctionCallItem, FunctionCallOutputItem
from .session import SessionState

_ANSWER_TIMEOUT = 2.0  # seconds
_TRANSCRIPT_TIMEOUT = 5.0
_CALL_TIMEOUT = 30.0
_MAX_PENDING = 64  # of each kind


class PendingWork:
    """
    The responses, transcripts and tool outputs that are expected.

    Args:
        session: Provides whether the user's speech is transcribed.
        answered: Returns whether registered functions answer the calls of a response.

    Attributes:
        handles: The classes of events for which `observe` must be called.
    """

    handles = frozenset(
        {
            ConversationItemAdded,
            ConversationItemCreated,
            ConversationItemDone,
            ConversationItemInputAudioTranscriptionCompleted,
            ConversationItemInputAudioTranscriptionFailed,
            InputAudioBufferCommitted,
            InputAudioBufferSpeechStopped,
            ResponseCreated,
            ResponseDone,
        }
    )

    def __init__(self, session: SessionState, answered: Callable[[str], bool]) -> None:
        self._session = session
        self._answered = answered
        self._answer_by = Deadline(0)
        self._transcripts: dict[str, Deadline] = {}
        self._calls: dict[str, Deadline] = {}

    @property
    def calls(self) -> set[str]:
        """
        The ids of the calls in the last response that the user has not answered.
        """
        return set(self._calls)

    def busy(self) -> bool:
        """
        Return whether an event is still expected.
        """
        deadlines = [
            self._answer_by,
            *self._transcripts.values(),
            *self._calls.values(),
        ]
        return not all(deadline.passed for deadline in deadlines)

    def lose(self, _: object) -> None:
        """
        Drop the expectations that ended with the connection.
        """
        self._answer_by = Deadline(0)
        self._transcripts.clear()

    def observe(self, event: ServerEvent) -> None:
        """
        Update the expectations from *event*.
        """
        if isinstance(event, InputAudioBufferSpeechStopped):
            self._answer_by = Deadline(_ANSWER_TIMEOUT)
        elif isinstance(event, InputAudioBufferCommitted):
            self._answer_by = Deadline(_ANSWER_TIMEOUT)
            if self._session.transcribes:
                put_bounded(
                    self._transcripts,
                    event.item_id,
                    Deadline(_TRANSCRIPT_TIMEOUT),
                    _MAX_PENDING,
                )
        elif isinstance(
            event,
            (
                ConversationItemInputAudioTranscriptionCompleted,
                ConversationItemInputAudioTranscriptionFailed,
            ),
        ):
            self._transcripts.pop(event.item_id, None)
        elif isinstance(event, ResponseCreated):
            self._answer_by = Deadline(0)
            self._calls.clear()
        elif isinstance(event, ResponseDone):
            self._note_calls(event)
        elif isinstance(
            event,
            (ConversationItemAdded, ConversationItemCreated, ConversationItemDone),
        ) and isinstance(event.item, FunctionCallOutputItem):
            self._calls.pop(event.item.call_id, None)

    def _note_calls(self, event: ResponseDone) -> None:
        response = event.response
        if response.status != "completed" or self._answered(response.id):
            return
        for item in response.output:
            if isinstance(item, FunctionCallItem) and item.call_id:
                put_bounded(
                    self._calls, item.call_id, Deadline(_CALL_TIMEOUT), _MAX_PENDING
                )
