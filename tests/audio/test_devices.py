"""
Microphone and loudspeaker on a virtual sound device.
"""

from __future__ import annotations

import contextlib
import gc
import random
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator

import pytest
from helpers.virtual_audio import RATE, VirtualAudio, find

from azure_realtime import AudioDeviceError
from azure_realtime.audio import Microphone, Speaker, list_devices

pytestmark = pytest.mark.sound

BLOCK = 480
ITEM = 10_900  # samples; three of them have different values in 16 bits
MAX_DELAY = 30  # ms: the time stamps of a device may be that much behind, never ahead


def ramp(first: int, count: int) -> bytes:
    """
    Return samples that tell where they are from: each is its own number.
    """
    return array("h", range(first, first + count)).tobytes()


@pytest.fixture
def speaker(virtual_audio: VirtualAudio) -> Iterator[Speaker]:
    with contextlib.closing(Speaker()) as opened:
        opened.open()
        yield opened


@pytest.mark.slow
def test_the_microphone_brings_what_is_spoken_bit_exact(
    virtual_audio: VirtualAudio,
) -> None:
    """
    Each sample arrives, once and unchanged.
    """
    spoken = ramp(1, 24_000)
    recorded = array("h")
    microphone = Microphone()
    microphone.open()
    player = virtual_audio.say(spoken)
    for block in microphone:
        assert len(block) == 2 * BLOCK
        recorded.frombytes(block)
        if 24_000 in recorded:
            break
    microphone.close()
    player.wait(10)

    assert [sample for sample in recorded if sample] == list(range(1, 24_001))
    assert microphone.overflows == 0
    assert microphone.rate == RATE


@pytest.mark.slow
def test_the_loudspeaker_plays_bit_exact(
    virtual_audio: VirtualAudio, speaker: Speaker, eventually: Callable[..., None]
) -> None:
    """
    Pieces of odd sizes come out as one sound, and `drained` says when it is over.
    """
    with virtual_audio.recording() as recording:
        pcm, at = ramp(1, 20_000), 0
        for size in (2, 1000, 958, 9600, 12, 28428):
            speaker.write(pcm[at : at + size], "a", 0)
            at += size
        assert not speaker.drained
        eventually(lambda: speaker.drained)
        assert speaker.played_ms("a") == 20_000 * 1000 // RATE
        recording.wait(lambda samples: 20_000 in samples)
    assert list(recording.sound) == list(range(1, 20_001))
    assert speaker.flush() == {}


def test_a_loudspeaker_plays_again_after_close(
    virtual_audio: VirtualAudio, eventually: Callable[..., None]
) -> None:
    """
    A second call with the same object is heard.
    """
    speaker = Speaker()
    with virtual_audio.recording() as recording:
        for first in (1, 2001):
            speaker.open()
            speaker.write(ramp(first, 2000), "a")
            speaker.end_item("a")
            eventually(lambda: speaker.drained)
            assert speaker.played_ms("a") == 2000 * 1000 // RATE
            speaker.close()
        recording.wait(lambda samples: 4000 in samples)
    assert list(recording.sound)[-1] == 4000


@pytest.mark.slow
def test_a_sound_after_silence_begins_at_once(virtual_audio: VirtualAudio) -> None:
    """
    It does not wait for the silence in the buffer of the device, here two seconds.
    """
    with (
        virtual_audio.recording() as recording,
        contextlib.closing(Speaker(latency=2.0)) as speaker,
    ):
        speaker.open()
        for first in (1, 10_001):
            recording.wait(lambda samples: not any(samples[-4800:]))
            begin = len(recording.samples)
            for at in range(first, first + 10_000, 1000):
                speaker.write(ramp(at, 1000), "a", 0)
            speaker.end_item("a")
            samples = recording.wait(lambda samples, last=at + 999: last in samples)
            at = find(samples, array("h", range(first, first + 10_000)))
            assert begin <= at < begin + RATE, "late, or not in one piece"


def test_a_sound_that_is_too_short_for_the_buffer_is_played(
    virtual_audio: VirtualAudio, speaker: Speaker
) -> None:
    """
    Though the program does not say that it has ended.
    """
    with virtual_audio.recording() as recording:
        speaker.write(ramp(1, 100), "a", 0)
        recording.wait(lambda samples: 100 in samples)
    assert list(recording.sound) == list(range(1, 101))


@pytest.mark.slow
def test_flush_tells_what_was_heard(
    virtual_audio: VirtualAudio, speaker: Speaker
) -> None:
    """
    The claim is never above the truth, and at most 30 ms below.
    """
    chance = random.Random(5)
    for trial in range(8):
        with virtual_audio.recording() as recording:
            for item in range(3):
                speaker.write(ramp(1 + item * ITEM, ITEM), f"{trial}-{item}", 0)
            limit = chance.randrange(2000, 2 * ITEM)
            recording.wait(lambda samples, limit=limit: max(samples) >= limit)
            begin = time.perf_counter()
            claims = speaker.flush()
            took = (time.perf_counter() - begin) * 1000  # of a busy machine
            recording.wait(silence_after_sound)
        last = max(recording.sound)
        assert list(recording.sound) == list(range(1, last + 1))
        played = [speaker.played_ms(f"{trial}-{item}") for item in range(3)]
        assert -MAX_DELAY - took <= sum(played) - last * 1000 / RATE <= 0
        whole = ITEM * 1000 // RATE
        cut = {f"{trial}-{n}": ms for n, ms in enumerate(played) if ms < whole}
        assert claims == cut
        assert speaker.drained


def silence_after_sound(samples: array[int]) -> bool:
    return any(samples) and not any(samples[-RATE // 5 :])


def test_flush_is_silent_at_once_and_what_follows_is_played(
    virtual_audio: VirtualAudio, speaker: Speaker
) -> None:
    """
    No sample of what was dropped comes later, and the next answer is complete.
    """
    with virtual_audio.recording() as recording:
        speaker.write(ramp(1, 30_000), "old", 0)
        recording.wait(lambda samples: max(samples) > 4000)
        before = max(recording.samples)
        speaker.flush()
        speaker.write(array("h", [-7] * 4800).tobytes(), "new", 0)
        recording.wait(lambda samples: samples.count(-7) == 4800)
    sound = list(recording.sound)
    assert sound[-4800:] == [-7] * 4800
    assert max(sound) - before < RATE // 2


@pytest.mark.slow
def test_a_lost_loudspeaker_is_replaced(
    virtual_audio: VirtualAudio,
    speaker: Speaker,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The default device takes over with what waits, and one warning says so.
    """
    virtual_audio.stop()
    eventually(lambda: speaker.drained or speaker.losses)
    speaker.write(ramp(1, 4800), "a", 0)
    assert not speaker.drained
    virtual_audio.start()
    with virtual_audio.recording() as recording:
        recording.wait(lambda samples: speaker.drained or 4800 in samples)
        speaker.write(ramp(5000, 100), "b", 0)
        recording.wait(lambda samples: 5099 in samples)
    eventually(lambda: speaker.drained)
    assert speaker.losses == 1
    assert [r.message for r in caplog.records].count(
        "The loudspeaker has disappeared; the default one takes its place."
    ) == 1


@pytest.mark.slow
def test_a_lost_loudspeaker_can_be_flushed(
    virtual_audio: VirtualAudio, speaker: Speaker, eventually: Callable[..., None]
) -> None:
    """
    An interruption finds the loss first: the call does not hang, and the default device
    plays what follows.
    """
    virtual_audio.stop()
    # PortAudio may take the stream for active, but its callback is not called any more.
    eventually(lambda: time.perf_counter() - speaker._position.called_at > 2.5)
    virtual_audio.start()
    speaker.flush()
    assert speaker.losses == 1
    with virtual_audio.recording() as recording:
        speaker.write(ramp(1, 4800), "a", 0)
        recording.wait(lambda samples: 4800 in samples)


@pytest.mark.slow
def test_a_lost_microphone_is_replaced(
    virtual_audio: VirtualAudio, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The iteration goes on with the default device.
    """
    microphone = Microphone()
    blocks = iter(microphone)
    assert next(blocks)
    virtual_audio.stop()
    restart = threading.Timer(1.0, virtual_audio.start)
    restart.start()
    while microphone.losses == 0 or microphone._blocks.qsize() == 0:
        assert next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    restart.join()
    assert microphone.losses == 1
    assert sum("microphone has disappeared" in r.message for r in caplog.records) == 1


def test_closing_ends_the_iteration_of_another_thread(
    virtual_audio: VirtualAudio,
) -> None:
    """
    A thread that waits for the next block is let go.
    """
    microphone = Microphone()
    microphone.open()
    reader = threading.Thread(target=lambda: list(microphone))
    reader.start()
    microphone.close()
    reader.join(5)
    assert not reader.is_alive()


def test_opening_and_closing_leaves_nothing(virtual_audio: VirtualAudio) -> None:
    """
    Threads and descriptors are counted after each test; a stream is never collected
    while it runs, which would end the process.
    """
    for _ in range(5):
        dropped = Speaker()
        dropped.open()
        dropped.write(ramp(1, 480), "a", 0)
        stream = dropped._stream
        del dropped
        gc.collect()
        assert stream.active
        from azure_realtime.audio import devices

        devices.close(stream)


def test_a_device_that_is_not_there_is_explained(virtual_audio: VirtualAudio) -> None:
    """
    The error names the device and the command that lists all of them.
    """
    for make in (Microphone, Speaker):
        with pytest.raises(AudioDeviceError, match="'Loudhailer'") as caught:
            make("Loudhailer").open()
        assert caught.value.device == "Loudhailer"
        assert "azure-realtime devices" in caught.value.hint
        with pytest.raises(AudioDeviceError):
            make(99).open()


def test_devices_are_listed_and_chosen_by_name(virtual_audio: VirtualAudio) -> None:
    """
    A part of the name is enough; so is the index.
    """
    found = next(device for device in list_devices() if device.name == "pulse")
    assert found.inputs
    assert found.outputs
    for device in ("puls", found.index):
        with contextlib.closing(Speaker(device)) as speaker:
            speaker.open()


IN_A_CHILD = """
import os, sys
from azure_realtime import AudioDeviceError
from azure_realtime.audio import Microphone, Speaker
speaker = Speaker(); speaker.open()
microphone = Microphone(); microphone.open()
speaker.write(bytes(960), "a", 0)
pid = os.fork()
if pid == 0:
    refused = 0
    for act in (lambda: speaker.write(b"ab", "a", 0), Microphone().open, lambda: next(iter(microphone))):
        try:
            act()
        except AudioDeviceError as error:
            refused += "forked" in str(error)
    speaker.close()
    os._exit(refused)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3, "in the child"
assert next(iter(microphone)) and speaker._stream.active
print("fine")
sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.processes
def test_open_devices_survive_a_fork_and_end_at_exit(
    virtual_audio: VirtualAudio,
) -> None:
    """
    A child gets an error, the parent's devices go on, and the exit is clean.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_A_CHILD],
        env=virtual_audio.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "fine\n"), done.stderr


@pytest.mark.slow
@pytest.mark.processes
def test_no_sound_library_is_explained() -> None:
    """
    Without PortAudio the wheel for Linux raises OSError: the error says what to install.
    """
    code = """
import sys, types
from azure_realtime import AudioDeviceError
from azure_realtime.audio import Microphone
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "sounddevice":
            raise ERROR
sys.meta_path.insert(0, Finder())
try:
    Microphone().open()
except AudioDeviceError as error:
    print(error)
"""
    for error, words in (
        ("OSError('PortAudio library not found')", "PortAudio"),
        ("ImportError('no module')", "pip install '.[audio]'"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("ERROR", error)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert words in done.stdout, done.stderr
