"""
What the model is told about tools, and which of them it is to use.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from ._model import Model, build
from .enums import RequireApproval, ToolChoiceMode


@attrs.frozen
class FunctionTool(Model):
    """
    A function of yours that the model may ask for.

    Attributes:
        parameters: A JSON schema of the arguments, of type ``object``.
    """

    type: ClassVar[str] = "function"

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None


@attrs.frozen
class McpTool(Model):
    """
    A remote MCP server whose tools the service calls itself (GA protocol only).

    One of *server_url*, *connector_id* and *tunnel_id* says where it is.

    Attributes:
        authorization: A token for the server; never shown.
        allowed_tools: Names, or ``{"tool_names": [...], "read_only": True}``.
        require_approval: ``always`` (the service's default), ``never``, or
            ``{"always": filter, "never": filter}``.
    """

    type: ClassVar[str] = "mcp"

    server_label: str
    server_url: str | None = None
    connector_id: str | None = attrs.field(default=None, kw_only=True)
    tunnel_id: str | None = attrs.field(default=None, kw_only=True)
    authorization: str | None = attrs.field(default=None, kw_only=True, repr=False)
    server_description: str | None = attrs.field(default=None, kw_only=True)
    headers: Mapping[str, str] | None = attrs.field(
        default=None, kw_only=True, repr=False
    )
    allowed_tools: tuple[str, ...] | Mapping[str, Any] | None = attrs.field(
        default=None,
        kw_only=True,
        converter=lambda names: tuple(names) if isinstance(names, list) else names,
    )
    allowed_callers: tuple[str, ...] | None = attrs.field(
        default=None, kw_only=True, converter=attrs.converters.optional(tuple)
    )
    require_approval: RequireApproval | str | Mapping[str, Any] | None = attrs.field(
        default=None, kw_only=True
    )
    defer_loading: bool | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class UnknownTool(Model):
    """
    A tool of a type this library does not know; `raw` is what is sent.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)


Tool = FunctionTool | McpTool | UnknownTool


@attrs.frozen
class ToolChoiceFunction(Model):
    """
    The model must call this function.
    """

    type: ClassVar[str] = "function"

    name: str


@attrs.frozen
class ToolChoiceMcp(Model):
    """
    The model must use this MCP server, or this one tool of it.
    """

    type: ClassVar[str] = "mcp"

    server_label: str
    name: str | None = None


ToolChoice = ToolChoiceMode | str | ToolChoiceFunction | ToolChoiceMcp

_TOOLS: dict[str, type[Model]] = {"function": FunctionTool, "mcp": McpTool}


def as_tool(tool: Any) -> Tool:
    """
    Return *tool* as a model.

    The shape of the chat interface, ``{"type": "function", "function": {...}}``, is
    understood too.

    Raises:
        ValueError: A mapping with a misspelled field or no type.
        TypeError: Neither a tool nor a mapping.
    """
    if isinstance(tool, (FunctionTool, McpTool, UnknownTool)):
        return tool
    if not isinstance(tool, Mapping):
        msg = f"tools: expected a tool or a mapping, got {type(tool).__name__}"
        raise TypeError(msg)
    kind = tool.get("type")
    if not isinstance(kind, str):
        msg = "a tool needs a 'type': function or mcp"
        raise ValueError(msg)
    if kind == "function" and isinstance(tool.get("function"), Mapping):
        tool = tool["function"]
    if kind in _TOOLS:
        return build(_TOOLS[kind], tool, f"{kind} tool")  # type: ignore[return-value]
    return UnknownTool(kind, raw=tool)


def as_tools(tools: Any) -> tuple[Tool, ...]:
    """
    Return *tools*, an iterable of tools or mappings, as models.
    """
    if isinstance(tools, (str, Mapping, Model)) or not isinstance(tools, Iterable):
        msg = f"tools: expected a list, got {type(tools).__name__}"
        raise TypeError(msg)
    return tuple(as_tool(tool) for tool in tools)


def as_tool_choice(choice: Any) -> ToolChoice:
    """
    Return *choice* as a mode or a model.

    Accepts ``{"type": "function", "name": ...}`` and the older
    ``{"type": "function", "function": {"name": ...}}``.

    Raises:
        ValueError: A mapping with a misspelled field or an unknown type.
        TypeError: None of these.
    """
    if isinstance(choice, (str, ToolChoiceFunction, ToolChoiceMcp)):
        return choice
    if not isinstance(choice, Mapping):
        msg = f"tool_choice: expected a str or mapping, got {type(choice).__name__}"
        raise TypeError(msg)
    kind = choice.get("type")
    if kind == "function":
        named = choice.get("function")
        fields = named if isinstance(named, Mapping) else choice
        return build(ToolChoiceFunction, fields, "tool_choice")
    if kind == "mcp":
        return build(ToolChoiceMcp, choice, "tool_choice")
    msg = f"tool_choice: the 'type' is {kind!r}; expected 'function' or 'mcp'"
    raise ValueError(msg)
