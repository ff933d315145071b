"""
Ctrl-C while a service is started or stopped: nothing of it stays.

The interrupt comes before any line of the service's code.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import Mock

import pytest
from helpers.interrupts import is_interrupted

import azure_realtime.simulator
from azure_realtime.simulator import Simulator

FOLDER = str(Path(azure_realtime.simulator.__file__).parent)
Join = Callable[..., Any]


def may_be_interrupted(frame: FrameType, event: str) -> bool:
    """
    Return whether Ctrl-C may come at a step of the service's code: at the beginning of
    a line or function, or where `start` has returned to `__enter__`.
    """
    name = frame.f_code.co_name
    # Only `close_shutdown_pipe` closes the two descriptors of websockets up to 16.
    if event == "line":
        return name != "close_shutdown_pipe" and "server" not in frame.f_locals
    if event == "return" and frame.f_back is not None:
        return (name, frame.f_back.f_code.co_name) == ("start", "__enter__")
    return event == "call" and name != "close_shutdown_pipe"


def is_interrupted_at(number: int, call: Callable[[], object]) -> bool:
    """
    Call, and interrupt it at a step of the service's code; False if it has fewer.
    """
    return is_interrupted(call, number, FOLDER, may_be_interrupted)


def accepts(port: int) -> bool:
    """
    Return whether a client can connect to a port.
    """
    try:
        socket.create_connection(("127.0.0.1", port), 5.0).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.slow
def test_a_second_stop_ends_what_an_interrupted_stop_left(join: Join) -> None:
    """
    At whatever line the first one is interrupted. The client sees close code 1001.
    """
    for number in itertools.count():
        service = Simulator(pace=0).start()
        client = join(service)
        interrupted = is_interrupted_at(number, service.stop)
        service.stop()

        assert not accepts(service.port)
        assert service.connections[0].wait_closed(0)
        with pytest.raises(Exception, match="1001"):
            client.receive()
        if not interrupted:
            break
    assert number > 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_with_block_leaves_no_service() -> None:
    """
    Wherever the interrupt comes: at its beginning, or at its end.
    """
    for number in itertools.count():
        service = Simulator()

        def block(service: Simulator = service) -> None:
            with service:
                pass

        interrupted = is_interrupted_at(number, block)

        assert service.port == 0 or not accepts(service.port)
        if not interrupted:
            break
    assert number > 10


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_start_leaves_no_service() -> None:
    """
    The program has no service that it could stop.
    """
    for number in itertools.count():
        service = Simulator()
        interrupted = is_interrupted_at(number, service.start)
        if not interrupted:
            break
        assert service.port == 0 or not accepts(service.port)
    service.stop()
    assert number > 10


def test_an_exit_stack_stops_a_service() -> None:
    with ExitStack() as stack:
        service = stack.enter_context(Simulator())
        assert accepts(service.port)

    assert not accepts(service.port)


def test_looking_at_the_attributes_of_a_service_does_not_stop_it() -> None:
    """
    As a debugger and `unittest.mock` do.
    """
    with Simulator() as service:
        Mock(spec=service)

        assert accepts(service.port)
