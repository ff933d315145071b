"""
Audio at every entry point is converted for the format of the session.
"""

from __future__ import annotations

import array
import base64
import io
import math
import signal
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, MANUAL, Variant

from azure_realtime import (
    AzureRealTimeAudio,
    MessageItem,
    QueueFull,
    ResponseConfig,
    ServerVad,
    SessionConfig,
)
from azure_realtime._requests.send_queue import SendQueue
from azure_realtime.audio import (
    PushSource,
    Resampler,
    WavSource,
    encode_alaw,
    encode_ulaw,
    read_wav,
    resample,
    wav_bytes,
)
from azure_realtime.events import InputAudioBufferAppend
from azure_realtime.models.content import InputAudio
from azure_realtime.simulator import Connection

RATES = {"pcm16": 24_000, "g711_ulaw": 8_000, "g711_alaw": 8_000}
ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "pcm16": bytes,
    "g711_ulaw": encode_ulaw,
    "g711_alaw": encode_alaw,
}
TONE = struct.pack("<6000h", *(round(9000 * math.sin(n / 9)) for n in range(6000)))
WAV = wav_bytes(TONE, 16_000)


def config(name: str) -> SessionConfig:
    return SessionConfig(input_audio_format=name, turn_detection=None)


def appended(wire: Connection) -> list[bytes]:
    return [
        base64.b64decode(event["audio"], validate=True)
        for event in wire.received
        if event["type"] == "input_audio_buffer.append"
    ]


def sent(client: AzureRealTimeAudio, wire: Connection) -> bytes:
    """
    Return all that has been appended, up to a commit.
    """
    client.commit_audio().result(5)
    return b"".join(appended(wire))


def parts(wire: Connection, kind: str) -> list[bytes]:
    """
    Return the audio of the items in the commands of *kind*.
    """
    found = []
    for event in wire.received:
        if event["type"] == kind:
            items = [event["item"]] if "item" in event else event["response"]["input"]
            found += [
                base64.b64decode(part["audio"], validate=True)
                for item in items
                for part in item["content"]
            ]
    return found


@pytest.mark.parametrize("name", RATES)
def test_samples_are_encoded(name: str, variant: Variant) -> None:
    """
    Arrays and typed buffers are samples at the session's rate; bytes are left alone.
    """
    np = pytest.importorskip("numpy")
    samples = np.frombuffer(TONE, "<i2")
    forms = [
        samples,
        samples.reshape(-1, 1),
        samples.astype("f4") / 32767,
        samples.astype(">i2"),
        array.array("h", samples.tolist()),
        memoryview(samples),
        array.array("d", (samples / 32767).tolist()),
    ]
    with variant.connected(session_config=config(name)) as (client, wire):
        for form in forms:
            client.append_audio(form)
        client.append_audio(np.zeros((0, 1), "f4"))
        client.append_audio(TONE)
        got = sent(client, wire)

    assert ENCODE[name](TONE) * len(forms) + TONE == got


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000.0, 22_051])
def test_a_stream_of_another_rate_is_converted_whole(name: str, rate: float) -> None:
    """
    Appended in pieces of any kind, it is one stream without a click, and complete when
    it is committed.
    """
    samples = array.array("h", TONE)
    text = base64.b64encode(TONE[2000:3000]).decode()
    with GA.connected(session_config=config(name)) as (client, wire):
        client.append_audio(samples[:333], rate=rate)
        client.append_audio(TONE[666:1001], rate=rate)
        client.append_audio(bytearray(TONE[1001:2000]), rate=rate)
        client.append_audio(text, rate=rate)
        client.append_audio(iter([TONE[3000:3001], TONE[3001:]]), rate=rate)
        got = sent(client, wire)

    assert ENCODE[name](resample(TONE, int(rate), RATES[name])) == got


def test_the_audio_of_a_part_can_be_used_again() -> None:
    """
    What a content part made of a file is still that file's sound elsewhere.
    """
    text = InputAudio(audio=WAV).audio
    with GA.connected(session_config=config("g711_alaw")) as (client, wire):
        client.append_audio(text)
        client.send(InputAudioBufferAppend(audio=text))
        got = sent(client, wire)

    assert encode_alaw(resample(TONE, 16_000, 8_000)) * 2 == got


def test_audio_after_a_format_change_has_the_new_format() -> None:
    """
    Commands arrive in order: what is appended behind a change of the format has it,
    unless the service refuses.
    """
    samples = array.array("h", TONE)
    with GA.connected(session_config=MANUAL) as (client, wire):
        wire.stall()
        change = client.update_session(input_audio_format="g711_ulaw")
        client.append_audio(samples)
        wire.resume()
        change.result(5)
        client.append_audio(samples)
        got = sent(client, wire)

    assert encode_ulaw(TONE) * 2 == got


def test_100_ms_of_another_rate_can_be_committed() -> None:
    """
    What is held back counts; and after the commit another stream begins.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        for _ in range(2):
            client.append_audio(TONE[:3200], rate=16_000)
            assert client.commit_audio().result(5).item_id
        client.append_audio(TONE[:3200], rate=16_000)
        committed = client.send({"type": "input_audio_buffer.commit"})
        assert committed is not None
        assert committed.result(5).item_id
        got = b"".join(appended(wire))

    assert resample(TONE[:3200], 16_000, 24_000) * 3 == got


def test_a_cleared_stream_leaves_nothing_behind() -> None:
    """
    Samples that were held back are not part of the next turn.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(b"\xff\x7f" * 1600, rate=16_000)
        client.clear_audio_buffer().result(5)
        before = len(appended(wire))
        client.append_audio(TONE, rate=16_000)
        client.commit_audio().result(5)
        got = b"".join(appended(wire)[before:])

    assert resample(TONE, 16_000, 24_000) == got


def test_a_piece_for_which_there_was_no_room_is_not_in_the_stream() -> None:
    """
    It can be appended again: it is there once.
    """

    def full(*_: Any, **__: Any) -> int:
        raise QueueFull("full", 1)

    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(TONE[:3001], rate=16_000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SendQueue, "put_audio", lambda *_: False)
            patch.setattr(SendQueue, "put", full)
            with pytest.raises(QueueFull):
                client.append_audio(TONE[3001:], rate=16_000)
        client.append_audio(TONE[3001:], rate=16_000)
        got = sent(client, wire)

    assert resample(TONE, 16_000, 24_000) == got


def forms_of_a_file(path: Path) -> list[Any]:
    path.write_bytes(WAV)
    return [path, WAV, bytearray(WAV), io.BytesIO(WAV), base64.b64encode(WAV).decode()]


@pytest.mark.parametrize("name", RATES)
def test_wav_files_are_recognised_by_append_audio(name: str, tmp_path: Path) -> None:
    """
    By path, as bytes, as text and open, they are converted, not sent as they are.
    """
    forms = forms_of_a_file(tmp_path / "a.wav")
    with GA.connected(session_config=config(name)) as (client, wire):
        for form in forms:
            client.append_audio(form)
        client.append_audio(forms_of_a_file(tmp_path / "a.wav"))
        got = sent(client, wire)

    one = ENCODE[name](resample(TONE, 16_000, RATES[name]))
    assert one * 2 * len(forms) == got


@pytest.mark.parametrize("name", RATES)
def test_wav_files_and_samples_in_items_are_converted(
    name: str, variant: Variant, tmp_path: Path
) -> None:
    """
    In a message, in a mapping, and in what `send` takes.
    """
    samples = array.array("h", TONE)
    kind = "conversation.item.create"
    with variant.connected(session_config=config(name)) as (client, wire):
        for form in [*forms_of_a_file(tmp_path / "a.wav"), samples, TONE]:
            part = InputAudio(audio=form)
            client.create_conversation_item(MessageItem("user", [part])).result(5)
        for form in (WAV, samples, TONE):
            part = {"type": "input_audio", "audio": form}
            item = {"type": "message", "role": "user", "content": [part]}
            client.create_conversation_item(item).result(5)
            created = client.send({"type": kind, "item": item})
            assert created is not None
            created.result(5)
        got = parts(wire, kind)

    file = ENCODE[name](resample(TONE, 16_000, RATES[name]))
    own = ENCODE[name](TONE)
    assert [file] * 5 + [own, TONE] + [file] * 2 + [own] * 2 + [TONE] * 2 == got


@pytest.mark.parametrize("name", RATES)
def test_audio_in_the_input_of_a_response_is_converted(name: str) -> None:
    """
    ``input=`` is an entry point as well.
    """
    with GA.connected(
        service={"replies": ["Yes."] * 3}, session_config=config(name)
    ) as (
        client,
        wire,
    ):
        for form in (WAV, array.array("h", TONE), TONE):
            items = [MessageItem("user", [InputAudio(audio=form)])]
            client.create_response(input=items).result(5)
        client.send(
            {"type": "response.create", "response": ResponseConfig(input=items)}
        )
        wire.wait_received("response.create", 4)
        got = parts(wire, "response.create")

    file = ENCODE[name](resample(TONE, 16_000, RATES[name]))
    assert [file, ENCODE[name](TONE), TONE, TONE] == got


@pytest.mark.parametrize("name", RATES)
def test_audio_in_an_append_command_is_converted_and_counted(name: str) -> None:
    """
    `send` converts what `InputAudioBufferAppend` was given, and counts it.
    """
    with GA.connected(session_config=config(name)) as (client, wire):
        client.send(InputAudioBufferAppend(audio=WAV))
        client.send(
            {"type": "input_audio_buffer.append", "audio": array.array("h", TONE)}
        )
        client.send({"type": "input_audio_buffer.append", "audio": TONE})
        got = sent(client, wire)

    file = ENCODE[name](resample(TONE, 16_000, RATES[name]))
    assert file + ENCODE[name](TONE) + TONE == got


@pytest.mark.parametrize("name", RATES)
def test_a_question_is_converted(name: str, tmp_path: Path) -> None:
    """
    Files of any kind, arrays, and pieces of either.
    """
    forms = forms_of_a_file(tmp_path / "a.wav")[:4]
    pieces = [WAV[at : at + 999] for at in range(0, len(WAV), 999)]
    samples = array.array("h", TONE)
    with GA.connected(
        service={"replies": ["Yes."] * 8}, session_config=config(name)
    ) as (
        client,
        wire,
    ):
        got = []
        for form in [*forms, str(tmp_path / "a.wav"), iter(pieces), samples]:
            before = len(appended(wire))
            client.ask(audio=form, timeout=20)
            got.append(b"".join(appended(wire)[before:]))
        before = len(appended(wire))
        client.ask(audio=[samples[:99], TONE[198:], WAV], timeout=20)
        mixed = b"".join(appended(wire)[before:])

    file = ENCODE[name](resample(TONE, 16_000, RATES[name]))
    assert [file] * 6 + [ENCODE[name](TONE)] == got
    assert ENCODE[name](TONE[:198]) + TONE[198:] + file == mixed


MP3 = b"ID3\4\0\0\0\0\0\0" + bytes(2000)


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (MP3, "MP3.*ffmpeg"),
        (b"OggS" + bytes(2000), "OGG.*ffmpeg"),
        (b"fLaC" + bytes(2000), "FLAC.*ffmpeg"),
        (b"\0\0\0\x20ftypisom" + bytes(2000), "MP4.*ffmpeg"),
        (wav_bytes(b"", 24_000), "no samples"),
        (WAV[:20], "cut short"),
    ],
)
def test_files_that_cannot_be_read_are_refused_everywhere(
    audio: bytes, sentence: str
) -> None:
    """
    With the remedy, before anything is sent.
    """
    text = base64.b64encode(audio).decode()
    with GA.connected(session_config=MANUAL) as (client, wire):
        for attempt in (
            lambda: client.append_audio(audio),
            lambda: client.append_audio(text),
            lambda: client.append_audio(io.BytesIO(audio), rate=16_000),
            lambda: client.append_audio([audio]),
            lambda: client.append_audio(in_pieces(audio, 2)),
            lambda: client.ask(audio=iter(in_pieces(audio, 2)), timeout=5),
            lambda: client.ask(audio=audio, timeout=5),
            lambda: client.stream(audio=bytearray(audio), timeout=5),
            lambda: client.send({"type": "input_audio_buffer.append", "audio": audio}),
            lambda: client.send({"type": "input_audio_buffer.append", "audio": text}),
            lambda: client.create_conversation_item(
                MessageItem("user", [InputAudio(audio=audio)])
            ),
        ):
            with pytest.raises(ValueError, match=sentence):
                attempt()
        client.append_audio(bytes(4800))
        client.commit_audio().result(5)
        kinds = {event["type"] for event in wire.received}
        assert [bytes(4800)] == appended(wire)

    assert {"conversation.item.create", "response.create"}.isdisjoint(kinds)


def test_the_beginning_of_a_file_is_no_piece_of_a_stream() -> None:
    """
    The rest would be no WAV file, and would be played at a wrong speed.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        with pytest.raises(ValueError, match=r"cut short.*pieces.*ask"):
            client.append_audio(WAV[:4096])
        assert appended(wire) == []


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def headed(size: int) -> bytes:
    """
    Return `WAV` with the sizes that a program writes which does not know them yet.
    """
    field = struct.pack("<I", size)
    return WAV[:4] + field + WAV[8:40] + field + WAV[44:]


@pytest.mark.parametrize("size", [3, 44, 1000])
@pytest.mark.parametrize("file", [WAV, headed(0), headed(0xFFFFFFFF)])
def test_a_wav_file_in_pieces_is_one_file(file: bytes, size: int) -> None:
    """
    A download splits its header anywhere, and the header may lack the length.
    """
    pieces = in_pieces(file, size)
    with GA.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        wire,
    ):
        client.append_audio(iter(pieces))
        client.append_audio(map(memoryview, pieces))
        got = sent(client, wire)
        before = len(appended(wire))
        client.ask(audio=map(bytearray, pieces), timeout=20)
        asked = b"".join(appended(wire)[before:])

    one = resample(TONE, 16_000, 24_000)
    assert one * 2 == got
    assert one == asked


def test_text_in_pieces_is_one_file() -> None:
    """
    Base64 text is decoded before the pieces are joined.
    """
    text = base64.b64encode(WAV).decode()
    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio([text[:4000], text[4000:]])
        got = sent(client, wire)

    assert resample(TONE, 16_000, 24_000) == got


class Block:
    """
    A source of two blocks, of which a rate is known.
    """

    def __init__(self, rate: Any) -> None:
        self.rate = rate

    def __iter__(self) -> Iterator[bytes]:
        return iter([TONE[:5000], TONE[5000:]])


def pushed() -> PushSource:
    source = PushSource(16_000)
    source.push(TONE)
    source.end()
    return source


@pytest.mark.parametrize(
    "source",
    [
        lambda: WavSource(WAV),
        pushed,
        lambda: Block(16_000),
        lambda: Block(16_000.0),
        lambda: read_wav(WAV),
    ],
)
def test_a_source_has_its_own_rate(source: Callable[[], Any]) -> None:
    """
    Its audio is resampled, not played too fast.
    """
    with GA.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        wire,
    ):
        client.append_audio(source())
        got = sent(client, wire)
        before = len(appended(wire))
        client.ask(audio=source(), timeout=20)
        asked = b"".join(appended(wire)[before:])

    assert [resample(TONE, 16_000, 24_000)] * 2 == [got, asked]


@pytest.mark.parametrize("rate", ["16000", True, 0])
def test_a_source_with_another_rate_is_refused(rate: Any) -> None:
    """
    The error names the rate, and no audio is sent.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        for attempt in (client.append_audio, lambda it: client.ask(audio=it)):
            with pytest.raises((TypeError, ValueError), match="rate must be a"):
                attempt(Block(rate))
        assert appended(wire) == []


@pytest.mark.parametrize(
    "audio",
    [
        base64.b64encode(WAV),
        bytearray(base64.b64encode(TONE)),
        base64.encodebytes(TONE),
        b"data:audio/wav;base64," + base64.b64encode(WAV),
        in_pieces(base64.b64encode(TONE), 40),
    ],
)
def test_base64_text_as_bytes_is_no_audio(audio: Any) -> None:
    """
    It would be noise: `base64.b64encode` returns bytes, which look like samples.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        for attempt in (
            client.append_audio,
            lambda it: client.append_audio(it, rate=16_000),
            lambda it: client.ask(audio=it),
        ):
            with pytest.raises(ValueError, match=r"base64 text: decode them"):
                attempt(audio)
        assert appended(wire) == []
    if not isinstance(audio, list):
        with pytest.raises(ValueError, match=r"base64 text: decode them"):
            InputAudio(audio=audio)


def test_a_data_url_is_no_audio() -> None:
    """
    The error says which part of the URL is base64 text.
    """
    url = "data:audio/wav;base64," + base64.b64encode(WAV[:100]).decode()
    with GA.connected(session_config=MANUAL) as (client, _):
        with pytest.raises(ValueError, match="what follows the comma"):
            client.append_audio(url)
        for text in (url, "https://example.com/a.wav"):
            with pytest.raises(ValueError, match="not a URL"):
                client.ask(audio=text)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("config", [MANUAL, SessionConfig()])
def test_after_a_source_that_fails_or_is_empty_the_client_can_be_used(
    config: SessionConfig, live: bool
) -> None:
    """
    The caller gets its exception, or advice about `ask`; the next question is answered.
    """

    class Failing(Block):
        def __init__(self, *blocks: Any) -> None:
            super().__init__(16_000)
            self.live, self.blocks = live, blocks

        def __iter__(self) -> Iterator[bytes]:
            for block in self.blocks:
                yield block
                raise ZeroDivisionError("mine")

    with GA.connected(service={"replies": ["Yes."] * 3}, session_config=config) as (
        client,
        _,
    ):
        with pytest.raises(ZeroDivisionError, match="mine"):
            client.ask(audio=Failing(TONE), timeout=5)
        with pytest.raises(ZeroDivisionError, match="mine"):
            client.append_audio(iter(Failing(TONE)))
        with pytest.raises(ValueError, match=r"ask\(audio=.*ended before .* 100 ms"):
            client.ask(audio=Failing(), timeout=5)
        assert client.ask("Still there?", timeout=5).text == "Yes."


def test_text_is_never_a_path(tmp_path: Path) -> None:
    """
    It may come from an attacker, who would get the user's files.
    """
    path = tmp_path / "secret.wav"
    path.write_bytes(WAV)
    with GA.connected(session_config=MANUAL) as (client, _):
        with pytest.raises(ValueError, match=r"base64.*pathlib\.Path"):
            client.append_audio(str(path))
        with pytest.raises(ValueError, match="base64"):
            client.send({"type": "input_audio_buffer.append", "audio": str(path)})


@pytest.mark.parametrize(
    "audio", [b"", [], io.BytesIO(), array.array("h"), bytes(4798), b"ab" * 2399]
)
def test_a_question_of_no_length_gives_advice_about_ask(audio: Any) -> None:
    """
    It does not concern a commit that was not called; nothing is sent.
    """
    with GA.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        wire,
    ):
        with pytest.raises(ValueError, match=r"ask\(audio=.* 100 ms are needed") as no:
            client.ask("Listen", audio=audio, timeout=5)
        assert "commit" not in str(no.value)
        assert [e["type"] for e in wire.received] == ["session.update"]
        assert client.ask("Still there?", timeout=5).text == "Yes."


@pytest.mark.parametrize(
    "audio",
    [
        [1, 2],
        [0.5],
        (5,),
        {1: 2},
        [None],
        [object()],
        object(),
        5,
        True,
        [[bytes(9999)]],
    ],
)
def test_what_is_no_audio_is_refused(audio: Any) -> None:
    """
    Plain numbers, too, with the way to an array.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        for attempt in (client.append_audio, lambda it: client.ask(audio=it)):
            with pytest.raises(TypeError, match="audio must be bytes, base64 text"):
                attempt(audio)
        assert appended(wire) == []


def slow_wav() -> bytes:
    """
    Return ten minutes, which take many seconds to convert.
    """
    return wav_bytes(bytes(44_101 * 2 * 600), 44_101)


@pytest.mark.slow
def test_a_conversion_counts_under_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A recording that takes longer to convert than there is time is a TimeoutError soon.
    """
    inside.without_soxr(monkeypatch)
    wav = slow_wav()
    with GA.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        wire,
    ):
        for attempt in (
            lambda: client.ask(audio=wav, timeout=0.3),
            lambda: client.append_audio(wav, timeout=0.3),
            lambda: client.append_audio(wav[44:], 0.3, rate=44_101),
        ):
            began = time.thread_time()
            with pytest.raises(TimeoutError, match="converted in time"):
                attempt()
            assert time.thread_time() - began < 2
        assert appended(wire) == []
        assert client.ask("Still there?", timeout=5).text == "Yes."


def test_a_conversion_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ctrl-C ends it at once; nothing is sent, and the client goes on.
    """
    inside.without_soxr(monkeypatch)
    wav, feed = slow_wav(), Resampler.feed

    def interrupted(resampler: Resampler, pcm: bytes) -> bytes:
        signal.raise_signal(signal.SIGINT)
        return feed(resampler, pcm)

    with GA.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        wire,
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Resampler, "feed", interrupted)
            for attempt in (
                lambda: client.ask(audio=wav, timeout=30),
                lambda: client.append_audio(TONE, rate=16_000),
            ):
                with pytest.raises(KeyboardInterrupt):
                    attempt()
        client.append_audio(TONE, rate=16_000)
        assert resample(TONE, 16_000, 24_000) == sent(client, wire)
        assert client.ask("Still there?", timeout=5).text == "Yes."


def test_a_question_that_fails_twice_leaves_the_turn_detection_as_it_was() -> None:
    """
    The second one begins before the service has acknowledged what the first restores;
    after it, the service answers speech as before.
    """
    with GA.connected() as (client, _wire):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                client.ask(audio=PushSource(), timeout=0.1)
        client.update_session().result(10)
        assert client.session is not None
        detection = client.session.turn_detection
        assert isinstance(detection, ServerVad)
        assert detection.create_response
