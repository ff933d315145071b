"""
Made-up token counts, which grow with the conversation as real ones do.

One token is four characters of text, 100 ms of the user's speech, or 50 ms of the
assistant's speech. An image has 85 tokens.
"""

from __future__ import annotations

from typing import Any

from .connection import Connection
from .conversation import Item

__all__ = ["TokenCounter"]

Json = dict[str, Any]

_REQUEST_LIMIT = 1000
_TOKEN_LIMIT = 100_000


def _text_tokens(item: Item) -> int:
    wire = item.wire
    size = len(item.text) if not item.audio else 0
    for key in ("arguments", "output", "name"):
        size += len(str(wire.get(key) or ""))
    return 3 + size // 4


class TokenCounter:
    """
    Counts the tokens of one connection. The connection's lock guards it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cached = 0

    def count(self, context: list[Item], params: Json, text: int, audio: int) -> Json:
        """
        Return the usage object of a response. Later calls count its input as cached.

        Args:
            context: The items that the response answers.
            params: The effective parameters of the response.
            text: The number of text tokens of the output.
            audio: The number of audio tokens of the output.
        """
        details = self._count_input(context, params)
        tokens = sum(details[f"{kind}_tokens"] for kind in ("text", "audio", "image"))
        return {
            "total_tokens": tokens + text + audio,
            "input_tokens": tokens,
            "output_tokens": text + audio,
            "input_token_details": details,
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }

    def _count_input(self, context: list[Item], params: Json) -> Json:
        text = len(params.get("instructions") or "") // 4
        text += sum(len(str(tool)) // 4 for tool in params.get("tools") or [])
        audio = images = 0
        for item in context:
            text += _text_tokens(item)
            per_token = 50 if item.wire.get("role") == "assistant" else 100
            audio += -(-item.audio_ms // per_token)
            images += 85 * item.image_count
        # The service caches prefixes in steps of 64 tokens.
        cached = min(text, self._cached) // 64 * 64
        self._cached = text
        return {
            "cached_tokens": cached,
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": images,
            "cached_tokens_details": {
                "text_tokens": cached,
                "audio_tokens": 0,
                "image_tokens": 0,
            },
        }

    def send_rate_limits(self) -> None:
        """
        Send ``rate_limits.updated``, if the settings enable it.
        """
        if not self._connection.settings.rate_limits:
            return
        used = self._cached
        limits = [
            _limit("requests", _REQUEST_LIMIT, _REQUEST_LIMIT - 1, 0.06),
            _limit("tokens", _TOKEN_LIMIT, max(0, _TOKEN_LIMIT - used), used / 1000),
        ]
        self._connection.emit("rate_limits.updated", rate_limits=limits)


def _limit(name: str, limit: int, remaining: int, reset_seconds: float) -> Json:
    return {
        "name": name,
        "limit": limit,
        "remaining": remaining,
        "reset_seconds": reset_seconds,
    }
