"""
The orders of events, in GA's spelling, and how to look at what came.
"""

from __future__ import annotations

from typing import Any

Client = Any

USER = ["conversation.item.added", "conversation.item.done"]
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    *USER,
]
OPEN = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
CLOSE = [
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
SPOKEN = [
    "response.created",
    *OPEN,
    "(speech)",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    *CLOSE,
    "response.done",
]
WRITTEN = [
    *OPEN,
    "response.output_text.delta",
    "response.output_text.done",
    *CLOSE,
]
CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
]


def outline(client: Client) -> list[str]:
    """
    Return the types of the events so far, runs of deltas drawn together.
    """
    speech = {
        client.spell("response.output_audio.delta"),
        client.spell("response.output_audio_transcript.delta"),
    }
    result: list[str] = []
    for kind in client.types():
        if kind == "rate_limits.updated":
            continue
        if kind in speech:
            kind = "(speech)"
        if not (result and result[-1] == kind and kind.endswith(("delta", ")"))):
            result.append(kind)
    return result


def spelled(client: Client, kinds: list[str]) -> list[str]:
    """
    Return GA types as the client's protocol has them.
    """
    if client.protocol == "preview":
        kinds = [kind for kind in kinds if kind != "conversation.item.done"]
    return [client.spell(kind) for kind in kinds]


def start_over(client: Client) -> None:
    """
    Forget the events so far.
    """
    client.events.clear()


def modality(protocol: str, kind: str) -> dict[str, list[str]]:
    """
    Return the response parameter that asks for one modality.
    """
    return {"modalities" if protocol == "preview" else "output_modalities": [kind]}
