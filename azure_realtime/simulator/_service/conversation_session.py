"""
The configuration of a conversation: its defaults and its updates.
"""

from __future__ import annotations

import copy
import time
from typing import Any

from .._wire import preview as _preview
from .._wire.errors import ServiceError
from .._wire.ga_shapes import GA_SESSION, GA_TRANSCRIPTION
from .._wire.ids import new_id
from .._wire.preview_shapes import PREVIEW_SESSION, PREVIEW_TRANSCRIPTION
from .session import Session

__all__ = ["ConversationSession", "check_capabilities", "check_modalities"]

Json = dict[str, Any]

_INSTRUCTIONS = (
    "You are a friendly voice assistant. Answer briefly, in the user's language, "
    "and call a tool whenever one fits."
)
_PCM: Json = {"type": "audio/pcm", "rate": 24000}
# Real services report a silence_duration_ms of 200; their schemas document 500.
_VAD_DEFAULTS: dict[str, Json] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
# A deployment whose name contains this counts as a model that reasons.
_REASONING_NAME = "realtime-2"


def check_modalities(params: Json, protocol: str, path: str) -> None:
    """
    Raise `ServiceError` for modalities that the protocol does not support.

    GA supports text, or audio with its transcript; preview supports text, or both.
    """
    key = "modalities" if protocol == "preview" else "output_modalities"
    if key not in params:
        return
    given = sorted(params[key])
    if protocol == "preview":
        allowed = [["text"], ["audio", "text"]]
    else:
        allowed = [["text"], ["audio"]]
    if given not in allowed:
        raise ServiceError(
            "invalid_value",
            f"Invalid modalities: {params[key]}. Supported combinations are: "
            f"{allowed[0]} and {allowed[1]}.",
            f"{path}.{key}",
        )


def check_capabilities(params: Json, model: str) -> None:
    """
    Raise `ServiceError` for reasoning settings if the model does not reason.

    The error of the real service contains neither the field nor the event id.
    """
    if _REASONING_NAME in model:
        return
    for key in ("reasoning", "parallel_tool_calls"):
        if params.get(key):
            raise ServiceError(
                "invalid_value",
                f"The '{key}' setting is not supported by this model.",
                echo=False,
            )


class ConversationSession(Session):
    """
    The configuration of a conversation or a transcription session, in GA's shape.

    Args:
        protocol: The protocol of the client: ``"ga"`` or ``"preview"``.
        model: The deployment of the URL; empty for a transcription session.
        transcription: Whether this is a transcription session.
        seconds: The maximum duration of the session, in seconds.
    """

    def __init__(
        self, protocol: str, model: str, transcription: bool, seconds: float
    ) -> None:
        self.protocol = protocol
        self.transcription = transcription
        self.model = model
        audio_input: Json = {
            "format": dict(_PCM),
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": dict(_VAD_DEFAULTS["server_vad"]),
        }
        head: Json = {
            "type": "transcription" if transcription else "realtime",
            "object": "realtime.transcription_session"
            if transcription
            else "realtime.session",
            "id": new_id("sess"),
            "expires_at": int(time.time() + seconds),
            "include": None,
        }
        if transcription:
            state: Json = {**head, "audio": {"input": audio_input}}
        else:
            state = {
                **head,
                "model": model,
                "output_modalities": ["audio"],
                "instructions": _INSTRUCTIONS,
                "tools": [],
                "tool_choice": "auto",
                "max_output_tokens": "inf",
                "tracing": None,
                "truncation": "auto",
                "prompt": None,
                "temperature": 0.8,
                "audio": {
                    "input": audio_input,
                    "output": {"format": dict(_PCM), "voice": "alloy", "speed": 1.0},
                },
            }
        super().__init__(state)

    # ------------------------------------------------ reading

    @property
    def input(self) -> Json:
        """
        The configuration of the user's audio.
        """
        audio_input: Json = self.state["audio"]["input"]
        return audio_input

    @property
    def output(self) -> Json:
        """
        The configuration of the assistant's audio.
        """
        audio_output: Json = self.state["audio"]["output"]
        return audio_output

    @property
    def input_format(self) -> str:
        """
        The format of appended audio, e.g. ``audio/pcm``.
        """
        return str(self.input["format"]["type"])

    def describe(self) -> Json:
        """
        Return the session as the service reports it, in GA's shape.
        """
        result = super().describe()
        if self.protocol == "ga":
            result.pop("temperature", None)
        return result

    # ------------------------------------------------ changing

    def update(self, given: Any, voice_locked: bool) -> None:
        """
        Apply a ``session.update``. If this raises, nothing is changed.

        Args:
            given: The ``session`` object as the client sent it.
            voice_locked: Whether the conversation has assistant audio.

        Raises:
            ServiceError: The service refuses the update.
        """
        if self.protocol == "preview":
            shape = PREVIEW_TRANSCRIPTION if self.transcription else PREVIEW_SESSION
        else:
            shape = GA_TRANSCRIPTION if self.transcription else GA_SESSION
        shape.check(given, "session")
        if self.protocol == "ga" and given["type"] != self.state["type"]:
            raise ServiceError(
                "invalid_value",
                f"Passing a {given['type']} session update to a {self.state['type']} "
                "session is not allowed.",
                "session.type",
            )
        if not self.transcription:
            check_modalities(given, self.protocol, "session")
            check_capabilities(given, self.model)
        update = _preview.session_in(given) if self.protocol == "preview" else given
        state = copy.deepcopy(self.state)
        _merge(state, update)
        self._check_voice(state, voice_locked)
        self._check_transcription(state)
        self.state = state

    def _path(self, ga: str, preview: str) -> str:
        return "session." + (preview if self.protocol == "preview" else ga)

    def _check_voice(self, state: Json, locked: bool) -> None:
        if self.transcription or not locked:
            return
        if state["audio"]["output"]["voice"] != self.output["voice"]:
            raise ServiceError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                self._path("audio.output.voice", "voice"),
            )

    def _check_transcription(self, state: Json) -> None:
        audio_input = state["audio"]["input"]
        transcription = audio_input["transcription"] or {}
        if transcription.get("model") != "gpt-realtime-whisper":
            return
        if transcription.get("prompt"):
            raise ServiceError(
                "invalid_value",
                "The prompt parameter is not supported by 'gpt-realtime-whisper'.",
                self._path(
                    "audio.input.transcription.prompt",
                    "input_audio_transcription.prompt",
                ),
            )
        if self.transcription and audio_input["turn_detection"] is not None:
            raise ServiceError(
                "invalid_value",
                "Turn detection is not supported by 'gpt-realtime-whisper'; set it to "
                "null.",
                self._path("audio.input.turn_detection", "turn_detection"),
            )


def _merge(state: Json, update: Json) -> None:
    """
    Merge a checked update into a state.

    Fields that the update lacks are kept. An object below ``audio.input`` or
    ``audio.output`` is replaced as a whole; fields that it lacks get their defaults.
    """
    for key, value in update.items():
        if key == "model":
            continue  # The URL selects the model; the service ignores this field.
        if key != "audio":
            state[key] = value
            continue
        for side, settings in value.items():
            for name, setting in settings.items():
                if name == "turn_detection" and setting is not None:
                    setting = {**_VAD_DEFAULTS[setting["type"]], **setting}
                elif name == "format" and setting["type"] == "audio/pcm":
                    setting = dict(_PCM)
                if side in state["audio"]:
                    state["audio"][side][name] = setting
