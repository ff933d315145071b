"""
The WebSocket server of the kernel: whom it serves, and that it ends.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.page import ORIGIN, handshake_status
from helpers.timing import at_most

from azure_realtime._concurrency.deadline import Deadline
from azure_realtime.notebook.side_channel import MAX_MESSAGE_BYTES, SideChannel

pytest.importorskip("websockets", reason="websockets is in the extra 'jupyter'")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

HUB = "https://hub.example.org"
PROXIED = ("Host: hub.example.org",)


@pytest.fixture
def received() -> list[bytes | str]:
    """
    What the channel has received.
    """
    return []


@pytest.fixture
def channel(received: list[bytes | str]) -> Iterator[SideChannel]:
    """
    A channel that listens.
    """
    made = SideChannel(received.append)
    made.start()
    yield made
    made.close()


def page(channel: SideChannel) -> Any:
    """
    Connect as the page does.
    """
    uri = f"ws://127.0.0.1:{channel.port}/{channel.token}"
    return connect(uri, origin=Origin(ORIGIN), proxy=None)


def direct(channel: SideChannel, origin: str = ORIGIN) -> tuple[str, ...]:
    """
    Return the headers of a page that connects directly.
    """
    return (f"Host: 127.0.0.1:{channel.port}", f"Origin: {origin}")


def test_messages_of_the_page_arrive_in_order(
    channel: SideChannel, received: list[bytes | str], eventually: Callable[..., None]
) -> None:
    """
    Text and bytes, while the main thread waits for something else.
    """
    with page(channel) as client:
        assert channel.wait_connected(Deadline(5))
        for number in range(100):
            client.send(bytes([number]))
        client.send("text")
        eventually(lambda: len(received) == 101)
    assert received == [*(bytes([number]) for number in range(100)), "text"]
    eventually(lambda: not channel.is_connected)


def test_the_server_listens_on_the_loopback_only(channel: SideChannel) -> None:
    """
    No other machine can reach it.
    """
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", channel.port), 5)


def test_a_token_is_long_and_new(channel: SideChannel) -> None:
    """
    128 bits, for one channel.
    """
    assert len(bytes.fromhex(channel.token)) == 16
    assert SideChannel(print).token != channel.token


@pytest.mark.parametrize("path", ["", "0" * 32, "{token}0", "{token}?", "x/{token}"])
def test_a_wrong_token_is_refused(channel: SideChannel, path: str) -> None:
    """
    A program of another user of the machine gets nothing.
    """
    path = "/" + path.format(token=channel.token)
    assert handshake_status(channel.port, path, *direct(channel)) == 403
    assert not channel.is_connected
    assert channel.accepted == 0


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8888", 101),
        ("http://127.0.0.1:1234", 101),
        ("https://localhost", 101),
        ("http://[::1]:8888", 101),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("http://localhost@evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_page_of_elsewhere_is_refused(
    channel: SideChannel, origin: str, status: int
) -> None:
    """
    A foreign page in the same browser cannot connect, should it know the token.
    """
    headers = direct(channel, origin)
    assert handshake_status(channel.port, f"/{channel.token}", *headers) == status


def test_a_client_without_an_origin_is_refused(channel: SideChannel) -> None:
    """
    It is no browser.
    """
    host, origin = direct(channel)
    path = f"/{channel.token}"
    assert handshake_status(channel.port, path, host) == 403
    assert handshake_status(channel.port, path, host, origin, origin) == 403


def test_a_page_with_a_rebound_name_is_refused(channel: SideChannel) -> None:
    """
    Its name was changed to the loopback's address, but its requests have the name.
    """
    host = f"Host: evil.example:{channel.port}"
    origins = [f"http://evil.example:{channel.port}", ORIGIN]
    for origin in origins:
        headers = (host, f"Origin: {origin}")
        assert handshake_status(channel.port, f"/{channel.token}", *headers) == 403


@pytest.mark.parametrize(
    ("origin", "status"), [(HUB, 101), (ORIGIN, 403), ("https://evil.example", 403)]
)
def test_a_page_behind_a_proxy_is_of_the_same_host(
    channel: SideChannel, origin: str, status: int
) -> None:
    """
    jupyter-server-proxy forwards the host's name, as Jupyter Server checks it as well.
    """
    headers = (*PROXIED, f"Origin: {origin}")
    assert handshake_status(channel.port, f"/{channel.token}", *headers) == status


def test_the_origin_that_the_page_has_reported_is_the_only_one(
    channel: SideChannel,
) -> None:
    """
    A page of another program on this machine is then refused as well.
    """
    channel.origin = "vscode-webview://1234"
    path = f"/{channel.token}"
    assert handshake_status(channel.port, path, *direct(channel)) == 403
    assert handshake_status(channel.port, path, *PROXIED, f"Origin: {HUB}") == 403
    headers = direct(channel, channel.origin)
    assert handshake_status(channel.port, path, *headers) == 101


def test_a_second_client_is_refused_and_may_follow(
    channel: SideChannel, eventually: Callable[..., None]
) -> None:
    """
    One page at a time; after a reload there is room again.
    """
    with page(channel):
        assert channel.wait_connected(Deadline(5))
        with pytest.raises(InvalidStatus) as refused, page(channel):
            pass
        assert refused.value.response.status_code == 409
    eventually(lambda: not channel.is_connected)
    with page(channel):
        assert channel.wait_connected(Deadline(5))
    assert channel.accepted == 2


def test_many_clients_at_once_leave_one(
    channel: SideChannel, eventually: Callable[..., None]
) -> None:
    """
    Also if the check of several is done before one of them is served.
    """

    def open_one() -> None:
        with contextlib.suppress(InvalidStatus, ConnectionClosed), page(channel) as one:
            one.recv(timeout=20)

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert channel.wait_connected(Deadline(5))
    eventually(lambda: sum(thread.is_alive() for thread in threads) == 1)
    channel.close()
    for thread in threads:
        thread.join(20)
    assert channel.accepted == 1


def test_a_message_that_is_too_large_ends_the_connection(
    channel: SideChannel, received: list[bytes | str], eventually: Callable[..., None]
) -> None:
    """
    The kernel's memory is not the page's; a smaller message is fine afterwards.
    """
    with page(channel) as client:
        client.send(bytes(MAX_MESSAGE_BYTES))
        eventually(lambda: received)
        client.send(bytes(MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    assert [len(message) for message in received] == [MAX_MESSAGE_BYTES]
    eventually(lambda: not channel.is_connected)
    with page(channel) as client:
        client.send(b"fine")
        eventually(lambda: received[-1] == b"fine")


def test_a_malformed_message_ends_the_connection(channel: SideChannel) -> None:
    """
    The channel goes on, without a traceback.
    """

    def refuse(message: bytes | str) -> None:
        raise ValueError(message)

    channel._receive = refuse
    with page(channel) as client:
        client.send("?")
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=10)


@pytest.mark.parametrize("connected", [True, False])
def test_nothing_is_left_after_close(connected: bool) -> None:
    """
    No thread, no descriptor, no port; closing again does nothing.
    """
    threads = set(threading.enumerate())
    channel = SideChannel(print)
    channel.start()
    with page(channel) if connected else contextlib.nullcontext() as client:
        if client is not None:
            assert channel.wait_connected(Deadline(5))
        channel.close()
        channel.close()
        if client is not None:
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code in (1000, 1001)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", channel.port), 5)
    ours = [t for t in set(threading.enumerate()) - threads if "realtime" in t.name]
    assert ours == []


@pytest.mark.slow
def test_a_client_that_says_nothing_does_not_hold_up_close(
    channel: SideChannel,
) -> None:
    """
    It has two seconds for its handshake.
    """
    with socket.create_connection(("127.0.0.1", channel.port), 5), at_most(5):
        channel.close()


def test_the_threads_do_not_keep_the_kernel(channel: SideChannel) -> None:
    """
    A kernel ends although a page is connected.
    """
    with page(channel):
        assert channel.wait_connected(Deadline(5))
        serving = [
            thread
            for thread in threading.enumerate()
            if getattr(thread, "_target", None) is not None
            and "websockets.sync.server" in getattr(thread._target, "__module__", "")
        ]
        assert serving
        assert all(thread.daemon for thread in serving)
