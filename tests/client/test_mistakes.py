"""
Mistakes of a first day: one sentence at the call, which says what to write.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from helpers.clients import GA, MANUAL

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectionClosed,
    FunctionCallOutputItem,
    InputText,
    MessageItem,
    Prices,
    Response,
    ResponseConfig,
    ServerVad,
    SessionConfig,
    Transcription,
    WebSocketOptions,
)
from azure_realtime.simulator import Reply, Simulator, ToolCall


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda c: c.delete_item(MessageItem("user", "Hi")), "give the id, item.id"),
        (lambda c: c.retrieve_item(5), "item_id must be a str, not int"),
        (
            lambda c: c.wait_for("init", timeout="5"),
            "a number of seconds or None, not '5'",
        ),
        (lambda c: c.ask("Hi", timeout="5"), "a number of seconds or None, not '5'"),
        (lambda c: c.close("5"), "a number of seconds or None, not '5'"),
        (lambda c: c.connect("5"), "a number of seconds or None, not '5'"),
        (lambda c: c.expect("init", timeout="5"), "of seconds or None, not '5'"),
        (lambda c: c.events("init", timeout="5"), "of seconds or None, not '5'"),
        (lambda c: c.append_audio(bytes(96), "5"), "of seconds or None, not '5'"),
        (lambda c: c.tool(len, timeout="5"), "number of seconds, got '5'"),
        (lambda c: c.tool(len, timeout=None), "number of seconds, got None"),
        (lambda c: c.wait_for("init", where=5), "where must be callable, not 5"),
        (lambda c: c.expect("init", where=5), "where must be callable, not 5"),
        (lambda c: c.cancel_response(Response(id="r")), "give the id, response.id"),
        (lambda c: c.ask(["Hi"]), "must be a str, not list"),
        (
            lambda c: c.stream(b"Hi"),
            "must be a str, not bytes; speech is given as audio=",
        ),
        (lambda c: c.ask("Hi", timeot=5), "no argument 'timeot'.*'timeout'"),
        (lambda c: c.ask("Hi", audioo=b""), "no argument 'audioo'.*'audio'"),
        (lambda c: c.tool("weather"), r"not str: give the name as name="),
        (lambda c: c.remove_tool(len), "takes the name of a tool, not <built"),
        (lambda c: c.conversation[-1], r"client\.conversation\.items\[-1\]"),
        (lambda c: c.usage.cost("gpt-realtime"), r"such as Prices\.published"),
    ],
)
def test_mistakes_in_calls_raise_before_anything_is_sent(
    mistake: Callable[[AzureRealTimeAudio], Any], text: str
) -> None:
    """
    Each is a TypeError before anything is sent.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(TypeError, match=text):
        mistake(client)
    client.close()


VAD = {"type": "server_vad", "threshold": object()}
MESSAGE = {"type": "message", "role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (
            lambda c: c.update_session(turn_detection=VAD),
            r"turn_detection\.threshold: ",
        ),
        (lambda c: c.update_session(speed=math.inf), r"audio\.output\.speed: "),
        (lambda c: c.update_session({"extra": {"a": [1, {2}]}}), r"session\.a\[1\]: "),
        (lambda c: c.update_session(extra=5), "^extra: expected a mapping, got int"),
        (lambda c: c.update_session(include=[5]), "^include: .* texts, not of int"),
        (lambda c: c.update_session(modalities=b"text"), "^modalities: .* got bytes"),
        (
            lambda c: c.update_session(input_audio_transcription={"keywords": "a"}),
            "^keywords: expected a list, got str",
        ),
        (
            lambda c: c.update_session(tools=[len]),
            r"^tools: builtin_function_or_method is .* client\.tool\(function\)",
        ),
        (lambda c: c.update_session([]), "must be a SessionConfig or a mapping"),
        (lambda c: c.create_response(0), "must be a ResponseConfig or a mapping"),
        (lambda c: c.create_response(metadata=[("a", "b")]), "^metadata: .* got list"),
        (lambda c: c.create_response(metadata={"a": b"b"}), r"metadata\.a: bytes"),
        (lambda c: c.create_response(input=[MESSAGE, 5]), r"^input\[1\]: expected"),
        (lambda c: c.ask("Hi", input=[b"Hi"]), r"^input\[0\]: expected MessageItem"),
        (lambda c: c.ask(image=5), "a path, a URL or bytes, not int"),
        (lambda c: c.ask(audio=""), "^audio is empty text"),
        (lambda c: c.update_session({"session": {}}), "give what 'session' contains"),
        (lambda c: c.create_response({"response": {}}), "give what 'response' cont"),
        (lambda c: c.ask(image=[b"x"]), "a path, a URL or bytes, not list"),
        (lambda c: c.ask("Hi", when_busy="never"), "^when_busy must be 'wait'"),
        (lambda c: c.create_response(when_busy=5), "^when_busy must be 'wait'"),
        (lambda c: c.ask("Hi", metadata=5), "^metadata: expected a mapping, got int"),
        (
            lambda c: c.create_conversation_item({**MESSAGE, "content": ["Hi", 5]}),
            r"^content\[0\]: expected InputText",
        ),
        (
            lambda c: c.create_conversation_item(MessageItem("user", [InputText(b"")])),
            r"item\.content\[0\]\.text: bytes",
        ),
        (lambda c: c.send({"type": "new.x", "a": {"b": {1}}}), r"^a\.b: set cannot"),
        (lambda c: c.truncate_item("i", 0, "5"), "^audio_end_ms must be .* not '5'"),
        (lambda c: c.truncate_item("i", 0, None), "^audio_end_ms must be a whole"),
        (lambda c: c.truncate_item("i", 0, math.nan), "^audio_end_ms must be a whole"),
        (lambda c: c.truncate_item("i", 0, True), "^audio_end_ms must be a whole"),
        (lambda c: c.truncate_item("i", "0", 5), "^content_index must be a whole"),
        (lambda c: c.truncate_item("i", 0.5, 5), "^content_index must be a whole"),
    ],
)
def test_an_error_names_the_field(
    mistake: Callable[[AzureRealTimeAudio], Any], text: str
) -> None:
    """
    The field may be deep in a configuration; nothing is sent, and the client goes on.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        with pytest.raises((TypeError, ValueError), match=text):
            mistake(client)
        assert client.clear_audio_buffer().result(5)
        kinds = [event["type"] for event in wire.received]

    assert ["session.update", "input_audio_buffer.clear"] == list(dict.fromkeys(kinds))


@pytest.mark.parametrize(
    "timeout",
    [
        True,
        "5",
        [5],
        5j,
        math.nan,
        *(pytest.param(10**n, id=str(n)) for n in (400, 5000)),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda c, timeout: c.ask("Hi", timeout=timeout),
        lambda c, timeout: c.stream("Hi", timeout=timeout),
        lambda c, timeout: c.connect(timeout),
        lambda c, timeout: c.close(timeout),
        lambda c, timeout: c.pump(timeout),
        lambda c, timeout: c.wait_closed(timeout),
        lambda c, timeout: c.wait_for("init", timeout=timeout),
        lambda c, timeout: c.expect("init", timeout=timeout),
        lambda c, timeout: c.events("init", timeout=timeout),
        lambda c, timeout: c.append_audio(bytes(96), timeout, rate=8000),
    ],
)
def test_a_timeout_that_is_no_number_is_refused_at_the_call(
    call: Callable[..., Any], timeout: Any
) -> None:
    """
    One sentence at the call, whether or not there is something to wait for.
    """
    client = GA.client("ws://127.0.0.1:9", dispatch="manual")
    with pytest.raises((TypeError, ValueError), match="a number of seconds or None"):
        call(client, timeout)
    client.close()


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda: SessionConfig(tempreature=1), "no field 'tempreature'.*'temperature'"),
        (lambda: ResponseConfig(instrutions=""), "Did you mean 'instructions'"),
        (lambda: WebSocketOptions(ping_intervall=1), "Did you mean 'ping_interval'"),
        (lambda: AzureRealTimeOptions(hostname="x"), "Did you mean 'host_name'"),
        (
            lambda: SessionConfig(turn_detection="server_vad"),
            r"ServerVad, .* a mapping such as .*'server_vad', \.\.\.\}, not 'server_vad'",
        ),
    ],
)
def test_mistakes_in_configurations_raise_with_the_right_name(
    mistake: Callable[[], Any], text: str
) -> None:
    """
    Each is a TypeError with the name that was meant.
    """
    with pytest.raises(TypeError, match=text):
        mistake()


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda: ServerVad(silence_duration=5), "Did you mean 'silence_duration_ms'"),  # type: ignore[call-arg]
        (lambda: Transcription(modell="x"), "Did you mean 'model'"),  # type: ignore[call-arg]
        (lambda: Prices(text_inn=1), "Did you mean 'text_in'"),  # type: ignore[call-arg]
        (lambda: AzureRealTimeOptions(endpoint="x"), "It has host_name"),  # type: ignore[call-arg]
        (lambda: AzureRealTimeAudio(host_name="x"), "It has options"),  # type: ignore[call-arg]
        (lambda: MessageItem(rol="user", content="x"), "Did you mean 'role'"),  # type: ignore[call-arg]
        (lambda: InputText(txt="x"), "Did you mean 'text'"),  # type: ignore[call-arg]
        (
            lambda: FunctionCallOutputItem(callid="1", output=""),  # type: ignore[call-arg]
            "Did you mean 'call_id'",
        ),
        (lambda: SessionConfig("Be brief."), r"by name: SessionConfig\(type=\.\.\., "),  # type: ignore[misc]
        (
            lambda: WebSocketOptions({}),
            r"by name: WebSocketOptions\(connect_timeout=\.\.\.",
        ),  # type: ignore[misc]
        (lambda: Simulator(replys=["Hi"]), "Did you mean 'replies'"),  # type: ignore[call-arg]
        (lambda: Reply(txt="Hi"), "Did you mean 'text'"),  # type: ignore[call-arg]
        (lambda: ToolCall("f", args={}), "It has name, arguments"),  # type: ignore[call-arg]
    ],
)
def test_a_misspelled_argument_gets_the_right_names(
    mistake: Callable[[], Any], text: str
) -> None:
    """
    A TypeError, as of any function, with a suggestion or all names.
    """
    with pytest.raises(TypeError, match=text):
        mistake()


class _Credential:
    def get_token(self, scope: str) -> Any: ...


def options(
    host_name: str = "x.openai.azure.com", deployment: str = "d", **others: Any
) -> AzureRealTimeOptions:
    """
    Make options with one mistake.
    """
    return AzureRealTimeOptions(host_name, deployment, **others)


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda: options(credential=_Credential), r"a class: .* _Credential\(\.\.\.\)"),
        (lambda: options(token="bearer abc"), "token .* without that word"),
        (
            lambda: options("gpt-realtime", "x.openai.azure.com", api_key="k"),
            "deployment 'x.openai.azure.com' is an address: .* second argument",
        ),
        (
            lambda: options(deployment="https://x.com/openai/deployments/d"),
            "deployment 'https://x.com/openai/deployments/d' is an address",
        ),
        (lambda: AzureRealTimeOptions.from_env(hostname="x"), "mean 'host_name'"),
        (lambda: AzureRealTimeAudio.from_env(hostname="x"), "mean 'host_name'"),
        (
            lambda: AzureRealTimeAudio(options(api_key="k"), {"voice": "marin"}),
            "WebSocketOptions has no field 'voice'. It has connect_timeout, ",
        ),
        (
            lambda: GA.client("ws://127.0.0.1:9", dispatch=ThreadPoolExecutor),
            r"dispatch is a class: give an object, ThreadPoolExecutor\(\.\.\.\)",
        ),
    ],
)
def test_mistakes_in_options_say_what_to_write(
    mistake: Callable[[], Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A wrong credential, wrong order of arguments and wrong names raise before connecting.
    """
    for name in ("ENDPOINT", "DEPLOYMENT", "DEPLOYMENT_NAME", "API_KEY"):
        monkeypatch.delenv(f"AZURE_OPENAI_{name}", raising=False)
    with pytest.raises((TypeError, ValueError), match=text):
        mistake()


def test_a_wait_that_the_program_ends_says_so() -> None:
    """
    Not only the close code.
    """
    with GA.connected() as (client, _):
        expected = client.expect("response.done")
        with pytest.raises(ConnectionClosed, match="you closed it"), expected:
            client.close()
