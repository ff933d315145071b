"""
A connection that never opens reports why, and what to do; and reveals no secret.
"""

from __future__ import annotations

import io
import json
import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
import websocket
from helpers.clients import GA, KEY, Variant
from helpers.peer import (
    Peer,
    PeerConnection,
    close_frame,
    frame,
    proxy,
    response,
    serve_session,
)
from helpers.processes import run_script
from helpers.reconnecting import EventRecorder
from helpers.timing import SCALE

from azure_realtime import (
    AuthenticationError,
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    DeploymentNotFound,
    RateLimited,
    ServerError,
    WebSocketState,
)
from azure_realtime._transport import connector as _connect

TOKEN = "tOkEn9876543210.veryLONGandSECRET-part_of.it"
PASSWORD = "pr0xyPASSW0RD"
SECRETS = (KEY, TOKEN, PASSWORD)


class Captured:
    """
    All output of a test: log records, traces, and errors.
    """

    def __init__(self, caplog: pytest.LogCaptureFixture, trace: io.StringIO) -> None:
        self._caplog = caplog
        self._trace = trace
        self._errors: list[BaseException] = []

    def add(self, error: BaseException) -> None:
        """
        Note an error, its causes and its traceback.
        """
        self._errors.append(error)

    @property
    def everything(self) -> str:
        """
        All of it.
        """
        texts = [self._trace.getvalue(), self._caplog.text]
        texts += [str(vars(record)) for record in self._caplog.records]
        for error in self._errors:
            texts += traceback.format_exception(type(error), error, error.__traceback__)
            while error is not None:
                texts += [str(error), repr(error), repr(error.args), str(vars(error))]
                error = error.__cause__ or error.__context__  # type: ignore[assignment]
        return "\n".join(texts)


@pytest.fixture(autouse=True)
def captured(caplog: pytest.LogCaptureFixture) -> Iterator[Captured]:
    """
    Collect all output, websocket-client's trace included; it must contain no secret.
    """
    trace = io.StringIO()
    handler = logging.StreamHandler(trace)
    log = logging.getLogger("websocket")
    websocket.enableTrace(True, handler)
    output = Captured(caplog, trace)
    try:
        with (
            caplog.at_level(logging.DEBUG),
            caplog.at_level(logging.DEBUG, "websocket"),
        ):
            yield output
    finally:
        websocket.enableTrace(False)
        log.removeHandler(handler)
    everything = output.everything
    assert not [secret for secret in SECRETS if secret in everything]


ASK = pytest.mark.parametrize("ask", ["with", "connect"])
IMPL = pytest.mark.parametrize(
    "impl", [None, websocket.WebSocket], ids=["ours", "websocket_impl"]
)


def refused(
    client: AzureRealTimeAudio, captured: Captured, ask: str = "with"
) -> ConnectError:
    """
    Return the error that says why there is no session, however one asks.
    """
    assert not [secret for secret in SECRETS if secret in repr(client)]
    enter = client.__enter__ if ask == "with" else lambda: client.connect(timeout=10)
    with pytest.raises(ConnectError) as caught:
        enter()
    client.close()
    captured.add(caught.value)
    assert client.state is WebSocketState.CLOSED
    # whatever comes later meets the same error, or an error that is no TimeoutError
    timed_out = isinstance(caught.value, ConnectTimeout)
    with pytest.raises(ConnectionClosed if timed_out else type(caught.value)) as again:
        client.append_audio(bytes(960))
    assert str(caught.value).rstrip(".") in str(again.value)
    return caught.value


STATUSES: list[tuple[int, type[ConnectError], str]] = [
    (400, DeploymentNotFound, "deployment"),
    (401, AuthenticationError, "key belongs to this resource"),
    (403, AuthenticationError, "role"),
    (404, DeploymentNotFound, "deployment"),
    (429, RateLimited, "wait and try again"),
    (500, ConnectError, "service's side"),
    (503, ConnectError, "service's side"),
]


@IMPL
@ASK
@pytest.mark.parametrize(("status", "kind", "advice"), STATUSES)
def test_a_refused_handshake_is_a_typed_error(
    status: int,
    kind: type[ConnectError],
    advice: str,
    ask: str,
    impl: Any,
    variant: Variant,
    captured: Captured,
) -> None:
    """
    Its class says the remedy; its text has the status, the service's words and advice.
    """
    with variant.service() as service:
        service.refuse(
            status,
            {"apim-request-id": "req-4711", "retry-after": "7"},
            {"error": {"code": "Odd", "message": f"No, said to {KEY}."}},
        )
        client = variant.client(service.url, impl)
        error = refused(client, captured, ask)

    assert type(error) is kind
    assert error.status_code == status
    assert error.request_id == "req-4711"
    assert "No, said to ***." in error.body
    for part in (str(status), "No, said to", "Odd", "req-4711", advice):
        assert part in str(error)
    assert advice in error.hint
    if isinstance(error, RateLimited):
        assert error.retry_after == 7.0


@IMPL
def test_a_redirect_is_refused_and_not_followed(impl: Any, captured: Captured) -> None:
    """
    The credential is sent to no other host; the text says where it should have gone.
    """
    with GA.service() as elsewhere, GA.service() as service:
        service.redirect(f"{elsewhere.url}/openai/v1/realtime?api-key={KEY}")
        error = refused(GA.client(service.url, impl), captured)
        assert elsewhere.connections == []

    assert type(error) is ConnectError
    assert error.status_code == 302
    assert f":{elsewhere.port}" in str(error)
    assert "host_name" in error.hint


@ASK
def test_a_wrong_key_and_a_wrong_deployment_raise_different_errors(
    ask: str, variant: Variant, captured: Captured
) -> None:
    """
    What the service itself says to either.
    """
    with variant.service(credentials="another") as service:
        error = refused(variant.client(service.url), captured, ask)
        assert type(error) is AuthenticationError
    with variant.service(deployments={"another"}) as service:
        error = refused(variant.client(service.url), captured, ask)
        assert type(error) is DeploymentNotFound


@pytest.mark.parametrize("body", [b"", b"<html>" + b"x" * 9000, b"\xff\xfe", b"{"])
def test_any_body_is_taken(body: bytes, captured: Captured) -> None:
    """
    No body, a page of HTML, or no text at all: the error is readable and short.
    """
    with Peer(
        lambda conn: (conn.read_head(), conn.send(response(418, None, body)))
    ) as p:
        error = refused(GA.client(p.url), captured)

    assert error.status_code == 418
    assert len(str(error)) < 800


@pytest.mark.slow
@IMPL
def test_a_refusal_that_echoes_the_request_reveals_no_secret(
    impl: Any, captured: Captured
) -> None:
    """
    A gateway that shows what it was sent makes our error no leak.
    """

    def echo(conn: Any) -> None:
        head = conn.read_head()
        conn.send(response(400, {"Content-Length": str(len(head))}, head))

    with Peer(echo) as peer:
        with_key = refused(GA.client(peer.url, impl), captured)
        with_token = refused(
            AzureRealTimeAudio(
                AzureRealTimeOptions(peer.url, "d", token=TOKEN), None, impl
            ),
            captured,
        )
        provided = refused(
            AzureRealTimeAudio(
                AzureRealTimeOptions(peer.url, "d", token_provider=lambda: TOKEN),
                {"headers": {"ocp-apim-subscription-key": KEY}},
                impl,
            ),
            captured,
        )

    for error in (with_key, with_token, provided):
        assert "***" in error.body


def test_a_session_that_works_logs_no_secret(
    variant: Variant, captured: Captured
) -> None:
    """
    Neither does a connection that opens, says much and is lost.
    """
    with variant.connected() as (client, connection):
        client.append_audio(bytes(4800))
        client.clear_audio_buffer().result(5)
        connection.drop("rst")
        error = client.wait_for("disconnected", timeout=5).error
        captured.add(error)


def test_a_working_session_of_an_own_websocket_logs_no_secret(variant: Variant) -> None:
    """
    websocket-client's own trace, turned on, shows requests without credentials.
    """
    with variant.connected(websocket_impl=websocket.WebSocket) as (client, _):
        client.clear_audio_buffer().result(5)


def test_later_messages_of_a_service_reveal_no_secret(
    variant: Variant, captured: Captured
) -> None:
    """
    Not its errors, their ids, or its reason to close; our errors, logs and the repr of
    events leave a credential out, the event itself is what came.
    """

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        command = json.loads(conn.read_frame()[1])
        error = {
            "type": "invalid_request_error",
            "message": f"{KEY} may not do this",
            "event_id": command["event_id"],
        }
        conn.send(frame(json.dumps({"type": "error", "error": error})))
        del error["event_id"]
        conn.send(frame(json.dumps({"type": "error", "error": error})))
        conn.send(close_frame(1008, f"no more of {KEY}".encode()))
        conn.read_to_end()

    with Peer(script) as peer, GA.client(peer.url) as client:
        recorder = EventRecorder(client)
        with pytest.raises(ServerError) as refused:
            client.clear_audio_buffer().result(5)
        closed = recorder.wait("closed")
        captured.add(refused.value)
        captured.add(closed.error)
        event = recorder.wait("error", 2)

    assert "*** may not do this" in str(refused.value)
    assert "no more of ***" in str(closed.error)
    assert KEY in event.error.message
    assert KEY not in repr(event)


def test_a_request_id_reveals_no_secret(captured: Captured) -> None:
    """
    Some gateways make the id of a request of what they were sent.
    """
    with Peer(
        lambda conn: (
            conn.read_head(),
            conn.send(response("401 No", {"x-request-id": f"id-{KEY}"})),
        )
    ) as peer:
        error = refused(GA.client(peer.url), captured)

    assert error.request_id == "id-***"


def test_headers_of_ones_own_are_in_no_trace(captured: Captured) -> None:
    """
    A gateway's token is blanked out wherever it turns up.
    """
    seen: list[bytes] = []
    headers = {"X-Gateway-Token": TOKEN, "X-Echo": KEY, "X-Also": TOKEN}
    with Peer(lambda conn: (seen.append(conn.read_head()), conn.fin())) as peer:
        refused(GA.client(peer.url, headers=headers), captured)

    assert seen[0].count(TOKEN.encode()) == 2
    assert "X-Also: ***" in captured.everything


def test_an_answer_of_another_program_reveals_no_secret(captured: Captured) -> None:
    """
    Something else that listens there may repeat what it was sent, in words of its own;
    the error of a library that shows it is not chained to ours.
    """
    for impl in (None, websocket.WebSocket):
        with Peer(
            lambda conn: (
                conn.read_head(),
                conn.send(f"SMTP {KEY}\r\n\r\n".encode()),
            )
        ) as peer:
            error = refused(GA.client(peer.url, impl), captured)

        assert error.__cause__ is None


@pytest.mark.parametrize("words", ["api-key: {}", "nothing {}", "nothing"])
def test_an_unexpected_error_reveals_no_secret(
    words: str, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is chained to a `ConnectError`, unless its traceback holds a credential.
    """

    def breaks(*_: Any) -> None:
        raise LookupError(words.format(KEY))

    monkeypatch.setattr(_connect, "open_stream", breaks)
    client = GA.client("wss://nosuch.openai.azure.com")
    with pytest.raises(ConnectError, match="LookupError") as caught:
        client.connect()
    client.close()

    captured.add(caught.value)
    assert ("in breaks" in captured.everything) == ("{}" not in words)


def test_an_unknown_host_is_reported(
    monkeypatch: pytest.MonkeyPatch, captured: Captured
) -> None:
    """
    A typing error in the host is reported as one.
    """

    def no_such_name(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    error = refused(GA.client("nosuch.openai.azure.com"), captured)

    assert type(error) is ConnectError
    assert "nosuch.openai.azure.com cannot be found" in str(error)
    assert "host_name" in error.hint
    assert error.status_code is None


@pytest.mark.parametrize("host", ["my..openai.azure.com", "a" * 64 + ".azure.com"])
def test_an_impossible_host_is_refused_before_dialling(host: str) -> None:
    """
    A name that no name server would take is refused before anything is dialled.
    """
    with pytest.raises(ValueError, match="is not a host"):
        GA.client(host)


@IMPL
@ASK
def test_a_port_without_a_listener_is_reported(
    ask: str, impl: Any, captured: Captured
) -> None:
    """
    The address is named, and what to check.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = refused(GA.client(f"ws://127.0.0.1:{port}", impl), captured, ask)

    assert type(error) is ConnectError
    assert "refused" in str(error).lower()
    if impl is None:
        assert f"127.0.0.1:{port}" in str(error)
        assert "listening" in error.hint


@IMPL
def test_a_certificate_of_an_unknown_authority_is_refused(
    impl: Any, server_tls: ssl.SSLContext, captured: Captured
) -> None:
    """
    The text says that it is the certificate, and where to pass an authority.
    """
    with Variant("ga", server_tls).service() as service:
        error = refused(GA.client(service.url, impl), captured)

    assert "certificate" in str(error).lower()
    if impl is None:
        assert "ssl_context" in error.hint


def test_a_certificate_of_another_host_is_refused(
    authority: trustme.CA, client_tls: ssl.SSLContext, captured: Captured
) -> None:
    """
    A trusted certificate for another host is refused, with an error of its own.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with Variant("ga", context).service() as service:
        error = refused(Variant("ga", None, client_tls).client(service.url), captured)

    assert "certificate of localhost is not trusted" in str(error)
    assert "mismatch" in str(error).lower()


@IMPL
def test_a_plain_service_on_a_tls_address_advises_ws(
    impl: Any, client_tls: ssl.SSLContext, captured: Captured
) -> None:
    """
    The advice is to use ws://.
    """
    with GA.service() as service:
        url = f"wss://localhost:{service.port}"
        error = refused(Variant("ga", None, client_tls).client(url, impl), captured)

    assert type(error) is ConnectError
    assert "TLS" in str(error) or "SSL" in str(error)
    if impl is None:
        assert "ws://" in error.hint


def test_a_tls_service_on_a_plain_address_advises_wss(
    server_tls: ssl.SSLContext, captured: Captured
) -> None:
    """
    The advice is to use wss://.
    """
    with Variant("ga", server_tls).service() as service:
        error = refused(GA.client(f"ws://localhost:{service.port}"), captured)

    assert "wss://" in error.hint


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
    ids=["ssh", "nothing", "bad upgrade", "web server"],
)
def test_another_service_on_the_port_is_a_connect_error(
    answer: bytes, captured: Captured
) -> None:
    """
    A port of another service is a ConnectError, whatever it says.
    """

    def script(conn: Any) -> None:
        conn.read_head()
        conn.send(answer)

    with Peer(script) as peer:
        error = refused(GA.client(peer.url), captured)

    assert isinstance(error, ConnectError)
    assert not isinstance(error, ConnectTimeout)


def via(port: int) -> str:
    """
    Return a proxy's address with a credential in it.
    """
    return f"http://user:{PASSWORD}@127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("script", "status", "advice"),
    [
        (proxy(0, "user:other"), 407, "user and password"),
        (
            lambda conn: (conn.read_head(), conn.send(response("403 Forbidden"))),
            403,
            "allow",
        ),
        (lambda conn: conn.read_head(), None, "no_proxy"),
    ],
    ids=["407", "403", "hangs up"],
)
@ASK
def test_a_refusal_by_a_proxy_names_the_proxy(
    script: Callable[[Any], Any],
    status: int | None,
    advice: str,
    ask: str,
    captured: Captured,
) -> None:
    """
    The text names the proxy, not the service, and what to ask for.
    """
    with Peer(script) as peer:
        client = GA.client("wss://example.openai.azure.com", proxy=via(peer.port))
        error = refused(client, captured, ask)

    assert type(error) is ConnectError
    assert error.status_code == status
    assert f"proxy 127.0.0.1:{peer.port}" in str(error)
    assert "example.openai.azure.com:443" in str(error)
    assert advice in error.hint


def test_an_unreachable_proxy_is_named(captured: Captured) -> None:
    """
    It is the proxy that cannot be reached, and the text says so.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = GA.client("wss://example.openai.azure.com", proxy=via(port))
        error = refused(client, captured)

    assert f"The proxy 127.0.0.1:{port} cannot be reached" in str(error)


def test_a_proxy_that_works_sees_no_key(variant: Variant, captured: Captured) -> None:
    """
    A session through a tunnel; over TLS the proxy sees no credential of the service.
    """
    seen: list[str] = []
    with variant.service() as service:
        script = proxy(service.port, f"user:{PASSWORD}", seen)
        with (
            Peer(script) as peer,
            variant.client(service.url, proxy=via(peer.port)) as client,
        ):
            client.clear_audio_buffer().result(5)

    assert seen[0].startswith("CONNECT ")
    assert KEY not in seen[0]


@IMPL
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_silent_server_is_a_timeout_that_names_the_stage(
    scheme: str, impl: Any, captured: Captured
) -> None:
    """
    connect_timeout bounds it all, and the text says what was waited for.
    """
    with Peer(lambda conn: conn.mute()) as peer:
        url = f"{scheme}://localhost:{peer.port}"
        error = refused(GA.client(url, impl, connect_timeout=0.2 * SCALE), captured)

    assert isinstance(error, ConnectTimeout)
    assert isinstance(error, TimeoutError)
    if impl is None:
        assert ("TLS" if scheme == "wss" else "WebSocket handshake") in str(error)


def test_an_error_of_a_token_provider_is_shown_without_its_token(
    captured: Captured,
) -> None:
    """
    What it raises is named, and shown as far as it holds no credential.
    """

    def provider() -> str:
        try:
            raise OSError(f"sent Authorization: Bearer {TOKEN}")
        except OSError as error:
            raise RuntimeError("no login") from error

    client = AzureRealTimeAudio(
        AzureRealTimeOptions("ws://127.0.0.1:9", "d", token_provider=provider)
    )
    error = refused(client, captured)

    assert "RuntimeError: no login" in str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("failure", [OSError("no login"), KeyError("x"), SystemExit(2)])
def test_a_failed_token_provider_is_an_authentication_error(
    failure: BaseException, captured: Captured
) -> None:
    """
    What it raised is the cause of an AuthenticationError.
    """

    def provider() -> str:
        raise failure

    client = AzureRealTimeAudio(
        AzureRealTimeOptions("ws://127.0.0.1:9", "d", token_provider=provider)
    )
    error = refused(client, captured)

    assert type(error) is AuthenticationError
    assert type(failure).__name__ in str(error)
    assert type(error.__cause__) is type(failure)


@pytest.mark.parametrize("result", [None, "", 5, "two\nlines", TOKEN + "ü"])
def test_an_invalid_token_is_reported_and_not_shown(
    result: Any, captured: Captured
) -> None:
    """
    A value that is no token is reported, and never shown.
    """
    client = AzureRealTimeAudio(
        AzureRealTimeOptions("ws://127.0.0.1:9", "d", token_provider=lambda: result)
    )

    assert type(refused(client, captured)) is AuthenticationError


@pytest.mark.parametrize(
    "make",
    [lambda: 5, lambda: 1 / 0, lambda: None],
    ids=["no socket", "raises", "None"],
)
def test_a_websocket_impl_that_fails_is_named(
    make: Callable[[], Any], captured: Captured
) -> None:
    """
    A factory of one's own that makes nothing useful is named in the error.
    """
    error = refused(GA.client("ws://127.0.0.1:9", make), captured)

    assert "websocket_impl" in str(error)


def test_futures_and_listeners_get_a_refusal(captured: Captured) -> None:
    """
    Earlier requests fail with the same typed error, and listeners get it.
    """
    output: list[Any] = []
    asked = threading.Event()

    def refuse(conn: PeerConnection) -> None:
        conn.read_head()
        assert asked.wait(5)
        conn.send(response("401 Unauthorized"))

    with Peer(refuse) as peer:
        client = GA.client(peer.url)
        client.on("disconnected", output.append)
        futures = [client.clear_audio_buffer(), client.create_response()]
        asked.set()
        errors = [future.exception(5) for future in futures]
        with pytest.raises(AuthenticationError):
            client.wait_for("init", timeout=5)
        client.close()

    assert [type(error) for error in errors] == [AuthenticationError] * 2
    assert [type(event.error) for event in output] == [AuthenticationError]


@pytest.mark.slow
def test_a_script_of_callbacks_only_learns_of_a_refusal() -> None:
    """
    Without set-up of logging the reason is on stderr.
    """
    with GA.service() as service:
        service.refuse(401)
        done = run_script(
            """
            client = client_of(sys.argv[1])
            over = threading.Event()
            client.on("disconnected", lambda event: over.set())
            over.wait(5)
            """,
            service.url,
        )

    assert "401" in done.stderr
    assert "key belongs to this resource" in done.stderr
    assert KEY not in done.stderr
