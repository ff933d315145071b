"""
Items and their parts, as users write them and as they come.
"""

from typing import Any

import pytest

from azure_realtime._protocol.converter import converter
from azure_realtime.models.content import (
    InputAudio,
    InputText,
    OutputAudio,
    OutputText,
    UnknownPart,
)
from azure_realtime.models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    McpCallItem,
    McpError,
    McpListedTool,
    McpListToolsItem,
    MessageItem,
    UnknownItem,
    as_item,
)


def test_text_is_the_short_form_of_a_message() -> None:
    """
    A str becomes the part that fits the role.
    """
    assert MessageItem("user", [InputText("Hi")]) == as_item("Hi")
    assert (OutputText("Hi"),) == MessageItem("assistant", "Hi").content
    assert (InputText("Hi"),) == MessageItem("system", "Hi").content


def test_raw_audio_is_encoded() -> None:
    """
    Parts take bytes as well as base64 text.
    """
    assert InputAudio("AAABAA==") == InputAudio(b"\x00\x00\x01\x00")


@pytest.mark.parametrize("kind", ["text", "output_text"])
def test_either_generation_of_parts_is_understood(kind: str) -> None:
    """
    An assistant's message copied from older pages works.
    """
    item = as_item(
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": kind, "text": "Yes"}],
        }
    )

    assert MessageItem("assistant", [OutputText("Yes")]) == item


def test_text_of_a_message_is_what_it_says() -> None:
    """
    Written and spoken parts are joined; what is not known is left out.
    """
    item = MessageItem(
        "assistant",
        [
            OutputText("a"),
            OutputAudio(transcript="b"),
            UnknownPart("smell"),
            OutputAudio(),
        ],
    )

    assert "ab" == item.text


@pytest.mark.parametrize(
    ("item", "meant"),
    [
        ({"type": "mesage", "role": "user", "content": "x"}, "'message'"),
        ({"type": "message", "rol": "user", "content": "x"}, "'role'"),
        ({"type": "message", "role": "user"}, "'content'"),
        ({"role": "user", "content": "x"}, "'type'"),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_tex", "text": "x"}],
            },
            "'input_text'",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "txt": "x"}],
            },
            "'text'",
        ),
        ({"type": "function_call_output", "call_id": "c"}, "'output'"),
    ],
)
def test_a_misspelled_name_is_reported(item: dict[str, Any], meant: str) -> None:
    """
    With what was probably meant.
    """
    with pytest.raises(ValueError, match=meant):
        as_item(item)


@pytest.mark.parametrize("item", [5, None, ["message"], object()])
def test_other_types_than_items_are_refused(item: Any) -> None:
    """
    By its type.
    """
    with pytest.raises(TypeError, match="item"):
        as_item(item)


@pytest.mark.parametrize("content", [5, InputText("x"), {"type": "input_text"}, [5]])
def test_other_types_than_content_are_refused(content: Any) -> None:
    """
    One part alone is not a list of parts.
    """
    with pytest.raises(TypeError, match="content"):
        MessageItem("user", content)


def test_unknown_types_of_items_can_be_sent() -> None:
    """
    An unknown type is passed on as it is.
    """
    message = {"type": "hologram", "id": "item_1", "light": [1, 2]}

    item = as_item(message)

    assert isinstance(item, UnknownItem)
    assert message == converter().unstructure(item)


def test_items_are_read_by_their_type() -> None:
    """
    The result has the class that fits, with the received object in ``raw``.
    """
    message = {
        "type": "function_call",
        "name": "f",
        "arguments": "{}",
        "call_id": "c",
        "flavour": "sour",
    }

    item: Any = converter().structure(message, Item)  # type: ignore[arg-type]

    assert FunctionCallItem("f", "{}", "c") == item
    assert message == item.raw
    assert () == item.problems


def test_nested_models_are_models() -> None:
    """
    Tools and errors of MCP items, made by hand or received.
    """
    tools = McpListToolsItem("docs", [{"name": "t", "input_schema": {}}])
    call = McpCallItem("i", "docs", "t", "{}", error={"type": "x", "message": "no"})

    assert (McpListedTool("t", {}),) == tools.tools
    assert McpError("x", "no") == call.error


def test_nothing_of_ours_is_sent() -> None:
    """
    ``raw`` and ``problems`` stay here; None is left out.
    """
    item = FunctionCallOutputItem("c", "1", raw={"a": 1}, problems=("b",))

    assert {
        "type": "function_call_output",
        "call_id": "c",
        "output": "1",
    } == converter().unstructure(item)
