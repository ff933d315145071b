"""
How to reach the service: what to dial, how to prove who you are, and (in
`_websocket_options`) the numbers of the connection. Nothing here opens anything.
"""

import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from ._endpoint import Endpoint, resolve_endpoint
from ._spelling import checks_names, refuse_unknown
from ._websocket_options import WebSocketOptions
from .models._base import Value
from .models.session import SessionConfig, as_session_config

__all__ = ["AzureRealTimeOptions", "WebSocketOptions"]


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


@checks_names
@attrs.frozen(eq=False, repr=False)
class AzureRealTimeOptions(Value):
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
        for name in ("host_name", "deployment"):
            if re.search("[\ud800-\udfff]", str(getattr(self, name))):
                raise ValueError(
                    f"{name} holds half a character (a lone surrogate), which no "
                    "address can carry: was it pasted whole?"
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

    def check_credential(self, numbers: WebSocketOptions) -> None:
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
        ``AZURE_OPENAI_DEPLOYMENT`` (or ``AZURE_OPENAI_DEPLOYMENT_NAME``) and
        ``AZURE_OPENAI_API_VERSION`` (the last may be missing: the GA protocol).

        Args:
            overrides: Arguments of the class that replace what the environment says.

        Raises:
            ValueError: Names the variables that are missing.
        """
        found = {
            field: next(filter(None, map(_variable, variables)), None)
            for field, variables in _ENVIRONMENT.items()
        }
        if overrides.keys() & _CREDENTIALS:
            found["api_key"] = None
        values = {name: value for name, value in found.items() if value} | overrides
        needed = ["host_name", "deployment"]
        if not overrides.keys() & (_CREDENTIALS - {"api_key"}):
            needed.append("api_key")
        missing = [
            " or ".join(_ENVIRONMENT[name]) for name in needed if not values.get(name)
        ]
        if missing:
            raise ValueError(
                f"not set in the environment: {', '.join(missing)}. Set them, or pass "
                "AzureRealTimeOptions(host_name=..., deployment=..., api_key=...)"
            )
        return cls(**values)


_PROVING = {"authorization", "api-key", "ocp-apim-subscription-key"}
_CREDENTIALS = {"api_key", "token", "token_provider", "credential"}
_ENVIRONMENT = {
    "host_name": ("AZURE_OPENAI_ENDPOINT",),
    "api_key": ("AZURE_OPENAI_API_KEY",),
    "deployment": ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
    "api_version": ("AZURE_OPENAI_API_VERSION",),
}


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


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
