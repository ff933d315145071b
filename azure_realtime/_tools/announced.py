"""
The calls that a service reports by ``response.function_call_arguments.done``.

Some services send no ``response.output_item.done``, which would say whether the call is
complete. So these calls are stored until their response is done.

Strictly private.
"""

from __future__ import annotations

from .._memory import put_bounded
from ..events import ResponseFunctionCallArgumentsDone
from ..models.items import FunctionCallItem, Item

_MAX_RESPONSES = 64


class AnnouncedCalls:
    """
    The calls by response and index. Reader thread.
    """

    def __init__(self) -> None:
        self._calls: dict[str, dict[int, Item]] = {}

    def add(self, event: ResponseFunctionCallArgumentsDone) -> None:
        """
        Store the call in *event*, if it is named.
        """
        if event.name and event.call_id:
            calls = self._calls.get(event.response_id, {})
            index = event.output_index
            while index in calls:  # some services send no index
                index += 1
            calls[index] = FunctionCallItem(event.name, event.arguments, event.call_id)
            put_bounded(self._calls, event.response_id, calls, _MAX_RESPONSES)

    def take(self, response_id: str) -> dict[int, Item]:
        """
        Remove the calls of a response, and return them by index.
        """
        return self._calls.pop(response_id, {})
