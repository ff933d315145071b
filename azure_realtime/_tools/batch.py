"""
The calls of one response, from the first that is announced to the results.

Strictly private.
"""

from __future__ import annotations

from typing import NamedTuple

from ..models.items import FunctionCallItem, FunctionCallOutputItem
from ..models.responses import Response, ResponseConfig


class Call:
    """
    One call of a function.

    Attributes:
        settled: Whether its outcome is decided: a later one does not count.
        output: What the model is answered; None before that is decided.
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


class Batch:
    """
    The calls of one response.

    Attributes:
        response_id: The response.
        generation: The connection that it came by.
        rounds: How many responses of the same turn called tools before it.
        is_last: Whether those are as many as there may be.
        calls: By ``call_id``.
        closed: Whether the response is done, and no call will be added.
        config: What it was requested with.
        response: The response, once it is done.
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
        Whether each call has its outcome, and no other will come.
        """
        return self.closed and all(c.output is not None for c in self.calls.values())

    def results(self) -> Results:
        """
        Return what to send, in the order the model called.
        """
        calls = sorted(self.calls.values(), key=lambda call: call.output_index)
        return Results(
            self.response_id,
            self.generation,
            self.config,
            self.response,
            self.rounds,
            self.is_last,
            [FunctionCallItem(c.name, c.arguments, c.call_id) for c in calls],
            [FunctionCallOutputItem(c.call_id, c.output or "") for c in calls],
        )


class Results(NamedTuple):
    """
    What the functions returned that one response called.

    Attributes:
        response_id: The response.
        generation: The connection that it came by.
        config: What it was requested with; None if it was not, or with nothing.
        response: The response itself.
        rounds: As in `Batch`.
        is_last: As in `Batch`.
        calls: Its calls, in the order the model made them.
        outputs: What each of them returned.
    """

    response_id: str
    generation: int
    config: ResponseConfig | None
    response: Response | None
    rounds: int
    is_last: bool
    calls: list[FunctionCallItem]
    outputs: list[FunctionCallOutputItem]
