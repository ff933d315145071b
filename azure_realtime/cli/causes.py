"""
What a failure means, and what to do: the error's own words, and what only the sequence
of steps can tell.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import (
    AuthenticationError,
    ConnectError,
    ConnectTimeout,
    DeploymentNotFound,
    RateLimited,
    ServerError,
)
from ..options import AzureRealTimeOptions
from .steps import SLOW_NETWORK, TOKEN_AS_KEY, Probe, looks_like_token

RETIRED = (
    "Azure retired the preview protocol on 2026-04-30: unset AZURE_OPENAI_API_VERSION, "
    "and delete api-version from the address."
)
_AUTHORITY = "For this command, SSL_CERT_FILE names a file with authorities."
_WAIT_LONGER = f"{SLOW_NETWORK} --timeout waits longer."


class Finding(NamedTuple):
    """
    What went wrong, and what to do.
    """

    cause: str
    remedy: str


def in_connection(
    error: ConnectError, probe: Probe, options: AzureRealTimeOptions, seconds: float
) -> Finding:
    """
    Explain a failure on the way to an open WebSocket.

    Args:
        error: The error of the client.
        probe: Knows the step that failed.
        options: The address and the credential.
        seconds: The limit of the attempt.
    """
    if isinstance(error, ConnectTimeout) and probe.step != "credential":
        return _timeout(probe, options, seconds)
    remedy = error.hint
    if probe.step == "tls" and "ssl_context" in remedy:
        remedy = f"{remedy} {_AUTHORITY}"
    elif probe.step == "tunnel" and probe.has_proxy_user and error.status_code == 407:
        remedy = "Correct the user and password in https_proxy: the proxy refused them."
    elif probe.step == "handshake":
        remedy = _refusal(error, options) or remedy
    return Finding(_words(error), remedy)


def _words(error: ConnectError) -> str:
    """
    Return the text of an error without its hint, which is the remedy.
    """
    body = f" The service answered: {error.body}" if error.body else ""
    return f"{error.message}{body}"


def _refusal(error: ConnectError, options: AzureRealTimeOptions) -> str:
    """
    Return a remedy that is more exact than the error's; "" for none.
    """
    deployment = options.deployment
    if isinstance(error, DeploymentNotFound) and "DeploymentNotFound" in error.body:
        return (
            f"The resource has no deployment {deployment!r}: set "
            "AZURE_OPENAI_DEPLOYMENT to a name that the portal lists under "
            "Deployments. A new one takes up to five minutes."
        )
    if options.endpoint.api_version is not None and isinstance(
        error, (AuthenticationError, DeploymentNotFound)
    ):
        return f"{RETIRED} Otherwise: {error.hint}"
    if isinstance(error, AuthenticationError) and looks_like_token(options):
        return f"The key looks like a bearer token. {TOKEN_AS_KEY}"
    if isinstance(error, DeploymentNotFound) and error.status_code == 404:
        return (
            "This address has no realtime API: set AZURE_OPENAI_ENDPOINT to the "
            "address that the portal shows under Keys and Endpoint. If it is right: "
            f"the deployment {deployment!r} must be of a realtime model."
        )
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return f"{error.hint} The service asks for {error.retry_after:.0f} s."
    return ""


def _timeout(probe: Probe, options: AzureRealTimeOptions, seconds: float) -> Finding:
    endpoint, step = options.endpoint, probe.step
    service = f"{endpoint.host}:{endpoint.port}"
    host = probe.through or service
    within = f"within {seconds:g} s"
    if step == "name":
        name = probe.through.rpartition(":")[0] or endpoint.host
        cause = f"The name server did not answer {within} (looking up {name})."
        remedy = "Check the network, VPN and name server of this machine."
    elif step == "tcp":
        cause = f"Nothing answered at {host} {within}: packets are dropped on the way."
        remedy = (
            f"A firewall may block it: allow TCP to {host}, or set https_proxy. A "
            "resource with a private endpoint is reached from its own network only."
        )
    elif probe.received:
        cause = f"The answer of {host} ({step}) began but was not complete {within}."
        remedy = _WAIT_LONGER
    elif step == "tunnel":
        cause = f"The proxy {host} accepted the connection, but sent nothing {within}."
        remedy = "Check the proxy setting (https_proxy), or ask the proxy's owner."
    else:
        what = "TLS" if step == "tls" else "WebSocket"
        cause = (
            f"{service} accepted the connection, but sent no answer to the {what} "
            f"handshake {within}."
        )
        remedy = (
            "Is this a realtime service? Check host and port. If they are right, the "
            "service hangs: try again later."
        )
    return Finding(cause, remedy)


def in_session(error: Exception, received: bool, seconds: float) -> Finding:
    """
    Explain a failure between the handshake and the session.

    Args:
        error: The error of the client.
        received: Whether a part of a message has arrived after the last whole one.
        seconds: The limit of the attempt.
    """
    if isinstance(error, ConnectTimeout) and received:
        cause = f"A message began but was not complete within {seconds:g} s."
        return Finding(cause, _WAIT_LONGER)
    if isinstance(error, ConnectTimeout):
        remedy = (
            "The address accepts WebSockets, but does not act as a realtime service: "
            "check the host, and a gateway in between. If it is Azure, try again later."
        )
        return Finding(error.message, remedy)
    if isinstance(error, ServerError):
        remedy = (
            "Correct the field that the message names, or choose a deployment of a "
            "realtime model."
        )
        return Finding(str(error), remedy)
    if isinstance(error, ConnectError):
        return Finding(_words(error), error.hint)
    remedy = "Try again; if it is repeated, give the request id to the support."
    return Finding(str(error), remedy)
