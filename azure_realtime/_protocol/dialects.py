"""
Translation between the GA shapes and the wire formats of both protocols.

1. All other modules use the GA shapes. For GA the translation is the identity, except
   that a gateway may send an old event name.
2. All translations are pure functions of plain dicts and do not change their argument.
3. Sending: a table per protocol contains the fields that it lacks. A field without
   which the command keeps its meaning is left out, with one warning per process; any
   other is refused.
4. Receiving: no function raises. A value without the expected shape is passed on.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._warnings import warn
from ..events._names import RENAMED
from ..models._shape import (
    ABSENT,
    RESPONSE_PATHS,
    SESSION_PATHS,
    Path,
    at,
    flat_tool_choice,
    flatten,
    nest,
    removed,
)

Message = dict[str, Any]


class Dialect(NamedTuple):
    """
    One protocol.

    Attributes:
        name: ``ga`` or ``preview``.
        to_wire: Translates a command from the GA shape. Raises `ValueError` for a
            command that the protocol cannot express.
        from_wire: Translates a received message to its events in the GA shape.
    """

    name: str
    to_wire: Callable[[Mapping[str, Any]], Message]
    from_wire: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], ...]]


def dialect_for(api_version: str | None) -> Dialect:
    """
    Return the protocol of *api_version*.

    Raises:
        ValueError: It is neither ``v1`` nor a date such as ``2025-04-01-preview``.
    """
    if api_version is None or api_version == "v1":
        return GA
    if api_version == "2024-10-01-preview":
        return PREVIEW_2024_10_01
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", api_version):
        return PREVIEW
    msg = (
        f"api_version {api_version!r} is not known: omit it for the GA protocol, "
        "or use a date such as '2025-04-01-preview'"
    )
    raise ValueError(msg)


def ga_command(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return a command with a preview type as the equivalent GA command.

    Only the type is translated: the command classes accept fields in both shapes.
    """
    if message.get("type") != "transcription_session.update":
        return message
    session = message.get("session")
    if isinstance(session, Mapping):
        session = {**session, "type": "transcription"}
    return {**message, "type": "session.update", "session": session}


# -- Fields that a protocol lacks ------------------------------------------------

#: Field -> the reason of the refusal, or None if the field is left out.
Lacks = Mapping[Path, str | None]

_GA_LACKS: Lacks = {
    ("session", "temperature"): None,
    ("session", "client_secret"): None,
    ("response", "temperature"): None,
}

_NO_PROMPT = "stored prompts need the GA protocol; send the text as instructions"

_PREVIEW_LACKS: Lacks = {
    ("session", "parallel_tool_calls"): None,
    ("session", "reasoning"): None,
    ("session", "truncation"): None,
    ("session", "prompt"): _NO_PROMPT,
    ("session", "audio", "input", "transcription", "languages"): None,
    ("session", "audio", "input", "transcription", "keywords"): None,
    ("session", "audio", "input", "transcription", "delay"): None,
    ("session", "audio", "input", "turn_detection", "idle_timeout_ms"): None,
    ("response", "parallel_tool_calls"): None,
    ("response", "reasoning"): None,
    ("response", "prompt"): _NO_PROMPT,
    ("item", "phase"): None,
}

_PREVIEW_REFUSES: Mapping[str, str] = {
    "custom voice": "custom voices need the GA protocol",
    "mcp": "MCP tools need the GA protocol",
    "mcp_list_tools": "MCP items need the GA protocol",
    "mcp_call": "MCP items need the GA protocol",
    "mcp_approval_request": "MCP items need the GA protocol",
    "mcp_approval_response": "MCP items need the GA protocol",
    "input_image": "images need the GA protocol",
    "output_audio": "an assistant's audio cannot be sent; send its transcript as text",
}

_warned: dict[tuple[str, Path], object] = {}


def _without(message: Mapping[str, Any], lacks: Lacks, protocol: str) -> Message:
    """
    Return *message* without the fields that *protocol* lacks.
    """
    kept = dict(message)
    for path, refusal in lacks.items():
        value = at(kept, path)
        if value is ABSENT:
            continue
        if value is not None:
            if refusal:
                raise ValueError(f"{'.'.join(path)}: {refusal}")
            _warn_once(protocol, path)
        kept = removed(kept, path)
    return kept


def _warn_once(protocol: str, path: Path) -> None:
    token = object()  # `setdefault` is atomic: one thread gets its own token back
    if _warned.setdefault((protocol, path), token) is not token:
        return
    warn(f"{path[0]}: the {protocol} protocol has no {path[-1]!r}; it is left out.")


def _refuse(value: Any) -> None:
    """
    Raise for a tool, item or part of a type that the preview protocol lacks.
    """
    kind = value.get("type") if isinstance(value, Mapping) else None
    if isinstance(kind, str) and kind in _PREVIEW_REFUSES:
        raise ValueError(f"{kind}: {_PREVIEW_REFUSES[kind]}")


def _ga_to_wire(message: Mapping[str, Any]) -> Message:
    return _without(message, _GA_LACKS, "GA")


#: Some gateways on the GA path still send these names; the fields are the same.
_OLD_NAMES = {old: new for old, new in RENAMED.items() if old.startswith("response.")}


def _ga_from_wire(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    kind = message.get("type")
    if isinstance(kind, str) and kind in _OLD_NAMES:
        return ({**message, "type": _OLD_NAMES[kind]},)
    return (message,)


# -- Preview, sending ------------------------------------------------------------


def _preview_to_wire(message: Mapping[str, Any]) -> Message:
    wire = _without(message, _PREVIEW_LACKS, "preview")
    if isinstance(wire.get("item"), Mapping):
        wire["item"] = _item_out(wire["item"])
    if isinstance(wire.get("response"), Mapping):
        response = _config_out(flatten(wire["response"], RESPONSE_PATHS))
        if response.get("input"):
            response["input"] = [_item_out(item) for item in response["input"]]
        wire["response"] = response
    if isinstance(wire.get("session"), Mapping):
        session = _config_out(flatten(wire["session"], SESSION_PATHS))
        if session.pop("type", "realtime") == "transcription":
            wire["type"] = "transcription_session.update"
        wire["session"] = session
    return wire


def _first_preview_to_wire(message: Mapping[str, Any]) -> Message:
    wire = _preview_to_wire(message)
    if wire.get("type") == "transcription_session.update":
        msg = "transcription sessions need api_version 2025-04-01-preview, or GA"
        raise ValueError(msg)
    session = wire.get("session")
    if isinstance(session, dict) and session.get("turn_detection", 0) is None:
        session["turn_detection"] = {"type": "none"}
    return wire


def _config_out(flat: Message) -> Message:
    """
    Return a flat session or response with its values in the preview format.
    """
    if flat.get("modalities") == ["audio"]:  # preview allows audio only with text
        flat["modalities"] = ["audio", "text"]
    if isinstance(flat.get("voice"), Mapping):
        _refuse({"type": "custom voice"})
    for tool in flat.get("tools") or ():
        _refuse(tool)
    choice = flat.get("tool_choice")
    _refuse(choice)
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        name = choice.get("name")
        flat["tool_choice"] = {"type": "function", "function": {"name": name}}
    return flat


_OUTPUT_PARTS = {"text": "output_text", "audio": "output_audio"}


def _item_out(item: Mapping[str, Any]) -> Message:
    _refuse(item)
    wire = _without({"item": item}, _PREVIEW_LACKS, "preview")["item"]
    if isinstance(wire.get("content"), list):
        wire = {**wire, "content": [_part_out(part) for part in wire["content"]]}
    return dict(wire)


def _part_out(part: Any) -> Any:
    _refuse(part)
    if isinstance(part, Mapping) and part.get("type") == "output_text":
        return {**part, "type": "text"}
    return part


# -- Preview, receiving ----------------------------------------------------------


def _preview_from_wire(
    message: Mapping[str, Any],
) -> tuple[Mapping[str, Any], ...]:
    kind = message.get("type")
    if not isinstance(kind, str):
        return (message,)
    event: Message = {**message, "type": RENAMED.get(kind, kind)}
    if kind in _QUIRKS:
        old, new = _QUIRKS[kind]
        if new not in event and old in event:
            event[new] = event[old]
    if "session" in event:
        event["session"] = _session_in(event["session"], kind)
    if "item" in event:
        event["item"] = _item_in(event["item"])
    if "response" in event:
        event["response"] = _response_in(event["response"])
    if kind == "conversation.item.created" and _is_final(event.get("item")):
        return (event, {**event, "type": "conversation.item.done"})
    if kind == "response.done":
        return (*_items_done(event), event)
    return (event,)


#: First versions had other names for these fields: event -> (old name, new name).
_QUIRKS = {
    "response.content_part.added": ("content", "part"),
    "response.content_part.done": ("content", "part"),
    "response.text.done": ("value", "text"),
    "conversation.item.truncated": ("index", "content_index"),
}


def _is_final(item: Any) -> bool:
    """
    Whether an added item is complete, and not one that a response still generates.
    """
    if not isinstance(item, Mapping):
        return False
    generated = item.get("role") == "assistant" or item.get("type") == "function_call"
    return not generated or item.get("status") in ("completed", "incomplete")


def _items_done(event: Mapping[str, Any]) -> list[Message]:
    """
    Return a ``conversation.item.done`` for each item of a finished response.

    Not at ``response.output_item.done``, because only the response shows whether its
    items are in the conversation. GA guarantees only that the item's event precedes
    ``response.done``.
    """
    response = event.get("response")
    if not isinstance(response, Mapping):
        return []
    output = response.get("output")
    if response.get("conversation_id", "") is None or not isinstance(output, list):
        return []
    head = {k: v for k, v in event.items() if k != "response"}
    head["type"] = "conversation.item.done"
    return [{**head, "item": item} for item in output if isinstance(item, Mapping)]


def _session_in(session: Any, kind: str) -> Any:
    if not isinstance(session, Mapping):
        return session
    transcription = kind.startswith("transcription_session.")
    flat = {"type": "transcription" if transcription else "realtime", **session}
    if "tool_choice" in flat:
        flat["tool_choice"] = flat_tool_choice(flat["tool_choice"])
    if flat.get("turn_detection") == {"type": "none"}:
        flat["turn_detection"] = None
    return nest(flat, SESSION_PATHS)


def _response_in(response: Any) -> Any:
    if not isinstance(response, Mapping):
        return response
    nested = nest(response, RESPONSE_PATHS)
    if isinstance(nested.get("output"), list):
        nested["output"] = [_item_in(item) for item in nested["output"]]
    return nested


def _item_in(item: Any) -> Any:
    if not isinstance(item, Mapping) or not isinstance(item.get("content"), list):
        return item
    if item.get("role") != "assistant":
        return item
    return {**item, "content": [_part_in(part) for part in item["content"]]}


def _part_in(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if isinstance(kind, str) and kind in _OUTPUT_PARTS:
        return {**part, "type": _OUTPUT_PARTS[kind]}
    return part


GA = Dialect("ga", _ga_to_wire, _ga_from_wire)
PREVIEW = Dialect("preview", _preview_to_wire, _preview_from_wire)
PREVIEW_2024_10_01 = Dialect("preview", _first_preview_to_wire, _preview_from_wire)
