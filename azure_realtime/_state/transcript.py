"""
A conversation on paper: to be read, and to be told again.

Pure functions of items. Any thread.
"""

from collections.abc import Collection, Iterable
from typing import Any

from ..models.content import InputAudio, InputImage, OutputAudio, Part, part_text
from ..models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    McpCallItem,
    MessageItem,
)


def as_text(told: Iterable[tuple[Item, str]]) -> str:
    """
    Return a readable transcript.

    Args:
        told: The items, each with a remark or "".
    """
    lines = [
        line + (f" [{note}]" if note else "")
        for item, note in told
        for line in _lines(item)
    ]
    return "\n".join(line.replace("\n", "\n    ") for line in lines)


def _lines(item: Item) -> list[str]:
    if isinstance(item, MessageItem):
        shown = [text for part in item.content if (text := _shown(part))]
        return [f"{item.role}: {' '.join(shown)}".rstrip()]
    if isinstance(item, FunctionCallItem):
        return [f"tool call: {item.name}({item.arguments})"]
    if isinstance(item, FunctionCallOutputItem):
        return [f"tool output: {item.output}"]
    if isinstance(item, McpCallItem):
        output = [] if item.output is None else [f"tool output: {item.output}"]
        return [f"tool call: {item.name}({item.arguments})", *output]
    return [f"[{item.type}]"]


def _shown(part: Part) -> str:
    if isinstance(part, InputImage):
        return "[image]"
    if isinstance(part, (InputAudio, OutputAudio)) and part.transcript is None:
        return "[speech]"
    return part_text(part).strip()


def as_mappings(
    items: Iterable[Item], promised: Collection[str] = ()
) -> list[dict[str, Any]]:
    """
    Return *items* as mappings that a session can be told anew, as text.

    Args:
        items: In order. A call without its output is left out.
        promised: The calls whose outputs are still to come.
    """
    items = tuple(items)
    calls = {item.call_id for item in items if isinstance(item, FunctionCallItem)}
    outputs = {
        item.call_id for item in items if isinstance(item, FunctionCallOutputItem)
    } | set(promised)
    told = (_mapping(item, calls & outputs) for item in items)
    return [mapping for mapping in told if mapping is not None]


def _mapping(item: Item, answered: set[str | None]) -> dict[str, Any] | None:
    """
    Return *item* as it can be told again; None if it cannot.
    """
    if isinstance(item, MessageItem):
        content = [told for part in item.content if (told := _told(part, item.role))]
        told = {"type": item.type, "id": item.id, "role": item.role, "content": content}
        if item.phase is not None:
            told["phase"] = item.phase
        return told if content else None
    if isinstance(item, FunctionCallItem) and item.call_id in answered:
        return {
            "type": item.type,
            "id": item.id,
            "call_id": item.call_id,
            "name": item.name,
            "arguments": item.arguments,
        }
    if isinstance(item, FunctionCallOutputItem) and item.call_id in answered:
        return {
            "type": item.type,
            "id": item.id,
            "call_id": item.call_id,
            "output": item.output,
        }
    return None


def _told(part: Part, role: str) -> dict[str, Any] | None:
    if isinstance(part, InputImage):
        image = {"type": part.type, "image_url": part.image_url}
        return image | ({"detail": part.detail} if part.detail else {})
    text = part_text(part)
    if not text.strip(" \n…"):
        return None
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": kind, "text": text}
