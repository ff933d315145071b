"""
The tools that the model may call, and the choice among them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from .._spelling import checks_names
from ._base import Model
from ._coerce import Strings, as_list, as_model, as_strings
from ._unset import Unset
from .enums import RequireApproval, ToolChoiceMode

__all__ = [
    "FunctionTool",
    "McpTool",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
    "UnknownTool",
    "UnknownToolChoice",
]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST_DESCRIPTION = 1024


def check_function(name: Any, description: Any) -> None:
    """
    Check the name and description of a function tool by the service's rules.

    Raises:
        ValueError: The service refuses the name, or the description's length.
        TypeError: One of them is not text.
    """
    for what, value in (("name", name), ("description", description)):
        if not isinstance(value, str) and (what == "name" or value is not None):
            msg = f"the {what} of a tool must be text, not {type(value).__name__}"
            raise TypeError(msg)
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 80 else f"{name[:80]}..."
        msg = (
            f"{shown!r} cannot be the name of a tool: the service takes 1 to 64 of the "
            "letters a-z and A-Z, digits, _ and -; pass another name=..."
        )
        raise ValueError(msg)
    if description is not None and len(description) > _LONGEST_DESCRIPTION:
        msg = (
            f"the description of the tool {name!r} has {len(description)} characters; "
            f"the service takes {_LONGEST_DESCRIPTION}: pass a shorter description=..."
        )
        raise ValueError(msg)


@checks_names
@attrs.frozen(eq=False, repr=False)
class FunctionTool(Model):
    """
    A function that the model may call.

    Attributes:
        name: The name of the function.
        description: The description for the model.
        parameters: JSON schema of the arguments, of type ``object``.
    """

    type: ClassVar[str] = "function"

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None


def _as_names(value: Any) -> tuple[str, ...] | Mapping[str, Any] | None:
    return tuple(value) if isinstance(value, list) else value


def _as_callers(value: Strings | None) -> tuple[str, ...] | None:
    return as_strings(value, "allowed_callers")


def _address(url: object) -> str:
    """
    Return the ``repr`` of a URL without user info and query, which may be credentials.
    """
    bare = re.sub(r"^([^/?#]*//)?[^/?#]*@", r"\1", str(url))
    return repr(url and re.split("[?#]", bare)[0])


@checks_names
@attrs.frozen(eq=False, repr=False)
class McpTool(Model):
    """
    A remote MCP server whose tools the service calls itself (GA protocol only).

    One of *server_url*, *connector_id* and *tunnel_id* is its address.

    Attributes:
        authorization: A token for the server; not part of the ``repr``.
        allowed_tools: Names, or ``{"tool_names": [...], "read_only": True}``.
        require_approval: ``always`` (the service's default), ``never``, or
            ``{"always": filter, "never": filter}``.
    """

    type: ClassVar[str] = "mcp"

    server_label: str
    server_url: str | None = attrs.field(default=None, repr=_address)
    connector_id: str | None = attrs.field(default=None, kw_only=True)
    tunnel_id: str | None = attrs.field(default=None, kw_only=True)
    authorization: str | None = attrs.field(default=None, kw_only=True, repr=False)
    server_description: str | None = attrs.field(default=None, kw_only=True)
    headers: Mapping[str, str] | None = attrs.field(
        default=None, kw_only=True, repr=False
    )
    allowed_tools: tuple[str, ...] | Mapping[str, Any] | None = attrs.field(
        default=None, kw_only=True, converter=_as_names
    )
    allowed_callers: tuple[str, ...] | None = attrs.field(
        default=None, kw_only=True, converter=_as_callers
    )
    require_approval: RequireApproval | str | Mapping[str, Any] | None = attrs.field(
        default=None, kw_only=True
    )
    defer_loading: bool | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class UnknownTool(Model):
    """
    A tool of a type that this library does not know; `raw` is sent.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


ToolSpec = FunctionTool | McpTool | UnknownTool


@attrs.frozen(eq=False, repr=False)
class ToolChoiceFunction(Model):
    """
    The model must call this function.
    """

    type: ClassVar[str] = "function"

    name: str


@attrs.frozen(eq=False, repr=False)
class ToolChoiceMcp(Model):
    """
    The model must use this MCP server, or this tool of it.
    """

    type: ClassVar[str] = "mcp"

    server_label: str
    name: str | None = None


@attrs.frozen(eq=False, repr=False)
class UnknownToolChoice(Model):
    """
    A tool choice of a type that this library does not know; `raw` is sent.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


ToolChoice = (
    ToolChoiceMode | str | ToolChoiceFunction | ToolChoiceMcp | UnknownToolChoice
)

_TOOLS = {"function": FunctionTool, "mcp": McpTool}
_CHOICES = {"function": ToolChoiceFunction, "mcp": ToolChoiceMcp}


def as_tools(
    tools: Iterable[ToolSpec | Mapping[str, Any]] | None | Unset,
) -> tuple[ToolSpec, ...] | None | Unset:
    """
    Return a list of tools or mappings as models; None and UNSET unchanged.

    The shape of the chat completions API, ``{"type": "function", "function": {...}}``,
    is accepted as well.

    Raises:
        ValueError: A field is misspelled, a type is missing, or the service refuses a
            function (`check_function`).
        TypeError: *tools* is no list of tools or mappings.
    """
    if tools is None or isinstance(tools, Unset):
        return tools
    made = tuple(
        as_model(_unwrapped(tool), _TOOLS, UnknownTool, f"tools[{number}]")
        for number, tool in enumerate(map(_checked, as_list(tools, "tools")))
    )
    for tool in made:
        if isinstance(tool, FunctionTool):
            check_function(tool.name, tool.description)
    return made


def _checked(value: Any) -> Any:
    """
    Refuse a function, and the `Tool` that ``client.tool`` makes of one.
    """
    if callable(value) or hasattr(value, "spec"):
        raise TypeError(
            f"tools: {type(value).__name__} is not a description of a tool: register "
            "the function with client.tool(function), which adds it to the session"
        )
    return value


def _unwrapped(value: Any) -> Any:
    """
    Return *value* without the ``function`` level of the chat completions API.
    """
    inner = value.get("function") if isinstance(value, Mapping) else None
    if isinstance(inner, Mapping) and value.get("type") == "function":
        return {"type": "function", **inner}
    return value


def as_tool_choice(
    choice: ToolChoice | Mapping[str, Any] | None | Unset,
) -> ToolChoice | None | Unset:
    """
    Return *choice* as a mode or a model; None and UNSET unchanged.

    ``{"type": "function", "name": ...}`` is accepted, and the older
    ``{"type": "function", "function": {"name": ...}}``.

    Raises:
        ValueError: A field is misspelled, or the type is missing.
        TypeError: *choice* is neither text, a model nor a mapping.
    """
    if choice is None or isinstance(choice, (str, Unset)):
        return choice
    made: ToolChoice = as_model(
        _unwrapped(choice), _CHOICES, UnknownToolChoice, "tool_choice"
    )
    return made
