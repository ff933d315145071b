"""
Which events only say that a restored item has arrived.
"""

from __future__ import annotations

from azure_realtime._engine.restored_items import RestoredItems
from azure_realtime.events import ConversationItemAdded, ConversationItemDone
from azure_realtime.models.items import MessageItem

_ITEM_IDS = {
    kind.type: lambda event: event.item.id
    for kind in (ConversationItemAdded, ConversationItemDone)
}


def _added(item_id: str) -> ConversationItemAdded:
    return ConversationItemAdded(item=MessageItem(role="user", content=[], id=item_id))


def test_each_event_about_a_restored_item_is_an_acknowledgement_once() -> None:
    """
    A listener does not receive it; another item with that id, later, is news.
    """
    restored = RestoredItems({"event_1": "item_1"}, _ITEM_IDS)
    done = ConversationItemDone(item=MessageItem(role="user", content=[], id="item_1"))

    assert not restored.is_acknowledgement(_added("item_2"))
    assert restored.is_acknowledgement(_added("item_1"))
    assert not restored.is_acknowledgement(_added("item_1"))
    assert restored.is_acknowledgement(done)
    assert not restored.is_acknowledgement(done)


def test_restoring_is_done_when_each_item_is_accepted_or_refused() -> None:
    """
    Until then a connection that ends has not been of use.
    """
    restored = RestoredItems({"event_1": "item_1", "event_2": "item_2"}, _ITEM_IDS)

    restored.is_acknowledgement(_added("item_1"))
    assert not restored.done
    restored.refuse("event_2")
    assert restored.done
