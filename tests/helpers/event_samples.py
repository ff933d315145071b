"""
One plausible message for every received event, on both protocols.
"""

from typing import Any

from azure_realtime.events import SERVER_EVENTS
from azure_realtime.events._names import RENAMED

_ITEMS: list[dict[str, Any]] = [
    {
        "id": "item_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [
            {"type": "output_audio", "transcript": "Hello."},
            {"type": "output_text", "text": "Hello."},
        ],
        "phase": "final_answer",
    },
    {
        "id": "item_2",
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Hi"},
            {"type": "input_audio", "transcript": None},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        ],
    },
    {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
    {"type": "function_call_output", "call_id": "call_1", "output": "1"},
    {
        "type": "mcp_list_tools",
        "server_label": "docs",
        "tools": [{"name": "t", "input_schema": {}, "description": None}],
    },
    {
        "type": "mcp_call",
        "id": "item_3",
        "server_label": "docs",
        "name": "t",
        "arguments": "{}",
        "error": {"type": "http_error", "code": 500, "message": "no"},
    },
    {
        "type": "mcp_approval_request",
        "id": "item_4",
        "server_label": "docs",
        "name": "t",
        "arguments": "{}",
    },
    {"type": "mcp_approval_response", "approval_request_id": "item_4", "approve": True},
]

_RESPONSE = {
    "id": "resp_1",
    "object": "realtime.response",
    "status": "incomplete",
    "status_details": {
        "type": "incomplete",
        "reason": "max_output_tokens",
        "error": {"type": "x", "code": "y", "message": "z"},
    },
    "output": _ITEMS,
    "usage": {
        "total_tokens": 10,
        "input_tokens": 4,
        "output_tokens": 6,
        "input_token_details": {
            "cached_tokens": 1,
            "text_tokens": 3,
            "audio_tokens": 1,
            "image_tokens": 0,
            "cached_tokens_details": {"text_tokens": 1, "audio_tokens": 0},
        },
        "output_token_details": {"text_tokens": 2, "audio_tokens": 4},
    },
    "metadata": {"topic": "t"},
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "audio": {"output": {"voice": "alloy", "format": {"type": "audio/pcmu"}}},
}

_SESSION = {
    "id": "sess_1",
    "object": "realtime.session",
    "type": "realtime",
    "model": "gpt-realtime",
    "expires_at": 1800000000,
    "output_modalities": ["audio"],
    "instructions": "Be kind.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "de"},
            "noise_reduction": {"type": "far_field"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "create_response": True,
                "interrupt_response": True,
                "idle_timeout_ms": None,
            },
        },
        "output": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "voice": "alloy",
            "speed": 1.0,
        },
    },
    "tools": [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "mcp", "server_label": "docs", "server_url": "https://x.example"},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": 4096,
    "reasoning": {"effort": "low"},
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
    "prompt": None,
    "tracing": {"workflow_name": "w"},
    "include": None,
}

_LOGPROBS = [{"token": "a", "logprob": -0.5, "bytes": [97]}]

_PARTS: dict[str, Any] = {
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
}
_CALL = {k: v for k, v in _PARTS.items() if k != "content_index"} | {
    "call_id": "call_1"
}
_AUDIO_PART = {"type": "audio", "transcript": "Hello."}

_FIELDS: dict[str, dict[str, Any]] = {
    "error": {
        "error": {
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.bogus'.",
            "param": "session.bogus",
            "event_id": "evt_1",
        }
    },
    "session.created": {"session": _SESSION},
    "session.updated": {"session": _SESSION},
    "conversation.created": {"conversation": {"id": "conv_1", "object": "x"}},
    "conversation.item.deleted": {"item_id": "item_1"},
    "conversation.item.truncated": {
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 100,
    },
    "conversation.item.input_audio_transcription.delta": {
        "item_id": "item_1",
        "content_index": 0,
        "delta": "he",
        "logprobs": _LOGPROBS,
        "obfuscation": "xyz",
    },
    "conversation.item.input_audio_transcription.segment": {
        "item_id": "item_1",
        "content_index": 0,
        "text": "hello",
        "id": "seg_1",
        "speaker": "A",
        "start": 0.5,
        "end": 1,
    },
    "conversation.item.input_audio_transcription.completed": {
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "hello",
        "languages": [{"code": "en"}],
        "logprobs": _LOGPROBS,
        "usage": {
            "type": "tokens",
            "input_tokens": 3,
            "output_tokens": 2,
            "total_tokens": 5,
            "input_token_details": {"audio_tokens": 3},
        },
    },
    "conversation.item.input_audio_transcription.failed": {
        "item_id": "item_1",
        "content_index": 0,
        "error": {"type": "server_error", "code": "DeploymentNotFound", "message": ""},
    },
    "input_audio_buffer.committed": {"item_id": "item_1", "previous_item_id": None},
    "input_audio_buffer.cleared": {},
    "input_audio_buffer.speech_started": {"audio_start_ms": 10, "item_id": "item_1"},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": 90, "item_id": "item_1"},
    "input_audio_buffer.timeout_triggered": {
        "audio_start_ms": 10,
        "audio_end_ms": 90,
        "item_id": "item_1",
    },
    "input_audio_buffer.dtmf_event_received": {"event": "9", "received_at": 1800000000},
    "rate_limits.updated": {
        "rate_limits": [
            {"name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 0.5}
        ]
    },
    "response.created": {"response": _RESPONSE},
    "response.done": {"response": _RESPONSE},
    "response.content_part.added": {**_PARTS, "part": _AUDIO_PART},
    "response.content_part.done": {
        **_PARTS,
        "part": _AUDIO_PART,
        "content": _AUDIO_PART,
    },
    "response.output_text.delta": {**_PARTS, "delta": "He", "obfuscation": "abc"},
    "response.output_text.done": {**_PARTS, "text": "Hello."},
    "response.output_audio.delta": {**_PARTS, "delta": "AAABAA=="},
    "response.output_audio.done": _PARTS,
    "response.output_audio_transcript.delta": {**_PARTS, "delta": "He"},
    "response.output_audio_transcript.done": {**_PARTS, "transcript": "Hello."},
    "response.function_call_arguments.delta": {**_CALL, "delta": "{"},
    "response.function_call_arguments.done": {**_CALL, "name": "f", "arguments": "{}"},
    "response.mcp_call_arguments.delta": {
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "delta": "{",
        "obfuscation": None,
    },
    "response.mcp_call_arguments.done": {
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "arguments": "{}",
    },
}
for _name in ("added", "created", "done", "retrieved"):
    _FIELDS[f"conversation.item.{_name}"] = {
        "previous_item_id": "item_0",
        "item": _ITEMS[0],
    }
del _FIELDS["conversation.item.retrieved"]["previous_item_id"]
for _name in ("added", "done"):
    _FIELDS[f"response.output_item.{_name}"] = {
        "response_id": "resp_1",
        "output_index": 0,
        "item": _ITEMS[2],
    }
for _name in ("started", "stopped", "cleared"):
    _FIELDS[f"output_audio_buffer.{_name}"] = {"response_id": "resp_1"}
for _name in ("in_progress", "completed", "failed"):
    _FIELDS[f"mcp_list_tools.{_name}"] = {"item_id": "item_1"}
    _FIELDS[f"response.mcp_call.{_name}"] = {"item_id": "item_1", "output_index": 0}


def ga_samples() -> list[dict[str, Any]]:
    """
    Return a message for every event, in the GA shape.
    """
    return [
        {"type": name, "event_id": f"event_{index}", **_FIELDS[name]}
        for index, name in enumerate(sorted(SERVER_EVENTS))
    ]


def preview_samples() -> list[dict[str, Any]]:
    """
    Return a message for every event, in the shape of the preview protocol.
    """
    old = {new: name for name, new in RENAMED.items() if "session" not in name}
    samples = [
        {**message, "type": old.get(message["type"], message["type"])}
        for message in ga_samples()
        if message["type"]
        not in ("conversation.item.created", "conversation.item.done")
    ]
    session = {
        "id": "sess_1",
        "modalities": ["text", "audio"],
        "voice": "alloy",
        "input_audio_format": "pcm16",
        "output_audio_format": "g711_alaw",
        "input_audio_transcription": None,
        "turn_detection": {"type": "none"},
        "tools": [],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
        "client_secret": None,
    }
    response = {
        "id": "resp_1",
        "status": "completed",
        "modalities": ["audio", "text"],
        "voice": "alloy",
        "output_audio_format": "pcm16",
        "temperature": 0.8,
        "output": [
            {
                "id": "item_1",
                "object": "realtime.item",
                "type": "message",
                "role": "assistant",
                "content": [{"type": "audio", "transcript": "Hello."}],
            }
        ],
    }
    for message in samples:
        if "session" in message:
            message["session"] = session
        if "response" in message:
            message["response"] = response
    for name in ("created", "updated"):
        kind = f"transcription_session.{name}"
        samples.append({"type": kind, "event_id": "event_t", "session": session})
    return samples
