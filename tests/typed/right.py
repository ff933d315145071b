"""
Correct programs: type checkers in their strict modes report nothing here.
"""

from __future__ import annotations

import array
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    FunctionCallItem,
    FunctionTool,
    InputText,
    McpTool,
    MessageItem,
    ResponseError,
    SemanticVad,
    ServerError,
    SessionConfig,
    Turn,
)
from azure_realtime.events import (
    ConversationItemCreated,
    ErrorEvent,
    InputAudioBufferCommitted,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionUpdated,
    UnknownEvent,
)
from azure_realtime.models import UnknownItem

client = AzureRealTimeAudio(
    AzureRealTimeOptions("host", "deployment", "key", session_config={"voice": "ash"})
)
seconds: float = 0.0


# Listeners. The decorated function keeps its own signature.


@client.on("response.done")
@client.once("response.created")
def either(event: ResponseCreated | ResponseDone, note: str = "") -> str:
    return event.response.id + note


@client.on(ResponseDone)
@client.on(ResponseCreated)
@client.on("error")
@client.on("*")
def every(event: ServerEvent) -> int:
    return event.generation


@client.on("a.new.event")
def new(event: UnknownEvent) -> None:
    print(event.type, event.raw)


@client.once(ConversationItemCreated)
def former(event: ConversationItemCreated) -> None:
    print(event.item)


called: str = either(ResponseDone(), note="!")
counted: int = every(event=ErrorEvent())


class Player:
    def __init__(self) -> None:
        client.on("response.output_audio.delta", self.play)
        client.on("response.audio.delta", self.play)
        client.on(ResponseOutputAudioDelta, self.play)
        client.once("error", lambda event: print(event.error.message))
        client.on("tool_error", lambda event: print(event.tool, event.error))
        client.on("*", lambda event: print(event.type, event.problems))
        client.on("a.new.event", lambda event: print(event.raw))
        client.on("status_changed", print)

    def play(self, event: ResponseOutputAudioDelta) -> None:
        print(event.audio, len(event.delta))


def listen(name: str) -> None:
    client.on(name, lambda event: print(event.raw))
    client.off(name)


# Waits.


def waits(name: str) -> None:
    done = client.wait_for("response.done", where=lambda event: event.response.output)
    print(done.response.usage, done.type == "response.done")
    text: str = client.wait_for("response.text.delta", timeout=None).delta
    updated: SessionUpdated = client.wait_for("transcription_session.updated")
    created = client.wait_for(ResponseCreated, where=lambda event: event.response.id)
    event: ServerEvent = client.wait_for(name)
    print(text, updated.session.voice, created.response.id, event.raw)
    with client.expect("input_audio_buffer.committed", timeout=1) as committed:
        client.commit_audio()
    with client.expect(ResponseDone, where=lambda event: event.response.id) as ended:
        client.cancel_response()
    acknowledged: InputAudioBufferCommitted = committed.event
    print(acknowledged.item_id, ended.event.response.status)


def narrows() -> None:
    for event in client.events("response.output_text.delta", "response.done", "error"):
        if event.type == "response.done":
            print(event.response.status)
        elif event.type == "error":
            print(event.error.code)
        else:
            print(event.delta)


def streams(name: str) -> None:
    with client.events("response.audio.delta", timeout=5) as audio:
        print(b"".join(event.audio for event in audio))
    one: list[ResponseDone] = list(client.events("response.done"))
    for event in client.events(ResponseDone, ResponseOutputTextDelta):
        print(event.response if isinstance(event, ResponseDone) else event.delta)
    for mixed in client.events(ResponseDone, "response.output_text.delta"):
        print(mixed.response if isinstance(mixed, ResponseDone) else mixed.delta)
    four = client.events("init", "closed", "reconnected", "reconnecting")
    for state in four:
        match state.type:
            case "init" | "reconnected":
                print(state.session.id)
            case "closed":
                print(state.error)
            case "reconnecting":
                print(state.attempt)
    four.close()
    for any_event in client.events(
        "init", "closed", "reconnected", "reconnecting", "error"
    ):
        print(any_event.type, any_event.raw, one)
    for any_event in client.events(name, "a.new.event"):
        print(any_event.generation)
    for any_event in client.events():
        print(any_event.type)


# Turns, responses and sessions.


def turns() -> Turn:
    tool = FunctionTool("f", "Does it.", {"type": "object"})
    modalities = ["text"]  # a list of str
    turn = client.ask(
        "x",
        audio="question.wav",
        image=Path("picture.png"),
        modalities=modalities,
        voice={"id": "mine"},
        tools=[tool, {"type": "function", "name": "g"}],
        tool_choice="required",
        max_output_tokens="inf",
        conversation="none",
        input=[MessageItem("user", "Hello"), {"type": "item_reference", "id": "1"}],
        metadata={"a": "b"},
    )
    with client.stream("x", image=b"\x89PNG", modalities=("text",)) as stream:
        print([event.delta for event in stream])
    client.create_response({"instructions": "Be brief."}, voice="a new voice")
    client.update_session(
        turn_detection={"type": "semantic_vad"}, speed=1, tools=(McpTool("label"),)
    )
    client.update_session(turn_detection=SemanticVad(), include=["x"], voice="cedar")
    config = SessionConfig(
        modalities=["audio"],
        turn_detection=None,
        input_audio_transcription={"model": "whisper-1"},
        tools=[tool],
        truncation="auto",
    )
    client.update_session(config, tool_choice={"type": "function", "name": "f"})
    print(turn.seconds, client.conversation.items, client.conversation.get("id"))
    return stream.turn


def items() -> Iterator[str]:
    for item in client.conversation:
        if isinstance(item, UnknownItem):
            yield f"{item.type} {item.raw['id']}"
        match item:  # by class: the type of an unknown item is any text
            case MessageItem(content=parts):
                yield from (part.text for part in parts if isinstance(part, InputText))
            case FunctionCallItem(name=name):
                yield name
            case _:
                yield item.type


def audio(pieces: Iterator[bytes], memory: memoryview, anything: Any) -> None:
    client.append_audio(b"")
    client.append_audio(bytearray(), block=False)
    client.append_audio(memory, None)
    client.append_audio(array.array("h", [1]), rate=16_000)
    client.append_audio(Path("question.wav"))
    client.append_audio(io.BytesIO())
    with Path("question.wav").open("rb") as file:
        client.append_audio(file)
    client.append_audio(pieces)
    client.append_audio([b"", bytearray()])
    client.append_audio(anything)


def dispatches(options: AzureRealTimeOptions, pool: ThreadPoolExecutor) -> None:
    AzureRealTimeAudio(options, dispatch="manual")
    AzureRealTimeAudio(options, dispatch=pool)
    AzureRealTimeAudio(options, dispatch=pool.submit)
    AzureRealTimeAudio(options, dispatch=lambda job: job())


def errors() -> None:
    try:
        turns()
    except ResponseError as error:
        print(error.response.output)
    except ServerError as error:
        print(error.code, error.event.raw if error.event else None)


class Own(AzureRealTimeAudio):
    def more(self) -> None:
        """Do more."""


with Own.from_env(dispatch="thread") as own:
    own.more()


# Tools keep their signature.


@client.tool
def add(a: int, b: int = 1) -> int:
    """Add."""
    return a + b


@client.tool(name="other", timeout=3)
def subtract(a: int, *, b: int) -> int:
    """Subtract."""
    return a - b


total: int = add(1, b=2) + subtract(1, b=2) + client.tool(lambda: 5, name="five")()

client.create_conversation_item("Hello")
