"""
Mistakes of a first day: one sentence at the call, which says what to write.
"""

from __future__ import annotations

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
        (lambda c: c.wait_for("init", where=5), "a function of the event, not int"),
        (lambda c: c.expect("init", where=5), "a function of the event, not int"),
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
