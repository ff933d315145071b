"""
What cannot be a listener is refused in the call that registers it.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
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


async def _async_generator(event: object) -> AsyncIterator[object]:
    yield event


class _Object:
    """
    What listeners may be methods of, or objects of.
    """

    def __init__(self, event: object) -> None:
        pass

    def __call__(self, event: object) -> Iterator[object]:
        yield event

    async def method(self, event: object) -> None:
        pass


MISTAKES = [
    (5, r"must be callable, not 5: .*not the result of calling it"),
    ("print", "must be callable, not 'print'"),
    (_none, r"called with one argument, the event; .*_none.*signature \(\)"),
    (_two, "called with one argument"),
    (_generator, "generator function.*: do the work in a plain function"),
    (_coroutine, r"is async.*asyncio\.run\(\)"),
    (_async_generator, r"is async.*asyncio\.run\(\)"),
    (_Object, "not the class .*_Object"),
    (_Object(None), "generator function"),
    (_Object(None).method, "is async"),
    (functools.partial(_coroutine), "is async"),
    (functools.partial(functools.partial(_async_generator)), "is async"),
    (functools.partial(_Object(None)), "generator function"),
    (functools.partial(_two, 1, 2), "called with one argument"),
    (staticmethod(_coroutine), "is async"),
]


@pytest.mark.parametrize("method", ["on", "once"])
@pytest.mark.parametrize(
    ("listener", "text"),
    [*MISTAKES, (None, r"must be callable, not None: .*not the result of calling it")],
)
def test_what_cannot_be_a_listener_is_refused(
    method: str, listener: Any, text: str
) -> None:
    """
    One sentence says what it is and what is expected.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(TypeError, match=f"a listener .*{text}"):
        getattr(client, method)("response.done", listener)
    client.close()


@pytest.mark.parametrize("method", ["wait_for", "expect"])
@pytest.mark.parametrize(("where", "text"), MISTAKES)
def test_what_cannot_be_a_predicate_is_refused(
    method: str, where: Any, text: str
) -> None:
    """
    The result of an async function, for example, would be true of each event.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(TypeError, match=f"where .*{text}"):
        getattr(client, method)("response.done", where=where)
    client.close()


@pytest.mark.parametrize("method", ["on", "once"])
def test_a_decorator_without_an_event_is_refused(method: str) -> None:
    """
    ``@client.on`` in place of ``@client.on("...")`` would register nothing.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(TypeError, match="an event is named by its type or its class"):
        getattr(client, method)(print)
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
    [print, [].append, lambda *events: None, lambda event, more=1: None],
)
def test_what_takes_one_argument_is_a_listener(listener: Any) -> None:
    """
    Also functions in C, and those with defaults.
    """
    client = GA.client("ws://127.0.0.1:9")
    assert client.on("response.done", listener) is listener
    assert client.on("response.done")(listener) is listener
    client.close()
