"""
Turns as they travel: messages of both protocols, and what may come before what.

A turn is a partial order (`protocol.md` sections 4 and 8): every message names those
that must come before it. `orders` draws one of the orders that this allows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import attrs
from hypothesis import strategies as st

from azure_realtime._protocol.codec import Codec
from azure_realtime.events import ServerEvent
from azure_realtime.events._names import RENAMED

GA = None
PREVIEW = "2025-04-01-preview"
PROTOCOLS = [GA, PREVIEW]

Json = dict[str, Any]
_OLD_NAMES = {new: old for old, new in RENAMED.items()} | {
    "conversation.item.added": "conversation.item.created"
}
_OLD_PARTS = {"output_text": "text", "output_audio": "audio"}


def audio(ms: int, value: int = 1, size: int = 48) -> bytes:
    """
    Return so many milliseconds of audio in a format of *size* bytes a millisecond.
    """
    return bytes([value]) * (size * ms)


def base64_of(data: bytes) -> str:
    """
    Return *data* as base64 text.
    """
    return base64.b64encode(data).decode()


def on_wire(message: Json, protocol: str | None) -> Json | None:
    """
    Return *message*, in GA words, as *protocol* says it; None if it does not.
    """
    if protocol is GA:
        return message
    if message["type"] == "conversation.item.done":
        return None
    message = json.loads(json.dumps(message))
    message["type"] = _OLD_NAMES.get(message["type"], message["type"])
    response = message.get("response", {})
    for item in [message.get("item", {}), *(response.get("output") or ())]:
        if item.get("role") == "assistant":
            for part in item["content"]:
                part["type"] = _OLD_PARTS.get(part["type"], part["type"])
    if "audio" in response:
        kind = response.pop("audio")["output"]["format"]["type"]
        response["output_audio_format"] = _FLAT[kind]
    if response and response.get("conversation_id") is None:
        response.pop("conversation_id", None)  # the first builds have no such field
    if "session" in message:
        kind = message["session"]["audio"]["output"]["format"]["type"]
        message["session"] = {"output_audio_format": _FLAT[kind]}
    return message


_FLAT = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}


def events(
    messages: Iterable[Json], protocol: str | None = GA, generation: int = 0
) -> list[ServerEvent]:
    """
    Return what arrives above the codec when *messages*, in GA words, are sent.
    """
    codec = Codec(protocol)
    wire = [on_wire(message, protocol) for message in messages]
    return [
        event
        for message in wire
        if message is not None
        for event in codec.decode(json.dumps(message), generation)
    ]


@attrs.frozen
class Step:
    message: Json
    after: tuple[int, ...]


class Script:
    """
    Messages, and which must come before which.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, kind: str, *after: int, **fields: Any) -> int:
        """
        Add a message that comes after these steps; return its own.
        """
        self.steps.append(Step({"type": kind, **fields}, after))
        return len(self.steps) - 1

    def chain(
        self, kind: str, start: int, field: str, values: Iterable[str], **fields: Any
    ) -> int:
        """
        Add messages that come one after the other; return the last step.
        """
        for value in values:
            start = self.add(kind, start, **{field: value}, **fields)
        return start

    @property
    def messages(self) -> list[Json]:
        """
        All messages, in the order they were written down.
        """
        return [step.message for step in self.steps]

    @st.composite
    def orders(draw: Any, self: Script) -> list[Json]:  # noqa: N805
        """
        Draw an order of all messages that the service may send them in.
        """
        done: set[int] = set()
        order: list[Json] = []
        while len(done) < len(self.steps):
            ready = [
                index
                for index, step in enumerate(self.steps)
                if index not in done and done.issuperset(step.after)
            ]
            index = draw(st.sampled_from(ready))
            done.add(index)
            order.append(self.steps[index].message)
        return order


def message_item(item_id: str, role: str, *content: Json, **fields: Any) -> Json:
    """
    Return a message as the service reports it.
    """
    return {
        "id": item_id,
        "type": "message",
        "role": role,
        "content": list(content),
        "status": "completed",
        **fields,
    }


def call_item(item_id: str, name: str, call_id: str, arguments: str = "") -> Json:
    """
    Return a function call as the service reports it.
    """
    return {
        "id": item_id,
        "type": "function_call",
        "name": name,
        "call_id": call_id,
        "arguments": arguments,
        "status": "completed" if arguments else "in_progress",
    }


def output_item(item_id: str, call_id: str, output: str) -> Json:
    """
    Return a function's output as the service reports it.
    """
    return {
        "id": item_id,
        "type": "function_call_output",
        "call_id": call_id,
        "output": output,
        "status": "completed",
    }


def added(item: Json, previous: str | None) -> Json:
    """
    Return the events of a new item.
    """
    return {
        "type": "conversation.item.added",
        "previous_item_id": previous,
        "item": item,
    }


def user(item_id: str, text: str, previous: str | None = None) -> Json:
    """
    Return the events of a new text of the user.
    """
    part = {"type": "input_text", "text": text}
    return added(message_item(item_id, "user", part), previous)


def response(response_id: str, **fields: Any) -> Json:
    """
    Return a response of the conversation.
    """
    return {"id": response_id, "conversation_id": "conv_1", "output": [], **fields}


def speech(
    script: Script,
    start: int,
    response_id: str,
    item_id: str,
    *,
    words: list[str],
    sound: list[bytes],
    previous: str | None,
    output_index: int = 0,
    **fields: Any,
) -> tuple[int, int, Json]:
    """
    Add a spoken item of a response to *script*.

    Returns:
        The step that adds it to the conversation, the last step, and the item.
    """
    at = {"response_id": response_id, "output_index": output_index}
    part_at = {**at, "item_id": item_id, "content_index": 0}
    transcript = "".join(words)
    empty = message_item(item_id, "assistant", status="in_progress", **fields)
    whole = message_item(
        item_id,
        "assistant",
        {"type": "output_audio", "transcript": transcript},
        **fields,
    )
    announced = script.add("response.output_item.added", start, **at, item=empty)
    joined = script.add(
        "conversation.item.added", start, previous_item_id=previous, item=empty
    )
    part = {"type": "audio", "transcript": ""}
    opened = script.add("response.content_part.added", announced, **part_at, part=part)
    last_word = script.chain(
        "response.output_audio_transcript.delta", opened, "delta", words, **part_at
    )
    last_audio = script.chain(
        "response.output_audio.delta",
        opened,
        "delta",
        map(base64_of, sound),
        **part_at,
    )
    audio_done = script.add("response.output_audio.done", last_audio, **part_at)
    part_event = script.add(
        "response.output_audio_transcript.done",
        audio_done,
        last_word,
        **part_at,
        transcript=transcript,
    )
    part = {"type": "audio", "transcript": transcript}
    closed = script.add("response.content_part.done", part_event, **part_at, part=part)
    settled = script.add(
        "conversation.item.done",
        closed,
        joined,
        previous_item_id=previous,
        item=whole,
    )
    ended = script.add("response.output_item.done", closed, **at, item=whole)
    both = script.add("rate_limits.updated", settled, ended, rate_limits=[])
    return joined, both, whole


def call(
    script: Script,
    start: int,
    joined: int,
    response_id: str,
    item: Json,
    *,
    previous: str | None,
    output_index: int = 0,
) -> tuple[int, int]:
    """
    Add a function call of a response to *script*; see `speech`.
    """
    at = {"response_id": response_id, "output_index": output_index}
    args_at = {**at, "item_id": item["id"], "call_id": item["call_id"]}
    empty = {**item, "arguments": "", "status": "in_progress"}
    half = len(item["arguments"]) // 2
    announced = script.add("response.output_item.added", start, **at, item=empty)
    here = script.add(
        "conversation.item.added",
        start,
        joined,
        previous_item_id=previous,
        item=empty,
    )
    pieces = script.chain(
        "response.function_call_arguments.delta",
        announced,
        "delta",
        [item["arguments"][:half], item["arguments"][half:]],
        **args_at,
    )
    whole = script.add(
        "response.function_call_arguments.done",
        pieces,
        **args_at,
        name=item["name"],
        arguments=item["arguments"],
    )
    settled = script.add(
        "conversation.item.done",
        whole,
        here,
        previous_item_id=previous,
        item=item,
    )
    ended = script.add("response.output_item.done", whole, **at, item=item)
    both = script.add("rate_limits.updated", settled, ended, rate_limits=[])
    return here, both


def out_of_band(script: Script, start: int) -> None:
    """
    Add a response that runs beside the conversation.
    """
    at = {"response_id": "resp_x", "output_index": 0}
    part_at = {**at, "item_id": "item_x", "content_index": 0}
    empty = message_item("item_x", "assistant", status="in_progress")
    whole = message_item(
        "item_x", "assistant", {"type": "output_text", "text": "secret"}
    )
    aside: Json = response("resp_x", conversation_id=None, status="in_progress")
    step = script.add("response.created", start, response=aside)
    step = script.add("response.output_item.added", step, **at, item=empty)
    part = {"type": "text", "text": ""}
    step = script.add("response.content_part.added", step, **part_at, part=part)
    step = script.chain(
        "response.output_text.delta", step, "delta", ["sec", "ret"], **part_at
    )
    step = script.add("response.output_text.done", step, **part_at, text="secret")
    step = script.add("response.output_item.done", step, **at, item=whole)
    aside = {**aside, "status": "completed", "output": [whole]}
    script.add("response.done", step, response=aside)
