"""
The fixture of the virtual sound device, for the folders that use it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from azure_realtime.audio import devices
from helpers.virtual_audio import VirtualAudio, missing


@pytest.fixture(scope="session")
def virtual_audio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualAudio]:
    """
    The server with the default microphone and loudspeaker of this process.
    """
    if why := missing():
        pytest.skip(why)
    server = VirtualAudio(tmp_path_factory.mktemp("pulse"))
    before = os.environ.get("PULSE_SERVER")
    os.environ["PULSE_SERVER"] = server.address
    try:
        try:
            server.start()
        except RuntimeError as error:
            pytest.skip(str(error))
        devices.list_devices()  # makes PortAudio look for devices again
        yield server
    finally:
        server.stop()
        del os.environ["PULSE_SERVER"]
        if before is not None:
            os.environ["PULSE_SERVER"] = before
