"""
Foreign code on our threads: whatever it raises, the threads and futures go on.
"""

from __future__ import annotations

import logging
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from helpers.clients import GA
from helpers.peer import Peer, PeerConnection, serve_session
from helpers.reconnecting import EventRecorder, Scripts
from helpers.timing import at_most

from azure_realtime import (
    AuthenticationError,
    AzureRealTimeAudio,
    ConnectError,
    ConnectionClosed,
)
from azure_realtime._logging import logger as library_logger
from azure_realtime.options import AzureRealTimeOptions


class Unusual(BaseException):
    """
    What `except Exception` does not catch, as `asyncio.CancelledError`.
    """


class Unreadable(Exception):
    """
    An exception that has no text.
    """

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class UnusuallyUnreadable(Unreadable):
    """
    Another one.
    """

    def __str__(self) -> str:
        raise Unusual

    __repr__ = __str__


class Closed(ConnectionClosed):
    """
    An error of another client, which foreign code uses.
    """

    def __init__(self) -> None:
        super().__init__(1000)

    def __str__(self) -> str:
        return "Closed"


UNREADABLE = pytest.mark.parametrize("error", [Unreadable, UnusuallyUnreadable])


class Full(logging.Handler):
    """
    A handler whose disk is full.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error
        self.records = 0

    def emit(self, record: logging.LogRecord) -> None:
        """
        Raise the error; on the program's own thread that of the disk.
        """
        self.records += 1
        if threading.current_thread() is threading.main_thread():
            raise OSError("disk full")
        raise self.error


@pytest.fixture(params=[OSError("disk full"), Unusual()], ids=["usual", "unusual"])
def full_disk(request: pytest.FixtureRequest) -> Iterator[Full]:
    """
    Every log record of the library meets a handler that raises.
    """
    logger, handler = logging.getLogger("azure_realtime"), Full(request.param)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@UNREADABLE
def test_a_token_provider_whose_error_has_no_text_fails_connect_at_once(
    error: type[Exception],
) -> None:
    """
    The error names the class, and a command given before fails as well.
    """
    given = threading.Event()

    def provide() -> Any:
        assert given.wait(5)
        raise error

    with Peer(serve_session) as peer:
        options = AzureRealTimeOptions(peer.url, "d", token_provider=provide)
        client = AzureRealTimeAudio(options)
        future = client.create_response()
        given.set()
        with at_most(2.0), pytest.raises(AuthenticationError, match="Unreadable"):
            client.connect()
        assert isinstance(future.exception(1), AuthenticationError)
        client.close()


@UNREADABLE
def test_a_websocket_impl_whose_error_has_no_text_fails_connect_at_once(
    error: type[Exception],
) -> None:
    """
    Likewise.
    """

    def fail() -> Any:
        raise error

    with Peer(serve_session) as peer:
        client = GA.client(peer.url, fail)
        with at_most(2.0), pytest.raises(ConnectError, match="Unreadable"):
            client.connect()
        client.close()


def _ssl_context(fail: Callable[..., Any], _: pytest.MonkeyPatch) -> Any:
    class Context(ssl.SSLContext):
        wrap_socket = fail

    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    return lambda url: GA.client(url.replace("ws:", "wss:"), ssl_context=context)


def _websocket_impl(fail: Callable[..., Any], _: pytest.MonkeyPatch) -> Any:
    class Implementation(websocket.WebSocket):
        getstatus = fail

        def connect(self, *_: Any, **__: Any) -> None:
            """
            Be connected at once.
            """

    return lambda url: GA.client(url, Implementation)


def _token_provider(fail: Callable[..., Any], _: pytest.MonkeyPatch) -> Any:
    return lambda url: AzureRealTimeAudio(
        AzureRealTimeOptions(url, "d", token_provider=fail)
    )


def _resolver(fail: Callable[..., Any], patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("socket.getaddrinfo", fail)
    return GA.client


def _proxy_lookup(fail: Callable[..., Any], patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("urllib.request.getproxies", fail)
    return lambda _: GA.client("ws://service.invalid")


@pytest.mark.parametrize(
    "error",
    [MemoryError, SystemExit, KeyboardInterrupt, Unusual, UnusuallyUnreadable, Closed],
)
@pytest.mark.parametrize(
    "where",
    [_ssl_context, _websocket_impl, _token_provider, _resolver, _proxy_lookup],
)
def test_whatever_an_attempt_raises_is_the_cause_of_a_connect_error(
    where: Any, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    `connect()` names its class; the thread ends as after any attempt that failed.
    """

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    with Peer(lambda conn: conn.mute()) as peer:
        client = where(fail, monkeypatch)(peer.url)
        with at_most(2.0), pytest.raises(ConnectError, match=error.__name__) as caught:
            client.connect()
        hidden = error is UnusuallyUnreadable  # it may have a credential
        assert isinstance(caught.value.__cause__, type(None) if hidden else error)
        client.close()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, Unusual])
def test_an_executor_that_raises_anything_costs_the_events_only(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """
    The exception is logged once; commands are acknowledged on the same connection.
    """

    def submit(_: Any) -> Any:
        raise error

    with GA.connected(dispatch=submit) as (client, _):
        client.on("*", print)
        client.create_response().result(5)
        client.clear_audio_buffer().result(5)
    assert caplog.text.count("The executor takes no more jobs") == 1


def test_an_attempt_without_memory_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The retry policy applies to it, and the client connects again.
    """
    resolve, raised = socket.getaddrinfo, threading.Event()
    with GA.connected(max_reconnect_attempts=3, reconnect_interval=0.01) as (
        client,
        connection,
    ):
        recorder = EventRecorder(client)

        def fail_once(*args: Any, **how: Any) -> Any:
            if not raised.is_set():
                raised.set()
                raise MemoryError
            return resolve(*args, **how)

        monkeypatch.setattr("socket.getaddrinfo", fail_once)
        connection.drop()
        recorder.wait("reconnected")
        causes = [type(event.cause) for event in recorder.of("reconnecting")]
        assert causes == [ConnectionClosed, ConnectError]


@pytest.mark.slow
@pytest.mark.parametrize("dispatch", ["thread", "reader"])
def test_log_handlers_that_raise_end_neither_thread(
    full_disk: Full, dispatch: str
) -> None:
    """
    A listener that fails is logged, a connection is lost and made again; all goes on.
    """
    with GA.connected(
        dispatch=dispatch, max_reconnect_attempts=3, reconnect_interval=0.01
    ) as (client, connection):
        recorder = EventRecorder(client)
        client.on("response.done", lambda _: 1 / 0)
        with client.expect("response.done", timeout=10):
            client.create_response()
        connection.drop()
        recorder.wait("reconnected")
        with client.expect("response.done", timeout=10):
            client.create_response()
        assert len(recorder.of("response.done")) >= 1
    recorder.wait("closed")
    assert full_disk.records


@pytest.mark.parametrize("unreadable", [RuntimeError, Unusual])
def test_a_failing_object_without_a_repr_is_logged(
    unreadable: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """
    The log line stays, with the class instead of the object; the next listener gets
    the event.
    """

    class Listener:
        def __call__(self, event: object) -> None:
            raise Unreadable

        def __repr__(self) -> str:
            raise unreadable

    delivered = threading.Event()
    with GA.connected() as (client, _):
        client.on("response.done", Listener())
        client.on("response.done", lambda event: delivered.set())
        with client.expect("response.done", timeout=10):
            client.create_response()
        assert delivered.wait(5)
    assert "The listener <Listener> of" in caplog.text


@pytest.mark.slow
def test_a_process_without_descriptors_connects_again_when_there_are_some() -> None:
    """
    A selector, a lookup and a socket that cannot be had are reasons to try again.
    """

    def cut(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()

    def stay(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.mute()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Peer(Scripts(cut, stay)) as peer:
        websocket_options = {"max_reconnect_attempts": None, "reconnect_interval": 0.05}
        with GA.client(peer.url, **websocket_options) as client:
            recorder = EventRecorder(client)
            # new descriptors would have to be 0, 1 or 2; those that are open go on
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                client.clear_audio_buffer()
                for count in (1, 2, 3):  # attempts fail, and others follow
                    recorder.wait("reconnecting", count)
                assert not recorder.of("closed", "reconnected")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            recorder.wait("reconnected")


@pytest.mark.parametrize("kind", [SystemExit, Unusual])
def test_a_signal_handler_that_raises_in_a_log_handler_ends_the_call(
    kind: type[BaseException],
) -> None:
    """
    On the main thread, `sys.exit()` in a handler of SIGTERM is not taken for a fault of
    the log handler that it has interrupted.
    """

    class Interrupted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise kind

    logger, handler = logging.getLogger("azure_realtime"), Interrupted()
    logger.addHandler(handler)
    try:
        with pytest.raises(kind):
            library_logger.warning("A warning")
    finally:
        logger.removeHandler(handler)
