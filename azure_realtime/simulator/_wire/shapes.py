"""
Shapes that both protocols share.

The tables follow the published schemas where the service is known to follow them too;
where recordings differ (nulls, the two spellings of ``tool_choice``), they win.
"""

from __future__ import annotations

from .schema import (
    Anything,
    Each,
    Either,
    Flag,
    Maybe,
    Number,
    Record,
    Shape,
    StringMap,
    Text,
    Whole,
)

__all__ = [
    "CALL",
    "CALL_OUTPUT",
    "FUNCTION_TOOL",
    "GA_VOICES",
    "HEAD",
    "INCLUDE",
    "MODALITIES",
    "NOISE",
    "PREVIEW_VOICES",
    "REFERENCE",
    "RESPONSE",
    "SEMANTIC_VAD",
    "SERVER_VAD",
    "STRING",
    "TOKENS",
    "TRACING",
    "message",
]

PREVIEW_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
)
GA_VOICES = (*PREVIEW_VOICES, "marin", "cedar")

STRING = Text()
TOKENS: Shape = Either({"integer": Whole(1, 4096), "string": Text(("inf",))})
INCLUDE = Maybe(Each(Text(("item.input_audio_transcription.logprobs",))))
TRACING = Maybe(
    Either(
        {
            "string": Text(("auto",)),
            "object": Record(
                {"workflow_name": STRING, "group_id": STRING, "metadata": Anything()}
            ),
        }
    )
)
NOISE = Maybe(Record({"type": Text(("near_field", "far_field"))}))
SEMANTIC_VAD = Record(
    {
        "type": STRING,
        "eagerness": Text(("low", "medium", "high", "auto")),
        "create_response": Flag(),
        "interrupt_response": Flag(),
    }
)
SERVER_VAD = {
    "type": STRING,
    "threshold": Number(0, 1),
    "prefix_padding_ms": Whole(0),
    "silence_duration_ms": Whole(0),
    "create_response": Flag(),
    "interrupt_response": Flag(),
}
FUNCTION_TOOL = Record(
    {
        "type": STRING,
        "name": Text(longest=64),
        "description": STRING,
        "parameters": Maybe(Either({"object": Anything()})),
    },
    ("name",),
)

MODALITIES = Each(Text(("text", "audio")))


def message(parts: Record) -> Record:
    return Record(
        {
            "id": Text(longest=512),
            "object": STRING,
            "type": STRING,
            "status": Text(("completed", "incomplete", "in_progress")),
            "role": Text(("system", "user", "assistant")),
            "content": Each(parts),
            "phase": Maybe(Text(("commentary", "final_answer"))),
        },
        ("role", "content"),
    )


HEAD = {
    "id": Text(longest=512),
    "object": STRING,
    "type": STRING,
    "status": Text(("completed", "incomplete", "in_progress")),
}
CALL = Record(
    {**HEAD, "call_id": STRING, "name": STRING, "arguments": STRING},
    ("name", "arguments"),
)
CALL_OUTPUT = Record(
    {**HEAD, "call_id": STRING, "output": STRING}, ("call_id", "output")
)
REFERENCE = Record({"type": STRING, "id": STRING}, ("id",))
RESPONSE: dict[str, Shape] = {
    "instructions": STRING,
    "conversation": Text(("auto", "none")),
    "metadata": Maybe(StringMap()),
}
