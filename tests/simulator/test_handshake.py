"""
Which handshakes are accepted, and how the others are refused.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from azure_realtime.simulator import Simulator

Join = Callable[..., Any]
Serve = Callable[..., Simulator]

_GA = "/openai/v1/realtime?model=gpt-realtime"
_PREVIEW = "/openai/realtime?api-version=2025-04-01-preview&deployment=rt"


def refused(join: Join, service: Simulator, path: str, **options: Any) -> Any:
    """
    Return the HTTP response to a handshake that must fail.
    """
    with pytest.raises(InvalidStatus) as caught:
        join(service, path=path, **options)
    return caught.value.response


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/", 404, "404"),
        ("/openai/v1/realtimes?model=x", 404, "404"),
        ("/openai/v1/realtime", 400, "BadRequest"),
        ("/openai/v1/realtime?deployment=x", 400, "BadRequest"),
        ("/openai/v1/realtime?model=x&deployment=x", 400, "BadRequest"),
        ("/openai/v1/realtime?model=x&intent=transcription", 400, "BadRequest"),
        (_GA + "&api-version=2025-04-01-preview", 401, "401"),
        ("/openai/v1/realtime?model=my-missing-one", 404, "DeploymentNotFound"),
        ("/openai/v1/realtime?model=whisper-1", 400, "OperationNotSupported"),
        ("/openai/realtime?deployment=x", 404, "404"),
        ("/openai/realtime?api-version=2025-08-28&deployment=x", 404, "404"),
        ("/openai/realtime?api-version=2025-04-01-preview", 400, "BadRequest"),
        ("/openai/realtime?api-version=2025-04-01-preview&model=x", 400, "BadRequest"),
        (
            "/openai/realtime?api-version=2024-10-01-preview&intent=transcription",
            404,
            "404",
        ),
    ],
)
def test_a_wrong_path_query_or_deployment_is_refused(
    serve: Serve, join: Join, path: str, status: int, code: str
) -> None:
    """A wrong path, query or deployment is refused as the real service does it."""
    response = refused(join, serve(), path)

    assert status == response.status_code
    assert code == json.loads(response.body)["error"]["code"]
    assert response.headers["apim-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"api-key": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic secret"},
        {"api-key": "wrong"},
    ],
)
@pytest.mark.parametrize("path", [_GA, _PREVIEW, "/v1/realtime?model=x"])
def test_a_handshake_without_the_key_is_refused(
    serve: Serve, join: Join, path: str, headers: dict[str, str]
) -> None:
    """Without the right credential a handshake is refused."""
    service = serve(credentials=["secret", "token"])
    response = refused(join, service, path, additional_headers=headers)

    assert 401 == response.status_code
    assert [] == service.connections


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (_GA, {"additional_headers": {"api-key": "secret"}}),
        (_GA, {"additional_headers": {"Authorization": "Bearer token"}}),
        (_PREVIEW, {"additional_headers": {"authorization": "bearer token"}}),
        (_GA + "&api-key=secret", {"additional_headers": {}}),
        (
            "/v1/realtime?model=x",
            {
                "additional_headers": {},
                "subprotocols": ["realtime", "openai-insecure-api-key.secret"],
            },
        ),
    ],
)
def test_a_key_is_accepted_from_each_place(
    serve: Serve, join: Join, path: str, options: dict[str, Any]
) -> None:
    """A key or token is accepted from each place the service reads it from."""
    client = join(serve(credentials={"secret", "token"}), path=path, **options)

    assert "session.created" == client.types()[0]


@pytest.mark.parametrize(
    ("path", "headers", "protocol"),
    [
        (_GA, {}, "ga"),
        (_PREVIEW, {}, "preview"),
        ("/v1/realtime?model=x", {}, "ga"),
        ("/v1/realtime?model=x", {"OpenAI-Beta": "realtime=v1"}, "preview"),
        (_GA, {"OpenAI-Beta": "realtime=v1"}, "ga"),
    ],
)
def test_path_query_and_header_choose_the_protocol(
    serve: Serve, join: Join, path: str, headers: dict[str, str], protocol: str
) -> None:
    """Path, query and one header choose the protocol."""
    service = serve()
    client = join(service, path=path, additional_headers={"api-key": "k", **headers})
    session = client.events[0]["session"]
    connection = service.wait_for_connection()

    assert protocol == connection.protocol
    assert ("modalities" in session) == (protocol == "preview")
    assert ("k", path.partition("?")[0]) == (
        connection.headers["api-key"],
        connection.path,
    )


def test_the_answer_carries_request_ids(serve: Serve, join: Join) -> None:
    """The answer carries request ids, and the client's own id back."""
    headers = {"api-key": "k", "x-ms-client-request-id": "mine"}
    client = join(serve(), additional_headers=headers)
    answer = client.socket.response.headers

    assert "mine" == answer["x-ms-client-request-id"]
    assert answer["x-request-id"]


def test_only_named_deployments_exist(serve: Serve, join: Join) -> None:
    """Where deployments are named, no other exists."""
    service = serve(deployments=["one"], prefix="/gateway")
    response = refused(join, service, "/gateway/openai/v1/realtime?model=two")
    client = join(service, path="/gateway/openai/v1/realtime?model=one")

    assert 404 == response.status_code
    assert "one" == client.events[0]["session"]["model"]
    assert 404 == refused(join, service, _GA).status_code


def test_one_deployment_is_given_as_text(serve: Serve, join: Join) -> None:
    """A part of its name is not the name of a deployment."""
    service = serve(deployments="one")

    assert 404 == refused(join, service, "/openai/v1/realtime?model=on").status_code
    join(service, path="/openai/v1/realtime?model=one")


def test_one_handshake_is_refused_with_any_answer(serve: Serve, join: Join) -> None:
    """The next handshake can be refused with any status, headers and body."""
    service = serve()
    service.refuse(429, {"Retry-After": "7"}, b"slow down", times=1)
    response = refused(join, service, _GA)

    assert (429, b"slow down") == (response.status_code, bytes(response.body))
    assert "7" == response.headers["Retry-After"]
    assert "session.created" == join(service).types()[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 599])
def test_all_handshakes_are_refused_until_that_is_reset(
    serve: Serve, join: Join, status: int
) -> None:
    """All handshakes can be refused until that is reset."""
    service = serve()
    service.refuse(status)
    answers = [refused(join, service, _GA).status_code for _ in range(2)]
    service.accept()

    assert [status, status] == answers
    assert "session.created" == join(service).types()[0]


def test_a_handshake_is_redirected(serve: Serve) -> None:
    """A handshake can be redirected elsewhere."""
    service = serve()
    service.redirect("wss://example.com/elsewhere", status=307)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    connection.request("GET", _GA, headers={"api-key": "k"})
    answer = connection.getresponse()
    connection.close()

    assert 307 == answer.status
    assert "wss://example.com/elsewhere" == answer.getheader("Location")


def test_a_mute_service_never_answers_the_handshake(serve: Serve, join: Join) -> None:
    """A mute service takes the request and never answers, until it does."""
    service = serve()
    service.mute_handshakes()
    with pytest.raises(TimeoutError):
        join(service, open_timeout=0.2)
    service.accept()

    assert "session.created" == join(service).types()[0]


def test_a_plain_request_gets_an_http_error(serve: Serve) -> None:
    """A request that is no WebSocket handshake gets an HTTP error with that reason."""
    connection = http.client.HTTPConnection("127.0.0.1", serve().port, timeout=5)
    connection.request("GET", _GA, headers={"api-key": "k"})
    status = connection.getresponse().status
    connection.close()

    assert 426 == status
