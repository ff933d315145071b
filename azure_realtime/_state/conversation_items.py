"""
The items of a conversation, and how each event of the service changes them.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from .._memory import keep
from ..audio.formats import bytes_per_ms
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
from .item_builder import DRAFT_EVENTS, Draft, as_id, item_id_of
from .item_order import ItemOrder

#: Items kept; the oldest are forgotten.
MAX_ITEMS = 10_000
#: Bytes that they take, about, without the audio that was asked to be kept; likewise.
MAX_BYTES = 64 << 20
#: Items set aside (rule 2), and responses running; the oldest are forgotten.
MAX_STAGED = 64
#: Ids of deleted items, so that a late event does not bring one back.
MAX_DELETED = 1_000


class ConversationItems:
    """
    What `Conversation` holds; its rules are there. Its lock is held for every method.

    Args:
        keep_audio: Whether items keep their audio.
    """

    # the method that follows each class of events
    _RULES: ClassVar[dict[type[ServerEvent], Callable[[Any, Any], None]]]

    def __init__(self, keep_audio: bool) -> None:
        self._keep_audio = keep_audio
        self._drafts: dict[str, Draft] = {}
        self._order = ItemOrder()
        self._staged: dict[str, Draft] = {}
        self._deleted: dict[str, None] = {}
        self._bytes_per_ms = 48
        self._bytes_per_ms_of: dict[str, int] = {}  # by response
        self._unweighed = 0  # bytes, about, that came since all was weighed

    def _on_added(self, event: ConversationItemAdded | ConversationItemCreated) -> None:
        item_id = item_id_of(event)
        if not item_id:
            return
        self._deleted.pop(item_id, None)
        draft = self._drafts.get(item_id)
        if draft is None or draft.generation != event.generation:
            draft = self._place(event, item_id)
        draft.observe(event)

    def _on_done(self, event: ConversationItemDone | ConversationItemRetrieved) -> None:
        item_id = item_id_of(event)
        if not item_id or item_id in self._deleted:
            return
        draft = self._drafts.get(item_id) or self._staged.get(item_id)
        if draft is None or (item_id in self._staged and draft.response_id is None):
            draft = self._place(event, item_id)
        draft.observe(event)

    def _on_content(self, event: Any) -> None:
        item_id = item_id_of(event)
        if not item_id or item_id in self._deleted:
            return
        draft = self._drafts.get(item_id) or self._stage(item_id, event.generation)
        if draft.response_id is None and (
            response_id := as_id(getattr(event, "response_id", None))
        ):
            draft.response_id = response_id
            sizes = self._bytes_per_ms_of
            draft.bytes_per_ms = sizes.get(response_id, self._bytes_per_ms)
        draft.observe(event)

    def _on_truncated(self, event: ConversationItemTruncated) -> None:
        if event.item_id in self._drafts:
            self._drafts[event.item_id].observe(event)

    def _on_deleted(self, event: ConversationItemDeleted) -> None:
        item_id = item_id_of(event)
        self._forget(item_id)
        if item_id:
            keep(self._deleted, item_id, None, MAX_DELETED)

    def _on_session(self, event: SessionCreated | SessionUpdated) -> None:
        if event.session.output_audio_format is not None:
            self._bytes_per_ms = bytes_per_ms(event.session.output_audio_format)

    def _on_response_created(self, event: ResponseCreated) -> None:
        response = event.response
        if response.output_audio_format is not None and as_id(response.id):
            size = bytes_per_ms(response.output_audio_format)
            keep(self._bytes_per_ms_of, response.id, size, MAX_STAGED)

    def _on_response_done(self, event: ResponseDone) -> None:
        response = event.response
        self._bytes_per_ms_of.pop(response.id, None)
        for item in response.output:
            draft = self._drafts.get(item.id or "")
            if draft is not None:
                draft.report(item, final=True)
        status = "completed" if response.status == "completed" else "incomplete"
        for draft in self._drafts.values():
            if draft.response_id == response.id:
                draft.end(status)
        self._staged = {
            item_id: draft
            for item_id, draft in self._staged.items()
            if draft.response_id != response.id
        }

    def _stage(self, item_id: str, generation: int) -> Draft:
        draft = self._staged.get(item_id)
        if draft is None or draft.generation != generation:
            draft = Draft(keep_audio=self._keep_audio, generation=generation)
            keep(self._staged, item_id, draft, MAX_STAGED)
        return draft

    def _place(self, event: Any, item_id: str) -> Draft:
        """
        Take an item in, with all that was set aside of it.
        """
        draft = self._stage(item_id, event.generation)
        del self._staged[item_id]
        self._drafts[item_id] = draft
        self._order.add(item_id, _previous(event), event.generation)
        if len(self._order) > MAX_ITEMS:
            self._forget(next(iter(self._order)))
        return draft

    def _forget(self, item_id: str) -> None:
        self._drafts.pop(item_id, None)
        self._order.remove(item_id)
        self._staged.pop(item_id, None)

    def _weigh(self) -> None:
        """
        Forget the oldest items of more than is kept.
        """
        self._unweighed = 0
        drafts = {item_id: self._drafts[item_id] for item_id in self._order}
        drafts |= self._staged
        weight = sum(draft.weight for draft in drafts.values())
        for item_id, draft in drafts.items():
            if weight <= MAX_BYTES:
                break
            weight -= draft.weight
            self._forget(item_id)


def _previous(event: Any) -> str | Unset | None:
    """
    Return the id before; UNSET if the service did not say, which null is not.
    """
    previous: str | None = getattr(event, "previous_item_id", None)
    said = previous is not None or "previous_item_id" in event.raw
    return previous if said else UNSET


ConversationItems._RULES = {
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
