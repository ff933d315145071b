"""
Another kind of session is one new object: the service's engine serves it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from azure_realtime.simulator import Simulator
from azure_realtime.simulator._network.faults import HttpRefusal
from azure_realtime.simulator._network.handshake import Handshake, Route
from azure_realtime.simulator._service.connection import Connection
from azure_realtime.simulator._service.script import Script
from azure_realtime.simulator._service.session import Session
from azure_realtime.simulator._service.session_kind import Command, SessionKind
from azure_realtime.simulator._service.settings import Settings
from azure_realtime.simulator._wire.errors import ServiceError
from azure_realtime.simulator._wire.schema import String

Join = Callable[..., Any]
Serve = Callable[..., Simulator]

ECHO_PATH = "/openai/v1/echo?model=parrot"


class EchoParts:
    """
    The parts of an echo session: its connection, and how many echoes it has sent.
    """

    def __init__(self, connection: Connection, session: Session, _: Script) -> None:
        self.connection = connection
        self.session = session
        self.count = 0
        self.stopped = False

    def say(self, event: dict[str, Any]) -> None:
        """
        Send a text back.
        """
        if not event["text"]:
            raise ServiceError("empty_text", "There is nothing to say.", "text")
        self.count += 1
        self.connection.emit("echo.said", text=event["text"], count=self.count)

    def stop(self) -> None:
        """
        Note that the session has ended.
        """
        self.stopped = True


def accept_echo(handshake: Handshake) -> Route | HttpRefusal | None:
    """
    Serve one path, for deployments that exist.
    """
    if handshake.service_path != "/openai/v1/echo":
        return None
    model = handshake.query.get("model", "")
    return handshake.check_deployment(model) or Route(handshake, "ga", model)


def new_session(route: Route, _: Settings) -> Session:
    """
    Return a session that knows little more than its model.
    """
    return Session({"id": "echo_1", "type": "echo", "model": route.model})


def opening(session: Session) -> dict[str, Any]:
    """
    Return the first event of an echo session.
    """
    return {"type": "echo.ready", "session": session.describe()}


def echo_kind(made: list[EchoParts], **changes: Any) -> SessionKind[Session, EchoParts]:
    """
    Return a kind of session with one command; *made* collects the parts of each.
    """

    def new_parts(connection: Connection, session: Session, script: Script) -> Any:
        made.append(EchoParts(connection, session, script))
        return made[-1]

    commands = {"echo.say": Command({"text": String()}, {}, EchoParts.say)}
    return SessionKind(
        **{
            "route": accept_echo,
            "new_session": new_session,
            "new_parts": new_parts,
            "opening": opening,
            "commands": lambda _: commands,
            "stop": EchoParts.stop,
            **changes,
        }
    )


@pytest.fixture
def made() -> list[EchoParts]:
    """
    The parts of the echo sessions so far.
    """
    return []


@pytest.fixture
def service(serve: Serve, made: list[EchoParts]) -> Simulator:
    """
    A service that serves conversations and echo sessions.
    """
    service = serve(pace=0)
    service.kinds += (echo_kind(made),)
    return service


def test_another_kind_has_its_own_opening_event_and_command(
    service: Simulator, join: Join
) -> None:
    """A session of another kind opens and answers as that kind does."""
    client = join(service, path=ECHO_PATH, greeted=False)
    opened = client.receive()
    client.send("echo.say", text="Hello")
    reply = client.receive()

    assert "echo.ready" == opened["type"]
    assert {"id": "echo_1", "type": "echo", "model": "parrot"} == opened["session"]
    assert ("echo.said", "Hello", 1) == (reply["type"], reply["text"], reply["count"])
    assert reply["event_id"].startswith("event_")


def test_another_kind_refuses_what_is_no_command_of_its_own(
    service: Simulator, join: Join
) -> None:
    """Commands of a conversation do not exist in another kind of session."""
    client = join(service, path=ECHO_PATH)
    client.send("response.create")
    unknown = client.receive()["error"]
    client.send("echo.say")
    incomplete = client.receive()["error"]
    client.send("echo.say", text="", event_id="mine")
    refused = client.receive()["error"]

    assert ("invalid_value", "type") == (unknown["code"], unknown["param"])
    assert "'echo.say'" in unknown["message"]
    assert "session.update" not in unknown["message"]
    assert "missing_required_parameter" == incomplete["code"]
    assert ("empty_text", "mine") == (refused["code"], refused["event_id"])


def test_conversations_are_served_beside_another_kind(
    service: Simulator, join: Join, protocol: str, made: list[EchoParts]
) -> None:
    """A further kind changes nothing for conversations on the same port."""
    client = join(service, protocol)
    client.send("echo.say", text="Hello")
    error = client.until("error")["error"]

    assert "session.created" == client.types()[0]
    assert "echo.say" in error["message"]
    assert "session.update" in error["message"]
    assert [] == made


def test_the_handshake_is_judged_by_the_kind_after_the_credential(
    service: Simulator, join: Join
) -> None:
    """Unknown paths, bad keys and missing deployments are refused for every kind."""

    def status(path: str, **options: Any) -> int:
        with pytest.raises(InvalidStatus) as caught:
            join(service, path=path, **options)
        return int(caught.value.response.status_code)

    missing = ECHO_PATH.replace("parrot", "missing")
    assert 404 == status("/openai/v1/other?model=parrot")
    assert 404 == status("/openai/v1/other?model=parrot", additional_headers={})
    assert 401 == status(ECHO_PATH, additional_headers={})
    assert 401 == status(missing, additional_headers={})
    assert 404 == status(missing)


def test_a_kind_may_open_with_nothing(
    serve: Serve, join: Join, made: list[EchoParts]
) -> None:
    """A kind without an opening event sends nothing before the first command."""
    service = serve()
    service.kinds = (echo_kind(made, opening=lambda _: None),)
    client = join(service, path=ECHO_PATH, greeted=False)
    client.send("echo.say", text="Hello")

    assert "echo.said" == client.receive()["type"]


def test_the_first_kind_that_accepts_a_url_serves_it(
    serve: Serve, join: Join, made: list[EchoParts]
) -> None:
    """Kinds that share a path are distinguished by what their routes accept."""

    def by_intent(handshake: Handshake) -> Route | None:
        if handshake.query.get("intent") != "echo":
            return None
        return Route(handshake, "ga")

    service = serve()
    service.kinds = (echo_kind(made, route=by_intent), *service.kinds)
    echo = join(service, path="/openai/v1/realtime?intent=echo")
    conn = join(service)

    assert ["echo.ready"] == echo.types()
    assert ["session.created"] == conn.types()


def test_the_connection_of_another_kind_records_misbehaves_and_ends(
    service: Simulator, join: Join, made: list[EchoParts]
) -> None:
    """Recording, expiry and the end of a connection are the same for every kind."""
    client = join(service, path=ECHO_PATH)
    connection = service.wait_for_connection()
    client.send("echo.say", text="Hello")
    client.receive()
    received = connection.wait_received("echo.say")
    connection.expire()
    expired = client.receive()["error"]
    with pytest.raises(ConnectionClosed):
        client.receive()

    assert "Hello" == received["text"]
    assert ["echo.ready", "echo.said", "error"] == [e["type"] for e in connection.sent]
    assert {"id": "echo_1", "type": "echo", "model": "parrot"} == (
        connection.session.describe()
    )
    assert "session_expired" == expired["code"]
    assert connection.wait_closed()
    assert [True] == [parts.stopped for parts in made]


def test_a_command_that_fails_is_a_server_error(
    serve: Serve, join: Join, made: list[EchoParts], caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a command is reported with the session's id, and the session lives."""

    def fail(parts: EchoParts, _: dict[str, Any]) -> None:
        raise RuntimeError("a bug")

    commands = {
        "echo.say": Command({"text": String()}, {}, EchoParts.say),
        "echo.fail": Command({}, {}, fail),
    }
    service = serve()
    service.kinds = (echo_kind(made, commands=lambda _: commands),)
    client = join(service, path=ECHO_PATH)
    client.send("echo.fail")
    error = client.receive()["error"]
    client.send("echo.say", text="Still here")

    assert "server_error" == error["type"]
    assert "echo_1" in error["message"]
    assert "Still here" == client.receive()["text"]
    assert "could not handle an event" in caplog.text
