"""
The items of a conversation, and how each event of the service changes them.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from .._memory import put_bounded
from .._requests.failures import failure_of
from ..audio.formats import format_name
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ..models._unset import UNSET, Unset
from ..models.items import Item, looks_like
from .item_builder import DRAFT_EVENTS, ItemBuilder, as_id, item_id_of
from .item_order import ItemOrder

#: Maximum number of items; the oldest are removed.
MAX_ITEMS = 10_000
#: Maximum memory of the items in bytes, without kept audio; the oldest are removed.
MAX_BYTES = 64 << 20
#: Maximum number of staged items (rule 2) and of running responses.
MAX_STAGED = 64
#: Maximum number of remembered ids of deleted items. They prevent a late event from
#: adding a deleted item.
MAX_DELETED = 1_000


class ConversationItems:
    """
    The items of a `ConversationState`, under its rules and with its lock held.

    Args:
        keep_audio: Whether items keep their audio.
    """

    # event class -> the method that applies the event
    _HANDLERS: ClassVar[dict[type[ServerEvent], Callable[[Any, Any], None]]]

    def __init__(self, keep_audio: bool) -> None:
        self._keep_audio = keep_audio
        self._builders: dict[str, ItemBuilder] = {}
        self._order = ItemOrder()
        self._staged: dict[str, ItemBuilder] = {}
        self._deleted: dict[str, None] = {}
        self._assumed: dict[str, None] = {}  # ids of items without acknowledgement
        self._renamed: dict[str, str] = {}  # former id -> the id that replaced it
        # no item has a former id: an id that a service uses again is removed there
        self._audio_format = "pcm16"
        self._audio_formats: dict[str, str] = {}  # by response
        self._uncounted_bytes = 0  # approximate bytes since the last `_enforce_limit`

    def _on_added(self, event: ConversationItemAdded | ConversationItemCreated) -> None:
        item_id = item_id_of(event)
        if not item_id:
            return
        self._deleted.pop(item_id, None)
        if self._assumed:
            self._acknowledge(item_id, event.item)
        builder = self._builders.get(item_id)
        if builder is None or builder.generation != event.generation:
            builder = self._insert(event, item_id)
        builder.observe(event)

    def _on_done(self, event: ConversationItemDone | ConversationItemRetrieved) -> None:
        item_id = item_id_of(event)
        if not item_id or item_id in self._deleted:
            return
        builder = self._builders.get(item_id) or self._staged.get(item_id)
        if builder is None or (item_id in self._staged and builder.response_id is None):
            builder = self._insert(event, item_id)
        builder.observe(event)

    def _on_content(self, event: Any) -> None:
        item_id = item_id_of(event)
        if not item_id or item_id in self._deleted:
            return
        builder = self._builders.get(item_id) or self._stage(item_id, event.generation)
        if builder.response_id is None and (
            response_id := as_id(getattr(event, "response_id", None))
        ):
            builder.response_id = response_id
            formats = self._audio_formats
            builder.audio_format = formats.get(response_id, self._audio_format)
        builder.observe(event)

    def _on_truncated(self, event: ConversationItemTruncated) -> None:
        if event.item_id in self._builders:
            self._builders[event.item_id].observe(event)

    def _on_deleted(self, event: ConversationItemDeleted) -> None:
        item_id = item_id_of(event)
        self._forget(item_id)
        if item_id:
            put_bounded(self._deleted, item_id, None, MAX_DELETED)

    def _on_session(self, event: SessionCreated | SessionUpdated) -> None:
        if event.session.output_audio_format is not None:
            self._audio_format = format_name(event.session.output_audio_format)

    def _on_response_created(self, event: ResponseCreated) -> None:
        response = event.response
        if response.output_audio_format is not None and as_id(response.id):
            name = format_name(response.output_audio_format)
            put_bounded(self._audio_formats, response.id, name, MAX_STAGED)

    def _on_response_done(self, event: ResponseDone) -> None:
        response = event.response
        self._audio_formats.pop(response.id, None)
        for item in response.output:
            builder = self._builders.get(item.id or "")
            if builder is not None:
                builder.report(item, final=True)
        status = "completed" if failure_of(response) is None else "incomplete"
        for builder in self._builders.values():
            if builder.response_id == response.id:
                builder.end(status)
        self._staged = {
            item_id: builder
            for item_id, builder in self._staged.items()
            if builder.response_id != response.id
        }

    def _stage(self, item_id: str, generation: int) -> ItemBuilder:
        builder = self._staged.get(item_id)
        if builder is None or builder.generation != generation:
            builder = ItemBuilder(keep_audio=self._keep_audio, generation=generation)
            put_bounded(self._staged, item_id, builder, MAX_STAGED)
        return builder

    def _insert(self, event: Any, item_id: str) -> ItemBuilder:
        """
        Add an item to the conversation; return its staged builder, or a new one.
        """
        builder = self._stage(item_id, event.generation)
        del self._staged[item_id]
        self._builders[item_id] = builder
        self._renamed.pop(item_id, None)
        self._order.add(item_id, _previous(event), event.generation)
        if len(self._order) > MAX_ITEMS:
            self._forget(next(iter(self._order)))
        return builder

    def _assume(self, item_id: str, item: Item, response_id: str) -> None:
        """
        Add an unacknowledged item before the items of a response.
        """
        builders = self._builders
        following = (i for i in self._order if builders[i].response_id == response_id)
        builder = ItemBuilder(keep_audio=self._keep_audio)
        builder.report(item, final=True)
        builders[item_id] = builder
        builder.generation = self._order.add_before(item_id, next(following, None))
        put_bounded(self._assumed, item_id, None, MAX_STAGED)

    def _acknowledge(self, item_id: str, item: Item) -> None:
        """
        Note that an item was added; an assumed one may have another id now.
        """
        if item_id not in self._assumed and item_id not in self._builders:
            for assumed in self._assumed:
                builder = self._builders.get(assumed)
                if builder is not None and looks_like(builder.view(), item):
                    self._rename(assumed, item_id)
                    del self._assumed[assumed]
                    break
        self._assumed.pop(item_id, None)

    def _rename(self, item_id: str, new_id: str) -> None:
        self._builders[new_id] = self._builders.pop(item_id)
        self._order.rename(item_id, new_id)
        self._renamed.pop(new_id, None)
        put_bounded(self._renamed, item_id, new_id, MAX_ITEMS)

    def _present(self, item_id: str) -> str:
        """
        Return the id that an item has now (rule 6). Any thread, without the lock.
        """
        while (new_id := self._renamed.get(item_id)) is not None:
            item_id = new_id
        return item_id

    def _forget(self, item_id: str) -> None:
        self._builders.pop(item_id, None)
        self._assumed.pop(item_id, None)
        self._order.remove(item_id)
        self._staged.pop(item_id, None)

    def _enforce_limit(self) -> None:
        """
        Remove the oldest items until the others fit into `MAX_BYTES`.
        """
        self._uncounted_bytes = 0
        builders = {item_id: self._builders[item_id] for item_id in self._order}
        builders |= self._staged
        weight = sum(builder.weight for builder in builders.values())
        for item_id, builder in builders.items():
            if weight <= MAX_BYTES:
                break
            weight -= builder.weight
            self._forget(item_id)


def _previous(event: Any) -> str | Unset | None:
    """
    Return the ``previous_item_id``; None if it is null, UNSET if it is missing.
    """
    previous: str | None = getattr(event, "previous_item_id", None)
    is_present = previous is not None or "previous_item_id" in event.raw
    return previous if is_present else UNSET


ConversationItems._HANDLERS = {
    **dict.fromkeys(DRAFT_EVENTS, ConversationItems._on_content),
    ConversationItemAdded: ConversationItems._on_added,
    ConversationItemCreated: ConversationItems._on_added,
    ConversationItemDone: ConversationItems._on_done,
    ConversationItemRetrieved: ConversationItems._on_done,
    ConversationItemTruncated: ConversationItems._on_truncated,
    ConversationItemDeleted: ConversationItems._on_deleted,
    SessionCreated: ConversationItems._on_session,
    SessionUpdated: ConversationItems._on_session,
    ResponseCreated: ConversationItems._on_response_created,
    ResponseDone: ConversationItems._on_response_done,
}
