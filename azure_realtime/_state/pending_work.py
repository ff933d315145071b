"""
What a turn still owes when nothing seems to go on.

Rules:

1. After the user's words an answer may follow, or not: where turn detection only
   commits, none does. It is waited for a moment.
2. What the user has said may be written down after the answer.
3. A call that no function here answers is the user's to answer, by hand.
4. None of it is waited for without end.

All of it belongs to the reader thread.
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

_ANSWER = 2.0  # seconds
_TRANSCRIPT = 5.0
_CALL = 30.0
_MOST = 64  # of each kind


class PendingWork:
    """
    Follows them.

    Args:
        session: Tells whether what the user says is written down.
        answered: Whether the calls of a response are answered here.

    Attributes:
        handles: The classes of events that `observe` is for.
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
        The calls of the last response that the user has not answered.
        """
        return set(self._calls)

    def busy(self) -> bool:
        """
        Whether something is still to come.
        """
        ends = [self._answer_by, *self._transcripts.values(), *self._calls.values()]
        return not all(end.passed for end in ends)

    def lose(self, _: object) -> None:
        """
        Forget what only the lost connection could have brought.
        """
        self._answer_by = Deadline(0)
        self._transcripts.clear()

    def observe(self, event: ServerEvent) -> None:
        """
        Follow *event*.
        """
        if isinstance(event, InputAudioBufferSpeechStopped):
            self._answer_by = Deadline(_ANSWER)
        elif isinstance(event, InputAudioBufferCommitted):
            self._answer_by = Deadline(_ANSWER)
            if self._session.transcribes:
                put_bounded(
                    self._transcripts, event.item_id, Deadline(_TRANSCRIPT), _MOST
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
                put_bounded(self._calls, item.call_id, Deadline(_CALL), _MOST)
