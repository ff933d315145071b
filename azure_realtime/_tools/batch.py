"""
The tool calls of one response and their results.

Strictly private.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..models.items import FunctionCallItem, FunctionCallOutputItem, Item
from ..models.responses import Response, ResponseConfig


class Call:
    """
    One call of a function.

    Attributes:
        settled: Whether the outcome is decided; later outcomes are dropped.
        output: The text for the model; None before the outcome is decided.
    """

    __slots__ = "arguments", "call_id", "name", "output", "output_index", "settled"

    def __init__(
        self, call_id: str, name: str, arguments: str, output_index: int
    ) -> None:
        self.call_id = call_id
        self.name = name
        self.arguments = arguments
        self.output_index = output_index
        self.settled = False
        self.output: str | None = None


def calls_in(items: Mapping[int, Item]) -> dict[str, Call]:
    """
    Return the complete calls among the items of a response, by ``call_id``.

    Args:
        items: The items by their index.
    """
    return {
        item.call_id: Call(item.call_id, item.name, item.arguments, index)
        for index, item in items.items()
        if isinstance(item, FunctionCallItem)
        and item.call_id
        and item.status != "incomplete"  # its arguments are cut off
    }


class Batch:
    """
    The calls of one response.

    Attributes:
        response_id: The id of the response.
        generation: The number of the connection on which it arrived.
        rounds: Number of earlier responses of the turn that called tools.
        is_last: Whether *rounds* has reached the limit.
        calls: The calls by ``call_id``.
        closed: Whether the response is done, so that no call is added.
        config: The configuration of the response's request.
        response: The response; None before it is done.
    """

    __slots__ = (
        "calls",
        "closed",
        "config",
        "generation",
        "is_last",
        "response",
        "response_id",
        "rounds",
    )

    def __init__(
        self, response_id: str, generation: int, rounds: int, is_last: bool
    ) -> None:
        self.response_id = response_id
        self.generation = generation
        self.rounds = rounds
        self.is_last = is_last
        self.calls: dict[str, Call] = {}
        self.closed = False
        self.config: ResponseConfig | None = None
        self.response: Response | None = None

    @property
    def complete(self) -> bool:
        """
        Whether the response is done and each call has its output.
        """
        return self.closed and all(c.output is not None for c in self.calls.values())

    def items(self) -> list[FunctionCallItem]:
        """
        Return the calls as items, in their order.
        """
        return [
            FunctionCallItem(call.name, call.arguments, call.call_id)
            for call in self._in_order()
        ]

    def _in_order(self) -> list[Call]:
        return sorted(self.calls.values(), key=lambda call: call.output_index)

    def results(self) -> Results:
        """
        Return the calls and outputs, in the order of the calls.
        """
        calls = self._in_order()
        return Results(
            self.response_id,
            self.config,
            self.response,
            self.rounds,
            self.is_last,
            self.items(),
            [FunctionCallOutputItem(c.call_id, c.output or "") for c in calls],
        )


class Results(NamedTuple):
    """
    The outputs of all tool calls of one response.

    Attributes:
        response_id: The id of the response.
        config: The configuration of its request; None if the client did not request
            it, or requested it without configuration.
        response: The response.
        rounds: As in `Batch`.
        is_last: As in `Batch`.
        calls: The calls, in the model's order.
        outputs: The output of each call, in the same order.
    """

    response_id: str
    config: ResponseConfig | None
    response: Response | None
    rounds: int
    is_last: bool
    calls: list[FunctionCallItem]
    outputs: list[FunctionCallOutputItem]
