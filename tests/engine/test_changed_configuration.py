"""
A program that changes, later, what it has configured a client with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers.clients import GA, KEY
from helpers.reconnecting import QUICK, EventRecorder

from azure_realtime import AzureRealTimeAudio, ConnectionClosed, SessionConfig
from azure_realtime.options import WebSocketOptions

TEXT = {"modalities": ["text"], "turn_detection": None}


def _contain_itself(schema: dict[str, Any]) -> None:
    schema["properties"]["self"] = schema


CHANGES = pytest.mark.parametrize(
    "change",
    [
        lambda schema: schema.update(required={"city"}),
        lambda schema: schema["properties"].update(city={"const": float("nan")}),
        lambda schema: schema["properties"].update({(1, 2): {}}),
        _contain_itself,
    ],
    ids=["a set", "not a number", "a key that is no text", "a circle"],
)


def _with_tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"type": "function", "name": "look", "parameters": schema}]}


def _with_extra(schema: dict[str, Any]) -> dict[str, Any]:
    return {"extra": _with_tool(schema)}


def _new_schema() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


@CHANGES
@pytest.mark.parametrize("given", [_with_tool, _with_extra])
@pytest.mark.parametrize("late", [False, True], ids=["constructor", "update_session"])
def test_a_configuration_that_the_program_changes_is_restored_as_it_was(
    given: Callable[[dict[str, Any]], Any],
    change: Callable[[dict[str, Any]], None],
    late: bool,
) -> None:
    """
    The client connects again with the configuration that it was given.
    """
    schema = _new_schema()
    config = SessionConfig.from_mapping({**TEXT, **given(schema)})
    how = {"session_config": TEXT if late else config, **QUICK}
    with GA.service() as service, GA.client(service.url, **how) as client:
        recorder = EventRecorder(client)
        if late:
            client.update_session(config).result(5)
        change(schema)
        service.connections[-1].drop()
        recorder.wait("reconnected")
        restored = service.connections[-1].received[0]["session"]["tools"]
        assert restored[0]["parameters"] == _new_schema()


@CHANGES
def test_a_response_that_waits_for_its_turn_is_requested_as_it_was(
    change: Callable[[dict[str, Any]], None],
) -> None:
    """
    The program reuses the dict of a request that is still queued.
    """
    schema = _new_schema()
    with (
        GA.service(replies=["one two three four", "five"], pace=1.0) as service,
        GA.client(service.url, session_config=TEXT) as client,
    ):
        first = client.create_response()
        second = client.create_response(_with_tool(schema))
        change(schema)
        first.result(10)
        assert second.result(10).output


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Later", "a\r\nb"), ("X-Later", 5), ("X\0", "a"), (5, "a"), ("X-Later", "€")],
)
def test_headers_that_the_program_changes_do_not_affect_a_reconnect(
    name: Any, value: Any
) -> None:
    """
    The handshake of a reconnect has the headers that the client was given.
    """
    options = WebSocketOptions(headers={"X-Given": "1"}, **QUICK)
    with (
        GA.service() as service,
        AzureRealTimeAudio(GA.options(service.url), options) as client,
    ):
        recorder = EventRecorder(client)
        headers: Any = options.headers
        headers[name] = value
        service.connections[-1].drop()
        recorder.wait("reconnected")
        assert service.connections[-1].headers["x-given"] == "1"


def test_headers_that_are_changed_before_the_client_is_made_are_checked() -> None:
    """
    The constructor raises; no connection is attempted.
    """
    options = WebSocketOptions()
    headers: Any = options.headers
    headers["X-Line"] = f"a\r\nAuthorization: {KEY}"
    with pytest.raises(ValueError, match="X-Line"):
        AzureRealTimeAudio(GA.options("ws://127.0.0.1:9"), options)


def test_a_configuration_that_contains_itself_is_refused() -> None:
    """
    The constructor raises, and so does the method of a connected client.
    """
    schema = _new_schema()
    _contain_itself(schema)
    with pytest.raises(ValueError, match="nested too deeply"):
        GA.client("ws://127.0.0.1:9", session_config=_with_tool(schema))
    client = GA.client("ws://127.0.0.1:9")
    for method in (client.update_session, client.create_response):
        with pytest.raises((ValueError, ConnectionClosed), match="nested too deeply"):
            method(_with_tool(schema))
    client.close()
