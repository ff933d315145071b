"""
MCP servers as a client of the service sees them: tool lists, calls, and approvals.

No server is contacted. A server has the tools that ``allowed_tools`` names, or a tool
``search``. A server whose URL contains ``missing`` fails to list its tools.
"""

from __future__ import annotations

from typing import Any

from .._wire.ids import new_id
from .connection import Connection
from .conversation import Conversation, Item
from .script import Reply, ToolCall
from .session import Session

__all__ = ["McpServers", "tool_names"]

Json = dict[str, Any]

_PAUSE_SECONDS = 0.02


def tool_names(tool: Json) -> list[str]:
    """
    Return the names of the tools of a server.
    """
    allowed = tool.get("allowed_tools")
    if isinstance(allowed, dict):
        allowed = allowed.get("tool_names")
    return [str(name) for name in allowed or ["search"]]


class McpServers:
    """
    The MCP servers of one session. The connection's lock guards them.
    """

    def __init__(
        self, connection: Connection, session: Session, conversation: Conversation
    ) -> None:
        self._connection = connection
        self._session = session
        self._conversation = conversation
        self._known: dict[str, Json] = {}
        self._requested: dict[str, ToolCall] = {}
        self._approved: dict[int, str] = {}

    def configure(self) -> None:
        """
        List the tools of the servers that a session update has added.
        """
        for tool in self._session.state.get("tools", []):
            if tool["type"] == "mcp" and tool["server_label"] not in self._known:
                self._known[tool["server_label"]] = tool
                self._list_tools(tool)

    def _list_tools(self, tool: Json) -> None:
        connection = self._connection
        item = Item(
            {
                "id": new_id("mcpl"),
                "type": "mcp_list_tools",
                "server_label": tool["server_label"],
                "tools": [],
            }
        )
        previous = self._conversation.insert(item)
        connection.emit(
            "conversation.item.added", previous_item_id=previous, item=item.wire
        )
        connection.emit("mcp_list_tools.in_progress", item_id=item.id)
        connection.timers.after(
            _PAUSE_SECONDS * connection.settings.pace,
            lambda: self._send_tools(item, tool),
        )

    def _send_tools(self, item: Item, tool: Json) -> None:
        connection = self._connection
        with connection.lock:
            if "missing" in str(tool.get("server_url")):
                connection.emit("mcp_list_tools.failed", item_id=item.id)
                return
            item.wire["tools"] = [
                {
                    "name": name,
                    "description": f"A made-up tool of {tool['server_label']}.",
                    "input_schema": {
                        "type": "object",
                        "properties": {"query": {"type": "string"}},
                    },
                    "annotations": None,
                }
                for name in tool_names(tool)
            ]
            connection.emit("mcp_list_tools.completed", item_id=item.id)
            connection.emit(
                "conversation.item.done",
                previous_item_id=self._conversation.previous_id(item),
                item=item.wire,
            )

    def needs_approval(self, label: str, name: str) -> bool:
        """
        Return whether a call requires the client's approval.
        """
        required = self._known.get(label, {}).get("require_approval") or "always"
        if isinstance(required, str):
            return required == "always"
        never = (required.get("never") or {}).get("tool_names") or []
        return name not in never

    def add_request(self, request_id: str, call: ToolCall) -> None:
        """
        Keep a call until the client approves or refuses it.
        """
        self._requested[request_id] = call

    def take_approval(self, call: ToolCall) -> str | None:
        """
        Return the id of the request that approved a call, or None. Works once per call.
        """
        return self._approved.pop(id(call), None)

    def on_approval(self, response: Json) -> Reply | None:
        """
        Process an item ``mcp_approval_response`` from the client.

        Returns:
            A reply with the approved call; None if the client refused it or the request
            is unknown.
        """
        request_id = str(response["approval_request_id"])
        call = self._requested.pop(request_id, None)
        if call is None or not response["approve"]:
            return None
        self._approved[id(call)] = request_id
        return Reply(calls=[call])
