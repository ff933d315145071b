"""
Microphone and loudspeaker on a device that the test drives.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from helpers.driven_device import BLOCK, DrivenDevice
from helpers.inside import forget_sound_devices

from azure_realtime import AudioDeviceError
from azure_realtime.audio import Microphone, Speaker, devices, streams
from azure_realtime.audio.device_owner import DeviceOwner


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivenDevice]:
    """
    The device of all microphones and loudspeakers.
    """
    driven = DrivenDevice()
    forget_sound_devices()
    monkeypatch.setitem(sys.modules, "sounddevice", driven)
    yield driven
    driven.may_start.set()
    devices.open_streams.clear()
    devices.blocked_streams.clear()
    forget_sound_devices()


def blocks(count: int, sample: int = 7) -> bytes:
    return array("h", [sample] * (BLOCK * count)).tobytes()


def test_the_first_sound_is_held_for_the_whole_buffer(device: DrivenDevice) -> None:
    """
    A device that was just opened reports delays that are shorter than its buffer: the
    first words of an answer are not torn apart by a gap.
    """
    with contextlib.closing(Speaker()) as speaker:
        speaker.open()
        (stream,) = device.streams
        for _ in range(10):
            stream.play(delay=0.01)
        speaker.write(blocks(10), "a")
        assert stream.starts == 1, "the buffer would not be full"
        speaker.write(blocks(2), "a")
        assert stream.starts == 2


def test_a_loudspeaker_that_does_not_start_is_explained(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    If the sound server ends in the moment of the start, PortAudio never returns; the
    program gets an error instead of waiting for good.
    """
    monkeypatch.setattr(streams, "_LONGEST_START", 0.05)
    device.may_start.clear()
    for make in (Speaker, Microphone):
        with pytest.raises(AudioDeviceError, match="not started in"):
            make().open()
    assert len(devices.blocked_streams) == 2


def test_a_flush_that_does_not_start_again_ends_in_the_default_device(
    device: DrivenDevice,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    An interruption in the moment that the sound server ends does not end the call: the
    default device plays what follows.
    """
    monkeypatch.setattr(streams, "_LONGEST_START", 0.05)
    monkeypatch.setattr(streams, "STALLED", 0.05)
    with contextlib.closing(Speaker()) as speaker:
        speaker.open()
        device.streams[0].play()
        device.may_start.clear()
        speaker.flush()
        device.may_start.set()
        eventually(lambda: not speaker.drained or len(device.streams) > 1)
        speaker.write(blocks(20), "a")
        assert device.streams[-1].play() == blocks(1)
        assert speaker.losses == 1
    assert len(caplog.records) == 1


def test_a_start_that_returns_too_late_plays_nothing(
    device: DrivenDevice,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
) -> None:
    """
    The device that came back does not take the audio of the one in its place.
    """
    monkeypatch.setattr(streams, "_LONGEST_START", 0.05)
    device.may_start.clear()
    with pytest.raises(AudioDeviceError):
        Speaker().open()
    device.may_start.set()
    eventually(lambda: device.streams[0].starts == 1)
    eventually(lambda: not device.streams[0].active)


def test_a_microphone_that_brings_nothing_is_replaced_and_reported_once(
    device: DrivenDevice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    PortAudio may take a lost device for active; so does each device that follows.
    """
    monkeypatch.setattr(streams, "STALLED", 0.01)
    microphone = Microphone()
    recorded = iter(microphone)
    microphone.open()

    def bring() -> None:
        """
        The third device works.
        """
        if len(device.streams) == 3:
            device.streams[2].record(blocks(1))

    monkeypatch.setattr(Microphone, "_start", after(Microphone._start, bring))
    assert next(recorded) == blocks(1)
    assert len(device.streams) == 3
    assert microphone.losses == len(caplog.records) == 1
    microphone.close()


def after(method: Callable[..., None], then: Callable[[], None]) -> Callable[..., None]:
    def both(*arguments: object) -> None:
        method(*arguments)
        then()

    return both


def test_a_microphone_of_a_process_that_was_stopped_is_not_replaced(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    After Ctrl-Z and ``fg``, or a second in foreign code, the chosen device goes on.
    """
    microphone = Microphone("USB")
    recorded = iter(microphone)
    microphone.open()
    with monkeypatch.context() as stopped:
        stopped.setattr("azure_realtime.audio.microphone._LONGEST_WAIT", 0.01)
        stopped.setattr("time.monotonic", lambda: 10**6)
        threading.Timer(0.05, device.streams[0].record, [blocks(1)]).start()
        assert next(recorded) == blocks(1)
    assert len(device.streams) == 1
    microphone.close()


def test_ctrl_c_in_the_start_of_a_device_closes_it(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No microphone goes on recording without an owner.
    """

    original, raised = streams._result, []

    def interrupted(*arguments: Any) -> Any:
        if len(raised) < len(device.streams):
            raised.append(True)
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(streams, "_result", interrupted)
    for make in (Speaker, Microphone):
        with pytest.raises(KeyboardInterrupt):
            make().open()
        assert device.streams[-1].starts == 1
        assert not device.streams[-1].active
    assert not devices.open_streams


@pytest.mark.parametrize("moment", ["at_open", "at_start"])
@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_a_device_that_is_closed_while_it_is_opened_is_closed_once(
    device: DrivenDevice, make: type[Any], moment: str
) -> None:
    """
    A call that is stopped in that moment leaves no open device, and closes no stream
    twice, which can end the process.
    """
    owner = make()
    setattr(device, moment, owner.close)
    owner.open()
    owner.close()
    assert [stream.closes for stream in device.streams] == [1]
    assert not devices.open_streams


@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_two_threads_close_a_device_once(
    device: DrivenDevice, make: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The end of a call and that of the iteration meet: a stream that is closed twice can
    end the process.
    """
    owner = make()
    owner.open()
    (stream,) = device.streams

    def abort() -> None:
        monkeypatch.undo()
        other = threading.Thread(target=devices.close, args=[stream])
        other.start()
        other.join()

    monkeypatch.setattr(stream, "abort", abort)
    owner.close()
    devices.close(stream)
    assert stream.closes == 1
    assert not devices.open_streams
    assert not devices.blocked_streams


@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_ctrl_c_in_the_close_of_a_device_leaves_it_to_the_next_close(
    device: DrivenDevice, make: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No microphone goes on recording because its first close was interrupted.
    """
    owner = make()
    owner.open()
    (stream,) = device.streams

    def interrupted() -> None:
        monkeypatch.delattr(stream, "abort")
        raise KeyboardInterrupt

    monkeypatch.setattr(stream, "abort", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        owner.close()
    assert stream.active
    other = threading.Thread(target=owner.close)
    other.start()
    other.join()
    assert stream.closes == 1
    assert not devices.open_streams


def test_a_microphone_whose_close_was_interrupted_can_be_opened_again(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The next call records, and one stream is open.
    """
    microphone = Microphone()
    microphone.open()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(devices, "close", _raise_keyboard_interrupt)
        with pytest.raises(KeyboardInterrupt):
            microphone.close()
    recorded = iter(microphone)
    microphone.open()
    device.streams[-1].record(blocks(1))
    assert next(recorded) == blocks(1)
    assert [stream.closes for stream in device.streams] == [1, 0]
    microphone.close()


def _raise_keyboard_interrupt(_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_ctrl_c_while_portaudio_closes_a_stream_does_not_close_it_twice(
    device: DrivenDevice, make: type[Any]
) -> None:
    """
    Python raises it when the call returns, before `sounddevice` notes the end.
    """
    owner = make()
    owner.open()
    (stream,) = device.streams
    aborts: list[bool] = []
    stream.at_close = partial(_raise_keyboard_interrupt, None)
    with pytest.raises(KeyboardInterrupt):
        owner.close()
    stream.at_close = lambda: None
    stream.at_abort = partial(aborts.append, True)
    owner.close()
    assert not aborts
    assert stream.closes == 1
    assert not devices.open_streams
    assert not devices.blocked_streams


@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_ctrl_c_in_one_of_two_closes_leaves_the_device_to_the_next_close(
    device: DrivenDevice, make: type[Any]
) -> None:
    """
    The other one returned while the interrupted one had the stream.
    """
    owner = make()
    owner.open()
    (stream,) = device.streams

    def interrupted() -> None:
        stream.at_abort = lambda: None
        run_in_thread(owner.close)
        raise KeyboardInterrupt

    stream.at_abort = interrupted
    with pytest.raises(KeyboardInterrupt):
        owner.close()
    assert stream.active
    owner.close()
    assert stream.closes == 1
    assert not devices.open_streams


@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_a_device_can_be_opened_again_while_it_is_closed(
    device: DrivenDevice, make: type[Any]
) -> None:
    """
    The next call has a device of its own, which the end of the first leaves open.
    """
    owner = make()
    owner.open()
    (first,) = device.streams
    first.at_abort = partial(run_in_thread, owner.open)
    owner.close()
    assert [stream.active for stream in device.streams] == [False, True]
    owner.close()
    assert [stream.closes for stream in device.streams] == [1, 1]


def test_a_stream_that_is_being_closed_is_not_started(device: DrivenDevice) -> None:
    """
    A flush, or the end of an item, may come while another thread closes the device.
    """
    speaker = Speaker()
    speaker.open()
    (stream,) = device.streams

    def use() -> None:
        stream.at_abort = lambda: aborts.append(True)
        speaker.flush()
        assert devices.blocked_streams, "another thread could close it, too"

    aborts: list[bool] = []
    stream.at_abort = partial(run_in_thread, use)
    speaker.close()
    assert not aborts
    assert (stream.starts, stream.closes) == (1, 1)


def test_a_microphone_that_is_closed_before_its_start_is_not_started(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its call may be stopped by another thread at any moment.
    """
    microphone = Microphone()
    monkeypatch.setattr(Microphone, "_keep", after(Microphone._keep, microphone.close))
    microphone.open()
    (stream,) = device.streams
    assert (stream.starts, stream.closes) == (0, 1)
    assert not devices.open_streams
    assert not devices.blocked_streams


def test_a_microphone_that_is_being_closed_is_not_started(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The other thread has not returned from the device when the start comes.
    """
    microphone = Microphone()
    aborting, go_on = threading.Event(), threading.Event()
    closing = threading.Thread(target=microphone.close)

    def wait() -> None:
        aborting.set()
        go_on.wait(30)

    def begin_to_close() -> None:
        device.streams[0].at_abort = wait
        closing.start()
        aborting.wait(30)

    monkeypatch.setattr(Microphone, "_keep", after(Microphone._keep, begin_to_close))
    microphone.open()
    go_on.set()
    closing.join()
    (stream,) = device.streams
    assert (stream.starts, stream.closes) == (0, 1)
    assert not devices.open_streams
    assert not devices.blocked_streams


def test_a_new_stream_is_not_taken_for_an_earlier_one(
    device: DrivenDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C may leave the mark of a stream that is gone; the `id` is used again.
    """
    original = streams._made

    def made(*arguments: Any) -> Any:
        stream = original(*arguments)
        devices.blocked_streams[id(stream)] = 1
        return stream

    monkeypatch.setattr(streams, "_made", made)
    microphone = Microphone()
    microphone.open()
    microphone.close()
    (stream,) = device.streams
    assert (stream.starts, stream.closes) == (1, 1)


@pytest.mark.parametrize("make", [Microphone, Speaker])
def test_a_device_that_did_not_start_can_be_opened_again(
    device: DrivenDevice, make: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The stream that hangs is left; another one takes its place.
    """
    owner = make()
    device.may_start.clear()
    with monkeypatch.context() as hanging:
        hanging.setattr(streams, "_LONGEST_START", 0.05)
        with pytest.raises(AudioDeviceError):
            owner.open()
    device.may_start.set()
    owner.open()
    assert device.streams[1].active
    owner.close()


def test_a_loudspeaker_plays_again_after_close(
    device: DrivenDevice, eventually: Callable[..., None]
) -> None:
    """
    A second call with it is heard from its beginning; what was left of the first one is
    not.
    """
    speaker = Speaker()
    for sample in (7, 8):
        speaker.open()
        stream = device.streams[-1]
        assert speaker.drained
        assert speaker.played_ms("a") == 0
        speaker.write(blocks(1, sample), "a")
        speaker.write(blocks(20, sample), "b")
        speaker.end_item("b")
        for at in (0.0, 0.02):
            assert stream.play(delay=0.001, at=at) == blocks(1, sample)
        eventually(lambda: speaker.played_ms("a") == 20)
        speaker.write(blocks(1, sample), "b")
        assert not speaker.drained
        speaker.close()
    assert [stream.closes for stream in device.streams] == [1, 1]


def test_a_write_after_close_opens_no_loudspeaker(device: DrivenDevice) -> None:
    """
    The last audio of a call may come after its end.
    """
    speaker = Speaker()
    speaker.open()
    speaker.close()
    speaker.write(blocks(1), "a")
    assert len(device.streams) == 1


def run_in_thread(function: Callable[[], object]) -> None:
    """
    Run it in another thread until it returns.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function).result()


@pytest.mark.parametrize("second", ["at_open", "at_look"])
@pytest.mark.parametrize("first", ["at_open", "at_look"])
def test_one_thread_at_a_time_calls_portaudio(
    device: DrivenDevice, first: str, second: str
) -> None:
    """
    Two threads in it end the process: microphone and loudspeaker look for the default
    device at the same time when a sound server has ended.
    """
    inside: list[str] = []
    most: list[int] = []

    def call(name: str) -> None:
        if name == "at_look":
            devices.refresh(device)
        else:
            Microphone().open()

    def enter(name: str) -> None:
        inside.append(name)
        most.append(len(inside))
        if len(most) == 1:
            other.start()
            other.join(0.1)
        inside.remove(name)

    other = threading.Thread(target=call, args=(second,))
    device.at_open = partial(enter, "at_open")
    device.at_look = partial(enter, "at_look")
    call(first)
    other.join(10)
    assert most == ([1] if (first, second) == ("at_open", "at_look") else [1, 1])


INPUT, OUTPUT = "RawInputStream", "RawOutputStream"


@pytest.fixture
def unlisted(device: DrivenDevice, monkeypatch: pytest.MonkeyPatch) -> DrivenDevice:
    """
    The device; what is absent is found when PortAudio looks for devices.
    """
    monkeypatch.setattr("azure_realtime.audio.speaker.RETRY_PAUSE", 0.01)
    monkeypatch.setattr("azure_realtime.audio.microphone.RETRY_PAUSE", 0.01)
    device.at_look = device.absent.clear
    return device


def lose(device: DrivenDevice, kind: str) -> None:
    """
    Let a stream end; PortAudio does not know another device yet.
    """
    device.absent.add(kind)
    device.newest(kind).active = False


@pytest.mark.parametrize("lost", [INPUT, OUTPUT])
def test_a_device_that_portaudio_does_not_know_is_found_while_another_one_is_open(
    unlisted: DrivenDevice, lost: str
) -> None:
    """
    It looks for devices only while no stream is open: the other device, if it is
    silent, is closed for a moment.
    """
    source, speaker = Microphone(), Speaker()
    with contextlib.closing(speaker), ThreadPoolExecutor(1) as pool:
        source.open()
        speaker.open()
        lose(unlisted, lost)
        with contextlib.closing(source):
            block = pool.submit(next, iter(source))
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and not block.done():
                assert speaker.drained
                if len(unlisted.streams) == 4:
                    unlisted.newest(INPUT).record(blocks(1))
            assert block.result(0) == blocks(1)
        speaker.write(blocks(20), "a")
        assert unlisted.newest(OUTPUT).play() == blocks(1)
        assert [source.losses, speaker.losses] == [lost == INPUT, lost == OUTPUT]
        assert [stream.closes for stream in unlisted.streams[:2]] == [1, 1]


@pytest.mark.parametrize("device_name", ["USB", 3])
def test_a_device_is_closed_for_another_one_unless_it_was_chosen_by_its_index(
    unlisted: DrivenDevice, eventually: Callable[..., None], device_name: str | int
) -> None:
    """
    The index may mean another device when PortAudio has looked for devices. It is
    closed at the first of ten attempts only.
    """
    unlisted.at_look = lambda: None
    source, speaker = Microphone(), Speaker(device_name)
    with contextlib.closing(speaker), ThreadPoolExecutor(1) as pool:
        source.open()
        speaker.open()
        lose(unlisted, INPUT)
        with contextlib.closing(source):
            pool.submit(next, iter(source), None)
            eventually(lambda: speaker.drained and source._failures > 25)
            opened = [stream for stream in unlisted.streams if stream.kind == OUTPUT]
            assert {stream.device for stream in opened} == {device_name}
            assert 3 <= len(opened) <= 5 if device_name == "USB" else len(opened) == 1


def test_a_loudspeaker_is_not_closed_for_another_device_while_it_plays(
    unlisted: DrivenDevice, eventually: Callable[..., None]
) -> None:
    """
    The answer is heard to its end first.
    """
    source, speaker = Microphone(), Speaker()
    with contextlib.closing(speaker), ThreadPoolExecutor(1) as pool:
        source.open()
        speaker.open()
        speaker.write(blocks(20), "a")
        lose(unlisted, INPUT)
        with contextlib.closing(source):
            pool.submit(next, iter(source), None)
            eventually(lambda: not speaker.drained and source._failures > 0)
            assert unlisted.streams[1].closes == 0
            speaker.flush()
            eventually(lambda: speaker.drained and unlisted.streams[1].closes)


def test_devices_that_are_lost_together_ask_no_other_one(
    unlisted: DrivenDevice, eventually: Callable[..., None]
) -> None:
    """
    Without an open stream PortAudio looks for devices at every attempt.
    """
    unlisted.at_look = lambda: None
    requests = DeviceOwner._requests
    source = Microphone()
    with ThreadPoolExecutor(1) as pool, contextlib.closing(source):
        source.open()
        lose(unlisted, INPUT)
        pool.submit(next, iter(source), None)
        eventually(lambda: source._failures > 10)
        assert DeviceOwner._requests == requests


def test_each_loss_asks_the_other_device(
    unlisted: DrivenDevice, eventually: Callable[..., None]
) -> None:
    """
    Also a second one, after fewer attempts than lie between two requests.
    """
    source, speaker = Microphone(), Speaker()
    with contextlib.closing(speaker), ThreadPoolExecutor(1) as pool:
        source.open()
        speaker.open()
        with contextlib.closing(source):
            pool.submit(list, iter(source))
            for _ in range(2):
                lose(unlisted, INPUT)
                eventually(lambda: source._failures > 0)
                eventually(lambda: speaker.drained and source._failures == 0)


def test_a_device_that_cannot_be_opened_again_after_it_gave_way_is_reported(
    unlisted: DrivenDevice,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    PortAudio took it for active until then.
    """
    source, speaker = Microphone(), Speaker()
    unlisted.at_look = lambda: unlisted.absent.add(OUTPUT)
    with contextlib.closing(speaker), ThreadPoolExecutor(1) as pool:
        source.open()
        speaker.open()
        lose(unlisted, INPUT)
        with contextlib.closing(source):
            pool.submit(next, iter(source), None)
            eventually(lambda: not speaker.drained or speaker.losses)
            assert speaker.losses == 1
    assert sum("loudspeaker has disappeared" in r.message for r in caplog.records) == 1
