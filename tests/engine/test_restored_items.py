"""
Which events only say that a restored item has arrived.
"""

from __future__ import annotations

from helpers.timing import at_most

from azure_realtime._engine.restored_items import RestoredItems
from azure_realtime.events import ConversationItemAdded, ConversationItemDone
from azure_realtime.models.items import MessageItem

_ITEM_IDS = {
    kind.type: lambda event: event.item.id
    for kind in (ConversationItemAdded, ConversationItemDone)
}


def _added(item_id: str) -> ConversationItemAdded:
    return ConversationItemAdded(item=MessageItem(role="user", content=[], id=item_id))


def _keep_id(item_id: str, event: object) -> bool:
    return False


def test_each_event_about_a_restored_item_is_an_acknowledgement_once() -> None:
    """
    A listener does not receive it; a later item with the same id is delivered.
    """
    restored = RestoredItems({"event_1": "item_1"}, _ITEM_IDS, _keep_id)
    done = ConversationItemDone(item=MessageItem(role="user", content=[], id="item_1"))

    assert not restored.is_acknowledgement(_added("item_2"))
    assert restored.is_acknowledgement(_added("item_1"))
    assert not restored.is_acknowledgement(_added("item_1"))
    assert restored.is_acknowledgement(done)
    assert not restored.is_acknowledgement(done)


def test_another_id_of_a_restored_item_replaces_its_own() -> None:
    """
    The service answers in order, so the first that has no answer is renamed.
    """
    renamed = []

    def rename(item_id: str, event: ConversationItemAdded) -> bool:
        renamed.append((item_id, event.item.id))
        return True

    commands = {"event_1": "item_1", "event_2": "item_2"}
    restored = RestoredItems(commands, _ITEM_IDS, rename)
    done = ConversationItemDone(item=MessageItem(role="user", content=[], id="own_1"))

    assert restored.is_acknowledgement(_added("own_1"))
    assert restored.is_acknowledgement(done)
    restored.refuse("event_2")
    assert not restored.is_acknowledgement(_added("own_3"))
    assert [("item_1", "own_1")] == renamed


def test_an_item_before_an_answered_one_gets_no_answer_any_more() -> None:
    """
    The service answers in order: it has dropped the first, and renamed none.
    """
    commands = {"event_1": "item_1", "event_2": "item_2"}
    restored = RestoredItems(commands, _ITEM_IDS, lambda item_id, event: True)

    assert restored.is_acknowledgement(_added("item_2"))
    assert not restored.is_acknowledgement(_added("own_3"))


def test_an_item_that_does_not_look_alike_is_an_ordinary_event() -> None:
    """
    Another item, of speech that the service has committed, is no restored one.
    """
    restored = RestoredItems({"event_1": "item_1"}, _ITEM_IDS, _keep_id)

    assert not restored.is_acknowledgement(_added("own_1"))
    assert restored.is_acknowledgement(_added("item_1"))


def test_errors_about_many_restored_items_are_matched_quickly() -> None:
    """
    A service that refuses items of a long conversation does not block the client.
    """
    commands = {f"event_{index}": f"item_{index}" for index in range(10_000)}
    restored = RestoredItems(commands, _ITEM_IDS, _keep_id)

    with at_most(1.0):
        for index in range(20):
            restored.refuse(f"event_{2 * index}")
            assert restored.unanswered[0] == (
                f"event_{2 * index + 1}",
                f"item_{2 * index + 1}",
            )
    assert len(restored.unanswered) == 9961
