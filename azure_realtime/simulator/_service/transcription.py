"""
Input transcription: scripted transcripts, or placeholders.

The transcript of an item comes from the script (`Reply.heard`) or is a placeholder
sentence. A transcription deployment whose name contains ``missing`` does not exist;
like the real service, the simulator reports that at the first use.
"""

from __future__ import annotations

import math
import re
from typing import Any

from .._wire.ids import obfuscation
from . import improvised
from .connection import Connection
from .conversation import Item
from .conversation_session import ConversationSession
from .script import Script

__all__ = ["Transcription"]

_PAUSE_SECONDS = 0.05


class Transcription:
    """
    Sends the transcription events of one connection.
    """

    def __init__(
        self, connection: Connection, session: ConversationSession, script: Script
    ) -> None:
        self._connection = connection
        self._session = session
        self._script = script

    def start(self, item: Item) -> None:
        """
        Send an item's transcription events after a pause, if the session enables them.

        Under the connection's lock.
        """
        connection = self._connection
        item.wire["content"][0]["transcript"] = self._script.next_transcript()
        settings = self._session.input["transcription"]
        if settings is None:
            return
        seconds = _PAUSE_SECONDS * connection.settings.pace
        connection.timers.after(
            seconds, lambda: self._send_events(item, dict(settings))
        )

    def _send_events(self, item: Item, settings: dict[str, Any]) -> None:
        connection = self._connection
        model = str(settings.get("model") or "whisper-1")
        name = "conversation.item.input_audio_transcription"
        item_fields = {"item_id": item.id, "content_index": 0}
        if "missing" in model:
            error = {
                "type": "server_error",
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist: "
                f"'{model}'. If you created it less than 5 minutes ago, wait a moment.",
                "param": None,
            }
            connection.emit(f"{name}.failed", **item_fields, error=error)
            return
        part = item.wire["content"][0]
        with connection.lock:
            item.placeholder = not part["transcript"]
            text = part["transcript"] or improvised.placeholder_transcript(
                item.audio_ms
            )
            part["transcript"] = text
            # Whisper sends its transcript in one delta.
            pieces = [text] if "whisper" in model else re.findall(r"\S+\s*", text)
            for piece in pieces:
                connection.emit(
                    f"{name}.delta",
                    **item_fields,
                    delta=piece,
                    obfuscation=obfuscation(piece),
                )
            done: dict[str, Any] = {"transcript": text}
            include = self._session.state.get("include") or []
            if "item.input_audio_transcription.logprobs" in include:
                done["logprobs"] = [
                    {
                        "token": piece,
                        "logprob": -0.01,
                        "bytes": list(piece.encode("utf-8", "replace")),
                    }
                    for piece in pieces
                ]
            done["usage"] = _usage(model, item, len(pieces))
            connection.emit(f"{name}.completed", **item_fields, **done)


def _usage(model: str, item: Item, output_tokens: int) -> dict[str, Any]:
    if "whisper" in model:
        return {"type": "duration", "seconds": math.ceil(item.audio_ms / 1000)}
    audio = math.ceil(item.audio_ms / 100)
    return {
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": output_tokens,
        "total_tokens": audio + output_tokens,
    }
