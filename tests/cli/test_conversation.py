"""
The lines of a conversation, as ``talk --plain`` prints them.
"""

from __future__ import annotations

from typing import Any

import pytest

from azure_realtime import Response
from azure_realtime.cli.conversation import EVENTS, MODEL, NOTE, YOU, Conversation
from azure_realtime.cli.display import Lines, written

Out = pytest.CaptureFixture[str]


def event(kind: str, **fields: Any) -> Any:
    """
    Return an event that ``talk`` receives.
    """
    found = next(each for each in EVENTS if each.type == kind)
    return found(**fields)


class Talk:
    """
    A conversation with its display, on a clock of its own.
    """

    def __init__(self) -> None:
        self.now = 10.0
        self.conversation = Conversation(clock=lambda: self.now)
        self.display = Lines()

    def observe(self, kind: str, **fields: Any) -> None:
        """
        Observe an event and show the result.
        """
        self.conversation.observe(event(kind, **fields))
        self.display.show(self.conversation, None)

    def asked(self, item_id: str) -> None:
        """
        End a question.
        """
        self.observe("input_audio_buffer.committed", item_id=item_id)

    def transcribed(self, item_id: str, words: str) -> None:
        """
        Give the words of a question.
        """
        kind = "conversation.item.input_audio_transcription.completed"
        self.observe(kind, item_id=item_id, transcript=words)

    def answering(self, response_id: str, words: str) -> None:
        """
        Give words of an answer.
        """
        kind = "response.output_audio_transcript.delta"
        self.observe(kind, response_id=response_id, delta=words)

    def answered(self, response_id: str, words: str) -> None:
        """
        Give an answer that ends.
        """
        self.answering(response_id, words)
        response = Response(id=response_id, status="completed")
        self.observe("response.done", response=response)


@pytest.fixture
def talk() -> Talk:
    """
    A conversation that has not begun.
    """
    return Talk()


def test_a_question_is_printed_before_its_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    Question before answer, though its transcript comes later; latency; interruption.
    """
    now = [10.0]
    talk, display = Conversation(clock=lambda: now[0]), Lines()
    done = {"id": "r1", "status": "cancelled"}
    steps: list[tuple[float, str, dict[str, Any]]] = [
        (0, "input_audio_buffer.speech_started", {"item_id": "q"}),
        (2, "input_audio_buffer.speech_stopped", {"item_id": "q"}),
        (0, "input_audio_buffer.committed", {"item_id": "q"}),
        (0.5, "response.output_audio.delta", {"response_id": "r1"}),
        (
            0,
            "response.output_audio_transcript.delta",
            {"response_id": "r1", "delta": "Hel\x1blo"},
        ),
        (0, "response.done", {"response": Response(**done)}),
    ]
    for seconds, kind, fields in steps:
        now[0] += seconds
        talk.observe(event(kind, **fields))
        display.show(talk, None)
    assert capsys.readouterr().out == ""
    talk.observe(
        event(
            "conversation.item.input_audio_transcription.completed",
            item_id="q",
            transcript="Who?\n",
        )
    )
    display.show(talk, None)
    display.show(talk, None)
    expected = "You: Who?\nModel: Hello [interrupted] (0.50 s)\n"
    assert capsys.readouterr().out == expected
    assert [line.speaker for line in talk.lines] == [YOU, MODEL]
    talk.note("Some\nthing")
    display.finish(talk, None)
    assert capsys.readouterr().out == f"{NOTE}: Some thing\n"
    assert written(talk.lines[0]) == "You: Who?"


def test_a_question_without_a_transcript_holds_up_an_answer_for_two_seconds(
    talk: Talk, capsys: Out
) -> None:
    """
    Both sides go on being printed, also if the service never gives the transcript.
    """
    talk.asked("q1")
    talk.answered("r1", "One.")
    assert capsys.readouterr().out == ""
    talk.now += 2.5
    talk.asked("q2")
    assert capsys.readouterr().out == "Model: One. (0.00 s)\n"
    talk.transcribed("q2", "Second?")
    talk.answered("r2", "Two.")
    assert capsys.readouterr().out == "You: Second?\nModel: Two. (0.00 s)\n"


def test_a_late_transcript_is_printed_when_it_comes(talk: Talk, capsys: Out) -> None:
    """
    It is printed once, after the answer.
    """
    talk.asked("q1")
    talk.now += 3
    talk.answered("r1", "One.")
    talk.transcribed("q1", "First?")
    talk.display.finish(talk.conversation, None)
    assert capsys.readouterr().out == "Model: One. (3.00 s)\nYou: First?\n"


@pytest.mark.parametrize("way", ["failed", "empty"])
def test_a_question_that_cannot_be_transcribed_is_a_line(
    way: str, talk: Talk, capsys: Out
) -> None:
    """
    The line is printed at once, and the answer follows.
    """
    talk.asked("q1")
    talk.answered("r1", "One.")
    if way == "failed":
        failed = "conversation.item.input_audio_transcription.failed"
        talk.observe(failed, item_id="q1")
    else:
        talk.transcribed("q1", " ")
    assert capsys.readouterr().out == "You: (no transcript)\nModel: One. (0.00 s)\n"
    assert not talk.conversation.awaits_transcript


def test_a_lost_connection_ends_its_lines(talk: Talk, capsys: Out) -> None:
    """
    The beginning of an answer is printed before the note, and nothing is waited for.
    """
    talk.asked("q1")
    talk.answering("r1", "On")
    talk.observe("reconnecting", attempt=1, delay=1.0, cause=None, stop=None)
    assert capsys.readouterr().out.splitlines() == [
        "You: (no transcript)",
        "Model: On [interrupted] (0.00 s)",
        "Note: The connection was lost; connecting again.",
    ]
    assert not talk.conversation.awaits_transcript
