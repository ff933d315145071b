"""
When the next turn begins.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from azure_realtime import ConnectionClosed, ServerError
from azure_realtime._requests.future import CommandFuture
from azure_realtime._requests.response_requests import ResponseFuture
from azure_realtime.client.open_turn import OpenTurn


@pytest.mark.parametrize("failure", ["refused", "lost"])
def test_the_next_turn_waits_until_a_failed_question_is_undone(failure: str) -> None:
    """
    A question whose thread still sends audio does not mix with the next one.
    """
    ticket, conversation = Mock(), Mock()
    conversation.forget_turn.return_value = []
    turn = OpenTurn(Mock(), conversation, Mock(), Mock(), ticket)
    error: ServerError | ConnectionClosed
    if failure == "refused":
        error = ServerError("no such image")
        turn.take_back(error)
    else:
        error = ConnectionClosed(1006, reconnecting=True)
        turn.lose(error)
    with pytest.raises(type(error)):
        turn.check()
    assert not ticket.leave.called
    turn.close()
    assert ticket.leave.called


def test_the_next_turn_begins_if_a_turn_fails_after_its_question() -> None:
    """
    Whether its thread reads the stream or not.
    """
    ticket, response = Mock(), ResponseFuture(Mock(), Mock(), Mock())
    turn = OpenTurn(Mock(), Mock(), Mock(), Mock(), ticket)
    turn.follow(response)
    assert not ticket.leave.called
    turn.lose(ConnectionClosed(1006))
    assert ticket.leave.called


def test_speech_whose_commit_is_answered_at_once_is_removed_with_its_turn() -> None:
    """
    Also if the connection is lost before the calling thread goes on: the item of the
    speech does not stay in the conversation.
    """
    conversation = Mock()
    turn = OpenTurn(Mock(), conversation, Mock(), Mock(), Mock())

    def commit(expect: Any) -> CommandFuture[Any]:
        committed: CommandFuture[Any] = CommandFuture(Mock(), Mock(), Mock())
        expect(committed)
        committed.set_result(Mock(item_id="item_1"))
        turn.lose(ConnectionClosed(1006, reconnecting=True))
        return committed

    with pytest.raises(ConnectionClosed):
        turn.commit(commit)
    (question, _responses) = conversation.forget_turn.call_args.args
    assert question == {"item_1"}
