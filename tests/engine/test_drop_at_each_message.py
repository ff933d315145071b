"""
A turn whose connection is lost after the first message, the second, and so on to the
last: the question is asked again if `ask` says so, and nothing stands twice.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from helpers.clients import SENTENCE, Variant
from helpers.cutting import Cut, stored
from helpers.reconnecting import QUICK, EventRecorder
from helpers.voice import QUESTION

from azure_realtime import ConnectionClosed, ServerVad, SessionConfig, Transcription
from azure_realtime.simulator import Reply, Request, ToolCall


class _Speaker:
    """
    A source that speaks a question and is silent then.
    """

    rate = 24_000
    live = False

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(QUESTION), 9600):
            yield QUESTION[start : start + 9600]
        pace = threading.Event()
        while not pace.wait(0.002):  # the service needs some time to find the end
            yield bytes(960)


@attrs.frozen
class Case:
    """
    A kind of turn.

    Attributes:
        ask: The question, for `ask`.
        config: Fields of the session.
        tools: How many calls the first response makes.
        protocol: ``"ga"`` or ``"preview"``.
        retry: Whether interrupted responses are requested again.
    """

    ask: Any
    config: Any = attrs.Factory(dict)
    tools: int = 0
    protocol: str = "ga"
    retry: bool = False

    def expected(self, number: int) -> list[str]:
        """
        Return the items of the turn, if its calls are those of one response.
        """
        calls = [f"call_{number}_{index}" for index in range(self.tools)]
        return [
            *(["user: Q"] if self.ask.get("text") else []),
            *(["user: input_audio"] if self.ask.get("audio") is not None else []),
            *(f"call {call}" for call in calls),
            *(f"call_output {call}" for call in calls),
            "assistant: Fine.",
        ]


TEXT = {"text": "Q"}
HEARD = {"input_audio_transcription": Transcription()}
CASES = {
    "text": Case(TEXT),
    "tool": Case(TEXT, tools=1),
    "two tools": Case(TEXT, tools=2),
    "preview": Case(TEXT, tools=1, protocol="preview"),
    "retry": Case(TEXT, tools=1, retry=True),
    "speech": Case({"audio": SENTENCE}),
    "text and speech": Case({"text": "Q", "audio": SENTENCE}, HEARD),
    "turn detection": Case(
        {"audio": "speaker"}, {"turn_detection": ServerVad(), **HEARD}
    ),
}


def run(case: Case, after: int) -> bool:
    """
    Lose the connection after so many messages of a turn; return False if it has fewer.
    """
    numbers = itertools.count(1)

    def reply(request: Request) -> Reply:
        if case.tools and request.items[-1]["type"] == "message":
            number = next(numbers)
            calls = (f"call_{number}_{index}" for index in range(case.tools))
            return Reply(calls=[ToolCall("look", {}, call_id=call) for call in calls])
        return Reply("Fine.")

    cut = Cut(after)
    variant = Variant(case.protocol)
    config = SessionConfig(
        **{"modalities": ["text"], "turn_detection": None, **case.config}
    )
    options: dict[str, Any] = {
        **QUICK,
        "reconnect_interval": 0.001,
        "retry_response": case.retry,
        "session_config": config,
    }
    service = variant.service(
        replies=reply, pace=0, rate_limits=False, on_connection=cut
    )
    with service, variant.client(service.url, **options) as client:
        if case.tools:
            client.tool(lambda: "seen", name="look")
        recorder, raised = EventRecorder(client), list[ConnectionClosed]()
        client.connect(10)
        client.clear_audio_buffer().result(10)
        cut.begin()
        for _ in range(2):
            question = dict(case.ask)
            if question.get("audio") == "speaker":
                question["audio"] = _Speaker()
            try:
                assert client.ask(**question, timeout=10).text == "Fine."
                break
            except ConnectionClosed as error:
                raised.append(error)
        if not cut.done:
            return False
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(10)
        found = stored(service.connections[-1])
        local = len(client.conversation)
    assert all(error.reconnecting for error in raised)
    if not raised and "audio" in case.ask:
        return True  # complete: of speech, the new session has the transcript at most
    where = f"after {after} messages, the last {cut.sent[-1]}"
    assert found in (case.expected(1), case.expected(2)), where
    assert local == len(found), where
    return True


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_nothing_stands_twice_and_nothing_is_missing(name: str) -> None:
    """
    Wherever the connection is lost, the conversation is that of one turn, in order.
    """
    after = 1
    while run(CASES[name], after):
        after += 1
    assert after > 10


@pytest.mark.parametrize("after", [1, 2, 12, 13, 14, 15])
def test_a_turn_with_a_tool_stands_once(after: int) -> None:
    """
    The drops that are hardest: at the acknowledgements of the question and of the
    tool's output, and at the end of the response with the call.
    """
    assert run(CASES["tool"], after)


@pytest.mark.parametrize("restore", ["session", "none"])
def test_a_question_that_is_not_restored_is_not_answered(restore: str) -> None:
    """
    The response is not requested again in a session without the question.
    """
    cut = Cut(after=3)
    options = {**QUICK, "retry_response": True, "restore": restore}
    with (
        Variant("ga").service(pace=0, on_connection=cut) as service,
        Variant("ga").client(service.url, **options) as client,
    ):
        cut.begin()
        with pytest.raises(ConnectionClosed):
            client.ask("Q", timeout=10)
        client.clear_audio_buffer().result(10)
        kinds = [event["type"] for event in service.connections[-1].received]
        assert "response.create" not in kinds
