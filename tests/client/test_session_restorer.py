"""
What a new session gets of the old one.
"""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

from azure_realtime import SessionConfig
from azure_realtime._protocol.codec import Codec
from azure_realtime._state.conversation_state import ConversationState
from azure_realtime._state.session import SessionState
from azure_realtime.client.session_restorer import SessionRestorer
from azure_realtime.events import ConversationItemAdded
from azure_realtime.models.items import FunctionCallItem, FunctionCallOutputItem


def test_an_output_that_arrived_is_restored_once() -> None:
    """
    The tools report it as lost on its way, and the conversation has it.
    """
    conversation = ConversationState(keep_audio=False)
    output = FunctionCallOutputItem(call_id="call_1", output="5", id="item_2")
    lost = FunctionCallOutputItem(call_id="call_2", output="7", id="item_4")
    for item in (
        FunctionCallItem("add", "{}", "call_1", id="item_1"),
        output,
        FunctionCallItem("add", "{}", "call_2", id="item_3"),
    ):
        raw = {"previous_item_id": None}
        conversation.observe(ConversationItemAdded(item=item, generation=1, raw=raw))
    sender: Any = Mock()
    sender.codec = Codec(None)
    sender.identified = lambda command: command
    sender.responses.interrupted_response_ids.return_value = []
    config = SessionConfig()
    restorer = SessionRestorer(
        sender,
        config,
        SessionState(config),
        conversation,
        lambda: ([], [output, lost]),
        set,
        "conversation",
    )
    commands = [json.loads(message) for message in restorer.opening(True).messages[1:]]
    outputs = [c["item"]["output"] for c in commands if "output" in c["item"]]
    assert outputs == ["5", "7"]
