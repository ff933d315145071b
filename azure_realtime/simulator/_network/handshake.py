"""
Who may connect, to which protocol: decided by path, query and headers alone.

The rules are those of the real service, as far as they are known: an ``api-version``
on the GA path looks like a bad key (401), an unknown path or version is not found
(404), a deployment that is no realtime model is not supported (400).
"""

from __future__ import annotations

import re
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
    "Route",
    "http_response",
    "request_headers",
    "route",
    "select_subprotocol",
]

_GA_PATH = "/openai/v1/realtime"
_PREVIEW_PATH = "/openai/realtime"
_OPENAI_PATH = "/v1/realtime"
_PREVIEW_VERSION = re.compile(r"20\d\d-\d\d-\d\d-preview")
# Models that transcribe and nothing else, by how their deployments tend to be named.
_NO_REALTIME = re.compile(r"whisper|transcribe|(?<!realtime-)translate")
_KEY_PROTOCOL = "openai-insecure-api-key."

_UNAUTHORIZED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
    "provide a valid key for an active subscription and use a correct regional API "
    "endpoint for your resource."
)


@dataclass(frozen=True)
class Route:
    """
    Where an accepted handshake leads.

    Attributes:
        protocol: ``"ga"`` or ``"preview"``.
        model: The deployment; empty for a transcription session.
        transcription: Whether it is one.
        azure: Whether the path is Azure's, rather than OpenAI's own.
        path: The path of the request.
        query: Its query parameters.
    """

    protocol: str
    model: str
    transcription: bool
    azure: bool
    path: str
    query: dict[str, str]


def request_headers(sent: Mapping[str, str]) -> dict[str, str]:
    """
    Return the identifying headers of an HTTP answer, the client's own id included.
    """
    headers = {
        "apim-request-id": new_id("req"),
        "x-request-id": new_id("req"),
        "x-ms-region": "local",
    }
    if "x-ms-client-request-id" in sent:
        headers["x-ms-client-request-id"] = sent["x-ms-client-request-id"]
    return headers


def route(
    target: str,
    headers: Mapping[str, str],
    *,
    prefix: str = "",
    credentials: Collection[str] | Callable[[str], bool] | None = None,
    deployments: Collection[str] | None = None,
) -> Route | HttpRefusal:
    """
    Judge one handshake.

    Args:
        target: The request target: path and query.
        headers: The request headers, with lower-case names.
        prefix: What stands before the service's own paths, as behind a gateway.
        credentials: The keys and tokens to accept, or a function that tells; None
            accepts any that is not empty.
        deployments: The deployments that exist; None means any name whatever, except
            one that contains ``missing``.
    """
    split = urlsplit(target)
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    if not split.path.startswith(prefix):
        return _not_found()
    path = split.path[len(prefix) :].rstrip("/")
    if path not in (_GA_PATH, _PREVIEW_PATH, _OPENAI_PATH):
        return _not_found()
    if not _may_enter(_credential(headers, query), credentials):
        return HttpRefusal.error(401, "401", _UNAUTHORIZED)
    if path == _PREVIEW_PATH:
        found = _preview_route(split.path, query)
    else:
        found = _v1_route(split.path, path == _GA_PATH, query, headers)
    if isinstance(found, HttpRefusal) or found.transcription:
        return found
    return _check_deployment(found, deployments)


def _not_found() -> HttpRefusal:
    return HttpRefusal.error(404, "404", "Resource not found")


def _credential(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    if headers.get("api-key"):
        return headers["api-key"]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    # Browsers cannot set headers: they put the key into a subprotocol or the query.
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        if offered.strip().startswith(_KEY_PROTOCOL):
            return offered.strip()[len(_KEY_PROTOCOL) :]
    return query.get("api-key", "")


def _may_enter(
    credential: str, credentials: Collection[str] | Callable[[str], bool] | None
) -> bool:
    if not credential:
        return False
    if credentials is None:
        return True
    if callable(credentials):
        return credentials(credential)
    return credential in credentials


def _preview_route(path: str, query: dict[str, str]) -> Route | HttpRefusal:
    version = query.get("api-version", "")
    if not _PREVIEW_VERSION.fullmatch(version):
        return _not_found()
    transcription = query.get("intent") == "transcription"
    if transcription and version == "2024-10-01-preview":
        return _not_found()
    deployment = query.get("deployment", "")
    if not deployment and not transcription:
        return HttpRefusal.error(
            400, "BadRequest", "The query parameter 'deployment' is required."
        )
    model = "" if transcription else deployment
    return Route("preview", model, transcription, True, path, query)


def _v1_route(
    path: str, azure: bool, query: dict[str, str], headers: Mapping[str, str]
) -> Route | HttpRefusal:
    if "api-version" in query and azure:
        return HttpRefusal.error(401, "401", _UNAUTHORIZED)
    transcription = query.get("intent") == "transcription"
    given = [key for key in ("model", "intent", "call_id") if query.get(key)]
    if given not in (["model"], ["intent"]) or query.get("deployment"):
        return HttpRefusal.error(
            400,
            "BadRequest",
            "Exactly one of the query parameters 'model' and 'intent' is required, "
            "and no other.",
        )
    # OpenAI's own service still let this header choose the beta shapes.
    beta = not azure and "realtime=v1" in headers.get("openai-beta", "")
    protocol = "preview" if beta else "ga"
    return Route(protocol, query.get("model", ""), transcription, azure, path, query)


def _check_deployment(
    found: Route, deployments: Collection[str] | None
) -> Route | HttpRefusal:
    exists = "missing" not in found.model
    if deployments is not None:
        exists = found.model in deployments
    if not exists:
        return HttpRefusal.error(
            404,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the "
            "deployment within the last 5 minutes, please wait a moment and try again.",
        )
    if _NO_REALTIME.search(found.model):
        return HttpRefusal.error(
            400,
            "OperationNotSupported",
            "The realtime operation does not work with the specified model, "
            f"{found.model}. Please choose a different model and try again.",
        )
    return found


def select_subprotocol(_: ServerConnection, offered: Any) -> Subprotocol | None:
    """
    Take the one subprotocol there is, if it is offered.
    """
    # Browsers, and one SDK on Azure, offer it; other clients offer none.
    return cast("Subprotocol", "realtime") if "realtime" in offered else None


def http_response(refusal: HttpRefusal, sent: Mapping[str, str]) -> Response:
    """
    Return a refusal in the form that ``websockets`` sends.
    """
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    headers = Headers(request_headers(sent))
    headers["Connection"] = "close"
    headers["Content-Length"] = str(len(refusal.body))
    for name, value in refusal.headers.items():
        headers[name] = value
    return Response(refusal.status, refusal.phrase, headers, refusal.body)
