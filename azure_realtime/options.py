"""
How to reach the service: what to dial, how to prove who you are, and the numbers of
the connection. Facts only; nothing here opens anything.
"""

import inspect
import os
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import attrs

from ._endpoint import Endpoint, resolve_endpoint
from ._spelling import refuse_unknown
from .models.session import SessionConfig, as_session_config

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def checked_secret(name: str, value: object) -> str | None:
    """
    Strip what a paste leaves around a key; refuse, unseen, what no header can carry.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {type(value).__name__}")
    value = value.strip()
    if not value:
        raise ValueError(f"{name} is empty")
    if not value.isascii() or not value.isprintable():
        raise ValueError(
            f"{name} holds a character that no HTTP header can carry (a line break, or "
            "a letter outside ASCII): was it pasted whole?"
        )
    return value


def _api_key(value: str | None) -> str | None:
    return checked_secret("api_key", value)


def _token(value: str | None) -> str | None:
    return checked_secret("token", value)


def _as_config(value: Any) -> SessionConfig | None:
    return None if value is None else as_session_config(value)


@attrs.frozen
class AzureRealTimeOptions:
    """
    What to connect to, and as whom.

    Args:
        host_name: The resource's address as the portal shows it: a bare host,
            ``https://...``, a full realtime URL, a gateway's URL with a path, or
            ``ws://127.0.0.1:8123`` for a local service.
        deployment: The name of your realtime deployment.
        api_key: The resource's key. It travels in a header only.
        api_version: None or ``"v1"`` is the GA protocol; a date such as
            ``"2024-10-01-preview"`` the preview protocol, retired on 2026-04-30.
        session_config: Sent first on every connection, instead of
            `DEFAULT_SESSION_CONFIG`; a `SessionConfig` or a mapping of its shape.
        token: A bearer token (Microsoft Entra ID), instead of a key.
        token_provider: A function that returns a bearer token, called afresh for each
            connection on a thread of its own: what
            ``azure.identity.get_bearer_token_provider`` returns.
        credential: Anything with ``get_token(scope)`` like those of ``azure.identity``,
            asked for each connection; or with a ``key`` like ``AzureKeyCredential``,
            read for each connection, so that a key can be rotated in place.
        token_scope: What such a token is for. Older resources may want
            ``https://cognitiveservices.azure.com/.default``.

    Raises:
        ValueError: Before anything is dialled, with a sentence on what to change.
    """

    host_name: str
    deployment: str
    api_key: str | None = attrs.field(default=None, repr=False, converter=_api_key)
    api_version: str | None = None
    session_config: SessionConfig | Mapping[str, Any] | None = attrs.field(
        default=None, converter=_as_config, repr=False
    )
    token: str | None = attrs.field(
        default=None, repr=False, kw_only=True, converter=_token
    )
    token_provider: Callable[[], str] | None = attrs.field(
        default=None, repr=False, kw_only=True
    )
    credential: Any = attrs.field(default=None, repr=False, kw_only=True)
    token_scope: str = attrs.field(
        default="https://ai.azure.com/.default", kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        given = [
            name
            for name in ("api_key", "token", "token_provider", "credential")
            if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ValueError(f"give one credential, not {' and '.join(given)}")
        if self.token_provider is not None and not callable(self.token_provider):
            raise TypeError("token_provider must be a function that returns a token")
        if self.credential is not None and not (
            hasattr(self.credential, "get_token") or hasattr(self.credential, "key")
        ):
            raise TypeError("credential must have get_token(scope) or a key")
        ask = self.token_provider or getattr(self.credential, "get_token", None)
        if inspect.iscoroutinefunction(ask):
            raise TypeError(
                "the credential is an asynchronous one: use the synchronous one of the "
                "same name (azure.identity, not azure.identity.aio)"
            )
        self.endpoint  # noqa: B018 - a bad address fails here, not on the reader

    @property
    def endpoint(self) -> Endpoint:
        """
        The address that will be dialled.
        """
        config = self.session_config
        return resolve_endpoint(
            self.host_name,
            self.deployment,
            self.api_version,
            transcription=isinstance(config, SessionConfig)
            and config.type == "transcription",
        )

    @property
    def provider(self) -> Callable[[], str] | None:
        """
        What to call for a bearer token; None where there is a key or a fixed token.
        """
        credential, scope = self.credential, self.token_scope
        if credential is not None and hasattr(credential, "get_token"):
            return lambda: credential.get_token(scope).token
        return self.token_provider

    def check_credential(self, numbers: "WebSocketOptions") -> None:
        """
        Refuse to dial without any credential.

        Raises:
            ValueError: There is none, neither here nor in the headers.
        """
        given = self.api_key or self.token or self.token_provider or self.credential
        if not given and not _PROVING & set(map(str.lower, numbers.headers)):
            raise ValueError(
                "no credential: give api_key=..., token=... or token_provider=..., "
                "or use AzureRealTimeOptions.from_env()"
            )

    @classmethod
    def from_env(cls, **overrides: Any) -> "AzureRealTimeOptions":
        """
        Take the options from the environment.

        Reads ``AZURE_OPENAI_ENDPOINT``, ``AZURE_OPENAI_API_KEY``,
        ``AZURE_OPENAI_DEPLOYMENT`` and ``AZURE_OPENAI_API_VERSION`` (the last may be
        missing: the GA protocol).

        Args:
            overrides: Arguments of the class that replace what the environment says.

        Raises:
            ValueError: Names the variables that are missing.
        """
        found = {
            field: os.environ.get(variable, "").strip() or None
            for field, variable in _ENVIRONMENT.items()
        }
        if overrides.keys() & _CREDENTIALS:
            found["api_key"] = None
        values = {name: value for name, value in found.items() if value} | overrides
        needed = ["host_name", "deployment"]
        if not overrides.keys() & (_CREDENTIALS - {"api_key"}):
            needed.append("api_key")
        missing = [_ENVIRONMENT[name] for name in needed if not values.get(name)]
        if missing:
            raise ValueError(
                f"not set in the environment: {', '.join(missing)}. Set them, or pass "
                "AzureRealTimeOptions(host_name=..., deployment=..., api_key=...)"
            )
        return cls(**values)


_PROVING = {"authorization", "api-key", "ocp-apim-subscription-key"}
_OF_THE_HANDSHAKE = {
    *("connection", "upgrade", "content-length", "transfer-encoding"),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"),
}
_CREDENTIALS = {"api_key", "token", "token_provider", "credential"}
_ENVIRONMENT = {
    "host_name": "AZURE_OPENAI_ENDPOINT",
    "api_key": "AZURE_OPENAI_API_KEY",
    "deployment": "AZURE_OPENAI_DEPLOYMENT",
    "api_version": "AZURE_OPENAI_API_VERSION",
}


def _headers(value: Mapping[str, str] | None) -> dict[str, str]:
    headers = dict(value or {})
    if len({str(name).lower() for name in headers}) < len(headers):
        raise ValueError("a header is given twice, in two spellings")
    for name, content in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
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


@attrs.frozen(kw_only=True)
class WebSocketOptions:
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
    expiry_warning: float = attrs.field(default=60.0, validator=_positive())
    renew: Literal["never", "idle"] = attrs.field(
        default="never", validator=_one_of("never", "idle")
    )


O = TypeVar("O", AzureRealTimeOptions, WebSocketOptions)  # noqa: E741


def options_from(cls: type[O], given: O | Mapping[str, Any]) -> O:
    """
    Return options, made of a mapping if need be.

    Raises:
        ValueError: The mapping has a key that is no field.
        TypeError: It is neither.
    """
    if isinstance(given, cls):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(
            f"expected {cls.__name__} or a mapping of its shape, "
            f"not {type(given).__name__}"
        )
    refuse_unknown(cls.__name__, given, [field.name for field in attrs.fields(cls)])
    return cls(**given)
