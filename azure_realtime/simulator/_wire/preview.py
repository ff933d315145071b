"""
Conversion between the preview protocol and the GA protocol.

The simulator works with GA events. An event of a preview client is first checked
against the shapes of preview, so that errors name preview's fields, and then converted
here. An event to the client is converted here when it is sent. All functions are pure.
"""

from __future__ import annotations

from typing import Any

__all__ = ["event_out", "item_in", "response_in", "session_in"]

Json = dict[str, Any]

_FORMATS_IN: dict[str, Json] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_FORMATS_OUT = {value["type"]: key for key, value in _FORMATS_IN.items()}
_EVENTS_OUT = {
    "conversation.item.added": "conversation.item.created",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
_PARTS_IN = {"text": "output_text", "audio": "output_audio"}
_PARTS_OUT = {value: key for key, value in _PARTS_IN.items()}


# ---------------------------------------------------------------- from the client


def _modalities_in(modalities: list[str]) -> list[str]:
    return ["audio"] if "audio" in modalities else ["text"]


def _tool_choice_in(choice: Any) -> Any:
    if isinstance(choice, dict):
        nested = choice.get("function", {}).get("name")
        return {"type": "function", "name": choice.get("name") or nested or ""}
    return choice


def session_in(session: Json) -> Json:
    """
    Convert a checked preview session of either kind to a GA session update.
    """
    update: Json = {}
    audio_input: Json = {}
    audio_output: Json = {}
    for key, value in session.items():
        if key == "modalities":
            update["output_modalities"] = _modalities_in(value)
        elif key == "voice":
            audio_output["voice"] = value
        elif key == "speed":
            audio_output["speed"] = value
        elif key == "output_audio_format":
            audio_output["format"] = _FORMATS_IN[value]
        elif key == "input_audio_format":
            audio_input["format"] = _FORMATS_IN[value]
        elif key == "input_audio_transcription":
            audio_input["transcription"] = value
        elif key == "input_audio_noise_reduction":
            audio_input["noise_reduction"] = value
        elif key == "turn_detection":
            off = value is None or value["type"] == "none"
            audio_input["turn_detection"] = None if off else value
        elif key == "max_response_output_tokens":
            update["max_output_tokens"] = value
        elif key == "tool_choice":
            update["tool_choice"] = _tool_choice_in(value)
        elif key != "client_secret":
            update[key] = value
    if audio_input or audio_output:
        update["audio"] = {"input": audio_input, "output": audio_output}
    return update


def response_in(params: Json) -> Json:
    """
    Convert checked ``response.create`` parameters to those of GA.
    """
    result: Json = {}
    audio_output: Json = {}
    for key, value in params.items():
        if key == "modalities":
            result["output_modalities"] = _modalities_in(value)
        elif key == "voice":
            audio_output["voice"] = value
        elif key == "output_audio_format":
            audio_output["format"] = _FORMATS_IN[value]
        elif key in ("max_output_tokens", "max_response_output_tokens"):
            result["max_output_tokens"] = value
        elif key == "tool_choice":
            result[key] = _tool_choice_in(value)
        elif key in ("input", "input_items"):
            result["input"] = [item_in(item) for item in value]
        else:
            result[key] = value
    if audio_output:
        result["audio"] = {"output": audio_output}
    return result


def item_in(item: Json) -> Json:
    """
    Convert a checked preview item to a GA item.
    """
    item = {key: value for key, value in item.items() if key != "object"}
    if item.get("role") == "assistant":
        item["content"] = [
            {**part, "type": _PARTS_IN.get(part["type"], part["type"])}
            for part in item["content"]
        ]
    return item


# ---------------------------------------------------------------- to the client


def _modalities_out(modalities: list[str]) -> list[str]:
    return ["audio", "text"] if "audio" in modalities else ["text"]


def _item_out(item: Json) -> Json:
    result = {"id": item.get("id"), "object": "realtime.item", **item}
    result.pop("phase", None)
    if "content" in result:
        result["content"] = [
            {**part, "type": _PARTS_OUT.get(part["type"], part["type"])}
            for part in result["content"]
        ]
    return result


def _session_out(session: Json) -> Json:
    audio_input: Json = session["audio"]["input"]
    audio_output: Json = session["audio"].get("output", {})
    vad = audio_input["turn_detection"]
    if vad is not None:
        vad = {key: value for key, value in vad.items() if key != "idle_timeout_ms"}
    input_fields: Json = {
        "input_audio_format": _FORMATS_OUT[audio_input["format"]["type"]],
        "input_audio_transcription": audio_input["transcription"],
        "input_audio_noise_reduction": audio_input["noise_reduction"],
        "turn_detection": vad,
        "include": session["include"],
        "expires_at": session["expires_at"],
        "client_secret": None,
    }
    if session["type"] == "transcription":
        return {
            "id": session["id"],
            "object": "realtime.transcription_session",
            "modalities": ["audio", "text"],
            **input_fields,
        }
    return {
        "id": session["id"],
        "object": "realtime.session",
        "model": session["model"],
        "modalities": _modalities_out(session["output_modalities"]),
        "instructions": session["instructions"],
        "voice": audio_output["voice"],
        "speed": audio_output["speed"],
        "output_audio_format": _FORMATS_OUT[audio_output["format"]["type"]],
        **input_fields,
        "tools": session["tools"],
        "tool_choice": session["tool_choice"],
        "temperature": session["temperature"],
        "max_response_output_tokens": session["max_output_tokens"],
        "tracing": session["tracing"],
    }


def _response_out(response: Json) -> Json:
    result = dict(response)
    audio_output = result.pop("audio", {}).get("output", {})
    result["modalities"] = _modalities_out(result.pop("output_modalities"))
    result["voice"] = audio_output.get("voice")
    result["output_audio_format"] = _FORMATS_OUT[audio_output["format"]["type"]]
    result["temperature"] = result.pop("temperature", 0.8)
    result["output"] = [_item_out(item) for item in result["output"]]
    usage = result.get("usage")
    if usage is not None:
        usage = dict(usage)
        details = dict(usage["input_token_details"])
        details.pop("image_tokens", None)
        details.pop("cached_tokens_details", None)
        usage["input_token_details"] = details
        result["usage"] = usage
    return result


def event_out(event: Json) -> Json | None:
    """
    Convert a GA server event to preview; return None if preview has no such event.
    """
    kind: str = event["type"]
    if kind in ("conversation.item.done", "input_audio_buffer.timeout_triggered"):
        return None
    result = {key: value for key, value in event.items() if key != "obfuscation"}
    result["type"] = _EVENTS_OUT.get(kind, kind)
    if kind in ("session.created", "session.updated"):
        if event["session"]["type"] == "transcription":
            result["type"] = "transcription_" + kind
        result["session"] = _session_out(event["session"])
    if "response" in event:
        result["response"] = _response_out(event["response"])
    if "item" in event:
        result["item"] = _item_out(event["item"])
    return result
