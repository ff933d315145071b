"""
Who we are, asked afresh for each connection, and the ways through other people's gates.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import trustme
from drops import QUICK, Diary
from peers import Peer, Talk, at_most, proxy
from services import KEY, Place

from azure_realtime import (
    AuthenticationError,
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectError,
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
    url: str, numbers: dict[str, Any] | None = None, **who: Any
) -> AzureRealTimeAudio:
    options = AzureRealTimeOptions(url, "gpt-realtime", **who)
    return AzureRealTimeAudio(options, {**QUICK, **(numbers or {})})


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
    who: dict[str, Any], header: str, value: str, place: Place
) -> None:
    """
    One header, and neither the other one nor the address.
    """
    numbers = {} if place.client_tls is None else {"ssl_context": place.client_tls}
    with place.service() as service:
        options = {**who, "api_version": place.api_version}
        with place.warned():
            client = _client(service.url, numbers, **options)
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
        diary = Diary(client)
        for count in (1, 2):
            connection = service.wait_for_connection()
            token = f"Bearer token-{count}-{KEY}"
            assert token == connection.headers["authorization"]
            connection.drop()
            diary.wait("reconnected", count)
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
        diary = Diary(client)
        valid.clear()
        valid.add("new-key")
        credential.update("new-key")
        client.clear_audio_buffer().result(timeout=5)
        service.wait_for_connection().drop()
        diary.wait("reconnected")
        assert "new-key" == service.wait_for_connection().headers["api-key"]


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
        diary = Diary(client)
        if bad != "raises":
            credential.update(bad)
        service.wait_for_connection().drop()
        error = diary.wait("closed").error
        assert isinstance(error, AuthenticationError), error
        assert "credential.key" in str(error)
        assert "break" not in str(error).replace("a line break", "")


def test_a_credential_that_hangs_keeps_nobody() -> None:
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


def test_a_client_certificate_opens_the_door(authority: trustme.CA) -> None:
    """
    Where the service wants one, it is shown, also on the next connection; without one
    there is a typed error.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    stranger = ssl.create_default_context()
    authority.configure_trust(stranger)
    authority.issue_cert("client@realtime.test").configure_cert(ours)
    with Simulator(ssl_context=server) as service:
        with _client(service.url, {"ssl_context": ours}, api_key=KEY) as client:
            diary = Diary(client)
            service.wait_for_connection().drop()
            diary.wait("reconnected")
        client = _client(service.url, {"ssl_context": stranger}, api_key=KEY)
        with pytest.raises(ConnectError):
            client.connect()
        client.close()


def test_a_certificate_is_checked_again_on_each_connection(
    authority: trustme.CA, client_tls: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    """
    Somebody else at the same address after a drop gets no credential, and no retry.
    """
    with (
        Simulator(ssl_context=server_tls) as service,
        _client(service.url, {"ssl_context": client_tls}, api_key=KEY) as client,
    ):
        diary = Diary(client)
        trustme.CA().issue_cert("localhost").configure_cert(server_tls)
        try:
            service.wait_for_connection().drop()
            error = diary.wait("closed").error
        finally:
            authority.issue_cert("localhost", "127.0.0.1").configure_cert(server_tls)
        assert isinstance(error, ConnectError)
        assert "not trusted" in str(error)
        assert 1 == len(service.connections)


# Proxies.


def socks(port: int, seen: list[Any], credential: str | None = None) -> Any:
    """
    Return the script of a SOCKS5 proxy (RFC 1928, 1929) to a local port.
    """

    def script(talk: Talk) -> None:
        version, count = talk._exactly(2)
        methods = talk._exactly(count)
        assert 5 == version
        method = 2 if credential else 0
        if method not in methods:
            talk.send(b"\x05\xff")
            return
        talk.send(bytes([5, method]))
        if credential:
            _, size = talk._exactly(2)
            user = talk._exactly(size)
            secret = talk._exactly(talk._exactly(1)[0])
            good = f"{user.decode()}:{secret.decode()}" == credential
            talk.send(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        _, command, _, kind = talk._exactly(4)
        host = talk._exactly(talk._exactly(1)[0]) if kind == 3 else talk._exactly(4)
        seen.append((command, kind, host, int.from_bytes(talk._exactly(2), "big")))
        talk.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"))
        talk.tunnel(port)

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


@pytest.mark.parametrize("how", ["given", "environment"])
@pytest.mark.parametrize("credential", [None, "user:p@ss word"])
def test_a_session_through_an_http_proxy(
    how: str,
    credential: str | None,
    authority: trustme.CA,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The proxy looks the name up and opens a tunnel, for the next connection as well.
    """
    seen: list[str] = []
    with (
        _named(authority) as (service, url),
        Peer(proxy(service.port, credential, seen)) as gate,
    ):
        user = "user:p%40ss%20word@" if credential else ""
        address = f"http://{user}127.0.0.1:{gate.port}"
        numbers: dict[str, Any] = {"ssl_context": client_tls}
        if how == "given":
            numbers["proxy"] = address
        else:
            monkeypatch.setenv("HTTPS_PROXY", address)
        with _client(url, numbers, api_key=KEY) as client:
            diary = Diary(client)
            service.wait_for_connection().drop()
            diary.wait("reconnected")
        assert 2 == len(seen)
        assert all(head.startswith(f"CONNECT {NAME}:") for head in seen)
        assert not any(KEY in head for head in seen)


@pytest.mark.parametrize("how", ["given", "environment"])
@pytest.mark.parametrize("credential", [None, "user:p@ss"])
def test_a_session_through_a_socks_proxy(
    how: str,
    credential: str | None,
    authority: trustme.CA,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It too looks the name up; the session inside is the usual one.
    """
    pytest.importorskip("python_socks", reason="the extra 'proxy' is not installed")
    seen: list[Any] = []
    with (
        _named(authority) as (service, url),
        Peer(socks(service.port, seen, credential)) as gate,
    ):
        user = "user:p%40ss@" if credential else ""
        address = f"socks5h://{user}127.0.0.1:{gate.port}"
        numbers: dict[str, Any] = {"ssl_context": client_tls}
        if how == "given":
            numbers["proxy"] = address
        else:
            monkeypatch.setenv("ALL_PROXY", address)
        with _client(url, numbers, api_key=KEY) as client:
            diary = Diary(client)
            service.wait_for_connection().drop()
            diary.wait("reconnected")
        assert [(1, 3, NAME.encode(), service.port)] * 2 == seen


def test_a_socks_proxy_that_refuses_is_told() -> None:
    """
    A wrong password is a ConnectError that names the proxy and not the password.
    """
    pytest.importorskip("python_socks", reason="the extra 'proxy' is not installed")
    with Peer(socks(1, [], "user:right")) as gate:
        address = f"socks5://user:wrong-one@127.0.0.1:{gate.port}"
        client = _client(f"wss://{NAME}", {"proxy": address}, api_key=KEY)
        with pytest.raises(ConnectError, match=str(gate.port)) as caught:
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
    import socket

    lookup = socket.getaddrinfo

    def at_home(host: Any, *arguments: Any, **options: Any) -> Any:
        return lookup("127.0.0.1" if host == NAME else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    seen: list[str] = []
    with (
        _named(authority) as (service, url),
        Peer(proxy(service.port, None, seen)) as gate,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{gate.port}")
        monkeypatch.setenv("NO_PROXY", spared)
        with _client(url, {"ssl_context": client_tls}, api_key=KEY):
            service.wait_for_connection()
        assert [] == seen


def test_a_proxy_that_dies_is_the_network() -> None:
    """
    A tunnel that is cut is made again, through the proxy.
    """
    seen: list[str] = []
    with (
        Simulator(credentials=KEY) as service,
        Peer(proxy(service.port, None, seen)) as gate,
    ):
        numbers = {"proxy": f"http://127.0.0.1:{gate.port}"}
        with _client(f"ws://{NAME}", numbers, api_key=KEY) as client:
            diary = Diary(client)
            for talk in list(gate._socks):
                talk.sock.shutdown(2)
            diary.wait("reconnected")
            assert ["network"] == [e.cause for e in diary.of("disconnected")]
        assert 2 == len(seen)
