"""
A new session refuses an item that it is restored with.
"""

from __future__ import annotations

from typing import Any

import pytest
from helpers.clients import GA
from helpers.peer import Peer
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import RestoringService, Service, added

CALL = {
    "type": "function_call",
    "id": "item_call",
    "call_id": "call_1",
    "name": "look",
    "arguments": "{}",
}
OUTPUT = {
    "type": "function_call_output",
    "id": "item_output",
    "call_id": "call_1",
    "output": "42",
}


def says(text: str) -> dict[str, Any]:
    """
    Return a message of the user whose id is its text.
    """
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "id": text, "role": "user", "content": content}


class Refusing(RestoringService):
    """
    A service whose later sessions refuse some items; `created` has their ids.

    Args:
        refused: The ids of these items.
        error: Fields of the error, which does not quote the command.
        acknowledges: Whether it acknowledges the other items.
    """

    def __init__(
        self, refused: set[str], error: dict[str, Any], acknowledges: bool = True
    ) -> None:
        super().__init__()
        self._refused = refused
        self._error = {"type": "error", "error": error}
        self._acknowledges = acknowledges

    def answer(self, service: Service, command: dict[str, Any]) -> None:
        """
        Acknowledge or refuse an item; refuse an update of the session.
        """
        if command["type"] == "session.update":
            service.say(self._error)
        elif command["type"] == "conversation.item.create":
            item = command["item"]
            first = len(self.connections) == 1
            self.created[-1].append(item["id"])
            if item["id"] in self._refused and not first:
                service.say(self._error)
            elif self._acknowledges or first:
                service.say(added(item))


ERRORS: dict[str, dict[str, Any]] = {
    "code": {"code": "item_create_invalid_item_type"},
    "param": {"param": "item.content[0].text"},
    "nothing": {},
    "the id": {"message": "Cannot add 'second': No."},
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_about_a_restored_item_fails_no_command(name: str) -> None:
    """
    It does not quote the command. The item that my program creates meanwhile is
    created; the refused one is removed, and not restored again.
    """
    error = {"type": "invalid_request_error", "message": "No.", **ERRORS[name]}
    service = Refusing({"second"}, error)
    with Peer(service) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        for text in ("first", "second", "third"):
            client.create_conversation_item(says(text)).result(5)
        # queued before the new session is configured: pending with the restored items
        created: list[Any] = []
        client.on(
            "reconnecting",
            lambda _: created.append(client.create_conversation_item(says("fourth"))),
        )
        service.drop()
        recorder.wait("reconnected")
        assert created[0].result(5).id == "fourth"
        assert [i.id for i in client.conversation] == ["first", "third", "fourth"]
        service.drop()
        recorder.wait("reconnected", 2)
        client.clear_audio_buffer().result(5)
        assert service.created[-1][:3] == ["first", "third", "fourth"]


@pytest.mark.parametrize("refused", [{"item_call"}, {"item_call", "item_output"}])
def test_a_refused_call_is_removed_with_its_output(refused: set[str]) -> None:
    """
    Neither the conversation nor the next session has the call or its output.
    """
    error = {"type": "invalid_request_error", "code": "item_create_x", "message": "No."}
    service = Refusing(refused, error)
    with Peer(service) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        for item in (says("first"), CALL, OUTPUT):
            client.create_conversation_item(item).result(5)
        for count in (1, 2):
            service.drop()
            recorder.wait("reconnected", count)
            client.clear_audio_buffer().result(5)
        assert service.created[1] == ["first", "item_call", "item_output"]
        assert service.created[2] == ["first"]
        assert [item.id for item in client.conversation] == ["first"]


def test_a_later_error_is_not_about_items_that_are_never_acknowledged() -> None:
    """
    The service acknowledges no restored item; the refused update fails, and no item is
    removed.
    """
    error = {"type": "invalid_request_error", "message": "No."}
    service = Refusing(set(), error, acknowledges=False)
    with Peer(service) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.create_conversation_item(says("first")).result(5)
        service.drop()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(5)
        refused = client.update_session(instructions="Be brief.")
        assert refused.exception(5) is not None
        assert [item.id for item in client.conversation] == ["first"]
