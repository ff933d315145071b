"""
The options of the connection; users import them from `azure_realtime.options`.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from ._spelling import checks_names
from .models._base import Value

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HANDSHAKE_HEADERS = {
    *("connection", "upgrade", "content-length", "transfer-encoding"),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"),
}


def _headers(value: Mapping[str, str] | None) -> dict[str, str]:
    headers = dict(value or {})
    if len({str(name).lower() for name in headers}) < len(headers):
        raise ValueError("a header is given twice: names differ in case only")
    for name, content in headers.items():
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            shown = repr(name) if len(str(name)) <= 20 else "a key of headers"
            raise ValueError(f"{shown} is not the name of an HTTP header")
        if name.lower() in _HANDSHAKE_HEADERS:
            raise ValueError(
                f"the header {name} is set by the WebSocket handshake: remove it"
            )
        if not isinstance(content, str) or not re.fullmatch(
            r"[\t\x20-\x7e\x80-\xff]*", content
        ):
            raise ValueError(
                f"the value of the header {name} has a character that headers cannot "
                "contain, such as a line break"
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
        raise ValueError(f"{field.name} must not be negative; None means no limit")


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
    The options of the connection. All times are seconds.

    Args:
        connect_timeout: Time to open the connection (name resolution, TCP, proxy, TLS,
            handshake) and to configure the session.
        ping_interval: Send a ping if no byte was received for so long. None: never.
        ping_timeout: Close the connection if no byte was received for so long after the
            ping. A frame that arrives at less than 30 bytes a second does not count as
            received. None: never.
        proxy: ``"http://user:password@host:port"``; None takes it from the
            environment (``https_proxy``, ``no_proxy``); ``""`` uses none.
        ssl_context: For a private certificate authority or a client certificate; the
            default verifies certificate and host name, TLS 1.2 or newer.
        headers: Additional headers of the handshake. An ``Authorization`` here replaces
            the credential of the options; a ``Host`` replaces that of the address.
        max_message_bytes: A larger message from the service ends the connection with
            code 1009.
        max_send_queue_bytes: If more is queued to be sent, calls that send wait.
        audio_overflow: What `append_audio` does if the send queue is full: ``"block"``
            waits until its timeout, ``"drop_oldest"`` drops the oldest queued audio
            (counted, and reported by an ``overflow`` event; also to make room for
            commands), and ``"error"`` raises `QueueFull` at once.
        max_callback_queue_bytes: If more is queued for listeners, *slow_consumer*
            applies. A warning is logged if more than a quarter of it is queued for a
            second.
        slow_consumer: ``"drop_audio"`` drops audio deltas; ``"disconnect"`` ends the
            connection with `SlowConsumer`.
        close_wait: How long to wait for the service's answer to the close frame.
        max_reconnect_attempts: How many attempts in a row follow after the network or
            the service has ended a session that worked; 0: none, None: no limit. A
            session that ends as soon as it is configured does not count as one that
            worked.
        reconnect_interval: The longest first pause. The pause is random; its maximum
            doubles with each attempt, up to 30 s.
        restore: What the next session gets: ``"session"``, the last configuration;
            ``"conversation"``, the conversation as text as well; ``"none"``, only the
            configuration with which the client was made.
        retry_response: Request an interrupted response again, from the beginning
            (`stream` yields it from the beginning); otherwise its future fails.
        max_tool_rounds: How many successive responses of one turn may call tools. Later
            calls are answered with an error, and the turn fails with
            `ResponseIncomplete`. None: no limit.
        expiry_warning: How long before the session expires ``expiring`` is emitted.
        renew: ``"idle"`` prepares a new session after that warning, while the old one
            is in use, and moves to it when no activity is under way; it is restored
            like after a reconnect. ``"never"`` lets the session expire.
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
