"""
Credentials, which are read for each connection, and proxies.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import trustme
import websocket
from helpers.clients import KEY, Variant
from helpers.peer import Peer, PeerConnection, proxy
from helpers.reconnecting import QUICK, EventRecorder
from helpers.timing import at_most

from azure_realtime import (
    AuthenticationError,
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectError,
    ConnectionClosed,
)
from azure_realtime.simulator import Simulator

NAME = "realtime.test"


class Token(NamedTuple):
    """
    What a credential of azure-identity returns.
    """

    token: str
    expires_on: int


class TokenCredential:
    """
    One in the manner of azure-identity: structural, no import of theirs.
    """

    def __init__(self) -> None:
        self.scopes: list[tuple[str, ...]] = []
        self.threads: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> Token:
        """
        Return another token each time.
        """
        self.scopes.append(scopes)
        self.threads.append(threading.current_thread().name)
        return Token(f"token-{len(self.scopes)}-{KEY}", int(time.time()) + 3600)


class KeyCredential:
    """
    One in the manner of azure-core's AzureKeyCredential.
    """

    def __init__(self, key: str) -> None:
        self.key: Any = key

    def update(self, key: str) -> None:
        """
        Rotate the key in place.
        """
        self.key = key


def _client(
    url: str,
    websocket_options: dict[str, Any] | None = None,
    impl: Any = None,
    **who: Any,
) -> AzureRealTimeAudio:
    options = AzureRealTimeOptions(url, "gpt-realtime", **who)
    return AzureRealTimeAudio(options, {**QUICK, **(websocket_options or {})}, impl)


@pytest.mark.parametrize(
    ("who", "header", "value"),
    [
        ({"api_key": KEY}, "api-key", KEY),
        ({"token": KEY}, "authorization", f"Bearer {KEY}"),
        ({"token_provider": lambda: KEY}, "authorization", f"Bearer {KEY}"),
        ({"credential": KeyCredential(KEY)}, "api-key", KEY),
    ],
    ids=["key", "token", "provider", "key credential"],
)
def test_each_credential_travels_in_its_header_alone(
    who: dict[str, Any], header: str, value: str, variant: Variant
) -> None:
    """
    One header, and neither the other one nor the address.
    """
    websocket_options = (
        {} if variant.client_tls is None else {"ssl_context": variant.client_tls}
    )
    with variant.service() as service:
        options = {**who, "api_version": variant.api_version}
        with variant.warned():
            client = _client(service.url, websocket_options, **options)
        with client:
            connection = service.wait_for_connection()
            other = {"api-key", "authorization"} - {header}
            assert value == connection.headers[header]
            assert not other & connection.headers.keys()
            assert KEY not in str(connection.query) + connection.path
            assert KEY not in repr(client) + repr(options["api_version"])


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ({}, "https://ai.azure.com/.default"),
        (
            {"token_scope": "https://cognitiveservices.azure.com/.default"},
            "https://cognitiveservices.azure.com/.default",
        ),
    ],
)
def test_a_token_credential_is_asked_for_each_connection(
    scope: dict[str, str], asked: str
) -> None:
    """
    With the scope that counts, off the reader thread, and its newest token is used.
    """
    credential = TokenCredential()
    with (
        Simulator(credentials=lambda _: True) as service,
        _client(service.url, credential=credential, **scope) as client,
    ):
        recorder = EventRecorder(client)
        for count in (1, 2):
            connection = service.wait_for_connection()
            token = f"Bearer token-{count}-{KEY}"
            assert token == connection.headers["authorization"]
            connection.drop()
            recorder.wait("reconnected", count)
        assert [(asked,)] * 3 == credential.scopes
        assert not [name for name in credential.threads if "reader" in name]


def test_a_key_is_rotated_in_place(eventually: Callable[..., None]) -> None:
    """
    The session that is open stays; the next connection uses the new key.
    """
    valid = {"old-key"}
    credential = KeyCredential("old-key")
    with (
        Simulator(credentials=lambda key: key in valid) as service,
        _client(service.url, credential=credential) as client,
    ):
        recorder = EventRecorder(client)
        valid.clear()
        valid.add("new-key")
        credential.update("new-key")
        client.clear_audio_buffer().result(timeout=5)
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        assert "new-key" == service.wait_for_connection().headers["api-key"]


def test_a_key_that_was_rotated_too_late_is_read_again() -> None:
    """
    A 401 on the way back is answered with the key as it is by then, once.
    """
    credential = KeyCredential("old-key")
    valid, asked = ["old-key"], []

    def is_valid(key: str) -> bool:
        asked.append(key)
        if key not in valid:  # rotated while the 401 is on its way
            credential.update("new-key")
        return key in valid

    with (
        Simulator(credentials=is_valid) as service,
        _client(service.url, credential=credential) as client,
    ):
        recorder = EventRecorder(client)
        valid[:] = ["new-key"]
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        assert "new-key" == service.wait_for_connection().headers["api-key"]
        assert ["old-key", "old-key", "new-key"] == asked
        causes = [type(event.cause) for event in recorder.of("reconnecting")]
        assert [ConnectionClosed, AuthenticationError] == causes


class Locked:
    """
    A credential whose vault is closed, the second time.
    """

    def __init__(self) -> None:
        self.asked = 0

    @property
    def key(self) -> str:
        """
        The key, once.
        """
        self.asked += 1
        if self.asked > 2:  # once when the options are checked
            raise PermissionError("the vault is closed")
        return KEY


@pytest.mark.parametrize("bad", ["", None, 5, "line\nbreak", "raises"])
def test_a_key_that_is_none_is_a_typed_error(bad: Any) -> None:
    """
    Rotated to nonsense, it ends the reconnecting, and the text does not show it.
    """
    credential: Any = Locked() if bad == "raises" else KeyCredential(KEY)
    with (
        Simulator() as service,
        _client(
            service.url, {"max_reconnect_attempts": 2}, credential=credential
        ) as client,
    ):
        recorder = EventRecorder(client)
        if bad != "raises":
            credential.update(bad)
        service.wait_for_connection().drop()
        error = recorder.wait("closed").error
        assert isinstance(error, AuthenticationError), error
        assert "credential.key" in str(error)
        assert "break" not in str(error).replace("a line break", "")


@pytest.mark.parametrize("token", [None, 5, KEY.encode()])
def test_a_token_that_is_no_text_is_not_sent(token: Any) -> None:
    """
    A credential that returns something else is named, and what it returned is not shown.
    """
    credential = TokenCredential()
    credential.get_token = lambda *_: Token(token, 0)  # type: ignore[method-assign]
    client = _client("ws://127.0.0.1:9", credential=credential)
    with pytest.raises(AuthenticationError, match=r"credential\.get_token") as caught:
        client.connect()
    client.close()
    assert KEY not in str(caught.value)


def test_a_credential_that_hangs_does_not_delay_close() -> None:
    """
    close() returns though the credential of the next connection never does.
    """
    go = threading.Event()
    asked = threading.Event()
    tokens = iter([KEY])

    def provide() -> str:
        for token in tokens:
            return token
        asked.set()
        go.wait(30)
        return KEY

    with Simulator() as service, _client(service.url, token_provider=provide) as client:
        service.wait_for_connection().drop()
        assert asked.wait(5)
        with at_most(0.5):
            client.close()
        go.set()


# Certificates.


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_client_certificate_is_accepted(version: str, authority: trustme.CA) -> None:
    """
    Where the service wants one, it is shown, also on the next connection; without one
    there is a typed error that says where to pass it.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = ssl.TLSVersion[version]
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    without_certificate = ssl.create_default_context()
    authority.configure_trust(without_certificate)
    authority.issue_cert("client@realtime.test").configure_cert(ours)
    with Simulator(ssl_context=server) as service:
        with _client(service.url, {"ssl_context": ours}, api_key=KEY) as client:
            recorder = EventRecorder(client)
            service.wait_for_connection().drop()
            recorder.wait("reconnected")
        client = _client(service.url, {"ssl_context": without_certificate}, api_key=KEY)
        with pytest.raises(ConnectError) as caught:
            client.connect()
        client.close()
        # where the connection is cut before the alert is read, the reason is unknown
        if "ALERT" in str(caught.value):
            assert "load_cert_chain" in caught.value.hint


def test_a_certificate_is_checked_again_on_each_connection(
    authority: trustme.CA, client_tls: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    """
    Another server at the same address after a drop gets no credential, and no retry.
    """
    with (
        Simulator(ssl_context=server_tls) as service,
        _client(service.url, {"ssl_context": client_tls}, api_key=KEY) as client,
    ):
        recorder = EventRecorder(client)
        trustme.CA().issue_cert("localhost").configure_cert(server_tls)
        try:
            service.wait_for_connection().drop()
            error = recorder.wait("closed").error
        finally:
            authority.issue_cert("localhost", "127.0.0.1").configure_cert(server_tls)
        assert isinstance(error, ConnectError)
        assert "not trusted" in str(error)
        assert 1 == len(service.connections)


# Proxies.


def resolve_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Have this very machine answer to the name.
    """
    lookup = socket.getaddrinfo

    def answer(host: Any, *arguments: Any, **options: Any) -> Any:
        return lookup("127.0.0.1" if host == NAME else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def socks(port: int, seen: list[Any], credential: str | None = None) -> Any:
    """
    Return the script of a SOCKS5 proxy (RFC 1928, 1929) to a local port.
    """

    def script(conn: PeerConnection) -> None:
        version, count = conn.read_exactly(2)
        methods = conn.read_exactly(count)
        assert 5 == version
        method = 2 if credential else 0
        if method not in methods:
            conn.send(b"\x05\xff")
            return
        conn.send(bytes([5, method]))
        if credential:
            _, size = conn.read_exactly(2)
            user = conn.read_exactly(size)
            secret = conn.read_exactly(conn.read_exactly(1)[0])
            good = f"{user.decode()}:{secret.decode()}" == credential
            conn.send(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        _, command, _, kind = conn.read_exactly(4)
        host = (
            conn.read_exactly(conn.read_exactly(1)[0])
            if kind == 3
            else conn.read_exactly(4)
        )
        seen.append((command, kind, host, int.from_bytes(conn.read_exactly(2), "big")))
        conn.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"))
        conn.tunnel(port)

    return script


@contextlib.contextmanager
def _named(authority: trustme.CA) -> Any:
    """
    Give a service behind a name that only a proxy knows.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(server)
    with Simulator(ssl_context=server, credentials=KEY) as service:
        yield service, f"wss://{NAME}:{service.port}"


def _proxy_script(kind: str, port: int, seen: list[Any], credential: str | None) -> Any:
    """
    Return the script of a proxy of that kind.
    """
    if kind == "http":
        return proxy(port, credential, seen)
    pytest.importorskip("python_socks", reason="the extra 'proxy' is not installed")
    return socks(port, seen, credential)


@pytest.mark.parametrize("impl", [None, websocket.WebSocket], ids=["ours", "own"])
@pytest.mark.parametrize("how", ["given", "environment"])
@pytest.mark.parametrize("credential", [None, "user:p@ss word"])
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_session_through_a_proxy_reconnects_and_hides_the_key(
    scheme: str,
    credential: str | None,
    how: str,
    impl: Any,
    authority: trustme.CA,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The proxy looks the name up and opens a tunnel, for the next connection as well; it
    sees no key.
    """
    kind = scheme[:5].rstrip("5h")
    seen: list[Any] = []
    with (
        _named(authority) as (service, url),
        Peer(_proxy_script(kind, service.port, seen, credential)) as peer,
    ):
        user = "user:p%40ss%20word@" if credential else ""
        address = f"{scheme}://{user}127.0.0.1:{peer.port}"
        websocket_options: dict[str, Any] = {"ssl_context": client_tls}
        if how == "given":
            websocket_options["proxy"] = address
        else:
            name = "HTTPS_PROXY" if kind == "http" else "ALL_PROXY"
            monkeypatch.setenv(name, address)
        with _client(url, websocket_options, impl, api_key=KEY) as client:
            recorder = EventRecorder(client)
            service.wait_for_connection().drop()
            recorder.wait("reconnected")
        if kind == "http":
            assert [f"CONNECT {NAME}:{service.port}"] * 2 == [
                head.split(" HTTP")[0] for head in seen
            ]
        else:
            assert [(1, 3, NAME.encode(), service.port)] * 2 == seen
        assert KEY not in str(seen)


@pytest.mark.parametrize("impl", [None, websocket.WebSocket], ids=["ours", "own"])
@pytest.mark.parametrize(
    ("scheme", "asked"),
    [("socks4", b"\x7f\x00\x00\x01me\x00"), ("socks4a", b"\x00\x00\x00\x01me\x00")],
)
def test_a_socks4_proxy_is_asked_for_an_address(
    scheme: str,
    asked: bytes,
    impl: Any,
    authority: trustme.CA,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    SOCKS4 knows no names: it is asked for an address; its extension 4a for the name.
    """
    pytest.importorskip("python_socks", reason="the extra 'proxy' is not installed")
    resolve_to_loopback(monkeypatch)
    seen: list[bytes] = []

    def script(conn: PeerConnection) -> None:
        version, command, *_ = conn.read_exactly(4)
        assert (4, 1) == (version, command)
        request = conn.read_exactly(4)
        for _ in range(2 if scheme == "socks4a" else 1):
            while not request.endswith(b"\0") or len(request) == 4:
                request += conn.read_exactly(1)
            seen.append(request)
            request = b"...."
        conn.send(b"\x00\x5a" + bytes(6))
        conn.tunnel(service.port)

    with _named(authority) as (service, url), Peer(script) as peer:
        websocket_options = {
            "ssl_context": client_tls,
            "proxy": f"{scheme}://me@127.0.0.1:{peer.port}",
        }
        with _client(url, websocket_options, impl, api_key=KEY) as client:
            client.clear_audio_buffer().result(5)
    assert asked == seen[0]
    assert [f"....{NAME}\0".encode()] * (scheme == "socks4a") == seen[1:]


@pytest.mark.parametrize("impl", [None, websocket.WebSocket], ids=["ours", "own"])
@pytest.mark.parametrize("secret", ["p\u00e4ssw\u00f6rd-1", "x" * 300])
def test_a_password_that_socks_cannot_carry_is_not_shown(
    secret: str, impl: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is a ConnectError, without the password in it or in what led to it.
    """
    pytest.importorskip("python_socks", reason="the extra 'proxy' is not installed")
    with Peer(socks(1, [], "user:right")) as peer:
        address = f"socks5://user:{secret}@127.0.0.1:{peer.port}"
        client = _client(f"wss://{NAME}", {"proxy": address}, impl, api_key=KEY)
        with pytest.raises(ConnectError) as caught:
            client.connect()
        client.close()
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert secret not in shown
    assert "internal" not in shown


def test_a_refusal_by_a_socks_proxy_is_reported() -> None:
    """
    A wrong password is a ConnectError that names the proxy and not the password.
    """
    pytest.importorskip("python_socks", reason="the extra 'proxy' is not installed")
    with Peer(socks(1, [], "user:right")) as peer:
        address = f"socks5://user:wrong-one@127.0.0.1:{peer.port}"
        client = _client(f"wss://{NAME}", {"proxy": address}, api_key=KEY)
        with pytest.raises(ConnectError, match=str(peer.port)) as caught:
            client.connect()
        client.close()
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    "spared", [NAME, ".test", "test", f"other.example, {NAME}", "*"]
)
def test_no_proxy_is_honoured(
    spared: str,
    authority: trustme.CA,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    What NO_PROXY names is dialled directly; the proxy of the environment sees nothing.
    """
    resolve_to_loopback(monkeypatch)
    seen: list[str] = []
    with (
        _named(authority) as (service, url),
        Peer(proxy(service.port, None, seen)) as peer,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{peer.port}")
        monkeypatch.setenv("NO_PROXY", spared)
        with _client(url, {"ssl_context": client_tls}, api_key=KEY):
            service.wait_for_connection()
        assert [] == seen


def test_a_proxy_failure_counts_as_a_network_error() -> None:
    """
    A tunnel that is cut is made again, through the proxy.
    """
    seen: list[str] = []
    with (
        Simulator(credentials=KEY) as service,
        Peer(proxy(service.port, None, seen)) as peer,
    ):
        websocket_options = {"proxy": f"http://127.0.0.1:{peer.port}"}
        with _client(f"ws://{NAME}", websocket_options, api_key=KEY) as client:
            recorder = EventRecorder(client)
            for conn in list(peer.accepted_connections):
                conn.sock.shutdown(2)
            recorder.wait("reconnected")
            assert ["network"] == [e.cause for e in recorder.of("disconnected")]
        assert 2 == len(seen)
