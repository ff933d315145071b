"""
Tools that do what no tool should do: the session goes on, and the model is answered.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers.clients import GA, MANUAL

from azure_realtime import AzureRealTimeAudio, ConnectionClosed
from azure_realtime.simulator import Reply, ToolCall

Action = Callable[[AzureRealTimeAudio], Any]
CALL = Reply(calls=[ToolCall("it", {"a": {"x": 1}, "b": []})])


class Loud(BaseException):
    def __str__(self) -> str:
        raise KeyboardInterrupt


def _raise(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("action", "output"),
    [
        (lambda client: client.remove_tool("it"), "done"),
        (lambda client: str(client.tool(lambda: "new", name="it").name), "it"),
        (lambda client: client.ask("inner", timeout=5).text, "Fine."),
        (lambda client: _raise(SystemExit(3)), {"error": "SystemExit: 3"}),
        (lambda client: _raise(KeyboardInterrupt()), {"error": "KeyboardInterrupt"}),
        (lambda client: _raise(GeneratorExit()), {"error": "GeneratorExit"}),
        (lambda client: _raise(Loud()), {"error": "Loud"}),
        (
            lambda client: "x" * (30 << 20),
            {
                "error": "The function 'it' returned 31,457,282 bytes; a result may "
                "have 10,485,760"
            },
        ),
    ],
    ids=["removes", "replaces", "asks", "exit", "ctrl-c", "close", "loud", "huge"],
)
def test_the_session_survives_any_tool(action: Action, output: Any) -> None:
    """
    The model gets a result or an error, and the next question is answered.
    """
    replies = [CALL, "Fine.", "Fine.", "Again."]
    with GA.connected(service={"replies": replies}, session_config=MANUAL) as (
        client,
        wire,
    ):
        client.tool(lambda a, b: action(client), name="it")

        turn = client.ask("Go", timeout=10)
        again = client.ask("And now?", timeout=10)

        sent = [
            event["item"]["output"]
            for event in wire.received
            if event.get("item", {}).get("type") == "function_call_output"
        ]
    assert turn.text == "Fine."
    assert again.text
    assert sent == [output if isinstance(output, str) else json.dumps(output)]


def test_tool_calls_are_not_changed_by_the_function() -> None:
    """
    `tool_calls` has what the model wrote.
    """

    def change(a: dict[str, Any], b: list[Any]) -> str:
        a.clear()
        b.append(b)
        return "changed"

    with GA.connected(service={"replies": [CALL, "Fine."]}, session_config=MANUAL) as (
        client,
        _,
    ):
        client.tool(change, name="it")
        turn = client.ask("Go", timeout=10)

    assert json.loads(turn.tool_calls[0].arguments) == {"a": {"x": 1}, "b": []}


@pytest.mark.parametrize("returns", [True, False], ids=["returns", "blocks"])
def test_close_does_not_wait_for_a_running_function(returns: bool) -> None:
    """
    `close` returns soon, if the function calls it and if the function never returns.
    """
    started, end = threading.Event(), threading.Event()
    with GA.connected(service={"replies": [CALL]}, session_config=MANUAL) as (
        client,
        _,
    ):

        def it(a: Any, b: Any) -> None:
            started.set()
            if returns:
                client.close()
            else:
                end.wait(10)

        client.tool(it)
        answer = client.create_response()
        assert started.wait(5)
        before = time.monotonic()
        client.close(5)
        took = time.monotonic() - before
        end.set()

        answer.exception(5)  # the response is complete, or cut by close()
        with pytest.raises(ConnectionClosed):
            client.ask("And now?", timeout=5)
    assert took < 4
