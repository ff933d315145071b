"""
What cannot be a listener is refused in the call that registers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers.clients import GA

from azure_realtime import ProtocolWarning, RealtimeError


def _none() -> None:
    pass


def _two(first: object, second: object) -> None:
    pass


def _generator(event: object) -> Iterator[object]:
    yield event


async def _coroutine(event: object) -> None:
    pass


@pytest.mark.parametrize("method", ["on", "once"])
@pytest.mark.parametrize(
    ("listener", "text"),
    [
        (None, r"must be callable, not None: .*not the result of calling it"),
        ("print", "must be callable, not 'print'"),
        (_none, r"called with one argument, the event; .*_none.*signature \(\)"),
        (_two, "called with one argument"),
        (_generator, "generator function.*: do the work in a plain function"),
        (_coroutine, r"is async.*asyncio\.run\(\)"),
    ],
)
def test_what_cannot_be_a_listener_is_refused(
    method: str, listener: Any, text: str
) -> None:
    """
    One sentence says what it is and what is expected.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(TypeError, match=text):
        getattr(client, method)("response.done", listener)
    client.close()


def test_a_warning_about_an_unknown_name_says_what_is_done_with_it() -> None:
    """
    A wait is no listener.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.warns(ProtocolWarning, match=r"'response\.done'\? The listener is"):
        client.on("response.dnoe", print)
    with (
        pytest.warns(
            ProtocolWarning, match=r"'response\.done'\? The call waits for it"
        ),
        pytest.raises(RealtimeError),
    ):
        client.wait_for("response.dnone", timeout=5)
    client.close()


@pytest.mark.parametrize(
    "listener",
    [print, [].append, lambda *events: None, lambda event, more=1: None, dict],
)
def test_what_takes_one_argument_is_a_listener(listener: Any) -> None:
    """
    Also functions in C, and those with defaults.
    """
    client = GA.client("ws://127.0.0.1:9")
    assert client.on("response.done", listener) is listener
    assert client.on("response.done")(listener) is listener
    client.close()
