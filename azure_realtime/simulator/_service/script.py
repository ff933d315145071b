"""
What the service answers: replies, tool calls, and the list or function of them.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .connection import Connection

__all__ = ["Replies", "Reply", "Request", "Script", "ToolCall"]


@dataclass(frozen=True)
class ToolCall:
    """
    One function call of a reply, or a call of an MCP server's tool.

    Args:
        name: The function's name.
        arguments: A mapping, or the JSON text itself (which may be broken on purpose).
        call_id: The call's id; made up when None.
        server_label: The MCP server whose tool it is.
        output: What that tool returns.
        error: What that tool fails with.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    call_id: str | None = None
    server_label: str | None = None
    output: str | None = None
    error: str | None = None

    @property
    def arguments_text(self) -> str:
        """
        The arguments as JSON text.
        """
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(dict(self.arguments), ensure_ascii=False)


@dataclass(frozen=True)
class Reply:
    """
    One response of the assistant.

    Args:
        text: Its text, or the transcript of its speech.
        heard: The transcript of the user's speech that led to it.
        calls: Functions it calls after speaking; several are parallel calls.
        status: How it ends: ``completed``, ``incomplete``, ``failed``, ``cancelled``.
        reason: ``status_details.reason``, e.g. ``content_filter``.
        error_code: ``status_details.error.code`` of a failed response.
        error_message: ``status_details.error.message`` of a failed response.
        delay: Seconds between ``response.created`` and the first output.
        modalities: ``["text"]`` or ``["audio"]``; None keeps what was asked for.
        usage: The usage object, verbatim; None counts made-up tokens.
        phase: ``commentary`` or ``final_answer`` on the message.
    """

    text: str = ""
    heard: str | None = None
    calls: Iterable[ToolCall] = ()
    status: str = "completed"
    reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    delay: float = 0.0
    modalities: Iterable[str] | None = None
    usage: Mapping[str, Any] | None = None
    phase: str | None = None


@dataclass(frozen=True)
class Request:
    """
    What a response is asked to answer.

    Attributes:
        text: The last user message's text, or the transcript of its speech; empty
            for speech that no script put words to.
        items: The items before it, oldest first, in GA's shape.
        tools: The tools in force.
        tool_choice: The tool choice in force.
        instructions: The instructions in force.
        modalities: ``["text"]`` or ``["audio"]``.
        response: The client's ``response.create`` parameters; empty when turn
            detection started the response.
        audio_ms: The duration of the last user message's audio, in milliseconds; 0 for
            text.
        connection: The connection.
    """

    text: str
    items: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    tool_choice: Any
    instructions: str
    modalities: list[str]
    response: dict[str, Any]
    audio_ms: int
    connection: Connection


Replies = Iterable[Reply | str] | Callable[[Request], Reply | str | None] | None


def _as_reply(reply: Reply | str | None) -> Reply | None:
    return Reply(text=reply) if isinstance(reply, str) else reply


class Script:
    """
    A list of replies used up in order by all connections, or a function of the request.
    """

    def __init__(self, replies: Replies) -> None:
        self._lock = threading.Lock()
        self._function: Callable[[Request], Reply | str | None] | None = None
        self._list: deque[Reply | str] = deque()
        if callable(replies):
            self._function = replies
        elif replies is not None:
            self._list = deque([replies] if isinstance(replies, str) else replies)

    def add(self, reply: Reply | str) -> None:
        """
        Put one more reply at the end of the list.
        """
        with self._lock:
            self._list.append(reply)

    def next_transcript(self) -> str | None:
        """
        Return `Reply.heard` of the next reply in the list, without using it up.
        """
        with self._lock:
            reply = _as_reply(self._list[0]) if self._list else None
        return reply.heard if reply is not None else None

    def take(self, request: Request) -> Reply | None:
        """
        Return the scripted reply, or None for the unscripted one.

        The user's function runs here, outside every lock.
        """
        with self._lock:
            if self._list:
                return _as_reply(self._list.popleft())
        if self._function is not None:
            return _as_reply(self._function(request))
        return None
