"""
The options: what is refused before dialling, and what is never shown.
"""

from __future__ import annotations

import math
import ssl
from typing import Any

import attrs
import pytest

from azure_realtime import SessionConfig
from azure_realtime.options import AzureRealTimeOptions, WebSocketOptions, options_from

HOST = "my.openai.azure.com"
KEY = "0123456789abcdef"
VARIABLES = {
    "AZURE_OPENAI_ENDPOINT": f"https://{HOST}/",
    "AZURE_OPENAI_API_KEY": KEY,
    "AZURE_OPENAI_DEPLOYMENT": "gpt",
    "AZURE_OPENAI_API_VERSION": "2024-10-01-preview",
}


def options(**more: object) -> AzureRealTimeOptions:
    """
    Return options for a resource.
    """
    return AzureRealTimeOptions(HOST, "gpt", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["api_key", "token"])
def test_a_key_is_trimmed_and_never_shown(name: str) -> None:
    """
    A key pasted with a line break around it works, and no repr shows it.
    """
    given = options(**{name: f" {KEY}\n"})
    assert getattr(given, name) == KEY
    assert KEY not in repr(given)


@pytest.mark.parametrize("name", ["api_key", "token"])
@pytest.mark.parametrize(
    "value",
    ["", "  \n", f"{KEY}\nX-Evil: 1", f"{KEY}\u00fc", f"{KEY}\x00", "\u2022" * 8],
)
def test_a_key_that_no_header_can_carry_is_refused_unseen(
    name: str, value: str
) -> None:
    """
    A broken key fails at once, by its name, and the message does not repeat it.
    """
    with pytest.raises(ValueError, match=name) as info:
        options(**{name: value})
    assert KEY not in str(info.value)
    assert "\u2022" not in str(info.value)


@pytest.mark.parametrize("name", ["api_key", "token"])
def test_a_key_that_is_no_text_is_refused_unseen(name: str) -> None:
    """
    A key given as bytes is a TypeError that does not repeat it.
    """
    with pytest.raises(TypeError, match=f"{name} must be text, not bytes") as info:
        options(**{name: KEY.encode()})
    assert KEY not in str(info.value)


def test_one_credential_is_enough() -> None:
    """
    Two credentials contradict each other, and both are named.
    """
    with pytest.raises(ValueError, match="not api_key and token_provider"):
        options(api_key=KEY, token_provider=lambda: KEY)
    with pytest.raises(TypeError, match="token_provider must be a function"):
        options(token_provider="a token")


def test_no_credential_is_refused_before_dialling() -> None:
    """
    Without any credential the sentence lists the ways to give one.
    """
    with pytest.raises(
        ValueError, match=r"api_key=.*token=.*token_provider=.*from_env"
    ):
        options().check_credential(WebSocketOptions())


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({"api_key": KEY}, {}),
        ({"token": KEY}, {}),
        ({"token_provider": lambda: KEY}, {}),
        ({}, {"AUTHORIZATION": "Bearer x"}),
    ],
)
def test_any_credential_will_do(
    given: dict[str, object], headers: dict[str, str]
) -> None:
    """
    A key, a token, a provider, or a header of one's own is accepted.
    """
    options(**given).check_credential(WebSocketOptions(headers=headers))


def test_a_bad_address_fails_where_it_was_made() -> None:
    """
    The host is checked when the options are made, not later on a thread.
    """
    with pytest.raises(ValueError, match=r"did you mean 'mine.openai.azure.com'"):
        AzureRealTimeOptions("mine", "gpt", KEY)


def test_a_session_config_may_be_a_mapping() -> None:
    """
    A mapping becomes a `SessionConfig`, and a misspelled field is named.
    """
    config = options(session_config={"voice": "verse"}).session_config
    assert isinstance(config, SessionConfig)
    assert config.voice == "verse"
    with pytest.raises(ValueError, match=r"[Dd]id you mean 'voice'"):
        options(session_config={"voize": "verse"})
    with pytest.raises(TypeError, match=r"not text: .*SessionConfig\(instructions="):
        options(session_config="Be brief.")


def test_a_transcription_session_dials_without_a_model() -> None:
    """
    The address follows the kind of session that is asked for.
    """
    target = options(session_config=SessionConfig(type="transcription")).endpoint.target
    assert target == "/openai/v1/realtime?intent=transcription"


def test_from_env_reads_four_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Four variables say all; what is passed replaces what they say.
    """
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, f" {value} ")
    given = AzureRealTimeOptions.from_env()
    assert (given.endpoint.host, given.deployment, given.api_key) == (HOST, "gpt", KEY)
    assert given.endpoint.api_version == "2024-10-01-preview"
    given = AzureRealTimeOptions.from_env(token="t" * 9, api_version=None)
    assert (given.api_key, given.token, given.endpoint.api_version) == (
        None,
        "t" * 9,
        None,
    )


def test_from_env_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    All missing variables are listed at once; the version may be missing.
    """
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "")
    with pytest.raises(ValueError, match="not set in the environment") as info:
        AzureRealTimeOptions.from_env()
    for name in VARIABLES:
        assert (name in str(info.value)) == (name != "AZURE_OPENAI_API_VERSION")
    with pytest.raises(ValueError, match="AZURE_OPENAI_ENDPOINT") as info:
        AzureRealTimeOptions.from_env(token_provider=lambda: KEY)
    assert "AZURE_OPENAI_API_KEY" not in str(info.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A\r\n": "b"},
        {"X A": "b"},
        {"": "b"},
        {"X-A": "\u0142"},
        {"X-A": 1},
        {1: "b"},
        {"Connection": "close"},
        {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"Content-Length": "7"},
        {"Host": "a", "host": "b"},
    ],
)
def test_a_header_cannot_smuggle_another(headers: dict[str, str]) -> None:
    """
    A header that would break the request is refused before it is sent.
    """
    with pytest.raises(ValueError, match="header"):
        WebSocketOptions(headers=headers)


@pytest.mark.parametrize("wrong", ["ca.pem", True, False, {"cert_reqs": 0}])
def test_other_types_than_ssl_contexts_are_refused(wrong: Any) -> None:
    """
    Where it is given, and with a word of what would do.
    """
    with pytest.raises(TypeError, match="create_default_context"):
        WebSocketOptions(ssl_context=wrong)


def test_a_key_in_the_name_of_a_header_is_not_shown() -> None:
    """
    A header written as one text, its content included, is refused unseen.
    """
    with pytest.raises(ValueError, match="not the name of an HTTP header") as info:
        WebSocketOptions(headers={f"api-key: {KEY}": ""})
    assert KEY not in str(info.value)


@pytest.mark.parametrize("proxy", [7, True, f"http://u:{KEY}@p:1".encode()])
def test_a_proxy_is_text(proxy: Any) -> None:
    """
    Anything else is refused where it is given, and not shown.
    """
    with pytest.raises(TypeError, match="proxy must be text or None, not") as info:
        WebSocketOptions(proxy=proxy)
    assert KEY not in str(info.value)


async def _later(*_: str) -> str:
    return KEY


class _Asynchronous:
    get_token = staticmethod(_later)


@pytest.mark.parametrize(
    "who", [{"token_provider": _later}, {"credential": _Asynchronous()}]
)
def test_an_asynchronous_credential_is_refused(who: dict[str, Any]) -> None:
    """
    One of azure.identity.aio is refused where it is given, with the one to use.
    """
    with pytest.raises(TypeError, match="use the synchronous one"):
        options(**who)


def test_headers_and_proxy_are_not_shown() -> None:
    """
    A repr has the names of the headers, and neither their values nor the proxy's password.
    """
    shown = repr(
        WebSocketOptions(
            headers={"Authorization": f"Bearer {KEY}"}, proxy=f"http://u:{KEY}@p:1"
        )
    )
    assert KEY not in shown
    assert "Authorization" in shown


NUMBERS = ["connect_timeout", "max_message_bytes", "max_send_queue_bytes", "close_wait"]


@pytest.mark.parametrize("name", [*NUMBERS, "ping_interval", "ping_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_number_that_is_no_measure_is_refused(name: str, value: float) -> None:
    """
    Zero, less than zero and not-a-number are refused by the option's name.
    """
    with pytest.raises(ValueError, match=f"{name} must be more than 0"):
        WebSocketOptions(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [None, "5", True])
def test_other_types_than_numbers_are_refused(name: str, value: object) -> None:
    """
    Text, a truth value or nothing in place of a number is a TypeError by name.
    """
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        WebSocketOptions(**{name: value})  # type: ignore[arg-type]


class OddInt(int):
    """
    A number whose arithmetic raises.
    """

    def __mul__(self, other: object) -> Any:
        raise SystemExit

    __rmul__ = __add__ = __radd__ = __mul__  # type: ignore[assignment]


def test_numbers_become_plain_ones() -> None:
    """
    An int too large for a float means for ever, and a subclass raises on no thread.
    """
    made = WebSocketOptions(
        ping_interval=10**400,
        reconnect_interval=OddInt(5),
        max_reconnect_attempts=OddInt(5),
    )
    assert (made.ping_interval, made.reconnect_interval) == (math.inf, 5.0)
    assert type(made.reconnect_interval) is float
    assert type(made.max_reconnect_attempts) is int


def test_pings_can_be_turned_off() -> None:
    """
    None means no ping, and no death by silence.
    """
    websocket_options = WebSocketOptions(ping_interval=None, ping_timeout=None)
    assert (websocket_options.ping_interval, websocket_options.ping_timeout) == (
        None,
        None,
    )


def test_a_mapping_makes_options_and_a_misspelled_key_is_named() -> None:
    """
    A mapping makes options; a misspelled key is named, with what was meant.
    """
    context = ssl.create_default_context()
    given = options_from(WebSocketOptions, {"ssl_context": context})
    assert given.ssl_context is context
    assert options_from(WebSocketOptions, given) is given
    with pytest.raises(ValueError, match=r"'ping_intervall'.*'ping_interval'"):
        options_from(WebSocketOptions, {"ping_intervall": 1})
    with pytest.raises(TypeError, match="expected WebSocketOptions or a mapping"):
        options_from(WebSocketOptions, 5)  # type: ignore[arg-type]


def test_options_are_frozen() -> None:
    """
    Options that are in use cannot be changed behind the connection's back.
    """
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options(api_key=KEY).host_name = "elsewhere.example"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["host_name", "deployment"])
def test_half_a_character_in_an_address_is_refused_with_its_option(name: str) -> None:
    """
    The error says which option it is in.
    """
    with pytest.raises(ValueError, match=f"{name} contains half a character"):
        AzureRealTimeOptions(
            **{"host_name": HOST, "deployment": "d", "api_key": KEY, name: "x\udce9"}
        )
