"""
The shapes of what a preview client may send.
"""

from __future__ import annotations

from .schema import (
    Anything,
    ArrayOf,
    Boolean,
    ByType,
    Nullable,
    Number,
    Record,
    Shape,
    String,
    TaggedUnion,
)
from .shapes import (
    FUNCTION_CALL,
    FUNCTION_CALL_OUTPUT,
    FUNCTION_TOOL,
    INCLUDE,
    ITEM_REFERENCE,
    MAX_TOKENS,
    MODALITIES,
    NOISE_REDUCTION,
    PREVIEW_VOICES,
    RESPONSE_FIELDS,
    SEMANTIC_VAD,
    SERVER_VAD_FIELDS,
    STRING,
    TRACING,
    message_shape,
)

__all__ = [
    "PREVIEW_INPUT",
    "PREVIEW_ITEM",
    "PREVIEW_RESPONSE",
    "PREVIEW_SESSION",
    "PREVIEW_TRANSCRIPTION",
]

_PREVIEW_FORMAT = String(("pcm16", "g711_ulaw", "g711_alaw"))
_PREVIEW_VOICE = String(PREVIEW_VOICES)
_PREVIEW_TRANSCRIPTION = Nullable(
    Record({"model": STRING, "language": STRING, "prompt": STRING})
)
_PREVIEW_VAD = Nullable(
    TaggedUnion(
        {
            "server_vad": Record(SERVER_VAD_FIELDS),
            "semantic_vad": SEMANTIC_VAD,
            # 2024-10-01-preview uses this type to switch turn detection off.
            "none": Record({"type": STRING}),
        }
    )
)
_PREVIEW_TOOLS = ArrayOf(TaggedUnion({"function": FUNCTION_TOOL}))
_PREVIEW_TOOL_CHOICE: Shape = ByType(
    {
        "string": String(("none", "auto", "required")),
        "object": TaggedUnion(
            {
                "function": Record(
                    {
                        "type": STRING,
                        "name": STRING,
                        "function": Record({"name": STRING}, ("name",)),
                    }
                )
            }
        ),
    }
)
_PREVIEW_SECRET = Record({"expires_after": Anything(), "expires_at": Anything()})

PREVIEW_SESSION = Record(
    {
        "model": STRING,
        "modalities": MODALITIES,
        "instructions": STRING,
        "voice": _PREVIEW_VOICE,
        "speed": Number(0.25, 1.5),
        "input_audio_format": _PREVIEW_FORMAT,
        "output_audio_format": _PREVIEW_FORMAT,
        "input_audio_transcription": _PREVIEW_TRANSCRIPTION,
        "input_audio_noise_reduction": NOISE_REDUCTION,
        "turn_detection": _PREVIEW_VAD,
        "tools": _PREVIEW_TOOLS,
        "tool_choice": _PREVIEW_TOOL_CHOICE,
        "temperature": Number(0.6, 1.2),
        "max_response_output_tokens": MAX_TOKENS,
        "tracing": TRACING,
        "include": INCLUDE,
        "client_secret": _PREVIEW_SECRET,
    }
)

PREVIEW_TRANSCRIPTION = Record(
    {
        "modalities": MODALITIES,
        "input_audio_format": _PREVIEW_FORMAT,
        "input_audio_transcription": _PREVIEW_TRANSCRIPTION,
        "input_audio_noise_reduction": NOISE_REDUCTION,
        "turn_detection": _PREVIEW_VAD,
        "include": INCLUDE,
        "client_secret": _PREVIEW_SECRET,
    }
)

_PREVIEW_PART = Record(
    {
        "type": STRING,
        "text": STRING,
        "audio": STRING,
        "transcript": Nullable(STRING),
        "id": STRING,
    },
    ("type",),
)
_PREVIEW_ITEMS = {
    "message": message_shape(_PREVIEW_PART),
    "function_call": FUNCTION_CALL,
    "function_call_output": FUNCTION_CALL_OUTPUT,
}
PREVIEW_ITEM = TaggedUnion(_PREVIEW_ITEMS)
PREVIEW_INPUT = ArrayOf(
    TaggedUnion({**_PREVIEW_ITEMS, "item_reference": ITEM_REFERENCE})
)

PREVIEW_RESPONSE = Record(
    {
        **RESPONSE_FIELDS,
        "modalities": MODALITIES,
        "voice": _PREVIEW_VOICE,
        "output_audio_format": _PREVIEW_FORMAT,
        "tools": _PREVIEW_TOOLS,
        "tool_choice": _PREVIEW_TOOL_CHOICE,
        "temperature": Number(0.6, 1.2),
        # The first specification and the SDKs of that time use different names.
        "max_output_tokens": MAX_TOKENS,
        "max_response_output_tokens": MAX_TOKENS,
        "input": PREVIEW_INPUT,
        "commit": Boolean(),
        "cancel_previous": Boolean(),
        "append_input_items": PREVIEW_INPUT,
        "input_items": PREVIEW_INPUT,
    }
)
