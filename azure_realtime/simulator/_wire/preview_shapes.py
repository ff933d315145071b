"""
What preview lets a client say: one flat vocabulary, as tables of shapes.
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
    Tagged,
    Text,
)
from .shapes import (
    CALL,
    CALL_OUTPUT,
    FUNCTION_TOOL,
    INCLUDE,
    MODALITIES,
    NOISE,
    PREVIEW_VOICES,
    REFERENCE,
    RESPONSE,
    SEMANTIC_VAD,
    SERVER_VAD,
    STRING,
    TOKENS,
    TRACING,
    message,
)

__all__ = [
    "PREVIEW_INPUT",
    "PREVIEW_ITEM",
    "PREVIEW_RESPONSE",
    "PREVIEW_SESSION",
    "PREVIEW_TRANSCRIPTION",
]

_PREVIEW_FORMAT = Text(("pcm16", "g711_ulaw", "g711_alaw"))
_PREVIEW_VOICE = Text(PREVIEW_VOICES)
_PREVIEW_TRANSCRIPTION = Maybe(
    Record({"model": STRING, "language": STRING, "prompt": STRING})
)
_PREVIEW_VAD = Maybe(
    Tagged(
        {
            "server_vad": Record(SERVER_VAD),
            "semantic_vad": SEMANTIC_VAD,
            # How 2024-10-01-preview switched turn detection off.
            "none": Record({"type": STRING}),
        }
    )
)
_PREVIEW_TOOLS = Each(Tagged({"function": FUNCTION_TOOL}))
_PREVIEW_TOOL_CHOICE: Shape = Either(
    {
        "string": Text(("none", "auto", "required")),
        "object": Tagged(
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
        "input_audio_noise_reduction": NOISE,
        "turn_detection": _PREVIEW_VAD,
        "tools": _PREVIEW_TOOLS,
        "tool_choice": _PREVIEW_TOOL_CHOICE,
        "temperature": Number(0.6, 1.2),
        "max_response_output_tokens": TOKENS,
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
        "input_audio_noise_reduction": NOISE,
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
        "transcript": Maybe(STRING),
        "id": STRING,
    },
    ("type",),
)
_PREVIEW_ITEMS = {
    "message": message(_PREVIEW_PART),
    "function_call": CALL,
    "function_call_output": CALL_OUTPUT,
}
PREVIEW_ITEM = Tagged(_PREVIEW_ITEMS)
PREVIEW_INPUT = Each(Tagged({**_PREVIEW_ITEMS, "item_reference": REFERENCE}))

PREVIEW_RESPONSE = Record(
    {
        **RESPONSE,
        "modalities": MODALITIES,
        "voice": _PREVIEW_VOICE,
        "output_audio_format": _PREVIEW_FORMAT,
        "tools": _PREVIEW_TOOLS,
        "tool_choice": _PREVIEW_TOOL_CHOICE,
        "temperature": Number(0.6, 1.2),
        # The first specification and the SDKs of that time disagree on the name.
        "max_output_tokens": TOKENS,
        "max_response_output_tokens": TOKENS,
        "input": PREVIEW_INPUT,
        "commit": Flag(),
        "cancel_previous": Flag(),
        "append_input_items": PREVIEW_INPUT,
        "input_items": PREVIEW_INPUT,
    }
)
