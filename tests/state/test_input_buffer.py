"""
The user's audio on its way out: what arrives is what was given.
"""

from __future__ import annotations

import base64
import random
import threading
from typing import Any

import pytest
from helpers.audio import arrived, noise
from helpers.clients import GA, MANUAL, MATRIX, Variant, drained

from azure_realtime import (
    ServerError,
    SessionConfig,
)
from azure_realtime._requests.entry import Entry
from azure_realtime._requests.send_queue import SendQueue
from azure_realtime._state.input_buffer import CHUNK
from azure_realtime.events import InputAudioBufferAppend

MULAW = SessionConfig(input_audio_format="g711_ulaw", turn_detection=None)


def test_odd_pieces_are_carried_over(variant: Variant) -> None:
    """
    Cut anywhere, no sample is torn and no byte lost.
    """
    data = noise(20_000)
    cuts = sorted(random.Random(1).sample(range(len(data)), 99))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    with variant.connected(session_config=MANUAL) as (client, wire):
        for piece in pieces:
            client.append_audio(piece)
        got = arrived(client, wire)

    assert data == b"".join(got)
    assert [] == [len(piece) for piece in got if len(piece) % 2]


def test_half_a_sample_ends_with_its_turn() -> None:
    """
    A clear or a commit starts over: the half that is left does not shift what follows.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(bytes(9601))
        client.commit_audio()
        client.append_audio(b"\x01\x02")
        client.append_audio(b"\x03")
        client.clear_audio_buffer()
        client.append_audio(b"\x05\x06")
        got = arrived(client, wire)

    assert [9600, b"\x01\x02", b"\x05\x06"] == [len(got[0]), *got[1:]]


def test_g711_has_no_halves() -> None:
    """
    A byte is a sample there, and 100 ms are 800 of them.
    """
    with GA.connected(session_config=MULAW) as (client, wire):
        client.append_audio(b"\x7f")
        assert [b"\x7f"] == arrived(client, wire)
        drained(client)
        client.append_audio(bytes(799))
        with pytest.raises(ValueError, match="100 ms are needed"):
            client.commit_audio()
        client.append_audio(bytes(1))
        client.append_audio(bytes(0))

        assert client.commit_audio().result(5).item_id


@MATRIX
@pytest.mark.slow
def test_a_lot_is_split(variant: Variant) -> None:
    """
    20 MB, more than the service takes at once, arrive in small appends, in order.
    """
    data = noise(20_000_001)
    with variant.connected(session_config=MANUAL, max_send_queue_bytes=40 << 20) as (
        client,
        wire,
    ):
        client.append_audio(data, timeout=30)
        got = arrived(client, wire, timeout=60)

    assert data[:-1] == b"".join(got)
    assert CHUNK == max(map(len, got)) == len(got[0])


def test_two_threads_do_not_mix_their_pieces() -> None:
    """
    One append stays together, however long it is.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        one, two = b"\x01\x01" * CHUNK, b"\x02\x02" * CHUNK
        threads = [
            threading.Thread(target=client.append_audio, args=(data,))
            for data in (one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        whole = b"".join(arrived(client, wire))

    assert whole in (one + two, two + one)


def test_numpy_arrays_are_taken(variant: Variant) -> None:
    """
    int16 as it is; floats are scaled and clipped; anything else is refused.
    """
    np = pytest.importorskip("numpy")
    samples = np.array([0, 1, -1, 32767, -32768], dtype=np.int16)
    with variant.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(samples)
        client.append_audio(samples.reshape(-1, 1))
        client.append_audio(samples[::-1])
        client.append_audio(samples.astype(">i2"))
        for kind in (np.float16, np.float32, np.float64):
            client.append_audio(np.array([0, 1, -1, 2, -2, 0.5], dtype=kind))
        for wrong, error in (
            (samples.astype(np.int32), TypeError),
            (samples.astype(np.uint8), TypeError),
            (np.zeros((10, 2), np.int16), ValueError),
        ):
            with pytest.raises(error):
                client.append_audio(wrong)
        got = arrived(client, wire)

    raw = samples.astype("<i2").tobytes()
    assert [raw, raw, samples[::-1].astype("<i2").tobytes(), raw] == got[:4]
    scaled = [0, 32767, -32767, 32767, -32767, 16384]
    assert [scaled] * 3 == [np.frombuffer(p, "<i2").tolist() for p in got[4:]]


@pytest.mark.parametrize(
    ("audio", "error", "sentence"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", ValueError, "WAV file.*ask"),
        (base64.b64encode(b"RIFF1234WAVE").decode(), ValueError, "WAV file"),
        ("question.wav", ValueError, "base64.*ask"),
        ("===", ValueError, "base64"),
        (5, TypeError, "int"),
        (None, TypeError, "NoneType"),
        ([1, 2], TypeError, "list"),
    ],
)
def test_other_types_than_audio_are_refused(
    audio: Any, error: type, sentence: str
) -> None:
    """
    With what to do instead; nothing is sent.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        with pytest.raises(error, match=sentence):
            client.append_audio(audio)

        assert [] == arrived(client, wire)


@pytest.mark.parametrize("vad", [True, False])
def test_a_commit_of_too_little_fails_at_once(variant: Variant, vad: bool) -> None:
    """
    Before it is sent, with how much there is; under turn detection with what to do.
    """
    config = SessionConfig() if vad else MANUAL
    with variant.connected(session_config=config) as (client, wire):
        with pytest.raises(ValueError, match="0 ms of audio") as nothing:
            client.commit_audio()
        client.append_audio(bytes(48 * 99))
        with pytest.raises(ValueError, match=" 99 ms of audio"):
            client.commit_audio()
        assert vad == ("turn detection" in str(nothing.value))
        client.append_audio(bytes(48))
        assert client.commit_audio().result(5).item_id
        with pytest.raises(ValueError, match=" 0 ms"):
            client.commit_audio()
        client.append_audio(bytes(9600))
        client.clear_audio_buffer()
        with pytest.raises(ValueError, match=" 0 ms"):
            client.commit_audio()
        drained(client)
        commits = [e for e in wire.received if e["type"] == "input_audio_buffer.commit"]

    assert 1 == len(commits)


@pytest.mark.parametrize("kind", ["commit", "clear"])
def test_audio_appended_after_a_commit_counts_for_the_next(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A microphone's thread goes on while another one commits: the service has it all.
    """
    put = SendQueue.put

    def put_and_append(queue: SendQueue, *entries: Entry, **how: Any) -> int:
        dropped = put(queue, *entries, **how)
        if f"input_audio_buffer.{kind}".encode() in entries[0].message and not behind:
            behind.append(noise(9600))
            client.append_audio(behind[0])
        return dropped

    behind: list[bytes] = []
    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(noise(4800))
        monkeypatch.setattr(SendQueue, "put", put_and_append)
        done = (
            client.commit_audio() if kind == "commit" else client.clear_audio_buffer()
        )
        done.result(5)
        assert client.commit_audio().result(5).item_id
        assert behind == arrived(client, wire)[1:]


def test_raw_appends_and_commits_are_counted() -> None:
    """
    The raw commands keep the same books.
    """
    text = base64.b64encode(bytes(9600)).decode()
    with GA.connected(session_config=MANUAL) as (client, _):
        client.send({"type": "input_audio_buffer.append", "audio": text})
        assert client.commit_audio().result(5).item_id
        client.send(InputAudioBufferAppend(audio=bytes(9600)))
        committed = client.send({"type": "input_audio_buffer.commit"})
        assert committed is not None
        assert committed.result(5).item_id
        with pytest.raises(ValueError, match=" 0 ms"):
            client.commit_audio()
        refused = client.send({"type": "input_audio_buffer.commit"})
        assert refused is not None
        with pytest.raises(ServerError, match="commit_empty"):
            refused.result(5)
