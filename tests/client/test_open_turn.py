"""
When the next turn begins.
"""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from azure_realtime import ConnectionClosed, ServerError
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
