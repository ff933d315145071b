"""
Tools that the service refuses, and tools that are taken away.
"""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from helpers.clients import GA, MANUAL, Variant
from helpers.reconnecting import QUICK, EventRecorder

from azure_realtime import (
    AzureRealTimeAudio,
    ConnectionClosed,
    FunctionTool,
    ServerError,
    SessionConfig,
)
from azure_realtime.simulator import Reply, ToolCall
from azure_realtime.simulator._wire.errors import ServiceError
from azure_realtime.simulator._wire.schema import Shape
from azure_realtime.simulator._wire.shapes import FUNCTION_TOOL

Eventually = Callable[..., None]


class Picky(Shape):
    """
    Text that a service does not take if it begins with one of some words.
    """

    def __init__(self, refused: set[str]) -> None:
        self.refused = refused

    def check(self, value: Any, path: str) -> None:
        """
        Raise what the service sends.
        """
        if value.startswith(tuple(self.refused)):
            raise ServiceError("invalid_value", f"Invalid value: '{value}'.", path)


@pytest.fixture(name="refused")
def _refused(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """
    Have the local service refuse tools whose name or description begins so.
    """
    refused = {"bad"}
    picky = Picky(refused)
    for field in ("name", "description"):
        monkeypatch.setitem(FUNCTION_TOOL.fields, field, picky)  # type: ignore[arg-type]
    return refused


def double(number: int) -> int:
    """
    Double a number.
    """
    return 2 * number


def register(client: AzureRealTimeAudio, *names: str) -> None:
    """
    Register one function under several names.
    """
    for name in names:
        client.tool(double, name=name)


def names(client: AzureRealTimeAudio) -> list[str]:
    """
    Return the names of the session's tools, as the service reports them.
    """
    assert client.session is not None
    return [tool.name for tool in client.session.tools or ()]  # type: ignore[union-attr]


def refusals(recorder: EventRecorder) -> list[str]:
    """
    Return the names of the tools that were refused.
    """
    return [event.tool for event in recorder.of("tool_error")]


@pytest.mark.parametrize("early", [True, False], ids=["early", "live"])
def test_a_refused_tool_is_named_and_does_not_affect_the_others(
    early: bool,
    variant: Variant,
    refused: set[str],
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Registered before the session or while it is on, together with others.
    """
    replies = [Reply(calls=[ToolCall("third", {"number": 4})]), "Eight."]
    with (
        variant.service(replies=replies, pace=0) as service,
        variant.client(service.url, session_config=MANUAL) as client,
    ):
        recorder = EventRecorder(client)
        if not early:
            client.connect(timeout=5)
        register(client, "first", "bad_one", "second", "bad_two", "third")
        client.connect(timeout=5)
        eventually(lambda: names(client) == ["first", "second", "third"])
        turn = client.ask("Double four.", timeout=5)

    assert ["bad_one", "bad_two"] == refusals(recorder)
    error = recorder.of("tool_error")[0].error
    assert isinstance(error, ServerError)
    assert "The service refused the tool 'bad_one'" in str(error)
    assert "invalid_value" == error.code
    assert "8" == turn.tool_calls[0].output
    logged = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert 2 == len(logged)
    assert "the tool 'bad_two'" in logged[1]


def test_a_refused_tool_is_logged_once(
    refused: set[str], eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Also where nothing listens to events.
    """
    with GA.connected() as (client, _):
        register(client, "bad", "good")
        eventually(lambda: names(client) == ["good"])

    logged = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert 1 == len(logged)
    assert "The service refused the tool 'bad'" in logged[0]


def test_tools_refused_by_a_new_session_do_not_affect_the_others(
    variant: Variant, refused: set[str], eventually: Eventually
) -> None:
    """
    They were under way when the connection was lost, or were registered meanwhile.
    """
    with (
        variant.service() as service,
        variant.client(service.url, **QUICK) as client,
    ):
        recorder = EventRecorder(client)
        client.connect(timeout=5)
        register(client, "first")
        eventually(lambda: names(client) == ["first"])
        connection = service.wait_for_connection()
        connection.stall()
        register(client, "second", "bad", "third")
        connection.drop()
        recorder.wait("reconnected")
        eventually(lambda: names(client) == ["first", "second", "third"])

        service.refuse(503, times=1)
        with client.expect("reconnecting", timeout=5):
            service.wait_for_connection().drop()
        register(client, "fourth", "bad_again", "fifth")
        everything = ["first", "second", "third", "fourth", "fifth"]
        eventually(lambda: names(client) == everything)

    assert ["bad", "bad_again"] == refusals(recorder)
    assert 2 == len(recorder.of("reconnected"))


def test_a_tool_that_only_the_last_session_took_is_dropped(
    variant: Variant, refused: set[str], eventually: Eventually
) -> None:
    """
    Another deployment answers after a reconnect: the session goes on with the others.
    """
    with (
        variant.service() as service,
        variant.client(service.url, **QUICK) as client,
    ):
        recorder = EventRecorder(client)
        client.connect(timeout=5)
        register(client, "first", "second", "third")
        eventually(lambda: names(client) == ["first", "second", "third"])
        refused.add("second")
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        eventually(lambda: names(client) == ["first", "third"])

    assert ["second"] == refusals(recorder)


def test_a_refusal_without_a_reason_finds_its_tool(
    refused: set[str], eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Azure's errors may have no code, no field and no id of a command.
    """
    monkeypatch.setattr(
        ServiceError,
        "body",
        lambda self, event_id: {
            "type": "invalid_request_error",
            "code": None,
            "message": "Invalid tool.",
            "param": None,
            "event_id": None,
        },
    )
    with (
        GA.service() as service,
        GA.client(service.url, **QUICK) as client,
    ):
        recorder = EventRecorder(client)
        client.connect(timeout=5)
        register(client, "first", "bad", "second", "third")
        eventually(lambda: names(client) == ["first", "second", "third"])
        refused.add("second")
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        eventually(lambda: names(client) == ["first", "third"])

    assert ["bad", "second"] == refusals(recorder)


def test_a_new_session_that_refuses_something_else_ends_the_client(
    refused: set[str], eventually: Eventually
) -> None:
    """
    It is tried without the tools once, no more.
    """
    with (
        GA.service() as service,
        GA.client(service.url, session_config={"tools": []}, **QUICK) as client,
    ):
        recorder = EventRecorder(client)
        client.connect(timeout=5)
        theirs = FunctionTool("theirs", "Theirs.")
        client.update_session(tools=[theirs]).result(timeout=5)
        register(client, "first")
        eventually(lambda: names(client) == ["theirs", "first"])
        refused.add("theirs")
        service.wait_for_connection().drop()
        error = recorder.wait("closed").error

    assert isinstance(error, ServerError)
    assert [] == refusals(recorder)


def test_tools_are_registered_where_nothing_is_restored(eventually: Eventually) -> None:
    """
    The client has them, so each session gets them.
    """
    with (
        GA.service() as service,
        GA.client(service.url, restore="none", **QUICK) as client,
    ):
        recorder = EventRecorder(client)
        client.connect(timeout=5)
        connection = service.wait_for_connection()
        connection.stall()
        register(client, "first", "second")
        connection.drop()
        recorder.wait("reconnected")
        eventually(lambda: names(client) == ["first", "second"])


def test_a_refused_replacement_keeps_the_earlier_tool(
    refused: set[str], eventually: Eventually
) -> None:
    """
    The tool is what it was before.
    """
    replies = [Reply(calls=[ToolCall("double", {"number": 4})]), "Eight."]
    with GA.connected(service={"replies": replies}, session_config=MANUAL) as (
        client,
        _,
    ):
        recorder = EventRecorder(client)
        client.tool(double)
        eventually(lambda: names(client) == ["double"])
        client.tool(lambda number: 0, name="double", description="bad")
        recorder.wait("tool_error")
        turn = client.ask("Double four.", timeout=5)
        tools: Any = client.session.tools if client.session else None

    assert "8" == turn.tool_calls[0].output
    assert "Double a number." == tools[0].description


@pytest.mark.parametrize("description", ["caf\udce9", "x" * 1025])
def test_a_tool_that_cannot_be_sent_is_not_kept(
    description: str, eventually: Eventually
) -> None:
    """
    It raises where it is registered, and only there.
    """
    with GA.connected() as (client, _):
        with pytest.raises(ValueError, match=r"half a character|1025 characters"):
            client.tool(double, description=description)
        register(client, "first")
        eventually(lambda: names(client) == ["first"])


def test_a_closed_client_takes_no_tool() -> None:
    """
    The call raises; a tool that was registered before is still callable by hand.
    """
    with GA.connected() as (client, _):
        tool = client.tool(double)
    with pytest.raises(ConnectionClosed):
        register(client, "late")
    with pytest.raises(ConnectionClosed):
        client.remove_tool("double")
    with pytest.raises(KeyError, match="the tools are: double"):
        client.remove_tool("late")

    assert 4 == tool(2)


def test_a_tool_removed_while_it_runs_finishes(
    variant: Variant, eventually: Eventually
) -> None:
    """
    The call finishes, and the model is answered; the tools of the configuration stay.
    """
    began, go = threading.Event(), threading.Event()
    replies = [Reply(calls=[ToolCall("slow")]), "Done."]
    theirs = FunctionTool("theirs", "Theirs.")
    config = MANUAL.merged(SessionConfig(tools=[theirs]))  # type: ignore[arg-type]
    with variant.connected(
        service={"replies": replies, "pace": 0}, session_config=config
    ) as (
        client,
        _,
    ):

        @client.tool
        def slow() -> str:
            """
            Take a while.
            """
            began.set()
            assert go.wait(5)
            return "at last"

        with client.stream("Go.", timeout=9) as stream:
            reader = threading.Thread(target=lambda: list(stream))
            reader.start()
            assert began.wait(5)
            client.remove_tool("slow")
            eventually(lambda: names(client) == ["theirs"])
            go.set()
            reader.join(9)

    assert "at last" == stream.turn.tool_calls[0].output
    assert "Done." == stream.turn.transcript


def register_itself(client: AzureRealTimeAudio) -> None:
    """
    Register a function that refers to the client.
    """
    client.tool(lambda: client, name="itself")


def test_a_client_whose_tool_refers_to_it_can_be_collected() -> None:
    """
    Nothing that registers tools keeps the client alive.
    """
    with GA.service() as service:
        client = GA.client(service.url)
        client.connect(timeout=5)
        register_itself(client)
        client.update_session(instructions="x").result(timeout=5)  # answered, too
        watch = weakref.ref(client)
        closed = service.wait_for_connection()
        del client
        gc.collect()

        assert watch() is None
        assert closed.wait_closed(5)
