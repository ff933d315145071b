"""
The paths and queries that open a conversation, and the protocol of each.

The rules are those of the real service, as far as they are known. It refuses an
``api-version`` on the GA path with 401, an unknown version with 404, and a deployment
of another kind of model with 400.
"""

from __future__ import annotations

import re

from .._network.faults import HttpRefusal
from .._network.handshake import Handshake, Route, not_found, unauthorized

__all__ = ["is_transcription", "route_conversation"]

_GA_PATH = "/openai/v1/realtime"
_PREVIEW_PATH = "/openai/realtime"
_OPENAI_PATH = "/v1/realtime"
_PREVIEW_VERSION = re.compile(r"20\d\d-\d\d-\d\d-preview")
# The usual names of deployments of models that cannot hold a conversation.
_NOT_REALTIME = re.compile(r"whisper|transcribe|(?<!realtime-)translate")


def is_transcription(query: dict[str, str]) -> bool:
    """
    Return whether a URL selects a transcription session.
    """
    return query.get("intent") == "transcription"


def route_conversation(handshake: Handshake) -> Route | HttpRefusal | None:
    """
    Accept or refuse the handshake of a conversation; return None for another path.
    """
    if handshake.service_path == _PREVIEW_PATH:
        route = _preview_route(handshake)
    elif handshake.service_path in (_GA_PATH, _OPENAI_PATH):
        route = _v1_route(handshake)
    else:
        return None
    if isinstance(route, HttpRefusal) or is_transcription(handshake.query):
        return route
    return handshake.check_deployment(route.model) or _check_model(route)


def _preview_route(handshake: Handshake) -> Route | HttpRefusal:
    query = handshake.query
    version = query.get("api-version", "")
    if not _PREVIEW_VERSION.fullmatch(version):
        return not_found()
    transcription = is_transcription(query)
    if transcription and version == "2024-10-01-preview":
        return not_found()
    deployment = query.get("deployment", "")
    if not deployment and not transcription:
        return HttpRefusal.error(
            400, "BadRequest", "The query parameter 'deployment' is required."
        )
    model = "" if transcription else deployment
    return Route(handshake, "preview", model)


def _v1_route(handshake: Handshake) -> Route | HttpRefusal:
    query = handshake.query
    azure = handshake.service_path == _GA_PATH
    if "api-version" in query and azure:
        return unauthorized()
    given = [key for key in ("model", "intent", "call_id") if query.get(key)]
    if given not in (["model"], ["intent"]) or query.get("deployment"):
        return HttpRefusal.error(
            400,
            "BadRequest",
            "Exactly one of the query parameters 'model' and 'intent' is required, "
            "and no other.",
        )
    # On OpenAI's service this header selects the beta protocol.
    beta = not azure and "realtime=v1" in handshake.headers.get("openai-beta", "")
    protocol = "preview" if beta else "ga"
    return Route(handshake, protocol, query.get("model", ""), azure)


def _check_model(route: Route) -> Route | HttpRefusal:
    if _NOT_REALTIME.search(route.model):
        return HttpRefusal.error(
            400,
            "OperationNotSupported",
            "The realtime operation does not work with the specified model, "
            f"{route.model}. Please choose a different model and try again.",
        )
    return route
