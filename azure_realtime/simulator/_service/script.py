"""
Scripted replies and tool calls, and the list or function that supplies them.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import NoneType
from typing import Any

from ..._spelling import checks_names
from .connection import Connection

__all__ = ["Replies", "Reply", "Request", "Script", "ToolCall"]


def _require(name: str, value: object, kinds: Any, expected: str) -> None:
    """
    Check the type of an argument.

    Raises:
        TypeError: It is another one.
    """
    if not isinstance(value, kinds):
        raise TypeError(f"{name} must be {expected}, not {value!r:.60}")


def require_number(name: str, value: object) -> None:
    """
    Check that an argument is a number.

    Raises:
        TypeError: It is not.
    """
    _require(name, value, Real, "a number")


@checks_names
@dataclass(frozen=True)
class ToolCall:
    """
    A function call in a reply, or a call of an MCP server's tool.

    Args:
        name: The name of the function or tool.
        arguments: A mapping, or the JSON text, which may be invalid on purpose.
        call_id: The call's id; None creates one.
        server_label: The MCP server of the tool; None is a function call.
        output: The output of the MCP tool.
        error: The error message of an MCP tool that fails.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    call_id: str | None = None
    server_label: str | None = None
    output: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        _require("name", self.name, str, "a str")
        _require("arguments", self.arguments, (Mapping, str), "a mapping or a str")

    @property
    def arguments_text(self) -> str:
        """
        The arguments as JSON text.
        """
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(dict(self.arguments), ensure_ascii=False)


@checks_names
@dataclass(frozen=True)
class Reply:
    """
    One response of the assistant.

    Args:
        text: The text, or the transcript of the speech.
        heard: The transcript of the user's speech that the response answers.
        calls: Calls after the text; several calls are parallel.
        status: The final status: ``completed``, ``incomplete``, ``failed`` or
            ``cancelled``.
        reason: ``status_details.reason``, e.g. ``content_filter``.
        error_code: ``status_details.error.code`` of a failed response.
        error_message: ``status_details.error.message`` of a failed response.
        delay: Seconds between ``response.created`` and the first output.
        modalities: ``["text"]`` or ``["audio"]``; None uses those of the request.
        usage: The usage object, sent unchanged; None counts made-up tokens.
        phase: The message's phase, ``commentary`` or ``final_answer``.
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

    def __post_init__(self) -> None:
        _require("text", self.text, str, "a str")
        _require("heard", self.heard, (str, NoneType), "a str or None")
        require_number("delay", self.delay)
        _require("usage", self.usage, (Mapping, NoneType), "a mapping or None")
        _require("calls", self.calls, Iterable, "a list of ToolCall")
        if isinstance(self.calls, Collection):  # not an iterator, which is read once
            for call in self.calls:
                _require("calls", call, ToolCall, "a list of ToolCall")


@dataclass(frozen=True)
class Request:
    """
    The input of a response, for a function that returns replies.

    Attributes:
        text: The text of the last user message, or the transcript of its speech; empty
            for speech without a scripted transcript.
        items: The items that the response answers, oldest first, in GA's shape.
        tools: The effective tools.
        tool_choice: The effective tool choice.
        instructions: The effective instructions.
        modalities: ``["text"]`` or ``["audio"]``.
        response: The client's ``response.create`` parameters; empty when turn
            detection started the response.
        audio_ms: The duration of the last user message's audio, in milliseconds; 0 for
            text.
        connection: The connection of the client.
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


def _checked(reply: Any) -> Reply | str:
    if not isinstance(reply, (Reply, str)):
        raise TypeError(f"a reply is a Reply or text, not {reply!r}")
    return reply


def _as_reply(reply: Reply | str | None) -> Reply | None:
    return Reply(text=reply) if isinstance(reply, str) else reply


class Script:
    """
    A list of replies that all connections use up in order, or a function. Any thread.
    """

    def __init__(self, replies: Replies) -> None:
        # Guards _list, which the responses of all connections use.
        self._lock = threading.Lock()
        self._function: Callable[[Request], Reply | str | None] | None = None
        self._list: deque[Reply | str] = deque()
        if callable(replies):
            self._function = replies
        elif replies is not None:
            given = [replies] if isinstance(replies, (Reply, str)) else replies
            _require(
                "replies", given, Iterable, "a list of Reply or text or a function"
            )
            self._list = deque(map(_checked, given))

    def add(self, reply: Reply | str) -> None:
        """
        Append a reply to the list.

        Raises:
            TypeError: It is neither a `Reply` nor text.
        """
        _checked(reply)
        with self._lock:
            self._list.append(reply)

    def next_transcript(self) -> str | None:
        """
        Return `Reply.heard` of the next reply in the list; the reply stays in the list.
        """
        with self._lock:
            reply = _as_reply(self._list[0]) if self._list else None
        return reply.heard if reply is not None else None

    def take(self) -> Reply | None:
        """
        Remove and return the next reply of the list; None if there is none.
        """
        with self._lock:
            return _as_reply(self._list.popleft()) if self._list else None

    def call(self, request: Request) -> Reply | None:
        """
        Return the reply of the user's function; None if there is none. Holds no lock.
        """
        if self._function is not None:
            reply = self._function(request)
            return None if reply is None else _as_reply(_checked(reply))
        return None
