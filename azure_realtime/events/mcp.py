"""
``mcp_list_tools.*`` and ``response.mcp_call*``: tools that the service calls itself.
"""

from typing import ClassVar

import attrs

from ._base import ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsInProgress(ServerEvent):
    """
    The service is asking an MCP server for its tools.
    """

    type: ClassVar[str] = "mcp_list_tools.in_progress"

    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsCompleted(ServerEvent):
    """
    The tools are known; before this, a response cannot use them.
    """

    type: ClassVar[str] = "mcp_list_tools.completed"

    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsFailed(ServerEvent):
    """
    The MCP server did not tell its tools.
    """

    type: ClassVar[str] = "mcp_list_tools.failed"

    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDelta(ServerEvent):
    """
    A piece of the arguments (JSON text) of an MCP call.
    """

    type: ClassVar[str] = "response.mcp_call_arguments.delta"

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

    type: ClassVar[str] = "response.mcp_call_arguments.done"

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    arguments: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallInProgress(ServerEvent):
    """
    The service is calling an MCP server.
    """

    type: ClassVar[str] = "response.mcp_call.in_progress"

    item_id: str = ""
    output_index: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallCompleted(ServerEvent):
    """
    An MCP call has returned; the item has its output.
    """

    type: ClassVar[str] = "response.mcp_call.completed"

    item_id: str = ""
    output_index: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallFailed(ServerEvent):
    """
    An MCP call failed; the item has the error.
    """

    type: ClassVar[str] = "response.mcp_call.failed"

    item_id: str = ""
    output_index: int = 0
