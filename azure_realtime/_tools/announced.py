"""
The calls that a service reports by ``response.function_call_arguments.done``.

Some services send no ``response.output_item.done``, which would say whether the call is
complete. So these calls are stored until their response is done. Their names may come
earlier, by ``response.output_item.added``.

Strictly private.
"""

from __future__ import annotations

from .._memory import put_bounded
from ..events import ResponseFunctionCallArgumentsDone, ResponseOutputItemAdded
from ..models.items import FunctionCallItem, Item

_MAX_RESPONSES = 64
_MAX_BEGUN = 256

#: The events that `AnnouncedCalls.add` takes.
ANNOUNCING = (ResponseFunctionCallArgumentsDone, ResponseOutputItemAdded)


class AnnouncedCalls:
    """
    The calls by response and index. Reader thread.
    """

    def __init__(self) -> None:
        self._calls: dict[str, dict[int, Item]] = {}
        self._begun: dict[str, FunctionCallItem] = {}  # without arguments, by item id

    def add(
        self, event: ResponseFunctionCallArgumentsDone | ResponseOutputItemAdded
    ) -> None:
        """
        Store the call in *event*, if its name is known.
        """
        if isinstance(event, ResponseOutputItemAdded):
            item = event.item
            if isinstance(item, FunctionCallItem) and item.id:
                put_bounded(self._begun, item.id, item, _MAX_BEGUN)
            return
        begun = self._begun.pop(event.item_id, FunctionCallItem("", ""))
        name, call_id = event.name or begun.name, event.call_id or begun.call_id
        if name and call_id:
            calls = self._calls.get(event.response_id, {})
            index = event.output_index
            while index in calls:  # some services send no index
                index += 1
            calls[index] = FunctionCallItem(name, event.arguments, call_id)
            put_bounded(self._calls, event.response_id, calls, _MAX_RESPONSES)

    def take(self, response_id: str) -> dict[int, Item]:
        """
        Remove the calls of a response, and return them by index.
        """
        return self._calls.pop(response_id, {})
