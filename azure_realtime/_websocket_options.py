"""
The connection's parameters; users import them from `azure_realtime.options`.
"""

import math
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from ._spelling import checks_names
from .models._base import Value

WebSocketImpl = Callable[..., Any]
"""A `websocket.WebSocket` subclass, or a function that returns such an object."""

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_OF_THE_HANDSHAKE = {
    *("connection", "upgrade", "content-length", "transfer-encoding"),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"),
}


def checked_headers(value: Mapping[str, str] | None) -> dict[str, str]:
    """
    Return a copy of the additional headers.

    Raises:
        ValueError: A header is not allowed, or is given twice.
    """
    headers = dict(value or {})
    if len({str(name).lower() for name in headers}) < len(headers):
        raise ValueError(
            "headers contains a name twice, in different case: give it once"
        )
    for name, content in headers.items():
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            shown = repr(name) if len(str(name)) <= 20 else "something in headers"
            raise ValueError(f"{shown} is not the name of an HTTP header")
        if name.lower() in _OF_THE_HANDSHAKE:
            raise ValueError(
                f"the header {name} is set by the WebSocket handshake: leave it out"
            )
        if not isinstance(content, str) or not re.fullmatch(
            r"[\t\x20-\x7e\x80-\xff]*", content
        ):
            raise ValueError(
                f"the header {name} contains a character that HTTP does not allow, "
                "such as a line break: remove it"
            )
    return headers


def _seconds(value: Any) -> Any:
    """
    Return a number as a plain float: one that is too large becomes infinite, and a
    subclass could raise on our threads. Other values are left to the validator.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _whole(value: Any) -> Any:
    """
    Return a whole number as a plain int. Other values are left to the validator.
    """
    plain = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if plain else value


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
    Timeouts, limits, proxy, TLS and reconnect policy. All times are in seconds.

    Args:
        connect_timeout: Limit for one connection attempt: name resolution, TCP, proxy,
            TLS, WebSocket handshake and session configuration.
        ping_interval: Time without received data after which a ping is sent. None sends
            no pings.
        ping_timeout: Time without received data after a ping, after which the
            connection is considered dead; a frame that arrives at less than 30 bytes
            per second does not count as received data. None disables the check.
        proxy: ``"http://user:password@host:port"``; None takes it from the environment
            (``https_proxy``, ``no_proxy``); ``""`` uses no proxy.
        ssl_context: For a private certificate authority or a client certificate. The
            default verifies certificate and host name and requires TLS 1.2 or newer.
        headers: Additional headers of the handshake. ``Authorization`` replaces the
            credential of `AzureRealTimeOptions`, ``Host`` the host of the address.
        max_message_bytes: Limit for a message from the service; a larger one ends the
            connection with close code 1009.
        max_send_queue_bytes: Limit of the send queue; callers wait while it is full.
        audio_overflow: What `append_audio` does while the send queue is full:
            ``"block"`` until its timeout, ``"drop_oldest"`` removes the oldest queued
            audio (counted, and reported by an ``overflow`` event; also for the sake of
            other commands), ``"error"`` raises `QueueFull`.
        max_callback_queue_bytes: Limit of the events queued for listeners; see
            *slow_consumer*. After one second above a quarter of it a warning is logged.
        slow_consumer: What happens above that limit: ``"drop_audio"`` drops audio
            deltas; ``"disconnect"`` ends the connection with `SlowConsumer`.
        close_wait: Time that the peer has to answer a close frame.
        max_reconnect_attempts: Number of consecutive attempts to reconnect after the
            network or the service has cut a session that worked; 0 disables
            reconnecting, None does not limit it. A session that the service fails as
            soon as it is configured did not work.
        reconnect_interval: Upper limit of the pause before the first attempt; it
            doubles with each attempt, up to 30 s. The pause is chosen at random.
        restore: What the next session receives: ``"session"``, the last configuration;
            ``"conversation"``, the items as well, as text; ``"none"``, only the
            configuration given to the client.
        retry_response: Request an interrupted response again, from its beginning. If
            False, its future fails. `ask` and `stream` go on only with
            ``restore="conversation"`` and if the next session gets the whole question.
        max_tool_rounds: Limit of consecutive responses of one turn that call tools.
            Further calls are answered with an error, and the turn fails with
            `ResponseIncomplete`. None means no limit.
        expiry_warning: Time before the session's expiry when ``expiring`` is emitted.
        renew: ``"idle"`` opens the next session after that warning, beside the current
            one, and moves to it, restored as after a loss, when nothing is in progress;
            ``"never"`` lets the session expire.

    Raises:
        ValueError: An option is misspelled or out of range.
        TypeError: An option has the wrong type.
    """

    connect_timeout: float = attrs.field(
        default=15.0, converter=_seconds, validator=_positive()
    )
    ping_interval: float | None = attrs.field(
        default=20.0, converter=_seconds, validator=_positive(True)
    )
    ping_timeout: float | None = attrs.field(
        default=20.0, converter=_seconds, validator=_positive(True)
    )
    proxy: str | None = attrs.field(default=None, repr=False, validator=_text)
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, validator=_tls)
    headers: Mapping[str, str] = attrs.field(
        factory=dict, converter=checked_headers, repr=lambda value: repr(sorted(value))
    )
    max_message_bytes: int = attrs.field(
        default=64 << 20, converter=_whole, validator=_positive()
    )
    max_send_queue_bytes: int = attrs.field(
        default=32 << 20, converter=_whole, validator=_positive()
    )
    audio_overflow: Literal["block", "drop_oldest", "error"] = attrs.field(
        default="block", validator=_one_of("block", "drop_oldest", "error")
    )
    max_callback_queue_bytes: int = attrs.field(
        default=64 << 20, converter=_whole, validator=_positive()
    )
    slow_consumer: Literal["drop_audio", "disconnect"] = attrs.field(
        default="drop_audio", validator=_one_of("drop_audio", "disconnect")
    )
    close_wait: float = attrs.field(
        default=1.0, converter=_seconds, validator=_positive()
    )
    max_reconnect_attempts: int | None = attrs.field(
        default=5, converter=_whole, validator=_count
    )
    reconnect_interval: float = attrs.field(
        default=1.0, converter=_seconds, validator=_positive()
    )
    restore: Literal["session", "conversation", "none"] = attrs.field(
        default="conversation", validator=_one_of("session", "conversation", "none")
    )
    retry_response: bool = False
    max_tool_rounds: int | None = attrs.field(
        default=16, converter=_whole, validator=_count
    )
    expiry_warning: float = attrs.field(
        default=60.0, converter=_seconds, validator=_positive()
    )
    renew: Literal["never", "idle"] = attrs.field(
        default="never", validator=_one_of("never", "idle")
    )
