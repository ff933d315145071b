"""
From an address to a stream, and every way it can go wrong.
"""

from __future__ import annotations

import base64
import errno
import os
import select
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.dialer import DialerStub
from helpers.peer import Peer, PeerConnection, full_port, proxy, response
from helpers.timing import SCALE, at_most

from azure_realtime._endpoint import Endpoint
from azure_realtime._transport.attempt import ConnectInterrupted
from azure_realtime._transport.connector import Connector
from azure_realtime._transport.dial import _handshake, open_stream
from azure_realtime._transport.proxy import Proxy, find_proxy
from azure_realtime.errors import AuthenticationError, ConnectError, ConnectTimeout
from azure_realtime.options import AzureRealTimeOptions, WebSocketOptions

PROMPT = 0.2  # seconds in which `close()` must be noticed
BRIEF = 0.6  # for a timeout: long enough to come as far as the stage that it names
KEY = "0123456789abcdef"

Resolver = Callable[..., list[Any]]


def endpoint(port: int, host: str = "127.0.0.1", secure: bool = False) -> Endpoint:
    """
    Return an address to dial.
    """
    return Endpoint(secure, host, port, "/openai/v1/realtime?model=m", None)


def dial(
    to: Endpoint,
    via: str | None = None,
    context: ssl.SSLContext | None = None,
    seconds: float = 5.0,
) -> bytes:
    """
    Connect, say hello, and return what the other side says.
    """
    with DialerStub(seconds) as dialer:
        sock = open_stream(to, via, context, dialer.attempt)
        with sock:
            assert sock.gettimeout() == 0.0
            sock.setblocking(True)
            sock.sendall(b"hello")
            return sock.recv(100)


def echo(conn: PeerConnection) -> None:
    """
    Say once what the client says.
    """
    conn.send(conn.sock.recv(100))


@pytest.fixture
def nameserver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Resolver], None]:
    """
    Replace the name server.
    """

    def install(resolver: Resolver) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", resolver)

    return install


def address(port: int, host: str = "127.0.0.1", family: int = socket.AF_INET) -> Any:
    """
    Return an address as a name server does.
    """
    return family, socket.SOCK_STREAM, 6, "", (host, port)


@pytest.fixture
def refused_port() -> Iterator[int]:
    """
    A port without a listener, and reserved so that none will bind it meanwhile.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """
    A port whose machine answers no connection attempt.
    """
    with full_port() as port:
        yield port


# It works.


def test_a_plain_service_is_reached() -> None:
    """
    A local service is reached without TLS.
    """
    with Peer(echo) as peer:
        assert dial(endpoint(peer.port)) == b"hello"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_private_authority_is_trusted(
    host: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    A private authority is trusted through ``ssl_context``, for a name or an address.
    """
    with Peer(echo, tls=server_tls) as peer:
        to = endpoint(peer.port, host, secure=True)
        assert dial(to, context=client_tls) == b"hello"


def test_the_socket_has_no_delay_and_keepalive() -> None:
    """
    Small messages leave at once, and a dead machine is noticed by the kernel too.
    """
    with (
        Peer(PeerConnection.mute) as peer,
        DialerStub() as dialer,
        open_stream(endpoint(peer.port), None, None, dialer.attempt) as sock,
    ):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


# Names and addresses.


def test_an_unknown_host_is_reported(nameserver: Callable[[Resolver], None]) -> None:
    """
    A typing error in the host is reported as one.
    """

    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    nameserver(unknown)
    with pytest.raises(ConnectError, match=r"host no.invalid cannot be found") as info:
        dial(endpoint(443, "no.invalid", secure=True))
    assert "typing error" in info.value.hint
    assert not isinstance(info.value, ConnectTimeout)
    assert isinstance(info.value.__cause__, OSError)


def test_an_impossible_host_is_reported_as_unknown() -> None:
    """
    A host that no name server can even be asked for is reported like an unknown one.
    """
    with pytest.raises(ConnectError, match="cannot be found"):
        dial(endpoint(443, "a" * 70 + ".invalid", secure=True))
    with pytest.raises(ConnectError, match="cannot be found"):
        dial(endpoint(443, "a..invalid"))


def test_a_silent_name_server_is_a_timeout(
    nameserver: Callable[[Resolver], None],
) -> None:
    """
    A name server that never answers costs the timeout and no more; the message says
    which name was asked for.
    """
    answer = threading.Event()

    def mute(*_: Any, **__: Any) -> list[Any]:
        answer.wait(10.0)
        return []

    nameserver(mute)
    with at_most(0.5), pytest.raises(ConnectTimeout, match=r"looking up the host x\.y"):
        dial(endpoint(443, "x.y"), seconds=0.1)
    answer.set()


def test_a_name_without_an_address_is_an_error(
    nameserver: Callable[[Resolver], None],
) -> None:
    """
    A name without any address is an error of ours, not a crash.
    """
    nameserver(lambda *_, **__: [])
    with pytest.raises(ConnectError, match="no address"):
        dial(endpoint(443, "x.y"))


def test_a_refused_port_is_reported_with_its_reason(refused_port: int) -> None:
    """
    No listener: the text has host, port and the system's word for it.
    """
    with pytest.raises(ConnectError) as info:
        dial(endpoint(refused_port))
    assert f"127.0.0.1:{refused_port} cannot be reached" in str(info.value)
    assert os.strerror(errno.ECONNREFUSED) in str(info.value)
    assert "is a service listening" in info.value.hint.lower()


@pytest.mark.parametrize("bad", ["refused", "deaf", "no family", "unreachable"])
def test_the_next_address_is_tried(
    bad: str,
    nameserver: Callable[[Resolver], None],
    refused_port: int,
    silent_port: int,
) -> None:
    """
    A host of several addresses is reached although the first one is out of order.
    """
    with Peer(echo) as peer:
        first = {
            "refused": address(refused_port),
            "deaf": address(silent_port),
            "no family": address(peer.port, family=9999),
            "unreachable": address(peer.port, "255.255.255.255"),
        }[bad]
        nameserver(lambda *_, **__: [first, address(peer.port)])
        with at_most(1.0):
            assert dial(endpoint(443, "x.y"), seconds=1.2) == b"hello"


def test_an_address_that_drops_packets_delays_the_next_by_a_moment(
    nameserver: Callable[[Resolver], None], silent_port: int
) -> None:
    """
    RFC 8305: 250 ms, whatever the time-out; and the families alternate.
    """
    deaf = address(silent_port)
    with Peer(echo) as peer:
        nameserver(lambda *_, **__: [deaf, deaf, address(peer.port)])
        with at_most(2.0):
            assert dial(endpoint(443, "x.y"), seconds=60) == b"hello"


def test_the_last_failure_is_reported(
    nameserver: Callable[[Resolver], None], refused_port: int
) -> None:
    """
    Where every address fails, the text is that of the last one.
    """
    bad = [address(refused_port, family=9999), address(refused_port)]
    nameserver(lambda *_, **__: bad)
    with pytest.raises(ConnectError, match=os.strerror(errno.ECONNREFUSED)):
        dial(endpoint(443, "x.y"))


def test_a_machine_that_does_not_answer_is_a_timeout(silent_port: int) -> None:
    """
    A machine that does not answer is a timeout with that reason.
    """
    with (
        at_most(BRIEF + 0.4),
        pytest.raises(ConnectTimeout, match=r"connecting to 127.0.0.1"),
    ):
        dial(endpoint(silent_port), seconds=BRIEF)


# TLS.


def test_an_unknown_authority_is_refused(server_tls: ssl.SSLContext) -> None:
    """
    A certificate of an unknown authority is refused; the hint says how to trust it.
    """
    with (
        Peer(echo, tls=server_tls) as peer,
        pytest.raises(ConnectError, match="is not trusted") as info,
    ):
        dial(endpoint(peer.port, "localhost", secure=True))
    assert "ssl_context" in info.value.hint


def test_another_hosts_certificate_is_refused(
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
    nameserver: Callable[[Resolver], None],
) -> None:
    """
    A trusted certificate of another host is refused, too.
    """
    with Peer(echo, tls=server_tls) as peer:
        nameserver(lambda *_, **__: [address(peer.port)])
        with pytest.raises(ConnectError, match=r"is not trusted.*my.example") as info:
            dial(endpoint(443, "my.example", secure=True), context=client_tls)
    assert "host_name" in info.value.hint


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"hello\r\n"])
def test_a_plain_service_on_a_tls_address_is_reported(
    answer: bytes, client_tls: ssl.SSLContext
) -> None:
    """
    A service that does not speak TLS is reported as such, with what to write instead.
    """

    def plain(conn: PeerConnection) -> None:
        conn.sock.recv(100)
        conn.send(answer)
        conn.read_to_end()

    with (
        Peer(plain) as peer,
        pytest.raises(ConnectError, match="TLS handshake with") as info,
    ):
        dial(endpoint(peer.port, "localhost", secure=True), context=client_tls)
    assert "use ws:// for a local service" in info.value.hint


@pytest.mark.parametrize("end", [PeerConnection.fin, PeerConnection.rst])
def test_a_tls_handshake_that_is_cut_off_hints_at_firewalls(
    end: Callable[[PeerConnection], None], client_tls: ssl.SSLContext
) -> None:
    """
    A firewall that cuts the handshake off is an error with a hint at firewalls.
    """

    def cut(conn: PeerConnection) -> None:
        conn.sock.recv(100)
        end(conn)

    with (
        Peer(cut) as peer,
        pytest.raises(ConnectError, match="TLS handshake with") as info,
    ):
        dial(endpoint(peer.port, "localhost", secure=True), context=client_tls)
    assert "firewall" in info.value.hint
    assert not isinstance(info.value, ConnectTimeout)


def test_a_close_before_the_tls_handshake_leaves_no_socket(
    client_tls: ssl.SSLContext,
) -> None:
    """
    A service that went as soon as it was reached leaves no socket behind.

    `ssl.SSLContext.wrap_socket` would: it loses the descriptor it has taken over.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        assert [ours] == select.select([ours], [], [], 5)[0]  # the reset has come
    with ours, DialerStub(5.0) as dialer, pytest.raises(OSError, match="not connected"):
        _handshake(ours, "localhost", client_tls, dialer.attempt)


def test_silence_in_the_tls_handshake_is_a_timeout(client_tls: ssl.SSLContext) -> None:
    """
    A peer that accepts and says nothing is a timeout that names the TLS handshake.
    """
    with (
        Peer(PeerConnection.mute) as peer,
        at_most(BRIEF + 0.4),
        pytest.raises(ConnectTimeout, match="the TLS handshake of localhost"),
    ):
        dial(
            endpoint(peer.port, "localhost", secure=True),
            context=client_tls,
            seconds=BRIEF,
        )


# Proxies.


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("user", ["", "me%40work:p%3A%2Fw@"])
def test_a_proxy_is_asked_for_a_tunnel(
    secure: bool, user: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    A proxy is asked for a tunnel, with the decoded user and password if there are any.
    """
    seen: list[str] = []
    with Peer(echo, tls=server_tls if secure else None) as peer:
        script = proxy(peer.port, "me@work:p:/w" if user else None, seen)
        with Peer(script) as between:
            to = endpoint(peer.port, "localhost", secure=secure)
            via = f"http://{user}127.0.0.1:{between.port}"
            assert dial(to, via, client_tls) == b"hello"
    lines = seen[0].split("\r\n")
    assert lines[:2] == [
        f"CONNECT localhost:{peer.port} HTTP/1.1",
        f"Host: localhost:{peer.port}",
    ]


def refusing(answer: bytes) -> Callable[[PeerConnection], None]:
    """
    Return the script of a proxy that answers so.
    """

    def refuse(conn: PeerConnection) -> None:
        conn.read_head()
        conn.send(answer)

    return refuse


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 Connection established\r\nVia: here\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\n\n",
    ],
)
def test_any_success_of_a_proxy_opens_the_tunnel(answer: bytes) -> None:
    """
    Any 2xx answer does, also after a 1xx one (RFC 9110, 9.3.6 and 15.2).
    """

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        conn.send(answer)
        echo(conn)

    with Peer(script) as between:
        assert (
            dial(endpoint(443, "my.example"), f"127.0.0.1:{between.port}") == b"hello"
        )


@pytest.mark.parametrize("status", [401, 407])
def test_a_proxy_that_wants_a_password_is_reported(status: int) -> None:
    """
    407, and the 401 that some send instead, is reported with where to put user and password.
    """
    with (
        Peer(refusing(response(f"{status} Who are you"))) as between,
        pytest.raises(ConnectError, match=f"{status} Who are you") as info,
    ):
        dial(endpoint(443, "my.example", secure=True), f"127.0.0.1:{between.port}")
    assert info.value.status_code == status
    assert "http://user:password@host:port" in info.value.hint


def test_a_busy_proxy_says_when_to_retry() -> None:
    """
    When to come back is reported, as it is when the service itself is busy.
    """
    answer = response("503 Busy", {"Retry-After": "7"})
    with Peer(refusing(answer)) as between, pytest.raises(ConnectError) as info:
        dial(endpoint(443, "my.example"), f"127.0.0.1:{between.port}")
    assert (info.value.status_code, info.value.retry_after) == (503, 7.0)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (response("403 Forbidden"), 403),
        (response("502 Bad Gateway", body=b"x" * 100_000), 502),
        (b"HTTP/1.1 \r\n\r\n", None),
        (b"no proxy at all\r\n\r\n", None),
        (b"\xff\xfe\r\n\r\n", None),
        (b"x" * 100_000, None),
        (b"", None),
    ],
)
def test_a_refusal_by_a_proxy_names_proxy_and_target(
    answer: bytes, status: int | None
) -> None:
    """
    Whatever a proxy says instead of yes, the text names the proxy and the target.
    """
    with Peer(refusing(answer)) as between:
        via = f"http://me:{KEY}@127.0.0.1:{between.port}"
        with pytest.raises(ConnectError) as info:
            dial(endpoint(443, "my.example", secure=True), via, seconds=30.0)
    assert f"The proxy 127.0.0.1:{between.port}" in str(info.value)
    assert info.value.status_code == status
    assert info.value.hint
    assert KEY not in str(info.value)


def test_an_unreachable_proxy_is_named(
    refused_port: int, nameserver: Callable[[Resolver], None]
) -> None:
    """
    An error on the way to the proxy names the proxy, not the service.
    """
    to = endpoint(443, "my.example", secure=True)
    with pytest.raises(ConnectError, match=f"proxy 127.0.0.1:{refused_port} cannot"):
        dial(to, f"http://127.0.0.1:{refused_port}")

    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    nameserver(unknown)
    with pytest.raises(ConnectError, match=r"The proxy no.invalid cannot be") as info:
        dial(to, "http://no.invalid:3128")
    assert info.value.hint == "Check the proxy setting."


def test_a_silent_proxy_is_a_timeout() -> None:
    """
    A proxy that does not answer is a timeout that names it.
    """
    with (
        Peer(PeerConnection.mute) as between,
        at_most(BRIEF + 0.4),
        pytest.raises(ConnectTimeout, match=f"proxy 127.0.0.1:{between.port}"),
    ):
        dial(
            endpoint(443, "my.example"),
            f"127.0.0.1:{between.port}",
            seconds=BRIEF,
        )


def test_a_dripping_proxy_does_not_extend_the_deadline() -> None:
    """
    A proxy that says a byte now and then does not outlive the deadline.
    """

    def drip(conn: PeerConnection) -> None:
        conn.read_head()
        conn.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, 0.02)

    with (
        Peer(drip) as between,
        at_most(BRIEF + 0.4),
        pytest.raises(ConnectTimeout, match="the proxy"),
    ):
        dial(
            endpoint(443, "my.example"),
            f"127.0.0.1:{between.port}",
            seconds=BRIEF,
        )


@pytest.mark.parametrize(
    "via",
    [
        "socks5://127.0.0.1:1080",
        "https://127.0.0.1",
        "http://127.0.0.1:abc",
        f"http://me:{KEY}@127.0.0.1:99999",
        "http://",
        "http://[::1",
        "http://a..b",
        f"http://{'a' * 70}.example",
        "http://a\0b",
        f"socks5://me:{KEY}@a..b",
        f"socks5://me:p@{KEY}/word@127.0.0.1:1",
        f"http://me:p@{KEY}@127.0.0.1:1",
        f"http://me:p?@{KEY}@127.0.0.1:1",
    ],
)
def test_an_invalid_proxy_setting_is_shown_without_password(via: str) -> None:
    """
    A proxy we cannot use is named in a sentence, without its password.
    """
    with pytest.raises(ConnectError, match=r"[Pp]roxy") as info:
        dial(endpoint(443, "my.example"), via)
    assert info.value.hint
    assert KEY not in str(info.value)


@pytest.mark.parametrize(
    ("environment", "host", "secure", "expected"),
    [
        ({}, "my.example", True, None),
        ({"https_proxy": "http://p:1"}, "my.example", True, ("p", 1)),
        ({"HTTPS_PROXY": "p:1"}, "my.example", True, ("p", 1)),
        ({"https_proxy": "http://p:1"}, "my.example", False, None),
        ({"http_proxy": "http://p:1"}, "my.example", False, ("p", 1)),
        ({"all_proxy": "http://p:1"}, "my.example", True, ("p", 1)),
        (
            {"https_proxy": "http://p:1", "no_proxy": ".example"},
            "my.example",
            True,
            None,
        ),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "my.example", True, None),
        *(
            ({"https_proxy": "http://p:1", "no_proxy": spared}, host, True, expected)
            for spared, host, expected in [
                ("my.example:443", "my.example", None),
                ("my.example:8443", "my.example", ("p", 1)),
                ("192.0.2.0/24", "192.0.2.7", None),
                ("192.0.2.0/24", "192.0.3.7", ("p", 1)),
                ("192.0.2.7:443", "192.0.2.7", None),
                ("other.example, 192.0.2.9/24 ,x", "192.0.2.7", None),
                ("fd00::/8,192.0.2.0/33", "fd12::1", None),
                ("fd00::/8", "fe80::1", ("p", 1)),
                ("192.0.2.0/24", "192.0.2.example", ("p", 1)),
                ("other.example, *.example", "my.example", None),
                ("*.example", "myexample", ("p", 1)),
                ("[fd00::1]", "fd00::1", None),
            ]
        ),
        ({"https_proxy": "http://p:1"}, "localhost", True, None),
        ({"https_proxy": "http://p:1"}, "127.0.0.5", True, None),
        ({"https_proxy": "http://p:1"}, "::1", True, None),
    ],
)
def test_the_proxy_of_the_environment_is_used(
    environment: dict[str, str],
    host: str,
    secure: bool,
    expected: tuple[str, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The environment's proxy is used as other tools use it, and never for this machine.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = find_proxy(endpoint(443, host, secure), None)
    assert (found and (found.host, found.port)) == expected
    assert find_proxy(endpoint(443, host, secure), "") is None


# close() at every stage.


def interrupted_at(
    stage: str, begin: Callable[[DialerStub], Any], is_there: Callable[[], object]
) -> None:
    """
    Interrupt *begin* once it waits at *stage*; insist that it ends promptly.
    """
    outcome: list[BaseException] = []
    with DialerStub(20.0) as dialer:

        def run() -> None:
            try:
                begin(dialer)
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        until = time.monotonic() + 5.0
        while dialer.attempt.stage[: len(stage)] != stage or not is_there():
            assert time.monotonic() < until, dialer.attempt.stage
            threading.Event().wait(0.002)
        start = time.monotonic()
        dialer.interrupt()
        thread.join(5.0)
        took = time.monotonic() - start
    assert [type(error) for error in outcome] == [ConnectInterrupted]
    assert took < PROMPT * SCALE


@pytest.mark.slow
def test_an_interrupt_ends_the_lookup(nameserver: Callable[[Resolver], None]) -> None:
    """
    Closing does not wait for the name server.
    """
    asked, answer = threading.Event(), threading.Event()

    def mute(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        answer.wait(10.0)
        return []

    nameserver(mute)
    interrupted_at(
        "looking up",
        lambda d: open_stream(endpoint(1, "x.y"), None, None, d.attempt),
        asked.is_set,
    )
    answer.set()


def test_an_interrupt_ends_the_connect(silent_port: int) -> None:
    """
    Closing does not wait for a machine that does not answer.
    """
    interrupted_at(
        "connecting",
        lambda d: open_stream(endpoint(silent_port), None, None, d.attempt),
        lambda: True,
    )


@pytest.mark.parametrize("stage", ["waiting for the TLS", "waiting for the proxy"])
def test_an_interrupt_ends_the_wait_for_a_silent_peer(
    stage: str, client_tls: ssl.SSLContext
) -> None:
    """
    Closing waits neither for a TLS handshake nor for a proxy.
    """
    with Peer(PeerConnection.mute) as peer:
        to = endpoint(peer.port, "localhost", secure=True)
        via = f"127.0.0.1:{peer.port}" if "proxy" in stage else None
        interrupted_at(
            stage,
            # a context of its own would be made at this stage, which takes its time
            lambda d: open_stream(to, via, client_tls, d.attempt),
            lambda: peer.connections,
        )


def connector(
    host: str,
    impl: Any = None,
    websocket_options: WebSocketOptions | None = None,
    **who: Any,
) -> Connector:
    """
    Return what connects, for a host.
    """
    options = AzureRealTimeOptions(host, "gpt", **(who or {"api_key": KEY}))
    return Connector(
        options, options.endpoint, websocket_options or WebSocketOptions(), impl
    )


def test_an_interrupt_ends_the_wait_for_the_handshake() -> None:
    """
    Closing does not wait for the answer to the handshake.
    """
    asked = threading.Event()

    def mute(conn: PeerConnection) -> None:
        conn.read_head()
        asked.set()
        conn.mute()

    with Peer(mute) as peer:
        interrupted_at(
            "waiting for the service to answer",
            lambda d: connector(peer.url)(d.attempt),
            asked.is_set,
        )


def test_an_interrupt_ends_the_wait_for_a_token() -> None:
    """
    Closing does not wait for a sign-in that is never completed.
    """
    asked, answer = threading.Event(), threading.Event()

    def provider() -> str:
        asked.set()
        answer.wait(10.0)
        return KEY

    interrupted_at(
        "waiting for token_provider",
        lambda d: connector("my.example", token_provider=provider)(d.attempt),
        asked.is_set,
    )
    answer.set()


def test_interruptions_are_noticed_though_the_peer_drips() -> None:
    """
    Closing is noticed within one byte of a peer that drips its answer.
    """
    asked = threading.Event()

    def drip(conn: PeerConnection) -> None:
        conn.read_head()
        asked.set()
        conn.drip(b"HTTP/1.1 101 OK\r\n" + b"X: y\r\n" * 10_000, 0.01)

    with Peer(drip) as peer:
        interrupted_at(
            "waiting for the service to answer",
            lambda d: connector(peer.url)(d.attempt),
            asked.is_set,
        )


def test_a_wake_up_without_reason_changes_nothing() -> None:
    """
    Commands that are queued while we dial wake the dialer, which goes on.
    """
    with Peer(echo) as peer, DialerStub() as dialer:
        dialer.waker.wake()
        with open_stream(endpoint(peer.port), None, None, dialer.attempt) as sock:
            dialer.waker.wake()
            dialer.attempt.until(sock, selectors.EVENT_WRITE)
        assert dialer.attempt.call(lambda: 7, "thinking") == 7


# Credentials.


def credentials(headers: dict[str, str]) -> tuple[str | None, str | None]:
    """
    Return what proves who we are, key first.
    """
    return headers.get("api-key"), headers.get("authorization")


@pytest.mark.parametrize(
    ("who", "more", "expected"),
    [
        ({"api_key": KEY}, {}, (KEY, None)),
        ({"token": KEY}, {}, (None, f"Bearer {KEY}")),
        ({"token_provider": lambda: f" {KEY}\n"}, {}, (None, f"Bearer {KEY}")),
        ({"api_key": "other"}, {"Authorization": "Own x"}, (None, "Own x")),
        ({"api_key": KEY}, {"API-Key": "own"}, ("own", None)),
    ],
)
def test_the_credential_travels_in_one_header(
    who: dict[str, Any], more: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    """
    Key, token or the user's own header: exactly one proves who we are, and the address
    holds none.
    """
    heads: list[bytes] = []

    def accept(conn: PeerConnection) -> None:
        heads.append(conn.read_head())
        conn.send(conn.upgrade_answer())
        seen.append(credentials(conn.headers))

    seen: list[tuple[str | None, str | None]] = []
    with Peer(accept) as peer, DialerStub() as dialer:
        websocket_options = WebSocketOptions(headers=more)
        connect = connector(peer.url, websocket_options=websocket_options, **who)
        connect(dialer.attempt).close()
    assert seen == [expected]
    head = heads[0].lower()
    assert head.count(b"api-key:") + head.count(b"authorization:") == 1
    assert KEY.encode() not in heads[0].split(b"\r\n")[0]
    assert b"origin:" not in head
    assert b"cookie:" not in head
    assert b"user-agent: azure-realtime/" in head


def test_a_token_provider_is_asked_afresh_for_each_connection() -> None:
    """
    A token that has expired since is not used again.
    """
    tokens = iter(["first-token", "second-token"])
    seen: list[str | None] = []

    def accept(conn: PeerConnection) -> None:
        conn.read_head()
        seen.append(conn.headers.get("authorization"))
        conn.send(conn.upgrade_answer())

    with Peer(accept) as peer, DialerStub() as dialer:
        connect = connector(peer.url, token_provider=lambda: next(tokens))
        connect(dialer.attempt).close()
        connect(dialer.attempt).close()
    assert seen == ["Bearer first-token", "Bearer second-token"]


def _fails() -> str:
    raise RuntimeError(f"no identity, authorization: bearer {KEY}")


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (_fails, "token_provider failed .*no identity"),
        (lambda: None, "token_provider returned None"),
        (lambda: "", "result is empty"),
        (lambda: f"{KEY}\nX-Evil: 1", "no HTTP header can carry"),
        (lambda: KEY.encode(), "must be text, not bytes"),
        (lambda: object(), "must be text, not object"),
    ],
)
def test_a_failed_token_provider_is_an_authentication_error(
    provider: Callable[[], Any], words: str
) -> None:
    """
    What goes wrong in a token provider is an authentication error that says what.
    """
    with (
        DialerStub() as dialer,
        pytest.raises(AuthenticationError, match=words) as info,
    ):
        connector("my.example", token_provider=provider)(dialer.attempt)
    assert KEY not in str(info.value)


@pytest.mark.slow
def test_a_slow_token_provider_is_a_timeout() -> None:
    """
    A sign-in that is never completed is a timeout that names the provider.
    """
    answer = threading.Event()

    def provider() -> str:
        answer.wait(10.0)
        return KEY

    with (
        DialerStub(BRIEF) as dialer,
        at_most(BRIEF + 0.4),
        pytest.raises(ConnectTimeout, match="waiting for token_provider"),
    ):
        connector("my.example", token_provider=provider)(dialer.attempt)
    answer.set()


def test_a_token_provider_that_hangs_is_not_asked_again_and_again() -> None:
    """
    Each attempt to connect waits for the call that hangs, on one thread; when it ends at
    last, the waiting attempt has the token, and the next connection a fresh one.
    """
    answer = threading.Event()
    seen: list[str | None] = []
    asked: list[int] = []

    def provider() -> str:
        asked.append(len(asked))
        answer.wait(10.0)
        return f"token-{len(asked)}"

    def accept(conn: PeerConnection) -> None:
        conn.read_head()
        seen.append(conn.headers.get("authorization"))
        conn.send(conn.upgrade_answer())

    with Peer(accept) as peer:
        connect = connector(peer.url, token_provider=provider)
        threads = threading.active_count()
        for _ in range(5):
            with DialerStub(0.05) as dialer, pytest.raises(ConnectTimeout):
                connect(dialer.attempt)
        assert asked == [0]
        assert threading.active_count() == threads + 1
        with DialerStub() as dialer:
            threading.Timer(0.1, answer.set).start()
            connect(dialer.attempt).close()
            connect(dialer.attempt).close()
    assert seen == ["Bearer token-1", "Bearer token-2"]


def test_half_a_character_in_a_proxy_user_breaks_nothing() -> None:
    """
    The environment may hold what is no UTF-8: the proxy judges it, and nothing breaks.
    """
    authorization = Proxy("http://u\udce9:p@proxy:1").authorization

    assert b"u\xed\xb3\xa9:p" == base64.b64decode((authorization or "").split()[1])
