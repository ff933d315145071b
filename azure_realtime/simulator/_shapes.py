"""
What each protocol lets a client say, as tables of shapes.

GA has one nested vocabulary, preview a flat one. The tables follow the published
schemas where the service is known to follow them too; where recordings differ
(nulls, the two spellings of ``tool_choice``), the recordings win.
"""

from __future__ import annotations

from ._schema import (
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

__all__ = [
    "GA_INPUT",
    "GA_RESPONSE",
    "GA_SESSION",
    "GA_TRANSCRIPTION",
    "PREVIEW_INPUT",
    "PREVIEW_RESPONSE",
    "PREVIEW_SESSION",
    "PREVIEW_TRANSCRIPTION",
    "GA_ITEM",
    "PREVIEW_ITEM",
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

_STRING = Text()
_TOKENS: Shape = Either({"integer": Whole(1, 4096), "string": Text(("inf",))})
_INCLUDE = Maybe(Each(Text(("item.input_audio_transcription.logprobs",))))
_TRACING = Maybe(
    Either(
        {
            "string": Text(("auto",)),
            "object": Record(
                {"workflow_name": _STRING, "group_id": _STRING, "metadata": Anything()}
            ),
        }
    )
)
_NOISE = Maybe(Record({"type": Text(("near_field", "far_field"))}))
_SEMANTIC_VAD = Record(
    {
        "type": _STRING,
        "eagerness": Text(("low", "medium", "high", "auto")),
        "create_response": Flag(),
        "interrupt_response": Flag(),
    }
)
_SERVER_VAD = {
    "type": _STRING,
    "threshold": Number(0, 1),
    "prefix_padding_ms": Whole(0),
    "silence_duration_ms": Whole(0),
    "create_response": Flag(),
    "interrupt_response": Flag(),
}
_FUNCTION_TOOL = Record(
    {
        "type": _STRING,
        "name": Text(longest=64),
        "description": _STRING,
        "parameters": Maybe(Either({"object": Anything()})),
    },
    ("name",),
)

# ---------------------------------------------------------------- GA

_GA_FORMAT = Tagged(
    {
        "audio/pcm": Record({"type": _STRING, "rate": Whole(24000, 24000)}),
        "audio/pcmu": Record({"type": _STRING}),
        "audio/pcma": Record({"type": _STRING}),
    }
)
_GA_VOICE: Shape = Either(
    {"string": Text(GA_VOICES), "object": Record({"id": _STRING}, ("id",))}
)
_GA_TRANSCRIPTION = Maybe(
    Record(
        {
            "model": _STRING,
            "language": _STRING,
            "languages": Each(_STRING),
            "keywords": Each(_STRING),
            "prompt": _STRING,
            "delay": Text(("minimal", "low", "medium", "high", "xhigh")),
        }
    )
)
_GA_INPUT_AUDIO = Record(
    {
        "format": _GA_FORMAT,
        "transcription": _GA_TRANSCRIPTION,
        "noise_reduction": _NOISE,
        "turn_detection": Maybe(
            Tagged(
                {
                    "server_vad": Record(
                        {
                            **_SERVER_VAD,
                            "idle_timeout_ms": Maybe(Whole(5000, 30000)),
                        }
                    ),
                    "semantic_vad": _SEMANTIC_VAD,
                }
            )
        ),
    }
)
_TOOL_FILTER = Record({"tool_names": Each(_STRING), "read_only": Flag()})
_GA_TOOLS = Each(
    Tagged(
        {
            "function": _FUNCTION_TOOL,
            "mcp": Record(
                {
                    "type": _STRING,
                    "server_label": _STRING,
                    "server_url": _STRING,
                    "connector_id": _STRING,
                    "tunnel_id": _STRING,
                    "authorization": _STRING,
                    "server_description": _STRING,
                    "headers": Maybe(StringMap()),
                    "allowed_tools": Maybe(
                        Either({"array": Each(_STRING), "object": _TOOL_FILTER})
                    ),
                    "allowed_callers": Maybe(Each(_STRING)),
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
                "function": Record({"type": _STRING, "name": _STRING}, ("name",)),
                "mcp": Record(
                    {
                        "type": _STRING,
                        "server_label": _STRING,
                        "name": Maybe(_STRING),
                    },
                    ("server_label",),
                ),
            }
        ),
    }
)
_GA_MODALITIES = Each(Text(("text", "audio")))
_REASONING = Maybe(
    Record({"effort": Text(("none", "minimal", "low", "medium", "high", "xhigh"))})
)
_PROMPT = Maybe(
    Record(
        {"id": _STRING, "version": Maybe(_STRING), "variables": Anything()}, ("id",)
    )
)
_GA_OUTPUT = {"format": _GA_FORMAT, "voice": _GA_VOICE}

GA_SESSION = Record(
    {
        "type": Text(("realtime", "transcription")),
        "model": _STRING,
        "output_modalities": _GA_MODALITIES,
        "instructions": _STRING,
        "audio": Record(
            {
                "input": _GA_INPUT_AUDIO,
                "output": Record({**_GA_OUTPUT, "speed": Number(0.25, 1.5)}),
            }
        ),
        "include": _INCLUDE,
        "tracing": _TRACING,
        "tools": _GA_TOOLS,
        "tool_choice": _GA_TOOL_CHOICE,
        "parallel_tool_calls": Flag(),
        "reasoning": _REASONING,
        "max_output_tokens": _TOKENS,
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
        "include": _INCLUDE,
    },
    ("type",),
)

# ---------------------------------------------------------------- preview

_PREVIEW_FORMAT = Text(("pcm16", "g711_ulaw", "g711_alaw"))
_PREVIEW_VOICE = Text(PREVIEW_VOICES)
_PREVIEW_TRANSCRIPTION = Maybe(
    Record({"model": _STRING, "language": _STRING, "prompt": _STRING})
)
_PREVIEW_VAD = Maybe(
    Tagged(
        {
            "server_vad": Record(_SERVER_VAD),
            "semantic_vad": _SEMANTIC_VAD,
            # How 2024-10-01-preview switched turn detection off.
            "none": Record({"type": _STRING}),
        }
    )
)
_PREVIEW_TOOLS = Each(Tagged({"function": _FUNCTION_TOOL}))
_PREVIEW_TOOL_CHOICE: Shape = Either(
    {
        "string": Text(("none", "auto", "required")),
        "object": Tagged(
            {
                "function": Record(
                    {
                        "type": _STRING,
                        "name": _STRING,
                        "function": Record({"name": _STRING}, ("name",)),
                    }
                )
            }
        ),
    }
)
_PREVIEW_SECRET = Record({"expires_after": Anything(), "expires_at": Anything()})

PREVIEW_SESSION = Record(
    {
        "model": _STRING,
        "modalities": _GA_MODALITIES,
        "instructions": _STRING,
        "voice": _PREVIEW_VOICE,
        "speed": Number(0.25, 1.5),
        "input_audio_format": _PREVIEW_FORMAT,
        "output_audio_format": _PREVIEW_FORMAT,
        "input_audio_transcription": _PREVIEW_TRANSCRIPTION,
        "input_audio_noise_reduction": _NOISE,
        "turn_detection": _PREVIEW_VAD,
        "tools": _PREVIEW_TOOLS,
        "tool_choice": _PREVIEW_TOOL_CHOICE,
        "temperature": Number(0.6, 1.2),
        "max_response_output_tokens": _TOKENS,
        "tracing": _TRACING,
        "include": _INCLUDE,
        "client_secret": _PREVIEW_SECRET,
    }
)

PREVIEW_TRANSCRIPTION = Record(
    {
        "modalities": _GA_MODALITIES,
        "input_audio_format": _PREVIEW_FORMAT,
        "input_audio_transcription": _PREVIEW_TRANSCRIPTION,
        "input_audio_noise_reduction": _NOISE,
        "turn_detection": _PREVIEW_VAD,
        "include": _INCLUDE,
        "client_secret": _PREVIEW_SECRET,
    }
)

# ---------------------------------------------------------------- items


def _message(parts: Record) -> Record:
    return Record(
        {
            "id": Text(longest=512),
            "object": _STRING,
            "type": _STRING,
            "status": Text(("completed", "incomplete", "in_progress")),
            "role": Text(("system", "user", "assistant")),
            "content": Each(parts),
            "phase": Maybe(Text(("commentary", "final_answer"))),
        },
        ("role", "content"),
    )


_HEAD = {
    "id": Text(longest=512),
    "object": _STRING,
    "type": _STRING,
    "status": Text(("completed", "incomplete", "in_progress")),
}
# Which part types fit which role is judged by the conversation, with its own code.
_GA_PART = Record(
    {
        "type": _STRING,
        "text": _STRING,
        "audio": _STRING,
        "transcript": Maybe(_STRING),
        "image_url": _STRING,
        "detail": Text(("auto", "low", "high")),
    },
    ("type",),
)
_PREVIEW_PART = Record(
    {
        "type": _STRING,
        "text": _STRING,
        "audio": _STRING,
        "transcript": Maybe(_STRING),
        "id": _STRING,
    },
    ("type",),
)
_CALL = Record(
    {**_HEAD, "call_id": _STRING, "name": _STRING, "arguments": _STRING},
    ("name", "arguments"),
)
_CALL_OUTPUT = Record(
    {**_HEAD, "call_id": _STRING, "output": _STRING}, ("call_id", "output")
)
_REFERENCE = Record({"type": _STRING, "id": _STRING}, ("id",))
_GA_ITEMS = {
    "message": _message(_GA_PART),
    "function_call": _CALL,
    "function_call_output": _CALL_OUTPUT,
    "mcp_approval_response": Record(
        {
            "id": _STRING,
            "type": _STRING,
            "approval_request_id": _STRING,
            "approve": Flag(),
            "reason": Maybe(_STRING),
        },
        ("approval_request_id", "approve"),
    ),
    "mcp_call": Record(
        {
            **_HEAD,
            "server_label": _STRING,
            "name": _STRING,
            "arguments": _STRING,
            "approval_request_id": Maybe(_STRING),
            "output": Maybe(_STRING),
            "error": Anything(),
        },
        ("server_label", "name", "arguments"),
    ),
    "mcp_list_tools": Record(
        {**_HEAD, "server_label": _STRING, "tools": Each(Anything())},
        ("server_label", "tools"),
    ),
    "mcp_approval_request": Record(
        {**_HEAD, "server_label": _STRING, "name": _STRING, "arguments": _STRING},
        ("server_label", "name", "arguments"),
    ),
}
_PREVIEW_ITEMS = {
    "message": _message(_PREVIEW_PART),
    "function_call": _CALL,
    "function_call_output": _CALL_OUTPUT,
}
GA_ITEM = Tagged(_GA_ITEMS)
PREVIEW_ITEM = Tagged(_PREVIEW_ITEMS)
GA_INPUT = Each(Tagged({**_GA_ITEMS, "item_reference": _REFERENCE}))
PREVIEW_INPUT = Each(Tagged({**_PREVIEW_ITEMS, "item_reference": _REFERENCE}))

# ---------------------------------------------------------------- response.create

_COMMON_RESPONSE: dict[str, Shape] = {
    "instructions": _STRING,
    "conversation": Text(("auto", "none")),
    "metadata": Maybe(StringMap()),
}
GA_RESPONSE = Record(
    {
        **_COMMON_RESPONSE,
        "output_modalities": _GA_MODALITIES,
        "audio": Record({"output": Record(_GA_OUTPUT)}),
        "tools": _GA_TOOLS,
        "tool_choice": _GA_TOOL_CHOICE,
        "parallel_tool_calls": Flag(),
        "reasoning": _REASONING,
        "max_output_tokens": _TOKENS,
        "prompt": _PROMPT,
        "input": GA_INPUT,
    }
)
PREVIEW_RESPONSE = Record(
    {
        **_COMMON_RESPONSE,
        "modalities": _GA_MODALITIES,
        "voice": _PREVIEW_VOICE,
        "output_audio_format": _PREVIEW_FORMAT,
        "tools": _PREVIEW_TOOLS,
        "tool_choice": _PREVIEW_TOOL_CHOICE,
        "temperature": Number(0.6, 1.2),
        # The first specification and the SDKs of that time disagree on the name.
        "max_output_tokens": _TOKENS,
        "max_response_output_tokens": _TOKENS,
        "input": PREVIEW_INPUT,
        "commit": Flag(),
        "cancel_previous": Flag(),
        "append_input_items": PREVIEW_INPUT,
        "input_items": PREVIEW_INPUT,
    }
)
