"""
The shapes that both protocols share.

They follow the published schemas. Where recordings of real services differ from these
(null values, the two forms of ``tool_choice``), the shapes follow the recordings.
"""

from __future__ import annotations

from .schema import (
    Anything,
    ArrayOf,
    Boolean,
    ByType,
    Integer,
    Metadata,
    Nullable,
    Number,
    Record,
    Shape,
    String,
)

__all__ = [
    "FUNCTION_CALL",
    "FUNCTION_CALL_OUTPUT",
    "FUNCTION_TOOL",
    "GA_VOICES",
    "INCLUDE",
    "ITEM_FIELDS",
    "ITEM_REFERENCE",
    "MAX_TOKENS",
    "MODALITIES",
    "NOISE_REDUCTION",
    "PREVIEW_VOICES",
    "RESPONSE_FIELDS",
    "SEMANTIC_VAD",
    "SERVER_VAD_FIELDS",
    "STRING",
    "TRACING",
    "message_shape",
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

STRING = String()
MAX_TOKENS: Shape = ByType({"integer": Integer(1, 4096), "string": String(("inf",))})
INCLUDE = Nullable(ArrayOf(String(("item.input_audio_transcription.logprobs",))))
TRACING = Nullable(
    ByType(
        {
            "string": String(("auto",)),
            "object": Record(
                {"workflow_name": STRING, "group_id": STRING, "metadata": Anything()}
            ),
        }
    )
)
NOISE_REDUCTION = Nullable(Record({"type": String(("near_field", "far_field"))}))
SEMANTIC_VAD = Record(
    {
        "type": STRING,
        "eagerness": String(("low", "medium", "high", "auto")),
        "create_response": Boolean(),
        "interrupt_response": Boolean(),
    }
)
SERVER_VAD_FIELDS = {
    "type": STRING,
    "threshold": Number(0, 1),
    "prefix_padding_ms": Integer(0),
    "silence_duration_ms": Integer(0),
    "create_response": Boolean(),
    "interrupt_response": Boolean(),
}
FUNCTION_TOOL = Record(
    {
        "type": STRING,
        "name": String(max_length=64),
        "description": STRING,
        "parameters": Nullable(ByType({"object": Anything()})),
    },
    ("name",),
)

MODALITIES = ArrayOf(String(("text", "audio")))


def message_shape(parts: Record) -> Record:
    return Record(
        {
            "id": String(max_length=512),
            "object": STRING,
            "type": STRING,
            "status": String(("completed", "incomplete", "in_progress")),
            "role": String(("system", "user", "assistant")),
            "content": ArrayOf(parts),
            "phase": Nullable(String(("commentary", "final_answer"))),
        },
        ("role", "content"),
    )


ITEM_FIELDS = {
    "id": String(max_length=512),
    "object": STRING,
    "type": STRING,
    "status": String(("completed", "incomplete", "in_progress")),
}
FUNCTION_CALL = Record(
    {**ITEM_FIELDS, "call_id": STRING, "name": STRING, "arguments": STRING},
    ("name", "arguments"),
)
FUNCTION_CALL_OUTPUT = Record(
    {**ITEM_FIELDS, "call_id": STRING, "output": STRING}, ("call_id", "output")
)
ITEM_REFERENCE = Record({"type": STRING, "id": STRING}, ("id",))
RESPONSE_FIELDS: dict[str, Shape] = {
    "instructions": STRING,
    "conversation": String(("auto", "none")),
    "metadata": Nullable(Metadata()),
}
