"""
What the model is doing: the table, every cause by every status, and whole turns.
"""

from __future__ import annotations

import pytest

from azure_realtime._state.model_status import TRANSITIONS, ModelStatus
from azure_realtime.events import (
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    StatusChanged,
    UnknownEvent,
)
from azure_realtime.models.enums import ModelStatusEnum
from azure_realtime.models.responses import Response

IDLE, LISTENING, THINKING, SPEAKING = ModelStatusEnum
STATUSES = list(ModelStatusEnum)

# Written from the rules, not from the module: status before -> status after.
EXPECTED = """
    cause            idle       listening  thinking   speaking
    speech_started   listening  listening  listening  listening
    speech_stopped   thinking   thinking   thinking   thinking
    committed        thinking   thinking   thinking   thinking
    created          thinking   thinking   thinking   thinking
    first_audio      speaking   listening  speaking   speaking
    first_transcript speaking   listening  speaking   speaking
    first_text       speaking   listening  speaking   speaking
    done_silent      idle       listening  idle       idle
    done_audible     idle       listening  thinking   speaking
    speak_done       idle       listening  thinking   idle
    lost             idle       idle       idle       idle
"""
ROWS = [line.split() for line in EXPECTED.split("\n") if line.strip()][1:]
CASES = [
    (row[0], before, ModelStatusEnum(after))
    for row in ROWS
    for before, after in zip(STATUSES, row[1:], strict=True)
]


def created(response_id: str = "r1", conversation: str | None = "c1") -> ServerEvent:
    """
    Begin an answer, in a conversation or (None) in none.
    """
    raw = {"id": response_id, "conversation_id": conversation}
    response = Response(id=response_id, conversation_id=conversation, raw=raw)
    return ResponseCreated(response=response)


def done(response_id: str = "r1", status: str = "completed") -> ServerEvent:
    """
    End an answer.
    """
    return ResponseDone(response=Response(id=response_id, status=status))


def audio(response_id: str = "r1") -> ServerEvent:
    """
    Deliver sound.
    """
    return ResponseOutputAudioDelta(response_id=response_id, delta="AAAA")


def text(response_id: str = "r1") -> ServerEvent:
    """
    Deliver words.
    """
    return ResponseOutputTextDelta(response_id=response_id, delta="a")


def transcript(response_id: str = "r1") -> ServerEvent:
    """
    Deliver the words of the sound.
    """
    return ResponseOutputAudioTranscriptDelta(response_id=response_id, delta="a")


started = InputAudioBufferSpeechStarted
stopped = InputAudioBufferSpeechStopped
committed = InputAudioBufferCommitted


def cause(model: ModelStatus, name: str, before: ModelStatusEnum) -> object:
    """
    Bring about *name* while the status is *before*; return the announcement.
    """
    simple = {
        "speech_started": started,
        "speech_stopped": stopped,
        "committed": committed,
        "created": created,
    }
    deltas = {"first_audio": audio, "first_transcript": transcript, "first_text": text}
    if name not in simple:
        model.observe(created())
    if name == "done_audible":
        model.observe(audio())
    model.set(before)
    if name == "speak_done":
        return model.speak_done()
    if name == "lost":
        return model.lost()
    if name in deltas:
        return model.observe(deltas[name]())
    return model.observe(simple[name]() if name in simple else done())


@pytest.mark.parametrize(("name", "before", "after"), CASES)
def test_each_event_leads_to_the_status_of_the_table(
    name: str, before: ModelStatusEnum, after: ModelStatusEnum
) -> None:
    """
    Whatever happens in whatever status: the status after is what the rules say, and it
    is announced, with the one before, exactly if it is another.
    """
    model = ModelStatus()
    announced = cause(model, name, before)
    assert model.value is after
    expected = None if after is before else StatusChanged(status=after, previous=before)
    assert announced == expected


def test_the_table_is_covered() -> None:
    """
    No cause is in the module's table that this file does not try.
    """
    names = {row[0] for row in ROWS} - {"first_audio", "first_transcript", "first_text"}
    assert names | {"first_delta"} == set(TRANSITIONS)


def walk(model: ModelStatus, *events: ServerEvent) -> list[ModelStatusEnum]:
    """
    Return the statuses that are announced while the events come.
    """
    changes = [model.observe(event) for event in events]
    return [change.status for change in changes if change is not None]


def test_a_spoken_turn_is_idle_when_it_was_played() -> None:
    """
    Listening, thinking, speaking; idle only when the answer was played.
    """
    model = ModelStatus()
    seen = walk(model, started(), stopped(), committed(), created(), transcript())
    seen += walk(model, audio(), audio(), done())
    assert seen == [LISTENING, THINKING, SPEAKING]
    change = model.speak_done()
    assert change == StatusChanged(status=IDLE, previous=SPEAKING)
    assert model.speak_done() is None


def test_a_text_turn_is_idle_when_it_is_done() -> None:
    """
    An answer without audio is over when it is done.
    """
    model = ModelStatus()
    assert walk(model, created(), text(), text(), done()) == [THINKING, SPEAKING, IDLE]


@pytest.mark.parametrize("status", ["failed", "incomplete", "cancelled"])
def test_an_empty_answer_ends_thinking(status: str) -> None:
    """
    An answer that fails before its first word does not leave the model thinking.
    """
    assert walk(ModelStatus(), created(), done(status=status)) == [THINKING, IDLE]


def test_a_barge_in_is_listening() -> None:
    """
    While the user speaks over an answer it is LISTENING, whatever still arrives.
    """
    model = ModelStatus()
    walk(model, created(), audio())
    assert walk(model, started()) == [LISTENING]
    assert walk(model, audio(), transcript(), done(status="cancelled")) == []
    assert walk(model, stopped(), committed()) == [THINKING]
    assert walk(model, created("r2"), audio("r2"), done("r2")) == [SPEAKING]


def test_a_first_sound_during_speech_stays_listening() -> None:
    """
    An answer whose first sound comes while the user speaks does not speak over them.
    """
    model = ModelStatus()
    walk(model, created(), started())
    assert walk(model, audio(), done(status="cancelled")) == []
    assert model.value is LISTENING


def test_late_deltas_change_nothing() -> None:
    """
    What an answer delivers after its end, or without a beginning, changes nothing.
    """
    model = ModelStatus()
    assert walk(model, audio("r0"), text("")) == []
    walk(model, created(), text(), done())
    assert walk(model, audio(), text(), done()) == []
    assert model.value is IDLE


def test_a_response_out_of_band_does_not_set_speaking() -> None:
    """
    A classifier that runs beside the conversation's answer does not set SPEAKING.
    """
    model = ModelStatus()
    walk(model, created())
    beside = [created("oob", None), text("oob"), done("oob")]
    assert walk(model, *beside) == []
    assert walk(model, audio(), done()) == [SPEAKING]


def test_a_response_out_of_band_does_not_hide_the_answer() -> None:
    """
    A classifier that we asked for first does not hide the conversation's own answer.
    """
    model = ModelStatus()
    for event in (created("oob", None), text("oob")):
        assert model.observe(event, out_of_band=True) is None
    assert walk(model, created(), audio()) == [THINKING, SPEAKING]
    assert model.observe(done("oob"), out_of_band=True) is None
    assert walk(model, done()) == []
    assert model.value is SPEAKING


def test_sound_after_playback_ended_is_speaking_again() -> None:
    """
    Sound that comes after the speaker fell silent is speech again.
    """
    model = ModelStatus()
    walk(model, created(), audio())
    model.speak_done()
    assert walk(model, audio(), audio()) == [SPEAKING]


@pytest.mark.parametrize("late", [[], [audio()]])
def test_late_sound_of_a_cancelled_answer_does_not_stay_speaking(
    late: list[ServerEvent],
) -> None:
    """
    The player was stopped, which it has reported; it drops what still arrives.
    """
    model = ModelStatus()
    walk(model, created(), *late)
    model.speak_done()
    walk(model, audio(), done(status="cancelled"))
    assert model.value is IDLE


def test_a_cancelled_answer_that_is_still_played_is_speaking() -> None:
    """
    Until the player reports its end; also if one has ended before the answer began.
    """
    model = ModelStatus()
    model.speak_done()
    walk(model, created(), audio(), done(status="cancelled"))
    assert model.value is SPEAKING


def test_sound_that_comes_after_a_pause_of_the_player_is_played() -> None:
    """
    A complete answer is SPEAKING until the player reports its end for the last time.
    """
    model = ModelStatus()
    walk(model, created(), audio())
    model.speak_done()
    walk(model, audio(), done())
    assert model.value is SPEAKING


def test_answers_without_a_conversation_id_count() -> None:
    """
    Where the service leaves the conversation's id out, its answers count all the same.
    """
    model = ModelStatus()
    nameless = ResponseCreated(response=Response(id="r1", raw={"id": "r1"}))
    assert walk(model, nameless, text(), done()) == [THINKING, SPEAKING, IDLE]
    null = created("r2", None)
    assert walk(model, null, text("r2"), done("r2")) == [THINKING, SPEAKING, IDLE]


def test_a_second_answer_is_thinking_while_the_first_is_played() -> None:
    """
    The status is THINKING for the next answer although the last one is still played.
    """
    model = ModelStatus()
    walk(model, created(), audio(), done())
    assert walk(model, created("r2")) == [THINKING]


def test_a_lost_connection_forgets_the_answer() -> None:
    """
    After a reconnect the old session's answer neither speaks nor blocks the next one.
    """
    model = ModelStatus()
    walk(model, created(), audio())
    assert model.lost() == StatusChanged(status=IDLE, previous=SPEAKING)
    assert model.lost() is None
    assert walk(model, audio(), created("r2"), audio("r2")) == [THINKING, SPEAKING]


def test_a_status_set_by_the_user_is_announced_once() -> None:
    """
    Setting the status announces a change once, and events go on from there.
    """
    model = ModelStatus()
    assert model.set(SPEAKING) == StatusChanged(status=SPEAKING, previous=IDLE)
    assert model.set(SPEAKING) is None
    assert walk(model, started()) == [LISTENING]


def test_other_events_change_nothing() -> None:
    """
    What has no part in the rules leaves every status as it is.
    """
    model = ModelStatus()
    for status in ModelStatusEnum:
        model.set(status)
        assert walk(model, UnknownEvent(type="response.new.delta")) == []
        assert model.value is status
