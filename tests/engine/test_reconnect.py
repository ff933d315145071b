"""
Which ends of a connection lead to another one, how often, and when.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from helpers.clients import (
    GA,
    KEY,
    LONG,
    MANUAL,
    MATRIX,
    USER_SAYS,
    Variant,
    drained,
)
from helpers.peer import Peer, PeerConnection, close_frame, frame, serve_session
from helpers.reconnecting import QUICK, EventRecorder, Scripts
from helpers.timing import SCALE, at_most

from azure_realtime import (
    AuthenticationError,
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectError,
    ConnectionClosed,
    DeploymentNotFound,
    RateLimited,
    WebSocketState,
)
from azure_realtime._engine.reconnect import Backoff
from azure_realtime.simulator import Connection
from azure_realtime.simulator._network.faults import CLOSE

# What ends a connection.


def _close(code: int) -> Callable[[Connection], None]:
    return lambda connection: connection.close(code, "because")


_AGAIN: dict[str, tuple[Callable[[Connection], None], str]] = {
    "1001": (_close(1001), "server"),
    "1005": (lambda connection: connection.send_frame(CLOSE, b""), "server"),
    "1011": (_close(1011), "server"),
    "1012": (_close(1012), "server"),
    "1013": (_close(1013), "server"),
    "1014": (_close(1014), "server"),
    "3008": (_close(3008), "server"),
    "rst": (lambda connection: connection.drop("rst"), "network"),
    "fin": (lambda connection: connection.drop("fin"), "network"),
    "mid frame": (lambda connection: connection.drop("mid_frame"), "network"),
    "expired": (lambda connection: connection.expire(), "expired"),
}


@MATRIX
@pytest.mark.parametrize("end", _AGAIN)
def test_a_lost_connection_is_replaced(end: str, variant: Variant) -> None:
    """
    A lost connection is one disconnected event, then a new session that works.
    """
    cut, cause = _AGAIN[end]
    with variant.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        cut(connection)
        reconnected = recorder.wait("reconnected")
        assert [cause] == [event.cause for event in recorder.of("disconnected")]
        assert recorder.of("disconnected")[0].reconnecting
        assert 2 == reconnected.generation
        item = client.create_conversation_item(USER_SAYS).result(timeout=5)
        assert "user" == item.role
        assert ["disconnected", "reconnecting", "reconnected"] == recorder.fate
        assert 1 == client.stats.reconnects


def test_the_conversation_is_that_of_the_new_session() -> None:
    """
    An answer that was sound is restored as text, and the client's copy says so.
    """
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        answer = client.ask("Good morning", timeout=10)
        connection.drop()
        recorder.wait("reconnected")
        drained(client)  # the acknowledgements of the items are before it on the wire
        (part,) = list(client.conversation)[-1].content
    assert ("output_text", answer.transcript) == (part.type, part.text)


def test_pending_requests_fail_with_a_retryable_error() -> None:
    """
    Its error has `reconnecting`, and does not count what the next session will get.
    """
    with GA.connected(service={"replies": [LONG]}, **QUICK) as (client, connection):
        recorder = EventRecorder(client)
        with client.expect("response.created", timeout=5):
            asked = client.create_response()
        connection.drop()
        error = asked.exception(timeout=5)
        assert isinstance(error, ConnectionClosed)
        assert (True, 0) == (error.reconnecting, error.unsent)
        recorder.wait("reconnected")
        assert recorder.of("disconnected")[0].error.reconnecting


@pytest.mark.parametrize("end", ["1001", "1012", "rst", "429"])
def test_close_during_back_off_is_reported_as_a_close(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever error the service had sent at its end, or at the next attempt.
    """
    pause = 0.01 if end == "429" else 30.0
    monkeypatch.setattr(random, "uniform", lambda *_: pause)
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        if end == "429":
            service.refuse(429, {"Retry-After": "60"})
        _AGAIN["rst" if end == "429" else end][0](service.wait_for_connection())
        recorder.wait("reconnecting", 2 if end == "429" else 1)
        queued = client.create_conversation_item(USER_SAYS)
        client.close()
        for error in (queued.exception(5), recorder.wait("closed").error):
            assert isinstance(error, ConnectionClosed)
            assert "you closed it" in error.reason
            met = error.__cause__
            assert isinstance(met, RateLimited if end == "429" else ConnectionClosed)


def test_the_final_error_announces_no_reconnect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Who closes in the pause has lost the connection for good.
    """
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    options = {"max_reconnect_attempts": 5, "reconnect_interval": 30.0}
    with GA.connected(service={"replies": [LONG]}, **options) as (client, connection):
        recorder = EventRecorder(client)
        with client.expect("response.created", timeout=5):
            asked = client.create_response()
        connection.drop()
        recorder.wait("reconnecting")
        client.close()
        last = recorder.wait("closed").error
        assert isinstance(last, ConnectionClosed)
        assert not last.reconnecting
        first = asked.exception(0)
        assert isinstance(first, ConnectionClosed)
        assert first.reconnecting


@pytest.mark.parametrize(
    "code", [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4000, 4999]
)
def test_a_clean_close_or_a_final_code_ends_the_client(code: int) -> None:
    """
    What would only come again, or was meant, is not tried again.
    """
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        connection.close(code, "because")
        closed = recorder.wait("closed")
        assert ["disconnected", "closed"] == recorder.fate
        assert isinstance(closed.error, ConnectionClosed)
        assert (code, "because") == (closed.error.code, closed.error.reason)
        assert not recorder.of("disconnected")[0].reconnecting
        assert WebSocketState.CLOSED == client.state


def test_a_command_raises_as_soon_as_the_end_is_reported() -> None:
    """
    A thread that the end of the client wakes must not queue a command that is lost: a
    listener on the reader thread is the first to know.
    """
    raised: list[ConnectionClosed] = []

    def try_again(event: Any) -> None:
        try:
            client.clear_audio_buffer()
        except ConnectionClosed as error:
            raised.append(error)

    with GA.connected(dispatch="reader", **QUICK) as (client, connection):
        recorder = EventRecorder(client)
        client.on("disconnected", try_again)
        connection.close(1008, "because")
        recorder.wait("closed")
    assert [1008] == [error.code for error in raised]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame("{}", rsv=4), 1002),
        (frame(b"\xff\xfe"), 1007),
        (frame(b"\x03\xed", CLOSE), 1002),
        (frame("{}", mask=b"1234"), 1002),
    ],
    ids=["reserved bit", "no UTF-8", "forbidden close code", "masked"],
)
def test_a_protocol_error_ends_the_client(data: bytes, code: int) -> None:
    """
    It is no fault of the network's, so no other connection is tried.
    """
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        connection.send_bytes_raw(data)
        assert recorder.wait("closed").error.code == code
        assert ["disconnected", "closed"] == recorder.fate


def test_a_protocol_error_of_an_expired_session_ends_the_client() -> None:
    """
    An expired session is replaced, unless the peer broke the protocol.
    """
    backoff = Backoff(None, 1.0)

    assert backoff.would_retry(ConnectionClosed(1000), expired=True)
    for code in (1002, 1007, 1009):
        assert not backoff.would_retry(ConnectionClosed(code), expired=True)
        assert backoff.pause(ConnectionClosed(code), expired=True) is None


@pytest.mark.parametrize(
    "code",
    ["insufficient_quota", "invalid_api_key", "model_not_found", "account_deactivated"],
)
def test_an_error_that_is_fatal_for_the_account_is_final(code: str) -> None:
    """
    After it a drop is not made good: no session of this account would work.
    """
    error = {"type": "invalid_request_error", "code": code, "message": "No more."}
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        connection.send({"type": "error", "error": error})
        recorder.wait("error")
        connection.drop("fin")
        recorder.wait("closed")
        assert ["disconnected", "closed"] == recorder.fate


def test_an_error_about_one_command_is_not_about_the_session() -> None:
    """
    A maximum duration that was exceeded may be that of something else: a clean end
    after it is meant.
    """
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "The audio exceeds the maximum duration of 15 s.",
        "event_id": "event_mine",
    }
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        with client.expect("error", timeout=5):
            connection.send({"type": "error", "error": error})
        connection.close(1000, "because")
        recorder.wait("closed")
        assert ["disconnected", "closed"] == recorder.fate


@pytest.mark.parametrize("code", ["insufficient_quota", "model_not_found"])
def test_an_error_about_one_command_is_not_about_the_account(code: str) -> None:
    """
    A session that went on after it is made good when the network takes it.
    """
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        with client.expect("error", timeout=5):
            connection.send(
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "code": code,
                        "message": "No such model.",
                        "event_id": "event_mine",
                    },
                }
            )
        connection.drop()
        recorder.wait("reconnected")


# What refuses the next one.


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_a_busy_service_is_dialled_again(status: int) -> None:
    """
    The next handshakes are refused for the moment; the one after them is taken.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(status, times=2)
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        assert [1, 2, 3] == [e.attempt for e in recorder.of("reconnecting")]
        first, *others = [event.cause for event in recorder.of("reconnecting")]
        assert isinstance(first, ConnectionClosed)
        assert [status, status] == [error.status_code for error in others]
        assert 1 == len(recorder.of("disconnected"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ConnectError),
        (400, DeploymentNotFound),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, DeploymentNotFound),
        (407, ConnectError),
        (410, ConnectError),
        (426, ConnectError),
        (200, ConnectError),
    ],
)
def test_a_refusal_is_not_dialled_again(status: int, kind: type[ConnectError]) -> None:
    """
    The typed refusal is the end, and what every later call raises.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(status, {"Location": "ws://127.0.0.1:1/"})
        service.wait_for_connection().drop()
        error = recorder.wait("closed").error
        assert (kind, status) == (type(error), error.status_code)
        assert ["disconnected", "reconnecting", "closed"] == recorder.fate
        with pytest.raises(kind):
            client.clear_audio_buffer()


class _Tokens:
    """
    A provider whose every token is another one.
    """

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self) -> str:
        self.given.append(f"token-{len(self.given) + 1}-{KEY}")
        return self.given[-1]


def _with_tokens(url: str, tokens: _Tokens) -> AzureRealTimeAudio:
    options = AzureRealTimeOptions(url, "gpt-realtime", token_provider=tokens)
    return AzureRealTimeAudio(options, {**QUICK, "reconnect_interval": 0.00001})


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_refused_token_is_replaced_once(refusals: int) -> None:
    """
    401 is tried once more, with a token that was requested again; then it is the end.
    """
    tokens = _Tokens()
    with (
        GA.service(credentials=lambda _: True) as service,
        _with_tokens(service.url, tokens) as client,
    ):
        recorder = EventRecorder(client)
        service.refuse(401, times=refusals)
        service.wait_for_connection().drop()
        if refusals == 1:
            recorder.wait("reconnected")
            again = service.wait_for_connection()
            assert f"Bearer {tokens.given[2]}" == again.headers["authorization"]
        else:
            assert isinstance(recorder.wait("closed").error, AuthenticationError)
        assert 3 == len(tokens.given)


def test_each_401_after_a_session_that_worked_gets_one_more_attempt() -> None:
    """
    A token that expires every hour is replaced every hour, not only the first time.
    """
    tokens = _Tokens()
    with (
        GA.service(credentials=lambda _: True) as service,
        _with_tokens(service.url, tokens) as client,
    ):
        recorder = EventRecorder(client)
        for count in (1, 2, 3):
            service.refuse(401, times=1)
            service.wait_for_connection().drop()
            recorder.wait("reconnected", count)
        assert 7 == len(tokens.given)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "least"),
    [({"Retry-After": "1"}, 1.0), ({"retry-after-ms": "400"}, 0.4)],
    ids=["seconds", "milliseconds"],
)
def test_retry_after_delays_the_next_attempt(
    headers: dict[str, str], least: float
) -> None:
    """
    Retry-After is honoured, in what the event says and by the clock.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(429, headers, times=1)
        start = time.monotonic()
        service.wait_for_connection().drop()
        event = recorder.wait("reconnecting", 2)
        recorder.wait("reconnected")
        assert isinstance(event.cause, RateLimited)
        assert least <= event.delay < least + 0.1
        assert least <= time.monotonic() - start < least + 1.0 * SCALE


@pytest.mark.parametrize("seconds", ["3000000", "1e300", "-5", "nan", "soon"])
def test_a_huge_retry_after_does_not_overflow(seconds: str) -> None:
    """
    A hostile or mistaken header neither ends the reader thread nor blocks close().
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"Retry-After": seconds}, times=1)
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        if seconds in ("3000000", "1e300"):
            assert WebSocketState.CONNECTING == client.state
            with at_most(0.5):
                client.close()
            assert "internal error" not in str(recorder.wait("closed").error)
        else:
            recorder.wait("reconnected")


# How often.


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_the_number_of_attempts_is_limited(attempts: int) -> None:
    """
    The service stays away: it is dialled as often as allowed, then it is the end.
    """
    options = {**QUICK, "max_reconnect_attempts": attempts}
    with GA.service() as service, GA.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        service.refuse(503)
        service.wait_for_connection().drop()
        error = recorder.wait("closed").error
        fate = ["disconnected", *["reconnecting"] * attempts, "closed"]
        assert fate == recorder.fate
        assert (attempts > 0) == recorder.of("disconnected")[0].reconnecting
        assert isinstance(error, ConnectError if attempts else ConnectionClosed)


def test_none_means_unlimited_attempts() -> None:
    """
    Forty refusals in a row, and it is still trying; then it works.
    """
    options = {"max_reconnect_attempts": None, "reconnect_interval": 1e-9}
    with GA.service() as service, GA.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        service.refuse(500, times=20)
        service.wait_for_connection().drop()
        recorder.wait("reconnected", timeout=20)
        assert 21 == recorder.of("reconnecting")[-1].attempt


def test_the_pause_does_not_overflow_after_a_thousand_attempts() -> None:
    """
    The pause stays at its most however long the service is away, hours or days.
    """
    backoff = Backoff(None, 1.0)
    for _ in range(5000):
        pause = backoff.pause(ConnectionClosed(1006))
        assert pause is not None
        assert 0.0 <= pause <= Backoff.MOST


def test_the_pause_grows_and_is_drawn_at_random(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Full jitter: anything from nothing to a limit that doubles, up to half a minute.
    """
    monkeypatch.setattr(random, "uniform", lambda least, most: (least, most))
    monkeypatch.setattr("builtins.max", lambda _, drawn: drawn)
    backoff = Backoff(None, 1.0)
    drawn = [backoff.pause(ConnectionClosed(1006)) for _ in range(7)]
    monkeypatch.undo()
    assert [(0.0, float(most)) for most in (1, 2, 4, 8, 16, 30, 30)] == drawn


def test_the_budget_refills_after_a_session_that_worked() -> None:
    """
    Two refusals before each of three reconnects, with three attempts: all succeed.
    """
    # a session works that lasts for eight intervals: longer than a round trip
    options = {"max_reconnect_attempts": 3, "reconnect_interval": 0.00001}
    with GA.service() as service, GA.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        for count in (1, 2, 3):
            client.clear_audio_buffer().result(5)
            service.refuse(503, times=2)
            service.wait_for_connection().drop()
            recorder.wait("reconnected", count)
        assert [1, 2, 3] * 3 == [e.attempt for e in recorder.of("reconnecting")]


def test_an_untrusted_certificate_is_not_tried_again(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    The service's second certificate is another authority's: no attempt can mend that.
    """
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(other)

    def work(conn: PeerConnection) -> None:
        conn.start_tls(server_tls)
        serve_session(conn)

    def change(conn: PeerConnection) -> None:
        conn.start_tls(other)

    with Peer(Scripts(work, change)) as peer:
        url = f"wss://localhost:{peer.port}"
        client = GA.client(url, ssl_context=client_tls, **QUICK)
        recorder = EventRecorder(client)
        error = recorder.wait("closed").error
        client.close()
    assert "is not trusted" in str(error)
    assert peer.connections == 2


def test_sessions_that_do_not_last_use_the_budget_up() -> None:
    """
    A service that drops each session soon after it is configured is not dialled for
    ever: the attempts count, and the pauses grow.
    """
    options = {"max_reconnect_attempts": 4, "reconnect_interval": 0.05}
    with Peer(serve_session) as peer:
        client = GA.client(peer.url, **options)
        recorder = EventRecorder(client)
        recorder.wait("closed")
        client.close()
        assert [1, 2, 3, 4] == [e.attempt for e in recorder.of("reconnecting")]
        assert peer.connections == 5


def test_the_budget_does_not_refill_by_opening_alone() -> None:
    """
    A service that opens and dies before it is configured is tried so often, no more.
    """

    def open_only(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        conn.read_frame()
        conn.rst()

    def work(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        conn.rst()

    options = {**QUICK, "max_reconnect_attempts": 3}
    with Peer(Scripts(work, open_only)) as peer:
        with GA.client(peer.url, **options) as client:
            recorder = EventRecorder(client)
            client.clear_audio_buffer()
            recorder.wait("closed")
        assert 4 == peer.connections
        assert [1, 2, 3] == [e.attempt for e in recorder.of("reconnecting")]


@pytest.mark.parametrize(
    "final_error",
    [
        frame('{"type":"error","error":{"type":"server_error","message":"Oh."}}'),
        close_frame(1011, b"Oh."),
        close_frame(1013, b"Full."),
    ],
    ids=["error", "1011", "1013"],
)
def test_a_session_that_fails_as_soon_as_it_is_configured_did_not_work(
    final_error: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is restored breaks the service, or the account has no room: no endless loop.
    """

    def fail(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.send(final_error)
        conn.fin()
        conn.read_to_end()

    # what is as soon as that goes by the interval, however slow the service; no pauses
    monkeypatch.setattr(random, "uniform", lambda least, _: least)
    options = {"max_reconnect_attempts": 3, "reconnect_interval": 20.0}
    with Peer(fail) as peer:
        with GA.client(peer.url, **options) as client:
            EventRecorder(client).wait("closed")
        assert 4 == peer.connections


def test_a_failed_first_connection_is_final() -> None:
    """
    What never worked fails at once, with its reason: it is a mistake more often.
    """
    with GA.service() as service:
        service.refuse(503)
        client = GA.client(service.url, **QUICK)
        recorder = EventRecorder(client)
        with pytest.raises(ConnectError):
            client.connect()
        recorder.wait("closed")
        assert ["disconnected", "closed"] == recorder.fate
        client.close()


# Who may stop it.


def test_a_listener_may_veto() -> None:
    """
    After a veto in the reconnecting event there is no new connection, ever.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.on("reconnecting", lambda event: event.veto())
        service.refuse(429, {"Retry-After": "30"}, times=1)
        service.wait_for_connection().drop()
        with at_most(5):
            recorder.wait("closed")
        assert "reconnected" not in recorder.fate
        assert WebSocketState.CLOSED == client.state


@pytest.mark.slow
def test_a_veto_that_comes_late_still_counts() -> None:
    """
    A veto while the new connection is dialled counts as well.
    """
    vetoed = threading.Event()

    def mute(conn: PeerConnection) -> None:
        conn.read_head()
        vetoed.wait(5)
        conn.upgrade_answer()
        conn.send(conn.upgrade_answer())
        conn.mute()

    def work(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        conn.rst()

    with Peer(Scripts(work, mute)) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.clear_audio_buffer()
        event = recorder.wait("reconnecting")
        for _ in range(2):
            assert peer.accepted.acquire(timeout=5)
        event.veto()
        vetoed.set()
        with at_most(2.0):
            recorder.wait("closed")
        assert "reconnected" not in recorder.fate


@pytest.mark.parametrize("how", ["close", "drop the client", "leave the block"])
def test_close_ends_a_long_back_off(how: str, eventually: Callable[..., None]) -> None:
    """
    In a pause of half a minute the client still closes at once.
    """
    with GA.service() as service:
        client: Any = GA.client(service.url, **QUICK)
        client.connect()
        threads = [t for t in threading.enumerate() if "azure-realtime" in t.name]
        resting = threading.Event()
        client.on("reconnecting", lambda e: resting.set() if e.delay >= 30 else None)
        service.refuse(429, {"Retry-After": "30"})
        service.wait_for_connection().drop()
        assert resting.wait(5)
        with at_most(0.5):
            if how == "close":
                client.close()
            elif how == "leave the block":
                client.__exit__(None, None, None)
            del client
            eventually(lambda: not any(t.is_alive() for t in threads))


def test_commands_queued_during_back_off_fail_on_close() -> None:
    """
    Commands that could not leave any more fail, and are counted.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"Retry-After": "30"})
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        future = client.create_conversation_item(USER_SAYS)
        client.close()
        assert isinstance(future.exception(0), (ConnectionClosed, RateLimited))


# Again and again.


@pytest.mark.slow
@pytest.mark.soak
def test_two_hundred_reconnects_leave_nothing(
    variant: Variant, eventually: Callable[..., None]
) -> None:
    """
    Each drop is one disconnected event; threads, descriptors and listeners stay. Who
    waits for something of the connection is free at once.
    """
    times = 200

    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    options = {**QUICK, "reconnect_interval": 1e-6}
    with (
        variant.service(record=False) as service,
        variant.client(service.url, **options, session_config=MANUAL) as client,
    ):
        recorder = EventRecorder(client)
        delivered: list[int] = []
        client.on(
            "input_audio_buffer.cleared", lambda e: delivered.append(e.generation)
        )
        service.wait_for_connection()
        client.clear_audio_buffer().result(timeout=5)
        threads, files = threading.active_count(), descriptors()
        for count in range(1, times + 1):
            waiter = client.events("input_audio_buffer.committed", timeout=5)
            service.connections[-1].drop("rst" if count % 2 else "fin")
            recorder.wait("reconnected", count)
            client.clear_audio_buffer().result(timeout=5)
            waiter.close()
        eventually(lambda: times + 1 == len(delivered))
        assert list(range(1, times + 2)) == delivered
        assert times == len(recorder.of("disconnected")) == client.stats.reconnects
        assert times == len(recorder.of("reconnected"))
        eventually(lambda: threading.active_count() <= threads + 1)
        eventually(lambda: descriptors() <= files + 2)
