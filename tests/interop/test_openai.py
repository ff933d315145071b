"""
The ``openai`` package, unchanged, against the local service.

Each test is one conversation with the package's synchronous and asynchronous clients.
The first one connects in every way they have: GA on Azure's path and on OpenAI's own,
the beta namespace on OpenAI's path, and `AzureOpenAI` on the preview path.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from azure_realtime.simulator import Reply, Simulator, ToolCall
from azure_realtime.simulator._speech.voice import speak

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    openai = pytest.importorskip("openai")

Json = dict[str, Any]
_GA_NAMES = {"ga", "ga_own", "ga_websocket_url"}
_TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


class OpenAISession:
    """
    One connection of either client, seen through one pair of spectacles.
    """

    def __init__(self, connection: Any, protocol: str) -> None:
        self.connection = connection
        self.protocol = protocol
        self.types: list[str] = []

    @property
    def ga(self) -> bool:
        """
        Whether the connection speaks GA.
        """
        return self.protocol == "ga"

    async def do(self, result: Any) -> Any:
        """
        Await what the asynchronous client returns; pass on what the other one does.
        """
        return await result if inspect.isawaitable(result) else result

    async def until(self, *kinds: str) -> Any:
        """
        Receive until an event of one of these types has come.
        """
        while True:
            event = await self.do(self.connection.recv())
            self.types.append(event.type)
            if event.type in kinds:
                return event

    async def update(self, ga: Json, preview: Json) -> Any:
        """
        Update the session in the protocol's words, and return the answer.
        """
        session = {"type": "realtime", **ga} if self.ga else preview
        await self.do(self.connection.session.update(session=session))
        return await self.until("session.updated", "error")

    async def say(self, text: str) -> None:
        """
        Put a text of the user's into the conversation.
        """
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [part]}
        await self.do(self.connection.conversation.item.create(item=item))


Conversation = Callable[[OpenAISession], Awaitable[None]]


def _clients(way: str, url: str, asynchronous: bool) -> tuple[Any, str]:
    """
    Return a client's ``connect`` method and the protocol it will speak.
    """
    plain = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    azure = openai.AsyncAzureOpenAI if asynchronous else openai.AzureOpenAI
    http = url.replace("ws://", "http://")
    if way == "ga":
        client = plain(api_key="k", base_url=f"{http}/openai/v1")
        return client.realtime, "ga"
    if way == "ga_websocket_url":
        client = plain(api_key="k", websocket_base_url=f"{url}/openai/v1")
        return client.realtime, "ga"
    if way == "ga_own":
        return plain(api_key="k", websocket_base_url=f"{url}/v1").realtime, "ga"
    if way == "beta":
        client = plain(api_key="k", websocket_base_url=f"{url}/v1")
        return client.beta.realtime, "preview"
    client = azure(
        api_key="k",
        api_version="2025-04-01-preview",
        azure_endpoint=http,
        websocket_base_url=f"{url}/openai",
    )
    return client.beta.realtime, "preview"


# Each way to connect once, and the usual one with both of the package's clients; the
# tests but for the first use Azure's two, whose protocols and clients differ.
WAYS = [
    "ga-sync",
    "ga-async",
    "ga_websocket_url-async",
    "ga_own-sync",
    "beta-async",
    "azure_preview-sync",
]


@pytest.fixture(params=["ga-async", "azure_preview-sync"])
def hold(
    request: pytest.FixtureRequest,
) -> Callable[..., list[str]]:
    """
    Hold a conversation with a service, one way of connecting at a time.
    """
    way, kind = request.param.split("-")
    asynchronous = kind == "async"

    def held(conversation: Conversation, **options: Any) -> list[str]:
        with Simulator(**options) as service, warnings.catch_warnings():
            # What the package deprecates in itself is not our concern.
            warnings.simplefilter("ignore")
            realtime, protocol = _clients(way, service.url, asynchronous)

            async def converse() -> list[str]:
                if asynchronous:
                    async with realtime.connect(model="gpt-realtime") as connection:
                        return await _hold(conversation, connection, protocol)
                with realtime.connect(model="gpt-realtime") as connection:
                    return await _hold(conversation, connection, protocol)

            types = asyncio.run(converse())
            assert protocol == service.connections[0].protocol
            return types

    return held


async def _hold(
    conversation: Conversation, connection: Any, protocol: str
) -> list[str]:
    session = OpenAISession(connection, protocol)
    await conversation(session)
    return session.types


@pytest.mark.parametrize("hold", WAYS, indirect=True)
def test_a_session_is_updated_and_answers_text(hold: Callable[..., list[str]]) -> None:
    """Connecting, updating the session and a text turn work."""

    async def conversation(session: OpenAISession) -> None:
        created = await session.until("session.created")
        assert created.session.id.startswith("sess_")
        updated = await session.update(
            {"output_modalities": ["text"], "instructions": "Be brief."},
            {"modalities": ["text"], "instructions": "Be brief."},
        )
        assert "Be brief." == updated.session.instructions
        await session.say("Hello")
        await session.do(session.connection.response.create())
        name = "response.output_text.done" if session.ga else "response.text.done"
        text = await session.until(name)
        assert "Hi!" == text.text
        done = await session.until("response.done")
        assert "completed" == done.response.status
        assert "Hi!" == done.response.output[0].content[0].text

    hold(conversation, replies=["Hi!"])


def test_a_spoken_question_is_transcribed_and_answered(
    hold: Callable[..., list[str]],
) -> None:
    """Speech is found by its sound, written down, and answered aloud."""
    pcm = bytes(9600) + speak("Good morning everybody") + bytes(57_600)

    async def conversation(session: OpenAISession) -> None:
        whisper = {"model": "whisper-1"}
        await session.update(
            {"audio": {"input": {"transcription": whisper}}},
            {"input_audio_transcription": whisper},
        )
        for start in range(0, len(pcm), 9600):
            audio = base64.b64encode(pcm[start : start + 9600]).decode()
            await session.do(session.connection.input_audio_buffer.append(audio=audio))
        audio_name = "response.output_audio" if session.ga else "response.audio"
        delta = await session.until(f"{audio_name}.delta")
        assert len(base64.b64decode(delta.delta)) > 0
        words = await session.until(f"{audio_name}_transcript.done")
        assert "Good morning to you." == words.transcript
        done = await session.until("response.done")
        assert "completed" == done.response.status
        name = "conversation.item.input_audio_transcription.completed"
        if name not in session.types:
            assert "Good morning" == (await session.until(name)).transcript

    reply = Reply("Good morning to you.", heard="Good morning")
    types = hold(conversation, replies=[reply])

    turn = ["speech_started", "speech_stopped", "committed"]
    assert turn == [
        kind.removeprefix("input_audio_buffer.")
        for kind in types
        if kind.startswith("input_audio_buffer.")
    ]


def test_a_function_is_called_and_its_output_is_answered(
    hold: Callable[..., list[str]],
) -> None:
    """A function is called with arguments, and its output answered."""

    async def conversation(session: OpenAISession) -> None:
        await session.update(
            {"output_modalities": ["text"], "tools": [_TOOL]},
            {"modalities": ["text"], "tools": [_TOOL]},
        )
        await session.say("What is the weather in Oslo?")
        await session.do(session.connection.response.create())
        call = await session.until("response.function_call_arguments.done")
        assert {"city": "Oslo"} == json.loads(call.arguments)
        done = await session.until("response.done")
        assert "get_weather" == done.response.output[0].name
        output = {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": '{"celsius": 7}',
        }
        await session.do(session.connection.conversation.item.create(item=output))
        await session.do(session.connection.response.create())
        done = await session.until("response.done")
        assert "7" in done.response.output[0].content[0].text

    hold(conversation)


def test_a_spoken_answer_can_be_cancelled(hold: Callable[..., list[str]]) -> None:
    """A long answer can be cancelled while it is spoken."""

    async def conversation(session: OpenAISession) -> None:
        await session.say("Please tell me a very long story.")
        await session.do(session.connection.response.create())
        name = "response.output_audio.delta" if session.ga else "response.audio.delta"
        delta = await session.until(name)
        await session.do(session.connection.response.cancel())
        done = await session.until("response.done")
        assert "cancelled" == done.response.status
        await session.do(
            session.connection.conversation.item.truncate(
                item_id=delta.item_id, content_index=0, audio_end_ms=50
            )
        )
        truncated = await session.until("conversation.item.truncated")
        assert 50 == truncated.audio_end_ms

    hold(conversation)


def test_a_refused_command_is_an_error_event_and_the_session_goes_on(
    hold: Callable[..., list[str]],
) -> None:
    """A refused command is an error event, and the conversation goes on."""

    async def conversation(session: OpenAISession) -> None:
        await session.do(session.connection.response.cancel(event_id="mine"))
        error = await session.until("error")
        assert "response_cancel_not_active" == error.error.code
        assert "mine" == error.error.event_id
        refused = await session.update({"modalities": ["text"]}, {"type": "realtime"})
        assert "unknown_parameter" == refused.error.code
        await session.say("Still there?")
        await session.do(session.connection.response.create())
        assert "completed" == (await session.until("response.done")).response.status

    hold(conversation, replies=["Yes."])


def test_two_calls_of_one_response_are_two_items(
    hold: Callable[..., list[str]],
) -> None:
    """Two calls in one response arrive as two items."""

    async def conversation(session: OpenAISession) -> None:
        await session.update({"tools": [_TOOL]}, {"tools": [_TOOL]})
        await session.say("Two cities, please")
        await session.do(session.connection.response.create())
        done = await session.until("response.done")
        assert ["one", "two"] == [item.call_id for item in done.response.output]

    calls = [ToolCall("get_weather", {"city": "Oslo"}, name) for name in ("one", "two")]
    hold(conversation, replies=[Reply(calls=calls)])
