"""
The steps of ``doctor`` in order, each as a `Check`.

Two connections are made, one after the other, both by the client's own code: the first
is observed up to the answer to its handshake, the second one opens the session.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable

from .._concurrency.waker import Waker
from .._endpoint import Endpoint
from .._redaction import remember
from .._transport.connector import Connector
from ..client.client import AzureRealTimeAudio
from ..errors import ConnectError, ProtocolWarning, RealtimeError
from ..options import AzureRealTimeOptions, WebSocketOptions
from .causes import RETIRED, in_connection, in_session
from .steps import (
    FAILED,
    OK,
    SKIPPED,
    SLOW,
    SLOW_NETWORK,
    WARNING,
    Check,
    Probe,
)

Show = Callable[[Check], None]

_PATHS = ("/openai/v1/realtime", "/openai/realtime", "/v1/realtime")
_QUESTION = "Say OK."
_SLOW_SESSION = 3.0  # seconds from the start of the connection
TURN_SECONDS = 60.0


def diagnose(
    options: AzureRealTimeOptions,
    websocket_options: WebSocketOptions,
    turns: int,
    show: Show,
) -> bool:
    """
    Try each step, and show it as soon as it is known. Stop at the first failure.

    Args:
        options: Address and credential.
        websocket_options: Timeout, proxy, TLS. There is no reconnecting.
        turns: The number of questions to ask; each one costs tokens.
        show: Called with each check.

    Returns:
        Whether everything works.
    """
    remember(options.api_key, options.token)
    show(address(options))
    return _handshake(options, websocket_options, show) and _session(
        options, websocket_options, turns, show
    )


def address(options: AzureRealTimeOptions) -> Check:
    """
    Return the check of the options.
    """
    endpoint = options.endpoint
    version = endpoint.api_version
    protocol = "GA protocol" if version is None else f"preview protocol {version}"
    return Check(
        step="address",
        status=OK if version is None else WARNING,
        text=f"{where(endpoint)}, deployment {options.deployment!r}, {protocol}",
        remedy="" if version is None else RETIRED,
        facts={
            "host": endpoint.host,
            "port": endpoint.port,
            "protocol": "ga" if version is None else "preview",
            "api_version": version,
        },
    )


def where(endpoint: Endpoint) -> str:
    """
    Return the address without its query and without the path of a gateway: both may
    hold a secret under any name.
    """
    path = endpoint.target.partition("?")[0]
    api = next((api for api in _PATHS if path.endswith(api)), "")
    gateway = "" if path == api else "/..."
    return f"{endpoint._replace(target='').url}{gateway}{api}"


def _handshake(
    options: AzureRealTimeOptions, websocket_options: WebSocketOptions, show: Show
) -> bool:
    seconds = websocket_options.connect_timeout
    connector = Connector(options, options.endpoint, websocket_options, None)
    with contextlib.closing(Waker()) as waker:
        probe = Probe(options, seconds, waker, show)
        try:
            stream = connector(probe)
        except ConnectError as error:
            cause, remedy = in_connection(error, probe, options, seconds)
            show(
                Check(
                    step=probe.step,
                    status=FAILED,
                    text=_with_request(cause, error.request_id),
                    remedy=remedy,
                    seconds=time.monotonic() - probe.began,
                    facts={
                        "error": type(error).__name__,
                        "status_code": error.status_code,
                        "request_id": error.request_id,
                    },
                )
            )
            return False
    with contextlib.closing(stream):
        took = time.monotonic() - probe.began
        slow = took > SLOW["handshake"]
        show(
            Check(
                step="handshake",
                status=WARNING if slow else OK,
                text=_with_request("101 Switching Protocols", stream.request_id),
                remedy=SLOW_NETWORK if slow else "",
                seconds=took,
                facts={"status_code": 101, "request_id": stream.request_id},
            )
        )
        stream.send_close()
        stream.write()
        stream.linger(0.5)
    return True


def _with_request(text: str, request_id: str | None) -> str:
    return f"{text} (request id {request_id})" if request_id else text


def _session(
    options: AzureRealTimeOptions,
    websocket_options: WebSocketOptions,
    turns: int,
    show: Show,
) -> bool:
    seconds = websocket_options.connect_timeout
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        with warnings.catch_warnings():  # `address` has its own words for it
            warnings.simplefilter("ignore", ProtocolWarning)
            client = AzureRealTimeAudio(options, websocket_options)
        stack.callback(client.close, 1.0)
        whole = [0]  # bytes up to the last whole message

        def count(_: object) -> None:
            whole[0] = client.stats.bytes_received

        client.on("session.created", count)
        client.on("error", count)
        try:
            session = client.connect()
        except RealtimeError as error:
            received = client.stats.bytes_received > whole[0]
            cause, remedy = in_session(error, received, seconds)
            show(_failed("session", cause, remedy, began, error))
            return False
        took = time.monotonic() - began
        slow = took > _SLOW_SESSION
        expires = session.expires_at
        minutes = None if expires is None else round((expires - time.time()) / 60)
        ends = "" if minutes is None else f", ends in {minutes} minutes"
        show(
            Check(
                step="session",
                status=WARNING if slow else OK,
                text=f"configured: model {session.model or 'not named'}{ends}",
                remedy=SLOW_NETWORK if slow else "",
                seconds=took,
                facts={"id": session.id, "model": session.model},
            )
        )
        if not turns:
            text = "not tried, because it costs tokens: --turns 1 asks a question"
            show(Check(step="turn", status=SKIPPED, text=text))
        return all(_turn(client, show) for _ in range(turns))


def _turn(client: AzureRealTimeAudio, show: Show) -> bool:
    began = time.monotonic()
    try:
        turn = client.ask(_QUESTION, modalities=["text"], timeout=TURN_SECONDS)
    except (RealtimeError, TimeoutError) as error:
        remedy = (
            "The session works, so look at the quota and the content filter of the "
            "deployment; if the service sends nothing, try again later."
        )
        show(_failed("turn", str(error), remedy, began, error))
        return False
    first = turn.latency.first_text
    after = "" if first is None else f", first text after {first:.2f} s"
    tokens = turn.usage.total_tokens
    show(
        Check(
            step="turn",
            text=f"{_QUESTION!r} was answered with {turn.text[:60]!r}{after}, "
            f"{tokens:,} tokens",
            seconds=time.monotonic() - began,
            facts={"tokens": tokens, "first_text": first},
        )
    )
    return True


def _failed(
    step: str, cause: str, remedy: str, began: float, error: Exception
) -> Check:
    return Check(
        step=step,
        status=FAILED,
        text=_with_request(cause, getattr(error, "request_id", None)),
        remedy=remedy,
        seconds=time.monotonic() - began,
        facts={
            "error": type(error).__name__,
            "code": getattr(error, "code", None),
            "request_id": getattr(error, "request_id", None),
        },
    )
