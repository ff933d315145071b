"""
The calls of one response, from the first that is announced to the results.

Strictly private.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs

from ..models.items import FunctionCallItem, FunctionCallOutputItem
from ..models.responses import Response, ResponseConfig


@attrs.define(eq=False)
class Call:
    """
    One call of a function.

    Attributes:
        settled: Whether its outcome is decided: a later one does not count.
        output: What the model is answered; None before that is decided.
    """

    call_id: str
    name: str
    arguments: str
    output_index: int
    settled: bool = False
    output: str | None = None


@attrs.define(eq=False)
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

    response_id: str
    generation: int
    rounds: int
    is_last: bool
    calls: dict[str, Call] = attrs.field(factory=dict)
    closed: bool = False
    config: ResponseConfig | None = None
    response: Response | None = None

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
