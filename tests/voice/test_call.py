"""
Voice calls between a source and a sink, without devices.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, LONG, MANUAL, Variant
from helpers.timing import SCALE, at_most
from helpers.voice import (
    BLOCK,
    QUESTION,
    FakeMicrophone,
    MemorySink,
    received,
    sent,
    until,
)

from azure_realtime import (
    ConnectionClosed,
    ModelStatusEnum,
    ServerVad,
    SessionConfig,
)
from azure_realtime.audio import (
    NullSink,
    PushSource,
    WavSink,
    WavSource,
    decode_ulaw,
    read_wav,
    wav_bytes,
)
from azure_realtime.recording import Recording
from azure_realtime.simulator import Reply, ToolCall

SHORT = "Good morning to you."


def spoken(connection: Any) -> bytes:
    """
    Return all audio that the service has sent, decoded from base64.
    """
    kinds = ("response.output_audio.delta", "response.audio.delta")
    deltas = [event for event in connection.sent if event["type"] in kinds]
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


def errors(connection: Any) -> list[dict[str, Any]]:
    """
    Return the errors that the service has sent, but for cancellations that came too
    late: a response may end while its cancellation is on the way.
    """
    late = "response_cancel_not_active"
    return [e for e in sent(connection, "error") if e["error"]["code"] != late]


@pytest.mark.slow
def test_a_call_from_file_to_file_ends_with_its_answer(
    variant: Variant, tmp_path: Path
) -> None:
    """
    The file ends, its answer is complete, the wait returns; the reply is bit exact.
    """
    reply = tmp_path / "reply.wav"
    with variant.connected(service={"replies": [SHORT]}) as (client, connection):
        source = WavSource(wav_bytes(QUESTION, 24_000))
        with client.talk(source, WavSink(reply)) as call:
            assert call.wait(30)
            assert call.error is None
            assert repr(call) == "<VoiceCall ended>"
        assert client.status is ModelStatusEnum.IDLE
        assert read_wav(reply).pcm == spoken(connection)
        assert received(connection, "input_audio_buffer.commit") == []


@pytest.mark.slow
def test_a_call_at_the_pace_of_speech_ends_after_the_last_sound(tmp_path: Path) -> None:
    """
    Not when the answer has arrived, which is much earlier.
    """
    sink = MemorySink()
    with GA.connected(service={"replies": [SHORT]}) as (client, connection):
        with client.talk(
            WavSource(wav_bytes(QUESTION, 24_000), realtime=True), sink
        ) as call:
            until(lambda: sent(connection, "response.done"))
            assert not call.wait(0)
            assert client.status is ModelStatusEnum.SPEAKING
            assert call.wait(30)
        (item,) = sink.written
        assert sink.played_ms(item) == len(spoken(connection)) // 48
        assert client.status is ModelStatusEnum.IDLE
        assert sink.closed


@pytest.mark.slow
@pytest.mark.parametrize("pace", [0, 8], ids=["generated", "generating"])
def test_speech_interrupts_the_answer(variant: Variant, pace: float) -> None:
    """
    Silence, and the service forgets what was not heard, also of a finished generation.
    """
    sink, microphone = MemorySink(), FakeMicrophone()
    with variant.connected(service={"replies": [LONG, SHORT], "pace": pace}) as (
        client,
        connection,
    ):
        with client.talk(microphone, sink) as call:
            microphone.say(QUESTION)
            first = until(lambda: next(iter(sink.written), None))
            until(lambda: sink.played_ms(first) > 200)
            if not pace:
                until(lambda: sent(connection, "response.done"))
            microphone.say(QUESTION)
            until(lambda: sink.flushed)
            truncated = until(
                lambda: received(connection, "conversation.item.truncate")
            )
            played = sink.played_ms(first)
            until(lambda: len(sink.written) > 1)
            assert call.stats.interruptions == 1
            assert received(connection, "response.cancel") == []
        assert [(t["item_id"], t["content_index"]) for t in truncated] == [(first, 0)]
        assert truncated[0]["audio_end_ms"] == played > 200
        assert sink.played_ms(first) == played
        done = until(lambda: sent(connection, "response.done"))[0]["response"]
        assert done["status"] == ("cancelled" if pace else "completed")
        assert errors(connection) == []


@pytest.mark.slow
def test_items_that_wait_are_removed_whole() -> None:
    """
    Of three answers in a row, the first is being played when the user speaks.
    """
    sink, microphone = MemorySink(), FakeMicrophone()
    with GA.connected(service={"replies": [LONG, SHORT, LONG, SHORT], "pace": 0}) as (
        client,
        connection,
    ):
        with client.talk(microphone, sink):
            for _ in range(3):
                client.create_response().result(20)
            items = until(lambda: len(sink.written) == 3 and list(sink.written))
            until(lambda: sink.played_ms(items[0]) > 100)
            microphone.say(QUESTION)
            until(lambda: len(received(connection, "conversation.item.truncate")) == 3)
            until(lambda: len(sink.written) == 4)
        ends = {
            event["item_id"]: event["audio_end_ms"]
            for event in received(connection, "conversation.item.truncate")
        }
        assert ends.pop(items[0]) == sink.played_ms(items[0]) > 100
        assert ends.pop(items[1]) == ends.pop(items[2]) == 0
        assert errors(connection) == []


def test_a_service_that_does_not_cancel_gets_a_cancel() -> None:
    """
    With ``interrupt_response=False`` the call cancels the active response itself.
    """
    sink, microphone = MemorySink(), FakeMicrophone()
    config = SessionConfig(turn_detection=ServerVad(interrupt_response=False))
    with GA.connected(
        service={"replies": [LONG], "pace": 8}, session_config=config
    ) as (client, connection):
        with client.talk(microphone, sink):
            client.create_response()
            until(lambda: sink.written)
            microphone.say(QUESTION)
            until(lambda: received(connection, "response.cancel"))
            done = until(lambda: sent(connection, "response.done"))
        assert done[0]["response"]["status"] == "cancelled"


@pytest.mark.parametrize("pace", [0, 8], ids=["generated", "generating"])
def test_a_program_interrupts_the_answer(pace: float) -> None:
    """
    As a key does: silence, cancellation if it is active, truncation, IDLE.
    """
    sink = MemorySink()
    with GA.connected(service={"replies": [LONG], "pace": pace}) as (
        client,
        connection,
    ):
        done: list[object] = []
        client.on("response.done", done.append)
        with client.talk(FakeMicrophone(), sink) as call:
            client.create_response()
            first = until(lambda: next(iter(sink.written), None))
            until(lambda: sink.played_ms(first) > 50)
            if not pace:
                until(lambda: done)  # the call has it before the listener
            call.interrupt()
            (cut,) = until(lambda: received(connection, "conversation.item.truncate"))
            assert cut["audio_end_ms"] == sink.played_ms(first)
            until(lambda: client.status is ModelStatusEnum.IDLE)
            written = len(sink.written[first])
            client.clear_audio_buffer().result(5)  # late audio would come before
            assert len(sink.written[first]) == written
        assert len(received(connection, "response.cancel")) == bool(pace)
        assert errors(connection) == []


def test_push_to_talk_commits_and_interrupts(variant: Variant) -> None:
    """
    Muting commits and asks, unmuting interrupts; a key pressed by mistake asks nothing.
    """
    sink, microphone = MemorySink(), FakeMicrophone()
    with variant.connected(
        service={"replies": [LONG, SHORT], "pace": 0}, session_config=MANUAL
    ) as (client, connection):
        with client.talk(microphone, sink, muted=True) as call:
            assert call.muted
            call.unmute()
            until(lambda: len(received(connection, "input_audio_buffer.append")) > 10)
            call.mute()
            until(lambda: sink.written)
            appended = len(received(connection, "input_audio_buffer.append"))
            call.unmute()
            until(lambda: received(connection, "conversation.item.truncate"))
            until(
                lambda: (
                    len(received(connection, "input_audio_buffer.append"))
                    > appended + 10
                )
            )
            call.mute()
            until(lambda: len(sink.written) == 2)
        assert len(received(connection, "input_audio_buffer.commit")) == 2
        assert len(received(connection, "response.create")) == 2
        assert errors(connection) == []


def test_a_file_without_turn_detection_is_committed_at_its_end() -> None:
    """
    The call requests the answer, and ends after it.
    """
    sink = MemorySink(realtime=False)
    with GA.connected(service={"replies": [SHORT]}, session_config=MANUAL) as (
        client,
        connection,
    ):
        with client.talk(iter([QUESTION[:9600], QUESTION[9600:]]), sink) as call:
            assert call.wait(30)
        assert len(received(connection, "input_audio_buffer.commit")) == 1
        assert b"".join(sink.written.values()) == spoken(connection)


def test_a_muted_call_sends_silence() -> None:
    """
    So turn detection sees the end of the turn.
    """
    microphone = FakeMicrophone()
    with GA.connected() as (client, connection):
        with client.talk(microphone, MemorySink(), muted=True):
            microphone.say(QUESTION)
            appends = until(
                lambda: (
                    len(received(connection, "input_audio_buffer.append")) > 20
                    and received(connection, "input_audio_buffer.append")
                )
            )
        assert not any(
            base64.b64decode(append["audio"]).strip(b"\0") for append in appends
        )


@pytest.mark.slow
def test_half_duplex_does_not_hear_while_it_speaks() -> None:
    """
    What the microphone brings meanwhile is silence; afterwards it is sent again.
    """
    sink, microphone = MemorySink(), FakeMicrophone()
    with GA.connected(service={"replies": [SHORT, SHORT], "pace": 0}) as (
        client,
        connection,
    ):
        with client.talk(microphone, sink, half_duplex=True):
            client.create_response()
            until(lambda: sink.written)
            microphone.say(QUESTION[:24_000])
            until(lambda: sink.drained)
            until(lambda: client.status is ModelStatusEnum.IDLE)
            assert sent(connection, "input_audio_buffer.speech_started") == []
            microphone.say(bytes(24_000) + QUESTION)
            until(lambda: sent(connection, "input_audio_buffer.speech_started"))
            until(lambda: sink.flushed)
        assert sink.flushed[0] == {}  # nothing of the answer was cut


@pytest.mark.slow
def test_an_answer_after_a_tool_is_part_of_the_call() -> None:
    """
    The wait does not return between the call of a tool and the answer.
    """
    release = threading.Event()
    sink = MemorySink(realtime=False)
    replies = [Reply(calls=[ToolCall("look", {})]), SHORT]
    with GA.connected(service={"replies": replies}) as (client, connection):

        @client.tool
        def look() -> str:
            """
            Look.
            """
            release.wait(10)
            return "seen"

        with client.talk(WavSource(wav_bytes(QUESTION, 24_000)), sink) as call:
            until(lambda: sent(connection, "response.done"))
            assert not call.wait(0.1)
            release.set()
            assert call.wait(30)
        assert b"".join(sink.written.values()) == spoken(connection)
        assert len(sink.written) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["g711_ulaw", "pcm16"])
def test_rates_are_converted_on_both_sides(name: str) -> None:
    """
    A source and a sink at 16 kHz work in any session, with the right durations.
    """
    config = SessionConfig(input_audio_format=name, output_audio_format=name)
    sink = MemorySink(16_000, realtime=False)
    with GA.connected(service={"replies": [SHORT]}, session_config=config) as (
        client,
        connection,
    ):
        from azure_realtime.audio import resample

        wav = wav_bytes(resample(QUESTION, 24_000, 16_000), 16_000)
        with client.talk(WavSource(wav), sink) as call:
            assert call.wait(30)
        audio = spoken(connection)
        frames = len(audio) if name == "g711_ulaw" else len(audio) // 3
        frames *= 2 if name == "g711_ulaw" else 1
        (item,) = sink.written
        assert (
            abs(
                len(sink.written[item]) // 2
                - (frames if name == "g711_ulaw" else len(audio) // 3)
            )
            <= 4
        )


def test_telephone_audio_passes_unchanged() -> None:
    """
    8 kHz in a G.711 session: no resampling, and the codes are the same.
    """
    config = SessionConfig(
        input_audio_format="g711_ulaw", output_audio_format="g711_ulaw"
    )
    codes = (
        bytes(code for code in range(256) if code != 0x7F) * 20
    )  # 0x7F is a second zero
    sink, source = MemorySink(8000, realtime=False), PushSource(8000)
    with GA.connected(service={"replies": [SHORT]}, session_config=config) as (
        client,
        connection,
    ):
        with client.talk(source, sink):
            for at in range(0, len(codes), 160):
                source.push(decode_ulaw(codes[at : at + 160]))
            until(
                lambda: (
                    sum(
                        len(base64.b64decode(append["audio"]))
                        for append in received(connection, "input_audio_buffer.append")
                    )
                    >= len(codes)
                )
            )
            client.create_response().result(20)
            until(lambda: sink.written)
        appended = b"".join(
            base64.b64decode(append["audio"])
            for append in received(connection, "input_audio_buffer.append")
        )
        assert appended[: len(codes)] == codes
        assert b"".join(sink.written.values()) == decode_ulaw(spoken(connection))


@pytest.mark.slow
def test_a_reconnect_keeps_the_call(variant: Variant) -> None:
    """
    The next question is answered on the new connection; old items are not truncated there.
    """
    sink, microphone = MemorySink(), FakeMicrophone()
    with (
        variant.service(replies=[LONG, SHORT], pace=8) as service,
        variant.client(
            service.url, max_reconnect_attempts=5, reconnect_interval=0.01
        ) as client,
    ):
        connection = service.wait_for_connection()
        with client.talk(microphone, sink) as call:
            microphone.say(QUESTION)
            until(lambda: sink.written)
            with client.expect("reconnected", timeout=20):
                connection.drop()
            second = service.wait_for_connection()
            microphone.say(QUESTION)
            until(lambda: len(sink.written) == 2)
            assert call.error is None
        assert received(second, "conversation.item.truncate") == [] or {
            event["item_id"] for event in received(second, "conversation.item.truncate")
        } == {list(sink.written)[1]}


def test_the_end_of_the_connection_ends_the_call() -> None:
    """
    The wait returns, and the error says why.
    """
    with GA.connected() as (client, connection):
        call = client.talk(FakeMicrophone(), sink := MemorySink())
        connection.drop()
        assert call.wait(10)
        assert "connection" in str(call.error).lower()
        assert sink.closed
        call.stop()


def test_closing_the_client_ends_the_call() -> None:
    """
    Without an error.
    """
    with GA.connected() as (client, _):
        call = client.talk(microphone := FakeMicrophone(), MemorySink())
        client.close()
        assert call.wait(10)
        assert microphone.closed
        assert call.error is None


@pytest.mark.slow
def test_listeners_do_not_delay_the_call() -> None:
    """
    A sleeping listener and `off_all` do not matter to it.
    """
    sink, microphone, awake = MemorySink(), FakeMicrophone(), threading.Event()
    with GA.connected(service={"replies": [LONG, SHORT], "pace": 0}) as (client, _):
        client.on("input_audio_buffer.speech_started", lambda event: awake.wait(10))
        with client.talk(microphone, sink):
            microphone.say(QUESTION)
            first = until(lambda: next(iter(sink.written), None))
            until(lambda: sink.played_ms(first) > 50)
            client.off_all()
            microphone.say(QUESTION)
            until(lambda: len(sink.written) == 2)
            awake.set()


def raising() -> Iterator[bytes]:
    """
    A source that breaks.
    """
    yield bytes(BLOCK)
    raise ZeroDivisionError("in the source")


class BrokenSink(MemorySink):
    """
    A sink that breaks.
    """

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:
        """
        Break.
        """
        raise ZeroDivisionError("in the sink")


def test_a_source_or_sink_that_raises_ends_the_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    With its exception as the reason, and a traceback in the log; the client goes on.
    """
    with GA.connected(service={"replies": [SHORT, SHORT]}) as (client, _):
        with client.talk(raising(), MemorySink()) as call:
            assert call.wait(20)
        assert isinstance(call.error, ZeroDivisionError)
        sink = BrokenSink()
        with client.talk(FakeMicrophone(), sink) as call:
            client.create_response()
            assert call.wait(10)
        assert isinstance(call.error, ZeroDivisionError)
        assert sink.closed
        assert len([r for r in caplog.records if r.exc_info]) == 2
        client.clear_audio_buffer().result(5)


@pytest.mark.slow
def test_a_silent_file_ends() -> None:
    """
    Nothing is detected, so nothing is answered.
    """
    with GA.connected() as (client, connection):
        with client.talk(
            WavSource(wav_bytes(bytes(9600), 24_000)), MemorySink()
        ) as call:
            assert call.wait(20)
        assert sent(connection, "input_audio_buffer.committed") == []


def test_stopping_is_quick_and_repeatable() -> None:
    """
    The answer falls silent and is cancelled; no thread is left.
    """
    sink = MemorySink()
    with GA.connected(service={"replies": [LONG], "pace": 8}) as (client, connection):
        call = client.talk(FakeMicrophone(), sink)
        client.create_response()
        first = until(lambda: next(iter(sink.written), None))
        with at_most(1.0):
            call.stop()
        call.stop()
        assert call.wait(0)
        names = [thread.name for thread in threading.enumerate()]
        assert [name for name in names if name.startswith("azure-realtime-voice")] == []
        (cut,) = until(lambda: received(connection, "conversation.item.truncate"))
        assert cut["audio_end_ms"] == sink.played_ms(first)


@pytest.mark.slow
def test_levels_are_measured_and_blocks_are_dropped_without_a_connection() -> None:
    """
    The level meter moves; without a connection the microphone's blocks are dropped.
    """
    microphone = FakeMicrophone()
    with (
        GA.service(replies=[LONG]) as service,
        GA.client(service.url, max_reconnect_attempts=9) as client,
    ):
        connection = service.wait_for_connection()
        sink = MemorySink()
        with client.talk(microphone, sink) as call:
            assert call.stats.input_level == 0.0
            microphone.say(QUESTION)
            until(lambda: call.stats.input_level > 0.1)
            until(lambda: call.stats.output_level > 0.1)
            service.refuse(503)
            connection.drop()
            until(lambda: call.stats.drops > 2)
            service.accept()


@pytest.mark.parametrize("config", [None, MANUAL], ids=["vad", "manual"])
def test_a_file_as_a_source_is_a_question(variant: Variant, config: Any) -> None:
    """
    `ask` reads a source until it ends, and turn detection is as before.
    """
    with variant.connected(service={"replies": [SHORT]}, session_config=config) as (
        client,
        connection,
    ):
        before = client.update_session().result(5).turn_detection
        source = WavSource(wav_bytes(QUESTION, 24_000))
        turn = client.ask(audio=source, timeout=20)
        assert turn.transcript == SHORT
        assert client.update_session().result(5).turn_detection == before
        assert len(sent(connection, "response.created")) == 1


@pytest.mark.slow
def test_a_live_source_is_a_question_until_its_end_is_noticed() -> None:
    """
    `ask(audio=microphone)` returns though the microphone goes on, and can be repeated.
    """
    with GA.connected(service={"replies": [SHORT, SHORT]}) as (client, connection):
        for number in (1, 2):
            microphone = FakeMicrophone()
            microphone.say(QUESTION)
            turn = client.ask(audio=microphone, timeout=20)
            assert turn.transcript == SHORT
            assert microphone.closed
            assert len(sent(connection, "response.created")) == number
        assert received(connection, "input_audio_buffer.commit") == []
        detection = client.update_session().result(5).turn_detection
        assert isinstance(detection, ServerVad)
        assert detection.create_response is not False


def test_a_question_that_never_ends_is_a_timeout() -> None:
    """
    Turn detection is restored.
    """
    microphone = FakeMicrophone()
    with GA.connected() as (client, _):
        with pytest.raises(TimeoutError):
            client.ask(audio=microphone, timeout=0.5)
        assert microphone.closed
        detection = client.update_session().result(5).turn_detection
        assert detection.create_response is not False
        with pytest.raises(ValueError, match="outside the conversation"):
            client.ask(audio=FakeMicrophone(), conversation="none", timeout=5)


def late_answer() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """
    Return the events of an answer that is cancelled before its first audio arrives.
    """
    response = {"id": "resp_late", "object": "realtime.response", "output": []}
    response |= {"conversation_id": "conv_1", "status": "in_progress"}
    audio = {"type": "response.output_audio.delta", "event_id": "event_1"}
    audio |= {"response_id": "resp_late", "item_id": "item_late"}
    audio |= {"delta": base64.b64encode(bytes(960)).decode()}
    audio |= {"output_index": 0, "content_index": 0}  # type: ignore[dict-item]
    return (
        {"type": "response.created", "event_id": "event_0", "response": response},
        audio,
        {
            "type": "response.done",
            "event_id": "event_2",
            "response": {**response, "status": "cancelled"},
        },
    )


def test_late_audio_of_an_interrupted_answer_leaves_the_model_idle() -> None:
    """
    Its first audio arrives after the interruption: it is not played, so nothing reports
    its end but the call.
    """
    sink = MemorySink()
    created, audio, done = late_answer()
    with (
        GA.connected() as (client, connection),
        client.talk(FakeMicrophone(), sink) as call,
    ):
        connection.send(created)
        until(lambda: client.status is ModelStatusEnum.THINKING)
        until(lambda: call._progress.responding)
        call.interrupt()
        until(lambda: received(connection, "response.cancel"))
        connection.send(audio)
        until(lambda: client.status is ModelStatusEnum.SPEAKING)
        (cut,) = until(lambda: received(connection, "conversation.item.truncate"))
        assert (cut["item_id"], cut["audio_end_ms"]) == ("item_late", 0)
        connection.send(done)
        until(lambda: client.status is ModelStatusEnum.IDLE)
        assert sink.written == {}


def test_late_audio_after_the_end_of_a_call_leaves_the_model_idle() -> None:
    """
    The call ends while the model thinks, and cancels the answer. Nothing plays what
    still arrives, and nothing reports its end.
    """
    created, audio, done = late_answer()
    with GA.connected() as (client, connection):
        with client.talk(FakeMicrophone(), MemorySink()) as call:
            connection.send(created)
            until(lambda: call._progress.responding)
        until(lambda: received(connection, "response.cancel"))
        connection.send(audio)
        until(lambda: client.status is ModelStatusEnum.SPEAKING)
        connection.send(done)
        until(lambda: client.status is ModelStatusEnum.IDLE)


@pytest.mark.slow
def test_a_recording_has_the_time_at_which_an_answer_begins_to_play(
    tmp_path: Path,
) -> None:
    """
    The timeline of a call shows what was played, not an estimate.
    """
    path = tmp_path / "session.jsonl"
    with (
        GA.service(replies=["One, two, three."], pace=0) as service,
        GA.client(service.url, session_config=SessionConfig()) as client,
        client.record(path),
        client.talk(WavSource(wav_bytes(QUESTION, 24_000)), NullSink()) as call,
    ):
        assert call.wait(30 * SCALE)
    timeline = Recording.load(path).timeline()
    (turn,) = timeline.turns
    assert not turn.is_estimated
    assert turn.latency("first_played") >= turn.latency("first_audio")
    (generated,) = [span for span in timeline.spans if span.kind == "generated"]
    (played,) = [span for span in timeline.spans if span.kind == "played"]
    # the service generates at once, the sink plays at the pace of speech
    assert played.end - played.start > 2 * (generated.end - generated.start)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "detection"),
    [
        ("input_audio_buffer.committed", True),
        ("response.created", True),
        ("response.output_audio.delta", True),
        ("response.created", False),
    ],
)
def test_a_file_whose_answer_is_lost_with_the_connection_has_not_worked(
    kind: str, detection: bool
) -> None:
    """
    The call names the loss, although the client has reconnected.
    """
    options: Any = {"max_reconnect_attempts": 5, "reconnect_interval": 0.01}
    if not detection:
        options["session_config"] = MANUAL
    with GA.connected(service={"replies": [LONG]}, **options) as (client, connection):
        client.once(kind, lambda _: connection.drop())
        source = WavSource(wav_bytes(QUESTION, 24_000))
        with client.talk(source, NullSink(realtime=False)) as call:
            assert call.wait(20)
        assert isinstance(call.error, ConnectionClosed)
        assert "answer of the voice call was lost" in str(call.error)
        client.connect(5)
