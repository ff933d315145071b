"""
Audio that is sent, and what of it has arrived.
"""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Sequence

from azure_realtime import AzureRealTimeAudio
from azure_realtime.simulator import Connection


def arrived(
    client: AzureRealTimeAudio, wire: Connection, timeout: float = 5.0
) -> list[bytes]:
    """
    Return the audio of each append so far.
    """
    client.clear_audio_buffer().result(timeout)
    return [
        base64.b64decode(event["audio"], validate=True)
        for event in wire.received
        if event["type"] == "input_audio_buffer.append"
    ]


def pcm(samples: Sequence[float]) -> bytes:
    """
    Return samples as PCM16, rounded.
    """
    return struct.pack(f"<{len(samples)}h", *map(round, samples))


def noise(size: int) -> bytes:
    """
    Return random bytes, the same for the same size.
    """
    return random.Random(size).randbytes(size)
