"""
Made-up token counts that behave like real ones: they grow with the conversation.

Text counts four characters a token, the user's speech a token per 100 ms, the
assistant's a token per 50 ms, an image a flat 85.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connection import Connection
    from .conversation import Item

__all__ = ["count_input", "count_output"]

Json = dict[str, Any]


def _text_tokens(item: Item) -> int:
    wire = item.wire
    size = len(item.text) if not item.audio else 0
    for key in ("arguments", "output", "name"):
        size += len(str(wire.get(key) or ""))
    return 3 + size // 4


def count_input(connection: Connection, context: list[Item], params: Json) -> Json:
    """
    Return the input half of a usage object; what was sent before counts as cached.
    """
    text = len(params.get("instructions") or "") // 4
    text += sum(len(str(tool)) // 4 for tool in params.get("tools") or [])
    audio = images = 0
    for item in context:
        text += _text_tokens(item)
        per_token = 50 if item.wire.get("role") == "assistant" else 100
        audio += -(-item.audio_ms // per_token)
        images += 85 * item.image_count
    # The service caches prefixes in steps of 64 tokens.
    cached = min(text, connection.cached_tokens) // 64 * 64
    connection.cached_tokens = text
    return {
        "input_tokens": text + audio + images,
        "input_token_details": {
            "cached_tokens": cached,
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": images,
            "cached_tokens_details": {
                "text_tokens": cached,
                "audio_tokens": 0,
                "image_tokens": 0,
            },
        },
    }


def count_output(usage: Json, text: int, audio: int) -> Json:
    """
    Return a whole usage object from its input half and what was generated.
    """
    return {
        "total_tokens": usage["input_tokens"] + text + audio,
        "input_tokens": usage["input_tokens"],
        "output_tokens": text + audio,
        "input_token_details": usage["input_token_details"],
        "output_token_details": {"text_tokens": text, "audio_tokens": audio},
    }
