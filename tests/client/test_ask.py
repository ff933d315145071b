"""
One question, one answer: ``ask`` and ``stream``.
"""

from __future__ import annotations

import array
import base64
import gc
import io
import mmap
import struct
import threading
import time
import wave
import weakref
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, LONG, MANUAL, SENTENCE, SILENCE, Variant, drained
from helpers.scripted_service import Service, scripted
from helpers.timing import SCALE, at_most

from azure_realtime import (
    AzureRealTimeAudio,
    ConnectionClosed,
    ResponseError,
    SemanticVad,
    ServerError,
    ServerVad,
    SessionConfig,
)
from azure_realtime._concurrency.deadline import Deadline
from azure_realtime.audio.wav import write_wav
from azure_realtime.client.turn_order import TurnLock
from azure_realtime.simulator import Reply, Request, ToolCall

LENGTHS = range(200, 800, 100)
WITH_TRANSCRIPT = SessionConfig(
    turn_detection=ServerVad(threshold=0.6),
    input_audio_transcription={"model": "whisper-1"},
)


def echo(request: Request) -> Reply:
    """
    Answer with the question.
    """
    return Reply(f"You said {request.text}", modalities=["text"])


def png() -> bytes:
    """
    Make the smallest picture there is.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack("!I", len(data)) + body + struct.pack("!I", zlib.crc32(body))

    head = struct.pack("!IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


# What can be asked.


def test_text_is_answered(variant: Variant, tmp_path: Path) -> None:
    """
    A turn has text, transcript, audio, usage, times, a file and a short name.
    """
    with variant.connected(service={"replies": ["Paris."]}) as (client, _):
        turn = client.ask("What is the capital of France?", timeout=10)
        path = turn.save(tmp_path / "reply.wav")

    with wave.open(str(path), "rb") as file:
        assert (1, 2, 24000) == file.getparams()[:3]
        assert turn.audio == file.readframes(file.getnframes())
    assert ("Paris.", "Paris.") == (turn.text, turn.transcript)
    assert turn.usage.output_tokens > 0
    assert None not in (turn.latency.first_text, turn.latency.first_audio)
    assert 0 < turn.latency.first_audio <= turn.latency.done < 5  # type: ignore[operator]
    assert "completed" == turn.response.status
    assert ["message"] == [item.type for item in turn.items]
    assert turn.heard is None
    assert repr(turn).startswith("<Turn 'Paris.', ")


def test_fields_of_the_response_select_an_answer_of_text_only(variant: Variant) -> None:
    """
    Fields of the response go along; a turn without audio has no file.
    """
    with variant.connected(service={"replies": ["Paris."]}) as (client, wire):
        turn = client.ask("Where?", modalities=["text"], instructions="Be brief.")
        asked = wire.wait_received("response.create")["response"]

    assert ("Paris.", "", b"") == (turn.text, turn.transcript, turn.audio)
    assert turn.latency.first_audio is None
    assert "Be brief." == asked["instructions"]
    with pytest.raises(ValueError, match="no audio"):
        turn.save("nowhere.wav")


@pytest.mark.parametrize("kind", ["path", "text path", "wav bytes", "pcm", "samples"])
@pytest.mark.parametrize("vad", [True, False])
def test_a_recording_is_answered(
    variant: Variant, kind: str, vad: bool, tmp_path: Path
) -> None:
    """
    In every form, with turn detection or without: sent once, answered once, and
    the session is afterwards as it was.
    """
    path = tmp_path / "question.wav"
    write_wav(path, SENTENCE, 24000)
    audio: Any = {
        "path": path,
        "text path": str(path),
        "wav bytes": path.read_bytes(),
        "pcm": SENTENCE,
        "samples": array.array("h", SENTENCE),
    }[kind]
    config = WITH_TRANSCRIPT if vad else WITH_TRANSCRIPT.merged(MANUAL)
    replies = [Reply("Good morning to you.", heard="Good morning everybody")]
    with variant.connected(service={"replies": replies}, session_config=config) as (
        client,
        wire,
    ):
        before = client.session.turn_detection  # type: ignore[union-attr]
        turn = client.ask(audio=audio, timeout=10)
        drained(client)
        after = client.session.turn_detection  # type: ignore[union-attr]
        appended = sum(
            len(e["audio"]) * 3 // 4
            for e in wire.received
            if e["type"] == "input_audio_buffer.append"
        )
        done = [e for e in wire.sent if e["type"] == "response.done"]

    assert "Good morning to you." == turn.text
    assert turn.heard
    assert 1 == len(done)
    assert before == after
    assert vad == (after is not None)
    assert abs(appended - len(SENTENCE)) <= 2


def test_a_recording_of_another_rate_is_converted(tmp_path: Path) -> None:
    """
    16 kHz, as telephones and recognisers have it, lasts as long as before.
    """
    path = tmp_path / "question.wav"
    write_wav(path, SENTENCE[: 32000 * 2], 16000)
    with GA.connected(
        service={"replies": lambda request: f"{request.audio_ms} ms"},
        session_config=MANUAL,
    ) as (client, _):
        turn = client.ask(audio=path, timeout=10)

    assert "2000 ms" == turn.text


def test_a_picture_is_shown(tmp_path: Path) -> None:
    """
    As a path, bytes or a URL, with the text in the same message.
    """
    path = tmp_path / "picture.png"
    path.write_bytes(png())
    with GA.connected(service={"replies": echo}) as (client, wire):
        for image in (path, str(path), png(), "https://example.com/cat.png"):
            turn = client.ask("What is it?", image=image, timeout=10)
            assert "You said What is it?" == turn.text
        items = [
            event["item"]["content"]
            for event in wire.received
            if event["type"] == "conversation.item.create"
        ]

    assert [["input_image", "input_text"]] * 4 == [
        [part["type"] for part in item] for item in items
    ]
    urls = [item[0]["image_url"] for item in items]
    assert 1 == len({*urls[:3]})
    assert urls[0].startswith("data:image/png;base64,iVBOR")
    assert "https://example.com/cat.png" == urls[3]


def test_a_picture_may_be_an_open_file(tmp_path: Path) -> None:
    """
    As audio may: a file on disk or in memory, opened for bytes, or mapped.
    """
    path = tmp_path / "picture.png"
    path.write_bytes(png())
    with GA.connected(service={"replies": echo}) as (client, wire):
        with path.open("rb") as file:
            client.ask("What is it?", image=file, timeout=10)
        client.ask("And now?", image=io.BytesIO(png()), timeout=10)
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with mapped:
            for _ in range(2):  # not from where a read of it would go on
                client.ask("And here?", image=mapped, timeout=10)
        for read in (client.append_audio, lambda it: client.ask("?", image=it)):
            with path.open() as file, pytest.raises(TypeError, match="mode 'rb'"):
                read(file)
        items = [e["item"] for e in wire.received if "item" in e]

    urls = [item["content"][0]["image_url"] for item in items]
    encoded = base64.b64encode(png()).decode()
    assert urls == [f"data:image/png;base64,{encoded}"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["preview-ws"], indirect=True)
def test_the_preview_protocol_shows_no_pictures(variant: Variant) -> None:
    """
    An invalid question is refused before anything is sent.
    """
    with variant.connected() as (client, wire):
        with pytest.raises(ValueError, match="input_image"):
            client.ask("What is it?", image=png())
        drained(client)
        assert not [e for e in wire.received if e["type"] == "response.create"]
        assert client.ask("Go on", timeout=10).text


@pytest.mark.parametrize(
    ("question", "config", "sentence"),
    [
        ({}, MANUAL, "nothing to ask"),
        ({"audio": "AAAA" * 5000}, MANUAL, "base64.b64decode"),
        ({"image": b"BM123456"}, MANUAL, "neither PNG, JPEG, GIF nor WebP"),
        ({"image": b"RIFF1234WAVE"}, MANUAL, "neither PNG"),
        ({"audio": b"RIFF1234WAVEfmt "}, MANUAL, "WAV|samples"),
        ({"audio": "no such base64!"}, MANUAL, "base64|file|WAV"),
        ({"audio": bytes(96)}, MANUAL, "100 ms are needed"),
        (
            {"audio": b"RIFF"},
            SessionConfig(input_audio_format="g711_ulaw"),
            "g711_ulaw|WAV",
        ),
    ],
)
def test_an_invalid_question_raises_and_holds_nothing(
    question: dict[str, Any], config: SessionConfig, sentence: str
) -> None:
    """
    A sentence on what is wrong, nothing for ever held, and the next question works.
    """
    with GA.connected(service={"replies": ["Yes."]}, session_config=config) as (
        client,
        _,
    ):
        with pytest.raises((ValueError, OSError), match=sentence):
            client.ask(**question, timeout=5)

        assert "Yes." == client.ask("Still there?", timeout=5).text


def test_a_question_that_is_refused_is_an_error() -> None:
    """
    The caller of `ask` gets the service's refusal, not an answer to something else.
    """

    def script(service: Service) -> None:
        item = service.read("conversation.item.create")
        service.refuse("invalid_value", param="item", event_id=item["event_id"])
        service.read("response.create")
        service.created("resp_1")
        service.text("resp_1", "What?")
        service.read("response.cancel")

    with (
        scripted(script) as (client, _),
        at_most(2),
        pytest.raises(ServerError, match="invalid_value"),
    ):
        client.ask("Hello", timeout=10)


# Tools.


def test_tools_run_until_the_final_answer(variant: Variant) -> None:
    """
    Two rounds of calls and then the answer: one turn has them all.
    """
    replies = [
        Reply(calls=[ToolCall("add", {"a": 1, "b": 2})]),
        Reply("One moment.", calls=[ToolCall("add", {"a": 3, "b": 4})]),
        "It is 7.",
    ]
    with variant.connected(service={"replies": replies}) as (client, wire):

        @client.tool
        def add(a: int, b: int) -> int:
            """
            Add two numbers.
            """
            return a + b

        turn = client.ask("How much is it?", modalities=["text"], timeout=10)
        asked = [e["response"] for e in wire.received if e["type"] == "response.create"]

    assert "One moment.\nIt is 7." == turn.text
    assert [("add", "3"), ("add", "7")] == [
        (call.name, call.output) for call in turn.tool_calls
    ]
    assert 3 == len(asked)
    words = "output_modalities" if variant.protocol == "ga" else "modalities"
    assert [["text"]] * 3 == [response[words] for response in asked]
    assert turn.usage.output_tokens > turn.response.usage.output_tokens  # type: ignore[union-attr]


def test_a_tool_may_ask(variant: Variant) -> None:
    """
    A tool's own question is answered within the turn that called it.
    """
    replies = [Reply(calls=[ToolCall("consult")]), "Inner.", "Outer."]
    with variant.connected(service={"replies": replies}) as (client, _):

        @client.tool
        def consult() -> str:
            """
            Ask another person.
            """
            return client.ask("And you?", timeout=5).text

        turn = client.ask("What do you say?", timeout=10)

    assert "Outer." == turn.text
    assert "Inner." == turn.tool_calls[0].output


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["ga-ws"], indirect=True)
def test_a_turn_that_runs_out_of_time_in_a_tool_is_over(variant: Variant) -> None:
    """
    The built-in TimeoutError, in time; and when the tool is done no response is created.
    """
    hold = threading.Event()
    replies = [Reply(calls=[ToolCall("wait")]), "Next."]
    with variant.connected(service={"replies": replies}) as (client, wire):

        @client.tool
        def wait() -> str:
            """
            Take long.
            """
            hold.wait(10)
            return "late"

        # long enough for the call to come, on a busy machine as well
        with at_most(1.5), pytest.raises(TimeoutError, match="within 1 s"):
            client.ask("Wait", timeout=1.0)
        hold.set()
        wire.wait_received("conversation.item.create", 2)
        drained(client)
        asked = [e for e in wire.received if e["type"] == "response.create"]
        assert 1 == len(asked)

        assert "Next." == client.ask("And now?", timeout=5).text


# Streaming, and its end.


def test_a_stream_gives_the_deltas_as_they_come(variant: Variant) -> None:
    """
    Text, transcript and audio; together they are the turn.
    """
    with variant.connected(service={"replies": ["One two three four."] * 2}) as (
        client,
        _,
    ):
        with client.stream("Count", timeout=10) as stream:
            events: list[Any] = list(stream)
        written = client.stream("Count", modalities=["text"], timeout=10)
        text = "".join(event.delta for event in written)  # type: ignore[attr-defined]

    transcripts = [e.delta for e in events if e.type.endswith("audio_transcript.delta")]
    chunks = [e.audio for e in events if e.type.endswith("output_audio.delta")]
    assert stream.turn.transcript == "".join(transcripts) == "One two three four."
    assert stream.turn.audio == b"".join(chunks)
    assert len(chunks) > 1
    assert "One two three four." == text == written.turn.text  # type: ignore[union-attr]


def test_leaving_a_stream_early_cancels_the_response(variant: Variant) -> None:
    """
    One response.cancel, and the next question is answered.
    """
    with variant.connected(service={"replies": [LONG, "Yes."]}) as (client, wire):
        with client.expect("response.done") as done:
            with client.stream("Tell me", timeout=10) as stream:
                assert next(stream).delta  # type: ignore[attr-defined]
            assert [] == list(stream)
            stream.close()
        turn = client.ask("Still there?", timeout=10)
        cancels = [e for e in wire.received if e["type"] == "response.cancel"]

    assert "cancelled" == done.event.response.status
    assert "Yes." == turn.text
    with pytest.raises(RuntimeError, match="after the loop"):
        stream.turn  # noqa: B018 - a property that raises
    assert 1 == len(cancels)


def test_closing_a_stream_ends_the_wait_for_it() -> None:
    """
    Another thread may close it: the loop ends at once.
    """
    with GA.connected(service={"replies": [Reply("Late.", delay=30)]}) as (
        client,
        wire,
    ):
        stream = client.stream("Hello", timeout=30)
        wire.wait_received("response.create")
        closer = threading.Timer(0.05, stream.close)
        closer.start()
        with at_most(2):
            assert [] == list(stream)
        closer.join()


def test_close_ends_the_wait_for_a_turn() -> None:
    """
    Callers that hold the turn, wait for it or come later get the error at once.
    """
    order = TurnLock()
    held = order.enter(Deadline(5.0))
    with ThreadPoolExecutor() as pool, at_most(5.0):
        waits = pool.submit(order.enter, Deadline(60.0))
        order.end(ConnectionClosed(1008, "policy"))
        assert isinstance(waits.exception(), ConnectionClosed)
    with pytest.raises(ConnectionClosed, match="policy"):
        order.enter(Deadline(60.0))
    held.leave()


def test_a_timeout_in_the_wait_for_a_turn_delays_no_other_turn() -> None:
    """
    Also where the error is kept, as a notebook does.
    """
    order = TurnLock()
    held = order.enter(Deadline(5.0))
    with pytest.raises(TimeoutError) as kept:
        order.enter(Deadline(0.0))
    held.leave()

    order.enter(Deadline(1.0)).leave()
    assert kept.traceback


def test_a_forgotten_stream_releases_the_turn_lock() -> None:
    """
    Who reads only the beginning and asks again gets an answer.
    """
    with GA.connected(service={"replies": ["One two three.", "Four."]}) as (client, _):
        stream = client.stream("Count", timeout=10)
        next(stream)

        assert "Four." == client.ask("Go on", timeout=5).text
        assert [] != list(stream)
        assert "One two three." == stream.turn.text


def test_a_timeout_cancels_the_response(variant: Variant) -> None:
    """
    Once, and the next question is answered.
    """
    replies = [Reply("Late.", delay=30), "Yes."]
    with variant.connected(service={"replies": replies}) as (client, wire):
        # long enough for the question to leave: one that has not is not asked at all
        with at_most(1), pytest.raises(TimeoutError, match="cancelled"):
            client.ask("Hello", timeout=0.5)
        turn = client.ask("Still there?", timeout=10)
        cancels = [e for e in wire.received if e["type"] == "response.cancel"]

    assert "Yes." == turn.text
    assert 1 == len(cancels)


@pytest.mark.slow
def test_an_endless_answer_ends(
    variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A turn that grows beyond all measure fails and is cancelled; the next is answered.
    """
    # Less than the 2.7 MB of the first answer. What is left of it when it is cancelled
    # may still come, and counts for the next turn: that must be less than this.
    monkeypatch.setattr("azure_realtime._state.turn_recorder.MAX_BYTES", 2_000_000)
    replies = [LONG[: len(LONG) // 3], "Yes."]
    with variant.connected(service={"replies": replies}) as (client, wire):
        with pytest.raises(ResponseError, match="too large"):
            client.ask("Talk!", timeout=10)
        turn = client.ask("Still there?", timeout=10, modalities=["text"])
        cancels = [e for e in wire.received if e["type"] == "response.cancel"]

    assert "Yes." == turn.text
    assert 1 == len(cancels)


def test_the_end_of_the_connection_ends_a_turn(variant: Variant) -> None:
    """
    Within 0.2 s, also for who waits for his turn.
    """
    ended: list[float] = []
    with variant.connected(service={"replies": [Reply("Late.", delay=30)] * 3}) as (
        client,
        wire,
    ):

        def ask() -> None:
            with pytest.raises(ConnectionClosed):
                client.ask("Hello", timeout=30)
            ended.append(time.monotonic())

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        wire.wait_received("response.create")
        dropped = time.monotonic()
        wire.drop("rst")
        for thread in threads:
            thread.join(5)

    assert 3 == len(ended)
    assert max(ended) - dropped < 0.2 * SCALE


# Where it can be called.


@pytest.mark.parametrize("dispatch", ["thread", "manual"])
def test_a_listener_may_ask_while_other_events_stream(
    variant: Variant, dispatch: Any
) -> None:
    """
    It blocks its own thread only; the events behind it come afterwards, in order.
    """
    answers: list[str] = []
    deltas: list[bool] = []
    with variant.connected(
        service={"replies": ["Inner.", "Outer."]}, dispatch=dispatch
    ) as (
        client,
        wire,
    ):
        finished = threading.Event()

        @client.once("input_audio_buffer.cleared")
        def listener(event: Any) -> None:
            answers.append(client.ask("Inside", timeout=10).text)
            finished.set()

        client.on("response.output_audio.delta", lambda e: deltas.append(bool(answers)))
        wire.flood(300)
        client.clear_audio_buffer()
        wire.flood(300)
        while dispatch == "manual" and not finished.is_set():
            client.pump(0.1)
        assert finished.wait(10)
        assert "Outer." == client.ask("Outside", timeout=10).text
        client.close()
        while dispatch == "manual" and client.pump():
            pass

    assert ["Inner."] == answers
    assert 600 < len(deltas)
    assert sorted(deltas) == deltas


def test_several_threads_ask_at_once(variant: Variant) -> None:
    """
    Each gets the answer to its own question.
    """
    answers: dict[str, str] = {}
    with variant.connected(service={"replies": echo}) as (client, _):

        def ask(question: str) -> None:
            answers[question] = client.ask(question, timeout=20).text

        threads = [threading.Thread(target=ask, args=(f"Q{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert {f"Q{n}": f"You said Q{n}" for n in range(8)} == answers


def test_several_threads_speak_at_once(variant: Variant) -> None:
    """
    No recording gets into another's question.
    """
    lengths: dict[int, str] = {}

    def answer(request: Request) -> str:
        return f"{request.audio_ms} ms"

    with variant.connected(service={"replies": answer}) as (client, _):

        def speak(ms: int) -> None:
            turn = client.ask(audio=bytes(48 * ms), modalities=["text"], timeout=20)
            lengths[ms] = turn.text

        threads = [threading.Thread(target=speak, args=(ms,)) for ms in LENGTHS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert {ms: f"{ms} ms" for ms in LENGTHS} == lengths


def test_a_question_out_of_band_does_not_wait() -> None:
    """
    With conversation="none" it is answered beside a turn that takes its time.
    """

    def answer(request: Request) -> Reply:
        # not a list: of two responses that run side by side either may be the first
        if request.response.get("conversation") == "none":
            return Reply("Beside.")
        return Reply("Late.", delay=30)

    with (
        GA.connected(service={"replies": answer}) as (client, wire),
        client.stream("Slow", timeout=30),
    ):
        wire.wait_received("response.create")
        turn = client.ask("Quick", conversation="none", timeout=5)

    assert "Beside." == turn.text


def test_detection_is_restored_as_it_was(variant: Variant) -> None:
    """
    Its settings survive a spoken question, and speech is found again.
    """
    if variant.protocol == "preview":
        config = SessionConfig(turn_detection=ServerVad(silence_duration_ms=300))
    else:
        config = SessionConfig(turn_detection=SemanticVad(eagerness="high"))
    with variant.connected(
        service={"replies": ["One.", "Two."]}, session_config=config
    ) as (
        client,
        _,
    ):
        before = client.session.turn_detection  # type: ignore[union-attr]
        client.ask(audio=SENTENCE, timeout=10)
        drained(client)
        after = client.session.turn_detection  # type: ignore[union-attr]
        with client.expect("response.done") as done:
            client.append_audio(SENTENCE + SILENCE)

    assert before == after
    assert "Two." == done.event.response.transcript


def test_a_dropped_client_is_collected_after_its_turns(
    eventually: Callable[..., None],
) -> None:
    """
    After a turn nothing of ours refers to it any more.
    """

    def hold_turn(client: AzureRealTimeAudio) -> Callable[[], Any]:
        return weakref.ref(client.ask("Hello", timeout=5))

    with GA.connected(service={"replies": ["Yes."]}) as (client, _):
        turn = hold_turn(client)

        def is_collected() -> bool:
            gc.collect()
            return turn() is None

        # the reader may still be at what came last, and hold it as long
        eventually(is_collected)


def test_a_turn_outside_the_conversation_leaves_nothing_in_it(variant: Variant) -> None:
    """
    The question is the input of the response; the items of the conversation stay.
    """
    requests: list[Request] = []

    def reply(request: Request) -> str:
        requests.append(request)
        return "Yes."

    with variant.connected(service={"replies": reply}) as (client, connection):
        client.ask("First", modalities=["text"], timeout=10)
        before = [item.id for item in client.conversation.items]
        turn = client.ask(
            "Is this spam?", conversation="none", modalities=["text"], timeout=10
        )
        assert turn.text == "Yes."
        assert [item.id for item in client.conversation.items] == before
        made = [e for e in connection.received if e["type"].endswith("item.create")]
        assert len(made) == 1
    texts = [part["text"] for item in requests[-1].items for part in item["content"]]
    assert texts == ["Is this spam?"]


@pytest.mark.parametrize("out_of_band", [False, True])
def test_fields_that_can_be_read_once_are_sent(out_of_band: bool) -> None:
    """
    Items and tools from a generator are not used up by the check before the question.
    """
    tools: Any = ({"type": "function", "name": name} for name in ("a", "b"))
    items: Any = (text for text in ("context", "more"))
    fields: Any = {"conversation": "none"} if out_of_band else {}
    with GA.connected(service={"replies": ["Yes."]}) as (client, connection):
        client.ask(
            "Q", tools=tools, input=items, modalities=["text"], timeout=10, **fields
        )
        (sent,) = [e for e in connection.received if e["type"] == "response.create"]
    assert [tool["name"] for tool in sent["response"]["tools"]] == ["a", "b"]
    texts = [item["content"][0]["text"] for item in sent["response"]["input"]]
    assert texts == ["context", "more", *["Q"][:out_of_band]]


def test_text_as_input_is_one_item() -> None:
    """
    As in `create_response(input=...)`, with the question behind it.
    """
    fields: Any = {"input": "context", "conversation": "none", "modalities": ["text"]}
    with GA.connected(service={"replies": ["Yes."]}) as (client, connection):
        client.ask("Q", timeout=10, **fields)
        (sent,) = [e for e in connection.received if e["type"] == "response.create"]
    texts = [item["content"][0]["text"] for item in sent["response"]["input"]]
    assert texts == ["context", "Q"]


def test_a_question_may_interrupt_the_response_before_it() -> None:
    """
    ``when_busy="cancel"``: the user types while the model still answers.
    """
    with GA.connected(service={"replies": [LONG, "Yes."], "pace": 1}) as (client, _):
        before = client.create_response()
        client.wait_for("response.created", timeout=10)
        turn = client.ask("Stop, please", when_busy="cancel", timeout=20)
        assert turn.transcript == "Yes."
        assert before.exception(10) is not None
