"""
The options of a client: address and credential here, the connection's parameters in
`_websocket_options`. Nothing here opens a connection.
"""

import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar

import attrs

from ._endpoint import Endpoint, resolve_endpoint
from ._spelling import checks_names, refuse_unknown
from ._websocket_options import WebSocketOptions
from .models._base import Value
from .models.fields import Unpack
from .models.session import SessionConfig, as_session_config

__all__ = ["AzureRealTimeOptions", "Endpoint", "WebSocketOptions"]


class OptionFields(TypedDict, total=False):
    """
    The fields of `AzureRealTimeOptions` as keyword arguments.
    """

    host_name: str
    deployment: str
    api_key: str | None
    api_version: str | None
    session_config: SessionConfig | Mapping[str, Any] | None
    token: str | None
    token_provider: Callable[[], str] | None
    credential: Any
    token_scope: str


def checked_secret(name: str, value: object) -> str | None:
    """
    Return a secret without surrounding white space, which copying may add.

    Raises:
        TypeError: *value* is no text.
        ValueError: *value* is empty, or not allowed in an HTTP header; the message does
            not show it.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {type(value).__name__}")
    value = str.strip(value)  # a plain str: a subclass may override its methods
    if not value:
        raise ValueError(f"{name} is empty")
    if not value.isascii() or not value.isprintable():
        raise ValueError(
            f"{name} contains a character that no HTTP header can carry (a line break, "
            "or a letter outside ASCII): copy it again"
        )
    return value


def _api_key(value: str | None) -> str | None:
    return checked_secret("api_key", value)


def _token(value: str | None) -> str | None:
    token = checked_secret("token", value)
    if token is not None and token[:7].lower() == "bearer ":
        raise ValueError("token begins with 'Bearer ': give it without that word")
    return token


def _as_config(value: SessionConfig | Mapping[str, Any] | None) -> SessionConfig | None:
    if isinstance(value, str):
        raise TypeError(
            "session_config must be a SessionConfig or a mapping, not text: give the "
            "system prompt as SessionConfig(instructions=...)"
        )
    return None if value is None else as_session_config(value)


@checks_names
@attrs.frozen(eq=False, repr=False)
class AzureRealTimeOptions(Value):
    """
    Address, deployment, credential and session configuration.

    At most one of *api_key*, *token*, *token_provider* and *credential* is given.

    Args:
        host_name: Address of the resource as the portal shows it: a host name,
            ``https://...``, a full realtime URL, the URL of a gateway with its path, or
            ``ws://127.0.0.1:8123`` for a local service.
        deployment: Name of the realtime deployment.
        api_key: Key of the resource. It is sent in a header only, never in the URL.
        api_version: None or ``"v1"`` selects the GA protocol; a date such as
            ``"2024-10-01-preview"`` the preview protocol, retired on 2026-04-30.
        session_config: Session configuration that is sent first on every connection; a
            `SessionConfig` or a mapping with its fields. None means
            `DEFAULT_SESSION_CONFIG`.
        token: Bearer token (Microsoft Entra ID).
        token_provider: Function that returns a bearer token, such as
            ``azure.identity.get_bearer_token_provider`` makes. It is called for each
            connection, on a thread of its own.
        credential: Object with ``get_token(scope)``, such as those of
            ``azure.identity``, called for each connection; or with ``key``, such as
            ``AzureKeyCredential``, read for each connection, so that the key can be
            rotated in place.
        token_scope: Scope that is passed to ``get_token``. Older resources may need
            ``https://cognitiveservices.azure.com/.default``.

    Raises:
        ValueError: An option is misspelled, invalid or contradicts another one; the
            message says what to change.
        TypeError: An option has the wrong type.
    """

    host_name: str
    deployment: str
    api_key: str | None = attrs.field(default=None, repr=False, converter=_api_key)
    api_version: str | None = None
    session_config: SessionConfig | None = attrs.field(
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
        if isinstance(self.credential, type):
            name = self.credential.__name__
            raise TypeError(f"credential is a class: give an object, {name}(...)")
        provider = self.token_provider or getattr(self.credential, "get_token", None)
        if inspect.iscoroutinefunction(provider):
            raise TypeError(
                "the credential is an asynchronous one: use the synchronous one of the "
                "same name (azure.identity, not azure.identity.aio)"
            )
        for name in ("host_name", "deployment"):
            if re.search("[\ud800-\udfff]", str(getattr(self, name))):
                raise ValueError(
                    f"{name} contains half a character (a lone surrogate), which is "
                    "not allowed in an address: copy it again"
                )
        if re.search(r"://|\.azure\.com$", str(self.deployment)):
            raise ValueError(
                f"deployment {self.deployment!r} is an address: host_name is the first "
                "argument, and the second argument is the name of the deployment"
            )
        self.endpoint  # noqa: B018 - an invalid address raises here, not while dialing

    @property
    def endpoint(self) -> Endpoint:
        """
        The address of the connection.
        """
        config = self.session_config
        return resolve_endpoint(
            self.host_name,
            self.deployment,
            self.api_version,
            transcription=config is not None and config.type == "transcription",
        )

    @property
    def provider(self) -> Callable[[], str] | None:
        """
        Function that returns a bearer token; None with a key or a fixed token.
        """
        credential, scope = self.credential, self.token_scope
        if credential is not None and hasattr(credential, "get_token"):
            return lambda: credential.get_token(scope).token
        return self.token_provider

    def check_credential(self, websocket_options: WebSocketOptions) -> None:
        """
        Check that there is a credential.

        Raises:
            ValueError: There is none, neither here nor in the headers of
                *websocket_options*.
        """
        given = self.api_key or self.token or self.token_provider or self.credential
        if not given and not _CREDENTIAL_HEADERS & set(
            map(str.lower, websocket_options.headers)
        ):
            raise ValueError(
                "no credential: give api_key=..., token=... or token_provider=..., "
                "or use AzureRealTimeOptions.from_env()"
            )

    @classmethod
    def from_env(cls, **overrides: Unpack[OptionFields]) -> "AzureRealTimeOptions":
        """
        Make options from environment variables.

        It reads ``AZURE_OPENAI_ENDPOINT``, ``AZURE_OPENAI_API_KEY``,
        ``AZURE_OPENAI_DEPLOYMENT`` (or ``AZURE_OPENAI_DEPLOYMENT_NAME``) and
        ``AZURE_OPENAI_API_VERSION`` (optional; without it the GA protocol).

        Args:
            overrides: Arguments of the class; they replace the variables.

        Raises:
            ValueError: A variable is missing; the message names it.
            TypeError: An argument is misspelled.
        """
        if not overrides.keys() <= {field.name for field in attrs.fields(cls)}:
            return cls(**overrides)  # raises with a suggestion
        found = {
            field: next(filter(None, map(_variable, variables)), None)
            for field, variables in _ENVIRONMENT.items()
        }
        if overrides.keys() & _CREDENTIALS:
            found["api_key"] = None
        values: dict[str, Any] = {name: value for name, value in found.items() if value}
        values.update(overrides)
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


_CREDENTIAL_HEADERS = {"authorization", "api-key", "ocp-apim-subscription-key"}
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
    Return *given* as an instance of *cls*.

    Raises:
        ValueError: A mapping has a key that is no field.
        TypeError: *given* is neither an instance nor a mapping.
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
