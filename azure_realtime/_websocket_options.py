"""
The numbers of the connection; users import them from `azure_realtime.options`.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from ._spelling import checks_names
from .models._base import Value

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_OF_THE_HANDSHAKE = {
    *("connection", "upgrade", "content-length", "transfer-encoding"),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"),
}


def _headers(value: Mapping[str, str] | None) -> dict[str, str]:
    headers = dict(value or {})
    if len({str(name).lower() for name in headers}) < len(headers):
        raise ValueError("a header is given twice, in two spellings")
    for name, content in headers.items():
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            shown = repr(name) if len(str(name)) <= 20 else "something in headers"
            raise ValueError(f"{shown} is not the name of an HTTP header")
        if name.lower() in _OF_THE_HANDSHAKE:
            raise ValueError(f"the header {name} is the WebSocket handshake's to say")
        if not isinstance(content, str) or not re.fullmatch(
            r"[\t\x20-\x7e\x80-\xff]*", content
        ):
            raise ValueError(
                f"the header {name} holds something no header can carry, "
                "such as a line break"
            )
    return headers


def _positive(optional: bool = False) -> Callable[[Any, Any, Any], None]:
    def check(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value is None and optional:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{field.name} must be a number, not {value!r}")
        if not value > 0:
            raise ValueError(f"{field.name} must be more than 0, not {value!r}")

    return check


def _count(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field.name} must be a whole number or None, not {value!r}")
    if value < 0:
        raise ValueError(f"{field.name} must not be negative; None means for ever")


def _text(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(
            f"{field.name} must be text or None, not {type(value).__name__}"
        )


def _tls(_: Any, __: Any, value: Any) -> None:
    if value is not None and not isinstance(value, ssl.SSLContext):
        raise TypeError(
            "ssl_context must be an ssl.SSLContext, such as "
            "ssl.create_default_context(cafile=...)"
        )


def _one_of(*words: str) -> Callable[[Any, Any, Any], None]:
    def check(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in words:
            raise ValueError(f"{field.name} must be one of {words}, not {value!r}")

    return check


@checks_names
@attrs.frozen(kw_only=True, eq=False, repr=False)
class WebSocketOptions(Value):
    """
    The numbers of the connection. All times are seconds.

    Args:
        connect_timeout: From dialling (name resolution, TCP, proxy, TLS, upgrade) to
            the session being ready.
        ping_interval: Nothing heard for so long: send a ping. None: never.
        ping_timeout: Nothing at all heard for so long after that: the peer is dead.
            Any byte is a sign of life, but those of a frame that drips on and on, with
            fewer than 30 a second. None: never.
        proxy: ``"http://user:password@host:port"``; None takes it from the
            environment (``https_proxy``, ``no_proxy``); ``""`` uses none.
        ssl_context: For a private certificate authority or a client certificate; the
            default verifies certificate and host name, TLS 1.2 or newer.
        headers: More headers for the handshake. An ``Authorization`` here replaces
            the credential of the options; a ``Host`` is said instead of the address's.
        max_message_bytes: A larger message from the service ends the connection with
            code 1009.
        max_send_queue_bytes: Waiting output beyond this makes callers wait.
        audio_overflow: What `append_audio` does where the send queue has no room:
            ``"block"`` until its timeout, ``"drop_oldest"`` audio that waits (counted,
            and told by an ``overflow`` event; it makes room for commands, too), or fail
            with an ``"error"``.
        max_callback_queue_bytes: Events that wait for listeners beyond this lose their
            audio deltas, see *slow_consumer*. A warning comes after a second past a
            quarter of it.
        slow_consumer: ``"drop_audio"`` leaves audio deltas out there; ``"disconnect"``
            ends the connection with `SlowConsumer`.
        close_wait: How long a peer may take to answer our close.
        max_reconnect_attempts: How often in a row to connect again after the network or
            the service has cut a session that worked; 0: never, None: for ever. One
            that the service fails as soon as it is configured did not work.
        reconnect_interval: The longest that the first pause can be; it doubles with
            each attempt, up to 30 s, and is drawn at random.
        restore: What the new session gets: the ``"session"`` as it was last
            configured, the ``"conversation"`` as well, as text, or ``"none"`` of it:
            only what the client began with.
        retry_response: Ask again for a response that was interrupted, as if it had not
            begun (`stream` yields it from the beginning); otherwise its future fails.
        max_tool_rounds: How many responses of one turn may call tools, one after the
            other. What is called beyond that is answered with an error, and the turn
            fails with `ResponseIncomplete`. None: any number.
        expiry_warning: How long before the session's end ``expiring`` is emitted.
        renew: ``"idle"`` makes a new session ready after that warning while the old one
            is served, and moves to it, restored like a lost one, in a quiet moment;
            ``"never"`` lets it end.
    """

    connect_timeout: float = attrs.field(default=15.0, validator=_positive())
    ping_interval: float | None = attrs.field(default=20.0, validator=_positive(True))
    ping_timeout: float | None = attrs.field(default=20.0, validator=_positive(True))
    proxy: str | None = attrs.field(default=None, repr=False, validator=_text)
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, validator=_tls)
    headers: Mapping[str, str] = attrs.field(
        factory=dict, converter=_headers, repr=lambda value: repr(sorted(value))
    )
    max_message_bytes: int = attrs.field(default=64 << 20, validator=_positive())
    max_send_queue_bytes: int = attrs.field(default=32 << 20, validator=_positive())
    audio_overflow: Literal["block", "drop_oldest", "error"] = attrs.field(
        default="block", validator=_one_of("block", "drop_oldest", "error")
    )
    max_callback_queue_bytes: int = attrs.field(default=64 << 20, validator=_positive())
    slow_consumer: Literal["drop_audio", "disconnect"] = attrs.field(
        default="drop_audio", validator=_one_of("drop_audio", "disconnect")
    )
    close_wait: float = attrs.field(default=1.0, validator=_positive())
    max_reconnect_attempts: int | None = attrs.field(default=5, validator=_count)
    reconnect_interval: float = attrs.field(default=1.0, validator=_positive())
    restore: Literal["session", "conversation", "none"] = attrs.field(
        default="conversation", validator=_one_of("session", "conversation", "none")
    )
    retry_response: bool = False
    max_tool_rounds: int | None = attrs.field(default=16, validator=_count)
    expiry_warning: float = attrs.field(default=60.0, validator=_positive())
    renew: Literal["never", "idle"] = attrs.field(
        default="never", validator=_one_of("never", "idle")
    )
