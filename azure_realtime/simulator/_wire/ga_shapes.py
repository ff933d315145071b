"""
The shapes of what a GA client may send.
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
    TaggedUnion,
)
from .shapes import (
    FUNCTION_CALL,
    FUNCTION_CALL_OUTPUT,
    FUNCTION_TOOL,
    GA_VOICES,
    INCLUDE,
    ITEM_FIELDS,
    ITEM_REFERENCE,
    MAX_TOKENS,
    MODALITIES,
    RESPONSE_FIELDS,
    SEMANTIC_VAD,
    SERVER_VAD_FIELDS,
    STRING,
    TRACING,
    message_shape,
)

__all__ = ["GA_INPUT", "GA_ITEM", "GA_RESPONSE", "GA_SESSION", "GA_TRANSCRIPTION"]

_GA_FORMAT = TaggedUnion(
    {
        "audio/pcm": Record({"type": STRING, "rate": Integer(24000, 24000)}),
        "audio/pcmu": Record({"type": STRING}),
        "audio/pcma": Record({"type": STRING}),
    }
)
_GA_VOICE: Shape = ByType(
    {"string": String(GA_VOICES), "object": Record({"id": STRING}, ("id",))}
)
_GA_TRANSCRIPTION = Nullable(
    Record(
        {
            "model": STRING,
            "language": STRING,
            "languages": ArrayOf(STRING),
            "keywords": ArrayOf(STRING),
            "prompt": STRING,
            "delay": String(("minimal", "low", "medium", "high", "xhigh")),
        }
    )
)
_GA_NOISE_REDUCTION = Nullable(
    Record({"type": String(("near_field", "far_field")), "strength": Number()})
)
_GA_INPUT_AUDIO = Record(
    {
        "format": _GA_FORMAT,
        "transcription": _GA_TRANSCRIPTION,
        "noise_reduction": _GA_NOISE_REDUCTION,
        "turn_detection": Nullable(
            TaggedUnion(
                {
                    "server_vad": Record(
                        {
                            **SERVER_VAD_FIELDS,
                            "idle_timeout_ms": Nullable(Integer(5000, 30000)),
                        }
                    ),
                    "semantic_vad": SEMANTIC_VAD,
                }
            )
        ),
    }
)
_TOOL_FILTER = Record({"tool_names": ArrayOf(STRING), "read_only": Boolean()})
_GA_TOOLS = ArrayOf(
    TaggedUnion(
        {
            "function": FUNCTION_TOOL,
            "mcp": Record(
                {
                    "type": STRING,
                    "server_label": STRING,
                    "server_url": STRING,
                    "connector_id": STRING,
                    "tunnel_id": STRING,
                    "authorization": STRING,
                    "server_description": STRING,
                    "headers": Nullable(Metadata()),
                    "allowed_tools": Nullable(
                        ByType({"array": ArrayOf(STRING), "object": _TOOL_FILTER})
                    ),
                    "allowed_callers": Nullable(ArrayOf(STRING)),
                    "require_approval": Nullable(
                        ByType(
                            {
                                "string": String(("always", "never")),
                                "object": Record(
                                    {"always": _TOOL_FILTER, "never": _TOOL_FILTER}
                                ),
                            }
                        )
                    ),
                    "defer_loading": Boolean(),
                },
                ("server_label",),
            ),
        }
    )
)
_GA_TOOL_CHOICE: Shape = ByType(
    {
        "string": String(("none", "auto", "required")),
        "object": TaggedUnion(
            {
                "function": Record({"type": STRING, "name": STRING}, ("name",)),
                "mcp": Record(
                    {
                        "type": STRING,
                        "server_label": STRING,
                        "name": Nullable(STRING),
                    },
                    ("server_label",),
                ),
            }
        ),
    }
)
_REASONING = Nullable(
    Record({"effort": String(("none", "minimal", "low", "medium", "high", "xhigh"))})
)
_PROMPT = Nullable(
    Record(
        {"id": STRING, "version": Nullable(STRING), "variables": Anything()}, ("id",)
    )
)
_GA_OUTPUT = {"format": _GA_FORMAT, "voice": _GA_VOICE}

GA_SESSION = Record(
    {
        "type": String(("realtime", "transcription")),
        "model": STRING,
        "output_modalities": MODALITIES,
        "instructions": STRING,
        "audio": Record(
            {
                "input": _GA_INPUT_AUDIO,
                "output": Record({**_GA_OUTPUT, "speed": Number(0.25, 1.5)}),
            }
        ),
        "include": INCLUDE,
        "tracing": TRACING,
        "tools": _GA_TOOLS,
        "tool_choice": _GA_TOOL_CHOICE,
        "parallel_tool_calls": Boolean(),
        "reasoning": _REASONING,
        "max_output_tokens": MAX_TOKENS,
        "truncation": ByType(
            {
                "string": String(("auto", "disabled")),
                "object": Record(
                    {
                        "type": String(("retention_ratio",)),
                        "retention_ratio": Number(0, 1),
                        "token_limits": Record({"post_instructions": Integer(0)}),
                    },
                    ("type", "retention_ratio"),
                ),
            }
        ),
        "prompt": _PROMPT,
    },
    ("type",),
)

GA_TRANSCRIPTION = Record(
    {
        "type": String(("realtime", "transcription")),
        "audio": Record({"input": _GA_INPUT_AUDIO}),
        "include": INCLUDE,
    },
    ("type",),
)

# The conversation checks which part types a role may have; the error code differs.
_GA_PART = Record(
    {
        "type": STRING,
        "text": STRING,
        "audio": STRING,
        "transcript": Nullable(STRING),
        "image_url": STRING,
        "detail": String(("auto", "low", "high")),
    },
    ("type",),
)
_GA_ITEMS = {
    "message": message_shape(_GA_PART),
    "function_call": FUNCTION_CALL,
    "function_call_output": FUNCTION_CALL_OUTPUT,
    "mcp_approval_response": Record(
        {
            "id": STRING,
            "type": STRING,
            "approval_request_id": STRING,
            "approve": Boolean(),
            "reason": Nullable(STRING),
        },
        ("approval_request_id", "approve"),
    ),
    "mcp_call": Record(
        {
            **ITEM_FIELDS,
            "server_label": STRING,
            "name": STRING,
            "arguments": STRING,
            "approval_request_id": Nullable(STRING),
            "output": Nullable(STRING),
            "error": Anything(),
        },
        ("server_label", "name", "arguments"),
    ),
    "mcp_list_tools": Record(
        {**ITEM_FIELDS, "server_label": STRING, "tools": ArrayOf(Anything())},
        ("server_label", "tools"),
    ),
    "mcp_approval_request": Record(
        {**ITEM_FIELDS, "server_label": STRING, "name": STRING, "arguments": STRING},
        ("server_label", "name", "arguments"),
    ),
}
GA_ITEM = TaggedUnion(_GA_ITEMS)
GA_INPUT = ArrayOf(TaggedUnion({**_GA_ITEMS, "item_reference": ITEM_REFERENCE}))

GA_RESPONSE = Record(
    {
        **RESPONSE_FIELDS,
        "output_modalities": MODALITIES,
        "audio": Record({"output": Record(_GA_OUTPUT)}),
        "tools": _GA_TOOLS,
        "tool_choice": _GA_TOOL_CHOICE,
        "parallel_tool_calls": Boolean(),
        "reasoning": _REASONING,
        "max_output_tokens": MAX_TOKENS,
        "prompt": _PROMPT,
        "input": GA_INPUT,
    }
)
