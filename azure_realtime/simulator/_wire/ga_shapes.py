"""
What GA lets a client say: one nested vocabulary, as tables of shapes.
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
    Tagged,
    Text,
    Whole,
)
from .shapes import (
    CALL,
    CALL_OUTPUT,
    FUNCTION_TOOL,
    GA_VOICES,
    HEAD,
    INCLUDE,
    MODALITIES,
    NOISE,
    REFERENCE,
    RESPONSE,
    SEMANTIC_VAD,
    SERVER_VAD,
    STRING,
    TOKENS,
    TRACING,
    message,
)

__all__ = ["GA_INPUT", "GA_ITEM", "GA_RESPONSE", "GA_SESSION", "GA_TRANSCRIPTION"]

_GA_FORMAT = Tagged(
    {
        "audio/pcm": Record({"type": STRING, "rate": Whole(24000, 24000)}),
        "audio/pcmu": Record({"type": STRING}),
        "audio/pcma": Record({"type": STRING}),
    }
)
_GA_VOICE: Shape = Either(
    {"string": Text(GA_VOICES), "object": Record({"id": STRING}, ("id",))}
)
_GA_TRANSCRIPTION = Maybe(
    Record(
        {
            "model": STRING,
            "language": STRING,
            "languages": Each(STRING),
            "keywords": Each(STRING),
            "prompt": STRING,
            "delay": Text(("minimal", "low", "medium", "high", "xhigh")),
        }
    )
)
_GA_INPUT_AUDIO = Record(
    {
        "format": _GA_FORMAT,
        "transcription": _GA_TRANSCRIPTION,
        "noise_reduction": NOISE,
        "turn_detection": Maybe(
            Tagged(
                {
                    "server_vad": Record(
                        {
                            **SERVER_VAD,
                            "idle_timeout_ms": Maybe(Whole(5000, 30000)),
                        }
                    ),
                    "semantic_vad": SEMANTIC_VAD,
                }
            )
        ),
    }
)
_TOOL_FILTER = Record({"tool_names": Each(STRING), "read_only": Flag()})
_GA_TOOLS = Each(
    Tagged(
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
                    "headers": Maybe(StringMap()),
                    "allowed_tools": Maybe(
                        Either({"array": Each(STRING), "object": _TOOL_FILTER})
                    ),
                    "allowed_callers": Maybe(Each(STRING)),
                    "require_approval": Maybe(
                        Either(
                            {
                                "string": Text(("always", "never")),
                                "object": Record(
                                    {"always": _TOOL_FILTER, "never": _TOOL_FILTER}
                                ),
                            }
                        )
                    ),
                    "defer_loading": Flag(),
                },
                ("server_label",),
            ),
        }
    )
)
_GA_TOOL_CHOICE: Shape = Either(
    {
        "string": Text(("none", "auto", "required")),
        "object": Tagged(
            {
                "function": Record({"type": STRING, "name": STRING}, ("name",)),
                "mcp": Record(
                    {
                        "type": STRING,
                        "server_label": STRING,
                        "name": Maybe(STRING),
                    },
                    ("server_label",),
                ),
            }
        ),
    }
)
_REASONING = Maybe(
    Record({"effort": Text(("none", "minimal", "low", "medium", "high", "xhigh"))})
)
_PROMPT = Maybe(
    Record({"id": STRING, "version": Maybe(STRING), "variables": Anything()}, ("id",))
)
_GA_OUTPUT = {"format": _GA_FORMAT, "voice": _GA_VOICE}

GA_SESSION = Record(
    {
        "type": Text(("realtime", "transcription")),
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
        "parallel_tool_calls": Flag(),
        "reasoning": _REASONING,
        "max_output_tokens": TOKENS,
        "truncation": Either(
            {
                "string": Text(("auto", "disabled")),
                "object": Record(
                    {
                        "type": Text(("retention_ratio",)),
                        "retention_ratio": Number(0, 1),
                        "token_limits": Record({"post_instructions": Whole(0)}),
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
        "type": Text(("realtime", "transcription")),
        "audio": Record({"input": _GA_INPUT_AUDIO}),
        "include": INCLUDE,
    },
    ("type",),
)

# Which part types fit which role is judged by the conversation, with its own code.
_GA_PART = Record(
    {
        "type": STRING,
        "text": STRING,
        "audio": STRING,
        "transcript": Maybe(STRING),
        "image_url": STRING,
        "detail": Text(("auto", "low", "high")),
    },
    ("type",),
)
_GA_ITEMS = {
    "message": message(_GA_PART),
    "function_call": CALL,
    "function_call_output": CALL_OUTPUT,
    "mcp_approval_response": Record(
        {
            "id": STRING,
            "type": STRING,
            "approval_request_id": STRING,
            "approve": Flag(),
            "reason": Maybe(STRING),
        },
        ("approval_request_id", "approve"),
    ),
    "mcp_call": Record(
        {
            **HEAD,
            "server_label": STRING,
            "name": STRING,
            "arguments": STRING,
            "approval_request_id": Maybe(STRING),
            "output": Maybe(STRING),
            "error": Anything(),
        },
        ("server_label", "name", "arguments"),
    ),
    "mcp_list_tools": Record(
        {**HEAD, "server_label": STRING, "tools": Each(Anything())},
        ("server_label", "tools"),
    ),
    "mcp_approval_request": Record(
        {**HEAD, "server_label": STRING, "name": STRING, "arguments": STRING},
        ("server_label", "name", "arguments"),
    ),
}
GA_ITEM = Tagged(_GA_ITEMS)
GA_INPUT = Each(Tagged({**_GA_ITEMS, "item_reference": REFERENCE}))

GA_RESPONSE = Record(
    {
        **RESPONSE,
        "output_modalities": MODALITIES,
        "audio": Record({"output": Record(_GA_OUTPUT)}),
        "tools": _GA_TOOLS,
        "tool_choice": _GA_TOOL_CHOICE,
        "parallel_tool_calls": Flag(),
        "reasoning": _REASONING,
        "max_output_tokens": TOKENS,
        "prompt": _PROMPT,
        "input": GA_INPUT,
    }
)
