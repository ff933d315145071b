"""
The errors: their tree, their words, and what must never be in them.
"""

from __future__ import annotations

import copy
import pickle
import string

import pytest
from helpers.timing import SCALE, at_most
from hypothesis import assume, example, given
from hypothesis import strategies as st

from azure_realtime import errors
from azure_realtime._redaction import (
    redacted,
    remember,
    remember_headers,
    without_secrets,
)
from azure_realtime.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    DeploymentNotFound,
    QueueFull,
    RateLimited,
    RealtimeError,
    ResponseCancelled,
    ResponseError,
    ResponseFailed,
    ResponseIncomplete,
    ServerError,
    copy_to_raise,
)
from azure_realtime.events.service import ErrorDetails

PARENTS = {
    ConnectError: RealtimeError,
    AuthenticationError: ConnectError,
    DeploymentNotFound: ConnectError,
    RateLimited: ConnectError,
    ConnectTimeout: ConnectError,
    ConnectionClosed: RealtimeError,
    ServerError: RealtimeError,
    ResponseError: RealtimeError,
    ResponseFailed: ResponseError,
    ResponseIncomplete: ResponseError,
    ResponseCancelled: ResponseError,
    QueueFull: RealtimeError,
}

ONE_OF_EACH = [
    ConnectError("no", status_code=418, body="b", request_id="r", hint="h"),
    AuthenticationError("no", status_code=401),
    DeploymentNotFound("no", status_code=404),
    RateLimited("no", retry_after=2.5, status_code=429, hint="wait"),
    ConnectTimeout("late", hint="h"),
    ConnectionClosed(1011, "keepalive", clean=True, unsent=3, reconnecting=True),
    ServerError("bad", code="unknown_parameter", param="session.x", event={"a": 1}),
    ResponseError("no", response=1),
    ResponseFailed("no", response=1, code="c", retryable=True),
    ResponseIncomplete("no", response=1, reason="max_output_tokens"),
    ResponseCancelled("no", response=1, reason="turn_detected"),
    QueueFull("full"),
]


@pytest.mark.parametrize("kind", PARENTS, ids=lambda kind: kind.__name__)
def test_a_handler_of_the_parent_catches_an_error(kind: type[Exception]) -> None:
    """
    A handler of an error's parent catches it, as the tree in the manual says.
    """
    assert kind.__mro__[1] is PARENTS[kind]


def test_every_error_is_in_the_tree() -> None:
    """
    There is no error of ours that `except RealtimeError` misses.
    """
    found = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    } - {RealtimeError, errors.ProtocolWarning}
    assert found >= set(PARENTS)
    assert [kind for kind in found if not issubclass(kind, RealtimeError)] == []


@pytest.mark.parametrize("kind", [ConnectTimeout, QueueFull])
def test_errors_of_waits_are_timeout_errors(kind: type[Exception]) -> None:
    """
    `except TimeoutError` catches the two errors that are waits without success.
    """
    assert issubclass(kind, TimeoutError)


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_copies_and_pickles_keep_everything(error: RealtimeError) -> None:
    """
    An error that crosses a process or is raised again says and holds the same.
    """
    cause = OSError("why")
    error.__cause__ = cause
    for other in (
        copy_to_raise(error),
        copy.copy(error),
        pickle.loads(pickle.dumps(error)),
    ):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert other.__dict__ == error.__dict__
        assert other is not error
    assert copy_to_raise(error).__cause__ is cause
    error.__cause__ = None


def test_a_fresh_error_collects_no_frames() -> None:
    """
    An error that is kept does not keep the variables of the callers it was raised to.
    """
    kept = ConnectionClosed(1006)
    for _ in range(3):
        with pytest.raises(ConnectionClosed):
            raise copy_to_raise(kept)
    assert kept.__traceback__ is None


def test_the_text_of_a_refusal_says_what_happened_and_what_to_do() -> None:
    """
    The text has what happened, the service's message, what to do, and the request id.
    """
    error = AuthenticationError(
        "Refused: 401.", body="Bad key", hint="Check it.", request_id="abc"
    )
    assert str(error) == (
        "Refused: 401. The service answered: Bad key Check it. (request id abc)"
    )


def test_the_text_of_a_closed_connection_has_code_reason_and_loss() -> None:
    """
    The text has the code, the reason, and what was lost with it.
    """
    assert str(ConnectionClosed()) == "The connection is closed: 1006."
    assert str(ConnectionClosed(1001, "bye", unsent=2)) == (
        "The connection is closed: 1001 (bye); 2 commands were not delivered."
    )
    assert str(ConnectionClosed(1001, "bye", reconnecting=True)) == (
        "The connection is closed: 1001 (bye). The client is connecting again: new "
        "commands are sent to the next session."
    )


def test_the_text_of_a_refused_command_has_code_and_field() -> None:
    """
    The text has the code and the field the service complains about, if it named them.
    """
    error = ServerError("Unknown", code="unknown_parameter", param="session.x")
    assert str(error) == "Unknown (code unknown_parameter, param session.x)"
    assert str(ServerError("Unknown")) == "Unknown"


_KEYS = st.text(string.ascii_letters + string.digits + "-_.~+/=", min_size=8)
_ANY_KEYS = st.text(string.ascii_letters + string.digits + string.punctuation + " ")
_AROUND = st.text(st.characters(codec="utf-8", exclude_characters="*"), max_size=20)


@pytest.mark.slow
@given(
    key=_ANY_KEYS.filter(lambda k: len(k.strip("* ")) >= 8 and not k.isalpha()),
    a=_AROUND,
    b=_AROUND,
)
def test_a_known_key_never_appears(key: str, a: str, b: str) -> None:
    """
    A text that holds the key we know of does not hold it any more.
    """
    remember(key)
    assert key not in redacted(f"{a}{key}{b}{key}")


def test_a_key_that_is_a_word_is_no_part_of_another() -> None:
    """
    A gateway's key is "connection": words that contain it can still be read.
    """
    remember("connection")
    shown = redacted("key=connection, connection: 3 connections, reconnection_1")
    assert "key=***, ***: 3 connections, reconnection_1" == shown


@pytest.mark.parametrize(
    "part", ["-eyJaaaaaaaa", "api-key:", "bearer ", "https://x", "cookie: '"]
)
def test_a_long_text_is_redacted_quickly(part: str) -> None:
    """
    A service that repeats what looks like the beginning of a credential costs no time.
    """
    with at_most(1.0 * SCALE):
        shown = redacted(part * (4_000_000 // len(part)))
    assert len(shown) < 100_000


def test_a_secret_at_the_end_of_a_long_text_is_not_cut_in_two() -> None:
    """
    The text is cut behind 64 Ki characters, and a part of a secret is no longer found.
    """
    secret = "sk-0123456789abcdef"
    remember(secret)
    for visible in (1, 7, len(secret) - 1):
        shown = redacted("x" * ((64 << 10) - visible) + secret + "x" * 100)
        assert set(shown) == {"x", "."}


def test_a_secret_that_begins_like_another_is_redacted_whole() -> None:
    """
    The longest secret is replaced first, in whatever order they were remembered.
    """
    remember("sk-0123", "sk-0123-4567", "sk-0123-4567-89")
    assert redacted("<sk-0123-4567-89> <sk-0123>") == "<***> <***>"


def test_only_a_secret_of_some_length_is_remembered() -> None:
    """
    A secret of fewer than six characters may be part of any text.
    """
    remember("ab-12", "cd-123")
    assert redacted("ab-12 cd-123") == "ab-12 ***"


@pytest.mark.parametrize("explicit", [True, False])
def test_an_error_with_a_secret_in_its_chain_is_not_chained(explicit: bool) -> None:
    """
    A traceback shows the cause of an error, and the error during whose handling it was
    raised.
    """
    secret = "sk-0123456789abcdef"
    remember(secret)
    first, last = ValueError(f"the key {secret} is wrong"), OSError("failed")
    assert without_secrets(last) is last
    if explicit:
        last.__cause__ = first
    else:
        last.__context__ = first
    assert without_secrets(last) is None


def test_no_part_of_an_error_contains_a_secret() -> None:
    """
    Nor in the code or the name of the field that the service gives.
    """
    remember("sk-0123456789abcdef")
    error = ServerError(
        "no", code="bad sk-0123456789abcdef", param="sk-0123456789abcdef"
    )
    assert "0123" not in str(error)
    details = ErrorDetails(code="sk-0123456789abcdef", param="sk-0123456789abcdef")
    assert "0123" not in repr(details)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ocp-Apim-Subscription-Key", True),
        ("X-AuthToken", True),
        ("Authorization", True),
        ("X-Author", False),
        ("X-Passthrough", False),
    ],
)
def test_secret_headers_are_recognized_by_their_names(name: str, shown: bool) -> None:
    """
    The value of a header is a secret if its name denotes one.
    """
    remember_headers({name: "value-0123456789"})
    assert shown is ("0123" not in redacted("it is value-0123456789"))


@given(
    key=_KEYS,
    form=st.sampled_from(
        [
            "api-key: {}",
            "API-KEY:{}\r\nHost: x",
            "{{'api-key': '{}'}}",
            '{{"Ocp-Apim-Subscription-Key": "{}"}}',
            "Authorization: Bearer {}",
            "authorization: {}",
            "Authorization: Negotiate {}",
            "Proxy-Authorization: Basic {}",
            "wss://x.example/realtime?api-key={}&model=y",
            "http://user:{}@proxy.example:3128",
            "the token is bearer {}",
            "Cookie: session={}; theme={}",
        ]
    ),
)
@example(key="eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2lnbmF0dXJl", form="a token: {}")
def test_text_that_looks_like_a_key_is_redacted(key: str, form: str) -> None:
    """
    A credential that was never registered is recognised by what stands around it.
    """
    if "@" in form:
        key = key.replace("/", "_")
    assume(key not in form)  # a part of the header's own name stays
    assert key not in redacted(form.format(key, key))


@pytest.mark.parametrize("key", ["a,b;c&d'e\"f", "two words here"])
def test_a_header_is_blanked_to_the_end_of_its_line(key: str) -> None:
    """
    A key of unusual characters is not left in part in a log of headers.
    """
    text = redacted(f"GET / HTTP/1.1\r\napi-key: {key}\r\nHost: x.example\r\n")
    assert key[-3:] not in text
    assert "Host: x.example" in text


@pytest.mark.parametrize(
    "text", ["", "no secret here", "wss://x.example/a?model=b", "authorization failed"]
)
def test_text_without_secrets_is_not_changed(text: str) -> None:
    """
    Nothing is blanked that a reader needs to understand the error.
    """
    remember(None, "", "a")
    assert redacted(text) == text


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_a_notebook_shows_three_lines(error: RealtimeError) -> None:
    """
    A cell that fails says what happened, what to do and where; not the package's code.
    """
    try:
        raise error
    except RealtimeError as caught:
        what, remedy, where = caught._render_traceback_()

    assert what.startswith(f"{type(error).__name__}: ")
    assert getattr(error, "message", "") in what
    assert remedy.startswith("What to do: ")
    assert len(remedy) > len("What to do: ")
    assert getattr(error, "hint", "") in remedy
    assert where.startswith("Raised at test_errors.py, line ")
    assert where.endswith(": raise error")
    assert not any("\n" in line for line in (what, remedy, where))


def test_the_line_shown_is_the_users() -> None:
    """
    The innermost frames are of the package; the line is the caller's. Without a
    traceback there are three lines as well.
    """
    from azure_realtime import AzureRealTimeAudio

    with pytest.raises(errors.ConnectError) as caught:
        AzureRealTimeAudio(
            {"host_name": "ws://127.0.0.1:9", "deployment": "d", "api_key": "a-key-1"}
        ).connect(20)

    assert caught.value._render_traceback_()[2].endswith(").connect(20)") or (
        "AzureRealTimeAudio(" in caught.value._render_traceback_()[2]
    )
    assert RealtimeError("a\nb")._render_traceback_()[0] == "RealtimeError: a b"
    assert RealtimeError("a")._render_traceback_()[2] == "Raised at no line of yours"


def test_a_closed_connection_says_whether_to_ask_again() -> None:
    """
    The remedy of a lost connection depends on whether the client reconnects.
    """
    again, over = ConnectionClosed(reconnecting=True), ConnectionClosed()

    assert again._render_traceback_()[1] == "What to do: Ask again."
    assert over._render_traceback_()[1] == "What to do: Make a new client."
