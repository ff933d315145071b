"""
Mistakes of a first day: one sentence at the call, which says what to write.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from helpers.clients import GA

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    MessageItem,
    Response,
    ResponseConfig,
    SessionConfig,
    WebSocketOptions,
)


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda c: c.delete_item(MessageItem("user", "Hi")), "give the id, item.id"),
        (lambda c: c.retrieve_item(5), "item_id must be a str, not int"),
        (
            lambda c: c.wait_for("init", timeout="5"),
            "a number of seconds or None, not '5'",
        ),
        (lambda c: c.ask("Hi", timeout="5"), "a number of seconds or None, not '5'"),
        (lambda c: c.close("5"), "a number of seconds or None, not '5'"),
        (lambda c: c.connect("5"), "a number of seconds or None, not '5'"),
        (lambda c: c.expect("init", timeout="5"), "of seconds or None, not '5'"),
        (lambda c: c.events("init", timeout="5"), "of seconds or None, not '5'"),
        (lambda c: c.append_audio(bytes(96), "5"), "of seconds or None, not '5'"),
        (lambda c: c.tool(len, timeout="5"), "number of seconds, got '5'"),
        (lambda c: c.tool(len, timeout=None), "number of seconds, got None"),
        (lambda c: c.wait_for("init", where=5), "where must be callable, not 5"),
        (lambda c: c.expect("init", where=5), "where must be callable, not 5"),
        (lambda c: c.cancel_response(Response(id="r")), "give the id, response.id"),
        (lambda c: c.ask(["Hi"]), "must be a str, not list"),
        (lambda c: c.stream(b"Hi"), "must be a str, not bytes"),
    ],
)
def test_mistakes_in_calls_raise_before_anything_is_sent(
    mistake: Callable[[AzureRealTimeAudio], Any], text: str
) -> None:
    """
    Each is a TypeError before anything is sent.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(TypeError, match=text):
        mistake(client)
    client.close()


@pytest.mark.parametrize("timeout", [True, "5", [5], 5j, 10**400, math.nan])
@pytest.mark.parametrize(
    "call",
    [
        lambda c, timeout: c.ask("Hi", timeout=timeout),
        lambda c, timeout: c.stream("Hi", timeout=timeout),
        lambda c, timeout: c.connect(timeout),
        lambda c, timeout: c.close(timeout),
        lambda c, timeout: c.pump(timeout),
        lambda c, timeout: c.wait_closed(timeout),
        lambda c, timeout: c.wait_for("init", timeout=timeout),
        lambda c, timeout: c.expect("init", timeout=timeout),
        lambda c, timeout: c.events("init", timeout=timeout),
        lambda c, timeout: c.append_audio(bytes(96), timeout, rate=8000),
    ],
)
def test_mistakes_in_timeouts(call: Callable[..., Any], timeout: Any) -> None:
    """
    One sentence at the call, whether or not there is something to wait for.
    """
    client = GA.client("ws://127.0.0.1:9", dispatch="manual")
    with pytest.raises((TypeError, ValueError), match="a number of seconds or None"):
        call(client, timeout)
    client.close()


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda: SessionConfig(tempreature=1), "no field 'tempreature'.*'temperature'"),
        (lambda: ResponseConfig(instrutions=""), "Did you mean 'instructions'"),
        (lambda: WebSocketOptions(ping_intervall=1), "Did you mean 'ping_interval'"),
        (lambda: AzureRealTimeOptions(hostname="x"), "Did you mean 'host_name'"),
        (
            lambda: SessionConfig(turn_detection="server_vad"),
            r"ServerVad, .* a mapping such as .*'server_vad', \.\.\.\}, not 'server_vad'",
        ),
    ],
)
def test_mistakes_in_configurations_raise_with_the_right_name(
    mistake: Callable[[], Any], text: str
) -> None:
    """
    Each is a TypeError with the name that was meant.
    """
    with pytest.raises(TypeError, match=text):
        mistake()
