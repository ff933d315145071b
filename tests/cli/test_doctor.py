"""
``azure-realtime doctor``: the right cause and remedy for each failure, and no secret.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
import trustme
from helpers.clients import KEY
from helpers.command_line import azure_variables
from helpers.peer import (
    Peer,
    PeerConnection,
    Script,
    frame,
    full_port,
    proxy,
    response,
    serve_session,
)
from helpers.timing import SCALE, at_most

from azure_realtime import AzureRealTimeOptions, WebSocketOptions
from azure_realtime._endpoint import resolve_endpoint
from azure_realtime.cli import main
from azure_realtime.cli.diagnosis import diagnose, where
from azure_realtime.cli.doctor import written
from azure_realtime.cli.steps import FAILED, OK, SLOW, WARNING, Check
from azure_realtime.simulator import Simulator

TOKEN = "tOkEn9876543210.veryLONGandSECRET-part_of.it"
PASSWORD = "pr0xyPASSW0RD"
IN_URL = "secretPartOfTheAddress"
SECRETS = (KEY, TOKEN, PASSWORD, IN_URL)
CREATED = frame('{"type":"session.created","session":{"id":"sess_1"}}')
BRIEF = 0.8  # seconds for a timeout: enough to reach the step that it is about


@attrs.frozen
class Report:
    """
    The output of ``doctor --json``.
    """

    status: int
    whole: dict[str, Any]

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """
        The checks by the names of their steps.
        """
        return {check["step"]: check for check in self.whole["checks"]}

    @property
    def steps(self) -> list[tuple[str, str]]:
        """
        Step and status of each check.
        """
        return [(check["step"], check["status"]) for check in self.whole["checks"]]

    def failed(self, step: str) -> dict[str, Any]:
        """
        Return the check that failed: the last one, of this step.
        """
        assert self.status == 1
        assert self.whole["works"] is False
        last = self.whole["checks"][-1]
        assert (last["step"], last["status"]) == (step, FAILED), last
        assert [status for _, status in self.steps].count(FAILED) == 1
        assert last["remedy"]
        return last


Doctor = Callable[..., Report]


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """
    Collect all output; it must contain no secret.
    """
    texts: list[str] = []
    yield texts
    rest = capsys.readouterr()
    everything = "\n".join([*texts, rest.out, rest.err])
    assert texts
    encoded = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert not [word for word in (*SECRETS, encoded) if word in everything]


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: list[str],
) -> Doctor:
    """
    Run the command twice, for people and for programs, and return what it reports.
    """

    def run(url: str, *options: str, **variables: str) -> Report:
        for name, value in {**azure_variables(url), **variables}.items():
            monkeypatch.setenv(name, value)
        reports = []
        for more in ([], ["--json"]):
            status = main(["doctor", *options, *more])
            captured = capsys.readouterr()
            output.extend(captured)
            assert captured.err == ""
            reports.append((status, captured.out))
        (status, text), (again, as_json) = reports
        assert status == again
        report = Report(status, json.loads(as_json))
        words = without_numbers(text)
        for check in report.whole["checks"]:  # both have the same
            assert without_numbers(check["text"].split(" (request id")[0]) in words
            assert without_numbers(check["remedy"]) in words
        return report

    return run


def without_numbers(text: str) -> str:
    """
    Return what does not change between two runs, in one line.
    """
    return re.sub(r"\d+", "0", " ".join(text.split()))


def limit(seconds: float = BRIEF) -> tuple[str, str]:
    """
    Return the option for a short timeout.
    """
    return "--timeout", f"{seconds * SCALE / 2:g}"


# It works.


def test_every_step_is_reported_in_order(
    doctor: Doctor, server_tls: ssl.SSLContext, trusted: None
) -> None:
    """
    With the dates of the certificate, the kind of credential and the request id.
    """
    with Simulator(credentials=KEY, ssl_context=server_tls) as service:
        report = doctor(service.url)

    assert report.status == 0
    assert report.whole["works"] is True
    assert report.steps == [
        ("address", OK),
        ("proxy", OK),
        ("name", OK),
        ("tcp", OK),
        ("tls", OK),
        ("credential", OK),
        ("handshake", OK),
        ("session", OK),
        ("turn", "skipped"),
    ]
    checks = report.checks
    assert "GA protocol" in checks["address"]["text"]
    assert checks["name"]["facts"]["addresses"]
    assert "127.0.0.1" in checks["tcp"]["text"] or "::1" in checks["tcp"]["text"]
    assert checks["tls"]["facts"]["version"].startswith("TLSv1.")
    assert checks["tls"]["facts"]["not_after"] > time.strftime("%Y-%m-%d")
    assert f"API key of {len(KEY)} characters" in checks["credential"]["text"]
    assert checks["handshake"]["facts"]["status_code"] == 101
    assert checks["handshake"]["facts"]["request_id"]
    assert checks["session"]["facts"]["id"].startswith("sess_")
    assert all(checks[step]["seconds"] > 0 for step in ("name", "tcp", "tls"))


def test_no_question_is_asked_without_turns(doctor: Doctor) -> None:
    """
    A turn costs money.
    """
    with Simulator(credentials=KEY) as service:
        assert doctor(service.url).status == 0
        sent = [m["type"] for c in service.connections for m in c.received]
        assert set(sent) == {"session.update"}

        report = doctor(service.url, "--turns", "2")
        turns = [check for check in report.whole["checks"] if check["step"] == "turn"]
        assert [turn["status"] for turn in turns] == [OK, OK]
        assert all(turn["facts"]["tokens"] > 0 for turn in turns)


def test_preview_is_a_warning(doctor: Doctor) -> None:
    """
    It works with this service, and says that Azure has retired it.
    """
    with Simulator(credentials=KEY) as service:
        report = doctor(service.url, AZURE_OPENAI_API_VERSION="2025-04-01-preview")

    assert report.status == 0
    address = report.checks["address"]
    assert (address["status"], address["facts"]["protocol"]) == (WARNING, "preview")
    assert "unset AZURE_OPENAI_API_VERSION" in address["remedy"]


def test_a_proxy_is_used_and_its_password_not_shown(doctor: Doctor) -> None:
    """
    The address of the proxy is.
    """
    with (
        Simulator(credentials=KEY) as service,
        Peer(proxy(service.port, f"user:{PASSWORD}")) as via,
    ):
        report = doctor(
            "http://service.example.com",
            http_proxy=f"http://user:{PASSWORD}@127.0.0.1:{via.port}",
        )

    assert report.status == 0
    checks = report.checks
    assert f"http://127.0.0.1:{via.port}, with a user name" in checks["proxy"]["text"]
    assert "connected to service.example.com:80" in checks["tunnel"]["text"]


# The failures.


def test_an_unknown_host_fails_at_the_name(doctor: Doctor) -> None:
    """
    The address has a typing error.
    """
    check = doctor("https://no-such-resource.invalid").failed("name")
    assert "no-such-resource.invalid cannot be found" in check["text"]
    assert "Check AZURE_OPENAI_ENDPOINT for a typing error" in check["remedy"]


def test_a_port_without_a_listener_fails_at_tcp(doctor: Doctor) -> None:
    """
    The connection is refused.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        check = doctor(f"ws://127.0.0.1:{sock.getsockname()[1]}").failed("tcp")
    assert "cannot be reached (Connection refused)" in check["text"]
    assert "Is a service listening there" in check["remedy"]


@pytest.mark.slow
def test_dropped_packets_fail_at_tcp_and_hint_at_a_firewall(doctor: Doctor) -> None:
    """
    A firewall drops the packets.
    """
    with full_port() as port:
        check = doctor(f"ws://127.0.0.1:{port}", *limit()).failed("tcp")
    assert "packets are dropped" in check["text"]
    assert "firewall" in check["remedy"]
    assert f"127.0.0.1:{port}" in check["remedy"]


def test_a_certificate_of_an_unknown_authority_fails_at_tls(
    doctor: Doctor, server_tls: ssl.SSLContext
) -> None:
    """
    A company's proxy may have made it.
    """
    with Simulator(ssl_context=server_tls) as service:
        check = doctor(service.url).failed("tls")
    assert "is not trusted" in check["text"]
    assert "SSL_CERT_FILE" in check["remedy"]


def test_a_certificate_of_another_host_fails_at_tls(
    doctor: Doctor, authority: trustme.CA, trusted: None
) -> None:
    """
    The address is wrong, not the authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example.com").configure_cert(context)
    with Simulator(ssl_context=context) as service:
        check = doctor(service.url).failed("tls")
    assert "for another name" in check["remedy"]
    assert "SSL_CERT_FILE" not in check["remedy"]


@pytest.mark.parametrize(
    ("status", "user", "remedy"),
    [
        ("403 Forbidden", f"user:{PASSWORD}@", "Ask the proxy's owner"),
        ("407 Proxy Authentication Required", f"user:{PASSWORD}@", "refused them"),
        ("407 Proxy Authentication Required", "", "http://user:password@host:port"),
    ],
)
def test_a_refusal_by_a_proxy_fails_at_the_tunnel(
    doctor: Doctor, status: str, user: str, remedy: str
) -> None:
    """
    Its owner has to allow the host, or it needs a password.
    """

    def refuse(conn: PeerConnection) -> None:
        conn.read_head()
        conn.send(response(status))

    with Peer(refuse) as via:
        report = doctor(
            "https://service.example.com",
            https_proxy=f"http://{user}127.0.0.1:{via.port}",
        )
    check = report.failed("tunnel")
    assert f"The proxy 127.0.0.1:{via.port} refused" in check["text"]
    assert status in check["text"]
    assert remedy in check["remedy"]


@pytest.mark.parametrize(
    ("status", "cause", "remedy"),
    [
        (401, "401 Unauthorized", "Check that the key belongs to this resource"),
        (403, "403 Forbidden", "check the role"),
        (404, "404 Not Found", "set AZURE_OPENAI_ENDPOINT"),
        (429, "429 Too Many Requests", "The service asks for 7 s"),
        (500, "500 Internal", "on the service's side"),
    ],
)
def test_a_refused_handshake_shows_status_body_and_request_id(
    doctor: Doctor, status: int, cause: str, remedy: str
) -> None:
    """
    With the status, the body and the request id; whatever the body repeats.
    """
    body = f"the key was {KEY}, at https://user:{PASSWORD}@gateway.example.com/"
    with Simulator() as service:
        service.refuse(
            status,
            headers={"apim-request-id": "request-17", "Retry-After": "7"},
            body=body.encode(),
            times=None,
        )
        check = doctor(service.url).failed("handshake")
    assert cause in check["text"]
    assert "the key was ***" in check["text"]
    assert remedy in check["remedy"]
    assert check["facts"]["status_code"] == status
    assert check["facts"]["request_id"] == "request-17"


def test_a_wrong_key_is_refused_as_by_azure(doctor: Doctor) -> None:
    """
    The simulator refuses it as Azure does.
    """
    with Simulator(credentials="another-key-than-that") as service:
        check = doctor(service.url).failed("handshake")
    assert "401" in check["text"]
    assert "key belongs to this resource" in check["remedy"]


def test_a_token_in_place_of_the_key_is_recognised(doctor: Doctor) -> None:
    """
    The remedy is to give a key.
    """
    token = f"eyJhbGciOi.{TOKEN.split('.')[0]}.c2ln"
    with Simulator(credentials=KEY) as service:
        report = doctor(service.url, AZURE_OPENAI_API_KEY=token)
    assert report.checks["credential"]["status"] == WARNING
    assert "looks like a bearer token" in report.failed("handshake")["remedy"]


def test_a_preview_version_on_the_ga_path_connects_nothing(doctor: Doctor) -> None:
    """
    Nothing is connected: the two contradict each other.
    """
    with Simulator(credentials=KEY) as service:
        report = doctor(
            f"{service.url}/openai/v1/realtime",
            AZURE_OPENAI_API_VERSION="2025-04-01-preview",
        )
        assert not service.connections
    check = report.failed("address")
    assert "takes no api-version: delete '2025-04-01-preview'" in check["text"]
    assert "AZURE_OPENAI_API_VERSION" in check["remedy"]


@pytest.mark.parametrize("status", [401, 404])
def test_a_preview_version_is_the_cause_where_there_is_ga_only(
    doctor: Doctor, status: int
) -> None:
    """
    The cause is the version, not the key or the deployment.
    """
    with Simulator(credentials=KEY) as service:
        service.refuse(status, times=None)
        report = doctor(service.url, AZURE_OPENAI_API_VERSION="2025-04-01-preview")
    remedy = report.failed("handshake")["remedy"]
    assert remedy.startswith("Azure retired the preview protocol")
    assert "unset AZURE_OPENAI_API_VERSION" in remedy


def test_a_wrong_deployment_is_named(doctor: Doctor) -> None:
    """
    It is named.
    """
    with Simulator(credentials=KEY, deployments=["gpt-realtime"]) as service:
        report = doctor(service.url, AZURE_OPENAI_DEPLOYMENT="gpt-raeltime")
    check = report.failed("handshake")
    assert "404" in check["text"]
    assert "no deployment 'gpt-raeltime'" in check["remedy"]


@pytest.mark.slow
def test_a_service_that_answers_no_handshake_is_reported(doctor: Doctor) -> None:
    """
    It accepts the connection and does not answer the handshake.
    """
    with Simulator(credentials=KEY) as service:
        service.mute_handshakes()
        check = doctor(service.url, *limit()).failed("handshake")
    assert "sent no answer to the WebSocket handshake" in check["text"]
    assert "the service hangs" in check["remedy"]


@pytest.mark.slow
def test_a_service_that_answers_no_tls_handshake_is_reported(doctor: Doctor) -> None:
    """
    The step in the message is another one.
    """
    with Peer(PeerConnection.mute) as peer:
        check = doctor(f"wss://localhost:{peer.port}", *limit()).failed("tls")
    assert "sent no answer to the TLS handshake" in check["text"]


def test_a_missing_socks_proxy_fails_at_the_tunnel(doctor: Doctor) -> None:
    """
    The step is that of the proxy: the service's name is not looked up here.
    """
    pytest.importorskip("python_socks")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        report = doctor(
            "https://service.example.com",
            https_proxy=f"socks5://user:{PASSWORD}@127.0.0.1:{port}",
        )
    check = report.failed("tunnel")
    assert f"The proxy 127.0.0.1:{port} did not connect" in check["text"]
    assert report.steps == [("address", OK), ("proxy", OK), ("tunnel", FAILED)]


@pytest.mark.slow
def test_a_proxy_that_does_not_answer_is_reported(doctor: Doctor) -> None:
    """
    It is the proxy that hangs, not the service.
    """
    with Peer(PeerConnection.mute) as via:
        report = doctor(
            "https://service.example.com",
            *limit(),
            https_proxy=f"http://127.0.0.1:{via.port}",
        )
    check = report.failed("tunnel")
    assert f"The proxy 127.0.0.1:{via.port} accepted the connection" in check["text"]
    assert "https_proxy" in check["remedy"]


def refuse_session(conn: PeerConnection) -> None:
    """
    Be a service that does not take the session's configuration.
    """
    conn.upgrade(CREATED)
    opcode, data = conn.read_frame()
    if opcode != 1:
        return  # the observed connection ends with its handshake
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": f"Invalid value: 'marin', Authorization: Bearer {KEY}",
        "param": "session.audio.output.voice",
        "event_id": json.loads(data)["event_id"],
    }
    conn.send(frame(json.dumps({"type": "error", "error": error})))
    conn.mute()


@pytest.mark.slow
def test_a_refused_session_shows_the_field_and_no_secret(doctor: Doctor) -> None:
    """
    With the field and the words of the service, but not with what it repeats.
    """
    with Peer(refuse_session) as peer:
        report = doctor(peer.url)
    assert report.checks["handshake"]["status"] == OK
    check = report.failed("session")
    assert "refused the session configuration: Invalid value: 'marin'" in check["text"]
    assert "session.audio.output.voice" in check["text"]
    assert "Correct the field" in check["remedy"]


def created_only(conn: PeerConnection) -> None:
    """
    Be a service that never answers ``session.update``.
    """
    conn.upgrade(CREATED)
    conn.mute()


def upgraded_only(conn: PeerConnection) -> None:
    """
    Be a service that never sends an event.
    """
    conn.upgrade()
    conn.mute()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "missing"),
    [(upgraded_only, "session.created"), (created_only, "session.updated")],
)
def test_a_missing_session_event_is_named(
    doctor: Doctor, script: Script, missing: str
) -> None:
    """
    The event that is missing is named.
    """
    with Peer(script) as peer:
        check = doctor(peer.url, *limit()).failed("session")
    assert f"sent no {missing} within" in check["text"]
    assert "does not act as a realtime service" in check["remedy"]


@pytest.mark.slow
def test_an_unanswered_question_fails_at_the_turn(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The session works; the turn is what fails.
    """
    monkeypatch.setattr("azure_realtime.cli.diagnosis.TURN_SECONDS", BRIEF)

    def serve(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.mute()

    with Peer(serve) as peer:
        report = doctor(peer.url, "--turns", "1")
    assert report.checks["session"]["status"] == OK
    assert "quota" in report.failed("turn")["remedy"]


@pytest.mark.slow
def test_a_slow_handshake_is_blamed_on_the_network(doctor: Doctor) -> None:
    """
    The answer has begun: it is not the service that hangs.
    """

    def drip(conn: PeerConnection) -> None:
        conn.read_head()
        conn.drip(conn.upgrade_answer(), 0.1)

    with Peer(drip) as peer:
        check = doctor(peer.url, *limit()).failed("handshake")
    assert "began but was not complete" in check["text"]
    assert "The network is slow" in check["remedy"]
    assert "--timeout" in check["remedy"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [b"", CREATED], ids=["created", "updated"])
def test_a_slow_session_is_blamed_on_the_network(doctor: Doctor, first: bytes) -> None:
    """
    Part of an event arrives, but not all of it.
    """

    def drip(conn: PeerConnection) -> None:
        conn.upgrade(first)
        conn.read_frame()
        conn.drip(CREATED, 0.1)
        conn.mute()

    with Peer(drip) as peer:
        check = doctor(peer.url, *limit(1.2)).failed("session")
    assert "began but was not complete" in check["text"]
    assert "The network is slow" in check["remedy"]


@pytest.mark.slow
def test_a_slow_network_is_a_warning_if_it_works(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Speech would lag.
    """

    monkeypatch.setitem(SLOW, "handshake", 0.3)

    def serve(conn: PeerConnection) -> None:
        conn.read_head()
        conn.over.wait(0.4)
        conn.send(conn.upgrade_answer() + CREATED)
        conn.read_frame()
        conn.send(frame('{"type":"session.updated","session":{"id":"sess_1"}}'))
        conn.mute()

    with Peer(serve) as peer:
        report = doctor(peer.url)
    assert report.status == 0
    handshake = report.checks["handshake"]
    assert handshake["status"] == WARNING
    assert handshake["seconds"] > 0.3
    assert "The network is slow" in handshake["remedy"]


# No secret.


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{IN_URL}@127.0.0.1:1",
        f"https:/user:{IN_URL}@127.0.0.1:1",
        f"https//{IN_URL}@127.0.0.1",
        f"ws://127.0.0.1:1/openai/v1/realtime?api-key={IN_URL}",
        f"ws://127.0.0.1:1/{IN_URL}/openai/v1/realtime",
        f"ws://127.0.0.1:1/openai/v1/realtime?subscription={IN_URL}",
    ],
)
def test_a_secret_in_the_address_is_not_shown(doctor: Doctor, url: str) -> None:
    """
    Neither where it is refused nor where it is used.
    """
    assert doctor(url).status == 1


@pytest.mark.parametrize(
    "setting", [f"http://user:{PASSWORD}/x@host", f"ftp://user:{PASSWORD}@host"]
)
def test_an_unusable_proxy_setting_is_shown_without_password(
    doctor: Doctor, setting: str
) -> None:
    """
    The password in it is not shown.
    """
    check = doctor("https://x.example.com", https_proxy=setting).failed("proxy")
    assert "proxy" in check["text"]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"token": TOKEN}, "bearer token, sent in the header Authorization"),
        ({"token_provider": lambda: TOKEN}, "bearer token of token_provider"),
    ],
)
def test_a_token_is_not_shown(
    output: list[str], options: dict[str, Any], kind: str
) -> None:
    """
    Not even if the service repeats it.
    """
    checks: list[Check] = []
    with Simulator(credentials=KEY) as service:
        service.refuse(401, body=f"{TOKEN} is wrong".encode(), times=None)
        diagnose(
            AzureRealTimeOptions(service.url, "gpt-realtime", **options),
            WebSocketOptions(max_reconnect_attempts=0),
            0,
            checks.append,
        )
    output.extend(map(str, checks))
    assert any(kind in check.text for check in checks)
    assert "*** is wrong" in checks[-1].text


def test_a_failed_token_provider_is_shown_without_the_token(output: list[str]) -> None:
    """
    Nothing is connected, and its error is shown without the token.
    """
    checks: list[Check] = []

    def provider() -> str:
        raise RuntimeError(f"Bearer {TOKEN} has expired")

    diagnose(
        AzureRealTimeOptions("ws://127.0.0.1:1", "d", token_provider=provider),
        WebSocketOptions(max_reconnect_attempts=0),
        0,
        checks.append,
    )
    output.extend(map(str, checks))
    assert [check.step for check in checks] == ["address", "credential"]
    assert "token_provider failed" in checks[-1].text
    assert "Sign in again" in checks[-1].remedy


# What it looks like.


def test_long_texts_are_wrapped_below_their_column() -> None:
    """
    The remedy follows its cause, and no line is wider than the terminal.
    """
    check = Check(step="tcp", status=FAILED, text="word " * 30, remedy="act " * 30)
    lines = written(check, 60, colours=False).splitlines()
    assert lines[0].startswith("FAIL  tcp         word word")
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith(" " * 18) for line in lines[1:])
    assert sum(line.lstrip().startswith("-> act") for line in lines) == 1
    assert "\x1b[1;31mFAIL" in written(check, 60, colours=True)


def test_a_text_of_the_service_cannot_control_the_terminal() -> None:
    """
    Escape sequences lose their escape character.
    """
    assert "\x1b" not in written(Check(step="x", text="\x1b[2Jgone"), 80, colours=False)


@pytest.mark.parametrize(
    ("host", "version", "shown"),
    [
        ("x.openai.azure.com", None, "wss://x.openai.azure.com/openai/v1/realtime"),
        ("ws://[::1]:80/", "2025-04-01-preview", "ws://[::1]/openai/realtime"),
        ("ws://[::1]:80/v1/realtime", "2025-04-01-preview", "ws://[::1]/v1/realtime"),
        ("https://g.com:8443/a/b", None, "wss://g.com:8443/.../openai/v1/realtime"),
    ],
)
def test_the_address_is_shown_without_the_path_of_a_gateway(
    host: str, version: str | None, shown: str
) -> None:
    """
    The rest says which protocol is used.
    """
    assert where(resolve_endpoint(host, "d", version)) == shown


@pytest.mark.slow
def test_timeout_is_a_limit(doctor: Doctor) -> None:
    """
    The command ends soon after it, at whatever step.
    """
    with full_port() as port, at_most(2 * BRIEF + 2):
        doctor(f"ws://127.0.0.1:{port}", *limit()).failed("tcp")


@pytest.mark.slow
@pytest.mark.parametrize("step", ["handshake", "session"])
def test_an_interrupt_ends_it_at_once(
    step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Ctrl-C and SIGTERM give status 130, and no traceback.
    """

    def hang(conn: PeerConnection) -> None:
        if step == "session":
            conn.upgrade()
        else:
            conn.read_head()
        if step == "handshake" or conn.read_frame()[0] == 1:  # session.update
            os.kill(os.getpid(), signal.SIGTERM)
            conn.mute()

    with Peer(hang) as peer, at_most(10):
        for name, value in azure_variables(peer.url).items():
            monkeypatch.setenv(name, value)
        assert main(["doctor", "--timeout", "60"]) == 130
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "ok    tcp" in captured.out
    assert ("101 Switching Protocols" in captured.out) == (step == "session")


@pytest.mark.parametrize("wrong", [["--timeout", "0"], ["--turns", "-1"]])
def test_arguments_out_of_range_are_refused(wrong: list[str]) -> None:
    """
    With status 2, as argparse does.
    """
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *wrong])
    assert ended.value.code == 2


@pytest.fixture
def trusted(
    authority: trustme.CA,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Trust the authority of the tests in the way that the remedy names.
    """
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
