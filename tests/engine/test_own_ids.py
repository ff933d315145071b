"""
A service that gives each item an id of its own, another one in each session.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import Service, scripted

from azure_realtime import (
    AzureRealTimeAudio,
    MessageItem,
    ResponseFailed,
    ServerError,
)

RETRY: dict[str, Any] = {**QUICK, "restore": "conversation", "retry_response": True}


class OwnIds:
    """
    The ids of a service, over all its connections.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def add(self, service: Service) -> str:
        """
        Add the next item that the client creates; return the service's id of it.
        """
        item = service.read("conversation.item.create")["item"]
        own = f"own_{next(self._ids)}"
        service.say({"type": "conversation.item.added", "item": {**item, "id": own}})
        return own


@pytest.mark.parametrize("losses", [1, 2])
@pytest.mark.parametrize("how", ["refused", "failed"])
def test_a_question_is_removed_if_its_turn_fails_in_a_later_session(
    how: str, losses: int
) -> None:
    """
    The service knows the question by the id of the last session only.
    """
    ids, begun, removed = OwnIds(), threading.Semaphore(0), list[bool]()

    def lose(service: Service) -> None:
        ids.add(service)
        service.read("response.create")
        service.created("resp_1")
        assert begun.acquire(timeout=5)
        service.hang_up()

    def fail(service: Service) -> None:
        own = ids.add(service)
        request = service.read("response.create")
        if how == "refused":
            service.refuse("response_invalid", event_id=request["event_id"])
        else:
            service.created("resp_2")
            service.done("resp_2", status="failed")
        deleted = service.read("conversation.item.delete")["item_id"]
        removed.append(deleted == own)
        service.say({"type": "conversation.item.deleted", "item_id": deleted})

    with scripted(*[lose] * losses, fail, **RETRY) as (client, _):
        recorder = EventRecorder(client)
        client.on("response.created", lambda event: begun.release())
        with pytest.raises(ServerError if how == "refused" else ResponseFailed):
            client.ask("Q", timeout=10)
        recorder.wait("conversation.item.deleted")
        assert len(client.conversation) == 0
    assert removed == [True]


def test_an_item_is_found_by_the_ids_of_earlier_sessions() -> None:
    """
    A program may keep the id that it got when it created the item.
    """
    ids, received = OwnIds(), list[dict[str, Any]]()

    def first(service: Service) -> None:
        ids.add(service)
        service.read("input_audio_buffer.clear")
        service.hang_up()

    def second(service: Service) -> None:
        ids.add(service)
        service.read("input_audio_buffer.clear")
        service.say({"type": "input_audio_buffer.cleared"})
        received.append(service.read("conversation.item.create"))
        received.append(service.read("conversation.item.retrieve"))
        received.append(service.read("conversation.item.truncate"))
        received.append(service.read("conversation.item.delete"))
        service.say({"type": "conversation.item.deleted", "item_id": "own_2"})

    with scripted(first, second, **QUICK) as (client, _):
        recorder = EventRecorder(client)
        kept = _id_of(client, "Hello")
        assert kept == "own_1"
        client.clear_audio_buffer()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(5)
        found = client.conversation[kept]
        assert isinstance(found, MessageItem)
        assert (found.id, found.text) == ("own_2", "Hello")
        assert kept in client.conversation
        client.create_conversation_item("Next", previous_item_id=kept)
        client.retrieve_item(kept)
        client.truncate_item(kept, 0, 100)
        assert client.delete_item(kept).result(5).item_id == "own_2"
        assert kept not in client.conversation
    sent = [e.get("previous_item_id") or e["item_id"] for e in received]
    assert sent == ["own_2"] * 4


def _id_of(client: AzureRealTimeAudio, text: str) -> str:
    return client.create_conversation_item(text).result(5).id or ""
