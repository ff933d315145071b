"""
LiveKit's realtime plugin, unchanged, against the local service.

It connects in Azure's way and in OpenAI's. The package is in the extra ``interop``.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from azure_realtime.simulator import Reply, Simulator, ToolCall

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    realtime = pytest.importorskip("livekit.plugins.openai").realtime
    from aiohttp import ClientSession
    from livekit.agents import llm

Session = Any
LONG = "and so the story went on, " * 60
TIMEOUT = 20.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.parametrize("style", ["azure", "plain"]),
]


def _model(style: str, url: str, http: ClientSession) -> Any:
    address = url.replace("ws", "http", 1)
    fields: dict[str, Any] = {
        "api_key": "a-key",
        "modalities": ["text"],
        "turn_detection": None,
        "http_session": http,
    }
    if style == "azure":
        return realtime.RealtimeModel.with_azure(
            azure_deployment="gpt-realtime", azure_endpoint=address, **fields
        )
    return realtime.RealtimeModel(
        model="gpt-realtime", base_url=f"{address}/v1", **fields
    )


def hold(
    style: str, service: Simulator, conversation: Callable[[Session], Awaitable[None]]
) -> None:
    """
    Hold a conversation in one session.
    """

    async def main() -> None:
        async with ClientSession() as http:
            model = _model(style, service.url, http)
            session = model.session()
            try:
                await asyncio.wait_for(conversation(session), TIMEOUT)
            finally:
                await session.aclose()
                await model.aclose()

    asyncio.run(main())


async def say(session: Session, text: str) -> None:
    """
    Add a message of the user.
    """
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=text)
    await session.update_chat_ctx(context)


async def text_of(generation: Any) -> str:
    """
    Return the text of an answer.
    """
    parts = []
    async for message in generation.message_stream:
        async for part in message.text_stream:
            parts.append(str(part))
    return "".join(parts)


def test_a_question_is_answered(style: str) -> None:
    """
    A question and its answer.
    """

    async def conversation(session: Session) -> None:
        await say(session, "What is the capital of France?")
        assert await text_of(await session.generate_reply()) == "Paris."

    with Simulator(replies=["Paris."], pace=0) as service:
        hold(style, service, conversation)
        connection = service.wait_for_connection()
    expected = "/openai/v1/realtime" if style == "azure" else "/v1/realtime"
    assert connection.path.partition("?")[0] == expected
    assert not [event for event in connection.sent if event["type"] == "error"]


def test_a_tool_is_called_and_its_result_is_answered(style: str) -> None:
    """
    The function is called with the model's arguments, and its result is answered.
    """

    @llm.function_tool
    async def get_weather(city: str) -> str:
        """
        Tell the weather of a city.
        """
        return f"Rain in {city}."

    async def conversation(session: Session) -> None:
        await session.update_tools([get_weather])
        await say(session, "What is the weather in Oslo?")
        generation = await session.generate_reply()
        assert await text_of(generation) == ""
        calls = [call async for call in generation.function_stream]
        assert [(c.name, c.arguments) for c in calls] == [
            ("get_weather", '{"city": "Oslo"}')
        ]
        context = session.chat_ctx.copy()
        context.items.append(
            llm.FunctionCallOutput(
                call_id=calls[0].call_id,
                name="get_weather",
                output=await get_weather("Oslo"),
                is_error=False,
            )
        )
        await session.update_chat_ctx(context)
        assert await text_of(await session.generate_reply()) == "It rains."

    replies = [Reply(calls=[ToolCall("get_weather", {"city": "Oslo"})]), "It rains."]
    with Simulator(replies=replies, pace=0) as service:
        hold(style, service, conversation)
        connection = service.wait_for_connection()
    assert not [event for event in connection.sent if event["type"] == "error"]


def test_an_interrupted_answer_ends_and_the_next_is_given(style: str) -> None:
    """
    An interrupted answer ends, and the next question is answered.
    """

    async def conversation(session: Session) -> None:
        await say(session, "Tell me a story.")
        generation = await session.generate_reply()
        async for message in generation.message_stream:
            async for _ in message.text_stream:
                session.interrupt()
                break
            break
        await say(session, "Thank you.")
        while not ended(service.connections[0].sent):
            await asyncio.sleep(0)
        assert await text_of(await session.generate_reply()) == "Good night."

    def ended(sent: list[Any]) -> bool:
        return any(event["type"] == "response.done" for event in sent)

    with Simulator(replies=[LONG, "Good night."]) as service:
        hold(style, service, conversation)
        connection = service.wait_for_connection()
    done = [e for e in connection.sent if e["type"] == "response.done"]
    assert [e["response"]["status"] for e in done] == ["cancelled", "completed"]
