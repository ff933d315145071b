"""
``mcp_list_tools.*`` and ``response.mcp_call*``: tools that the service calls itself.
"""

from typing import ClassVar, Literal

import attrs

from ..models._base import JSON_TEXT
from ._base import ServerEvent

__all__ = [
    "McpListToolsCompleted",
    "McpListToolsFailed",
    "McpListToolsInProgress",
    "ResponseMcpCallArgumentsDelta",
    "ResponseMcpCallArgumentsDone",
    "ResponseMcpCallCompleted",
    "ResponseMcpCallFailed",
    "ResponseMcpCallInProgress",
]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfList(ServerEvent):
    item_id: str = ""


class McpListToolsInProgress(_OfList):
    """
    The service requests the tools of an MCP server.
    """

    __slots__ = ()

    type: "ClassVar[Literal['mcp_list_tools.in_progress']]" = (
        "mcp_list_tools.in_progress"
    )


class McpListToolsCompleted(_OfList):
    """
    The tools of an MCP server are known; responses can use them from now on.
    """

    __slots__ = ()

    type: "ClassVar[Literal['mcp_list_tools.completed']]" = "mcp_list_tools.completed"


class McpListToolsFailed(_OfList):
    """
    The request for the tools of an MCP server failed.
    """

    __slots__ = ()

    type: "ClassVar[Literal['mcp_list_tools.failed']]" = "mcp_list_tools.failed"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDelta(ServerEvent):
    """
    A piece of the arguments (JSON text) of an MCP call.
    """

    type: "ClassVar[Literal['response.mcp_call_arguments.delta']]" = (
        "response.mcp_call_arguments.delta"
    )

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDone(ServerEvent):
    """
    The arguments (JSON text) of an MCP call are complete.
    """

    type: "ClassVar[Literal['response.mcp_call_arguments.done']]" = (
        "response.mcp_call_arguments.done"
    )

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    arguments: str = attrs.field(default="", metadata=JSON_TEXT)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfCall(ServerEvent):
    item_id: str = ""
    output_index: int = 0


class ResponseMcpCallInProgress(_OfCall):
    """
    The service calls an MCP server.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.mcp_call.in_progress']]" = (
        "response.mcp_call.in_progress"
    )


class ResponseMcpCallCompleted(_OfCall):
    """
    An MCP call succeeded; the item has the output.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.mcp_call.completed']]" = (
        "response.mcp_call.completed"
    )


class ResponseMcpCallFailed(_OfCall):
    """
    An MCP call failed; the item has the error.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.mcp_call.failed']]" = "response.mcp_call.failed"
