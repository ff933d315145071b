"""
Recordings that are written by hand.
"""

from __future__ import annotations

import pytest
from helpers.recording_script import HOSTILE, Script


@pytest.fixture
def script() -> Script:
    """
    A session with one spoken turn of which all times are known.
    """
    script = Script()
    script.session()
    script.speak(0.0, 0)
    script.done(4.0, script.answer(2.5, 0))
    return script


@pytest.fixture
def hostile(script: Script) -> Script:
    """
    A session in which every text of the service is an attack.
    """
    item = {"type": "message", "role": "user", "id": "item_9", "content": []}
    item["content"] = [{"type": "input_text", "text": HOSTILE}]
    script.add("in", 4.9, "conversation.item.added", item=item)
    script.answer(5.0, 9, seconds=1)
    script.mark(5.5, HOSTILE)
    call = {"response_id": "resp_9", "item_id": "c", "output_index": 1, "call_id": "k"}
    arguments = "response.function_call_arguments.done"
    script.add("in", 5.2, arguments, **call, name=HOSTILE, arguments=HOSTILE)
    script.add("in", 5.3, "error", error={"code": HOSTILE, "message": HOSTILE})
    output = {"type": "function_call_output", "call_id": "k", "output": HOSTILE}
    script.add("in", 5.9, "conversation.item.added", item=output)
    answer = {
        "type": "message",
        "role": "assistant",
        "id": "answer_9",
        "content": [{"type": "output_audio", "transcript": HOSTILE}],
    }
    called = {
        "type": "function_call",
        "id": "c",
        "call_id": "k",
        "name": HOSTILE,
        "arguments": HOSTILE,
    }
    body = {"id": "resp_9", "status": HOSTILE, "output": [answer, called]}
    script.add("in", 6.0, "response.done", response=body)
    transcription = "conversation.item.input_audio_transcription.completed"
    script.add("in", 6.1, transcription, item_id="item_0", transcript=HOSTILE)
    return script
