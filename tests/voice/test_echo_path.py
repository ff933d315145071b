"""
A microphone that records the loudspeaker, on a virtual sound device.

With echo cancellation, where ``AZURE_REALTIME_SOAK`` is set: 20 turns on a machine
without other work. A gap in the playback shifts both sides against each other, and the
canceller needs about a second to adapt.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.clients import GA
from helpers.virtual_audio import VirtualAudio
from helpers.voice import QUESTION, received, sent, until

from azure_realtime.voice import WebRtcEchoCanceller

pytestmark = pytest.mark.sound

SOAK = bool(os.environ.get("AZURE_REALTIME_SOAK"))
TURNS = 20
TALE = "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve."
STARTED = "input_audio_buffer.speech_started"


@pytest.fixture
def echo_path(virtual_audio: VirtualAudio) -> Iterator[VirtualAudio]:
    """
    What the loudspeaker plays comes out of the microphone 60 ms later, at half the
    amplitude.
    """
    loopback = ["module-loopback", "source=speaker.monitor", "sink=voice"]
    loaded = virtual_audio.control("load-module", *loopback, "latency_msec=60")
    module = loaded.stdout.strip()
    try:
        inputs = virtual_audio.control("list", "short", "sink-inputs").stdout
        (number, *_) = inputs.split()
        virtual_audio.control("set-sink-input-volume", number, "-6dB")
        yield virtual_audio
    finally:
        virtual_audio.control("unload-module", module)


def speak(client: Any, connection: Any) -> None:
    """
    Let the model speak to its end.
    """
    done = len(sent(connection, "response.done"))
    client.create_response()
    until(lambda: len(sent(connection, "response.done")) > done, 20)
    until(lambda: client.status.value == "idle", 20)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not SOAK, reason="AZURE_REALTIME_SOAK is not set")
def test_with_an_echo_canceller_the_model_does_not_interrupt_itself(
    echo_path: VirtualAudio,
) -> None:
    """
    Its own voice is never taken for speech of the user, but the user can interrupt it.
    """
    pytest.importorskip("pywebrtc_audio")
    with (
        GA.connected(service={"replies": [TALE] * 100}) as (client, connection),
        client.talk(echo_canceller=WebRtcEchoCanceller()) as call,
    ):
        for _ in range(TURNS):
            speak(client, connection)
        assert sent(connection, STARTED) == []
        assert received(connection, "conversation.item.truncate") == []
        assert call.stats.interruptions == 0

        for number in (1, 2):  # each of them drops what the loudspeaker has buffered
            client.create_response()
            until(lambda: client.status.value == "speaking")
            threading.Event().wait(1.0)
            echo_path.say(QUESTION)
            until(lambda: received(connection, "conversation.item.truncate"))
            until(lambda: client.status.value == "idle", 30)
            assert call.stats.interruptions == number
            assert len(sent(connection, STARTED)) == number


@pytest.mark.slow
def test_without_an_echo_canceller_the_model_interrupts_itself(
    echo_path: VirtualAudio,
) -> None:
    """
    Its voice counts as speech of the user.
    """
    with (
        GA.connected(service={"replies": [TALE] * 100}) as (client, connection),
        client.talk() as call,
    ):
        client.create_response()
        until(lambda: received(connection, "conversation.item.truncate"), 20)
        assert sent(connection, STARTED)
        assert call.stats.interruptions >= 1
