"""
The handshake request and its credential, checked alike for every kind of session.

A kind of session decides which paths and queries it serves. All other rules are here;
they are the rules of the real service, as far as those are known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from .._wire.ids import new_id
from .faults import HttpRefusal

if TYPE_CHECKING:
    from websockets.http11 import Response
    from websockets.sync.server import ServerConnection
    from websockets.typing import Subprotocol

__all__ = [
    "Handshake",
    "Route",
    "check_credential",
    "http_response",
    "not_found",
    "read_handshake",
    "request_headers",
    "select_subprotocol",
    "unauthorized",
]

_KEY_PROTOCOL = "openai-insecure-api-key."

_UNAUTHORIZED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
    "provide a valid key for an active subscription and use a correct regional API "
    "endpoint for your resource."
)


@dataclass(frozen=True)
class Handshake:
    """
    A handshake request, which a kind of session accepts or refuses.

    Attributes:
        path: The path of the request.
        service_path: The path without the service's prefix and a trailing slash.
        query: The query parameters.
        headers: The headers, with lower-case names.
        deployments: The deployments that exist. None means every name except those
            that contain ``missing``.
    """

    path: str
    service_path: str
    query: dict[str, str]
    headers: dict[str, str]
    deployments: Collection[str] | None

    def check_deployment(self, model: str) -> HttpRefusal | None:
        """
        Return the refusal for a deployment that does not exist, or None.
        """
        if self.deployments is None:
            exists = "missing" not in model
        else:
            exists = model in self.deployments
        if exists:
            return None
        return HttpRefusal.error(
            404,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the "
            "deployment within the last 5 minutes, please wait a moment and try again.",
        )


@dataclass(frozen=True)
class Route:
    """
    An accepted handshake, with the protocol and deployment that it selects.

    Attributes:
        handshake: The request.
        protocol: ``"ga"`` or ``"preview"``.
        model: The deployment; empty if the URL names none.
        azure: Whether the path is one of Azure's; False for OpenAI's path.
    """

    handshake: Handshake
    protocol: str
    model: str = ""
    azure: bool = True


def read_handshake(
    target: str,
    headers: dict[str, str],
    prefix: str,
    deployments: Collection[str] | None,
) -> Handshake | None:
    """
    Return the parsed handshake request, or None if its path lacks the prefix.

    Args:
        target: The request target: path and query.
        headers: The request headers, with lower-case names.
        prefix: The path in front of the service's paths, as behind a gateway.
        deployments: The deployments that exist, as in `Handshake`.
    """
    split = urlsplit(target)
    if not split.path.startswith(prefix):
        return None
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    service_path = split.path[len(prefix) :].rstrip("/")
    return Handshake(split.path, service_path, query, headers, deployments)


def request_headers(client_headers: Mapping[str, str]) -> dict[str, str]:
    """
    Return the request ids of an HTTP response, including the client's, as headers.
    """
    headers = {
        "apim-request-id": new_id("req"),
        "x-request-id": new_id("req"),
        "x-ms-region": "local",
    }
    if "x-ms-client-request-id" in client_headers:
        headers["x-ms-client-request-id"] = client_headers["x-ms-client-request-id"]
    return headers


def not_found() -> HttpRefusal:
    """
    Return the refusal for a path or version that does not exist.
    """
    return HttpRefusal.error(404, "404", "Resource not found")


def unauthorized() -> HttpRefusal:
    """
    Return the refusal for a bad key. The service also sends it for some bad URLs.
    """
    return HttpRefusal.error(401, "401", _UNAUTHORIZED)


def check_credential(
    handshake: Handshake, credentials: Collection[str] | Callable[[str], bool] | None
) -> HttpRefusal | None:
    """
    Return the refusal for a credential that is missing or not accepted, or None.

    Args:
        handshake: The handshake request.
        credentials: The keys and tokens to accept, or a function that returns whether
            it accepts a credential. None accepts any non-empty one.
    """
    credential = _credential(handshake.headers, handshake.query)
    if credential and credentials is None:
        return None
    if callable(credentials):
        accepted = bool(credential) and credentials(credential)
    else:
        accepted = bool(credential) and credential in (credentials or ())
    return None if accepted else unauthorized()


def _credential(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    if headers.get("api-key"):
        return headers["api-key"]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    # Browsers cannot set headers: they send the key in a subprotocol or the query.
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        if offered.strip().startswith(_KEY_PROTOCOL):
            return offered.strip()[len(_KEY_PROTOCOL) :]
    return query.get("api-key", "")


def select_subprotocol(_: ServerConnection, offered: Any) -> Subprotocol | None:
    """
    Return the subprotocol ``realtime`` if the client offers it, else None.
    """
    # Browsers and one Azure SDK offer it; other clients offer no subprotocol.
    return cast("Subprotocol", "realtime") if "realtime" in offered else None


def http_response(refusal: HttpRefusal, client_headers: Mapping[str, str]) -> Response:
    """
    Return a refusal as a response of ``websockets``.
    """
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    headers = Headers(request_headers(client_headers))
    headers["Connection"] = "close"
    headers["Content-Length"] = str(len(refusal.body))
    for name, value in refusal.headers.items():
        headers[name] = value
    return Response(refusal.status, refusal.phrase, headers, refusal.body)
