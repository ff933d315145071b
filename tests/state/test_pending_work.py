"""
What a turn still owes when nothing seems to go on, and how long it is waited for.
"""

from __future__ import annotations

from typing import Any

import pytest

import azure_realtime._state.pending_work as pending_work_module
from azure_realtime import SessionConfig
from azure_realtime._state.pending_work import PendingWork
from azure_realtime._state.session import SessionState
from azure_realtime.events import (
    ConversationItemAdded,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    ResponseCreated,
    ResponseDone,
)
from azure_realtime.models.items import FunctionCallItem, FunctionCallOutputItem
from azure_realtime.models.responses import Response


def _ends(answered: bool = False, **config: Any) -> PendingWork:
    session = SessionState(SessionConfig(**config))
    return PendingWork(session, lambda _: answered)


@pytest.fixture
def no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No response is awaited.
    """
    monkeypatch.setattr(pending_work_module, "_ANSWER_TIMEOUT", 0.0)


def test_an_answer_is_waited_for() -> None:
    """
    After the user's speech the model may begin to answer at any moment.
    """
    ends = _ends()
    assert not ends.busy()
    ends.observe(InputAudioBufferCommitted(item_id="u1"))
    assert ends.busy()
    ends.observe(ResponseCreated(response=Response(id="r1")))
    assert not ends.busy()


@pytest.mark.parametrize(
    "event",
    [
        ConversationItemInputAudioTranscriptionCompleted(item_id="u1", transcript="Hi"),
        ConversationItemInputAudioTranscriptionFailed(item_id="u1"),
    ],
)
def test_a_transcript_is_waited_for(event: Any, no_answer: None) -> None:
    """
    The user's speech may be transcribed after the answer; that may fail, too.
    """
    ends = _ends(input_audio_transcription={"model": "whisper-1"})
    ends.observe(InputAudioBufferCommitted(item_id="u1"))
    assert ends.busy()
    ends.observe(event)
    assert not ends.busy()


def test_no_transcript_is_waited_for_where_none_is_made(no_answer: None) -> None:
    """
    Without transcription a committed turn owes nothing.
    """
    ends = _ends()
    ends.observe(InputAudioBufferCommitted(item_id="u1"))
    assert not ends.busy()


def test_a_call_is_open_until_it_is_answered() -> None:
    """
    A call that no function answers is the user's, until the output is there.
    """
    call = FunctionCallItem("look", "{}", "call_1")
    done = ResponseDone(response=Response(id="r1", status="completed", output=[call]))
    ends = _ends()
    ends.observe(done)
    assert ends.busy()
    assert {"call_1"} == ends.calls
    ends.lose(None)
    assert {"call_1"} == ends.calls
    ends.observe(ConversationItemAdded(item=FunctionCallOutputItem("call_1", "42")))
    assert not ends.busy()
    ends = _ends(answered=True)
    ends.observe(done)
    assert not ends.busy()


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_calls_of_a_response_that_did_not_complete_are_not_waited_for(
    status: str,
) -> None:
    """
    The service expects no output for them.
    """
    call = FunctionCallItem("look", "{}", "call_1")
    ends = _ends()
    ends.observe(ResponseDone(response=Response(id="r1", status=status, output=[call])))
    assert not ends.busy()
    assert ends.calls == set()


@pytest.mark.parametrize(
    "what", ["_ANSWER_TIMEOUT", "_TRANSCRIPT_TIMEOUT", "_CALL_TIMEOUT"]
)
def test_nothing_is_waited_for_without_end(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What never comes does not keep a session from being renewed.
    """
    for name in ("_ANSWER_TIMEOUT", "_TRANSCRIPT_TIMEOUT", "_CALL_TIMEOUT"):
        monkeypatch.setattr(pending_work_module, name, 0.0)
    ends = _ends(input_audio_transcription={"model": "whisper-1"})
    call = FunctionCallItem("look", "{}", "call_1")
    response = Response(id="r1", status="completed", output=[call])
    ends.observe(InputAudioBufferCommitted(item_id="u1"))
    ends.observe(ResponseDone(response=response))
    assert not ends.busy()
    monkeypatch.setattr(pending_work_module, what, 60.0)
    ends.observe(InputAudioBufferCommitted(item_id="u2"))
    ends.observe(ResponseDone(response=response))
    assert ends.busy()
