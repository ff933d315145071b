"""
A conversation as readable text, and as mappings that restore it in a new session.

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


def as_text(items: Iterable[tuple[Item, str]]) -> str:
    """
    Return a readable transcript.

    Args:
        items: The items, each with a remark or "".
    """
    lines = [
        f"{label}: {text}".rstrip() + (f" [{remark}]" if remark else "")
        if text is not None
        else f"[{label}]"
        for item, remark in items
        for label, text in labelled(item)
    ]
    return "\n".join(line.replace("\n", "\n    ") for line in lines)


def labelled(item: Item) -> list[tuple[str, str | None]]:
    """
    Return the lines of *item* in a transcript, each a label and a text.

    The text is None if there is nothing but a type to show.
    """
    if isinstance(item, MessageItem):
        texts = [text for part in item.content if (text := _readable(part))]
        return [(item.role, " ".join(texts))]
    if isinstance(item, FunctionCallItem):
        return [("tool call", f"{item.name}({item.arguments})")]
    if isinstance(item, FunctionCallOutputItem):
        return [("tool output", item.output)]
    if isinstance(item, McpCallItem):
        output = [] if item.output is None else [("tool output", item.output)]
        return [("tool call", f"{item.name}({item.arguments})"), *output]
    return [(item.type, None)]


def _readable(part: Part) -> str:
    if isinstance(part, InputImage):
        return "[image]"
    if isinstance(part, (InputAudio, OutputAudio)) and part.transcript is None:
        return "[speech]"
    return part_text(part).strip()


def as_mappings(
    items: Iterable[Item], promised: Collection[str] = ()
) -> list[dict[str, Any]]:
    """
    Return *items* as mappings that restore them in a new session, speech as text.

    Args:
        items: The items in order. A call without its output is left out.
        promised: The ids of calls whose outputs will follow.
    """
    items = tuple(items)
    calls = {item.call_id for item in items if isinstance(item, FunctionCallItem)}
    outputs = {
        item.call_id for item in items if isinstance(item, FunctionCallOutputItem)
    } | set(promised)
    mappings = (_mapping(item, calls & outputs) for item in items)
    return [mapping for mapping in mappings if mapping is not None]


def _mapping(item: Item, answered: set[str | None]) -> dict[str, Any] | None:
    """
    Return the mapping that restores *item*; None if it cannot be restored.
    """
    if isinstance(item, MessageItem):
        content = [
            sent for part in item.content if (sent := _part_mapping(part, item.role))
        ]
        message = {
            "type": item.type,
            "id": item.id,
            "role": item.role,
            "content": content,
        }
        if item.phase is not None:
            message["phase"] = item.phase
        return message if content else None
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


def _part_mapping(part: Part, role: str) -> dict[str, Any] | None:
    if isinstance(part, InputImage):
        image = {"type": part.type, "image_url": part.image_url}
        return image | ({"detail": part.detail} if part.detail else {})
    text = part_text(part)
    if not text.strip(" \n…"):
        return None
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": kind, "text": text}
