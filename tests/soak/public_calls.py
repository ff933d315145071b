"""
Every public call of a client, as a function of the client: what the soaks interrupt.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from helpers import inside

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, Response
from azure_realtime.audio import NullSink, PushSource
from azure_realtime.recording import Recording

TEXT = ["text"]
PIECE = bytes(4800)
FOLDER = tempfile.TemporaryDirectory()
MESSAGE = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


@attrs.frozen
class Call:
    """
    A public call.

    Attributes:
        run: The call.
        dispatch: The client's dispatch.
        ends: Whether the client may be closed afterwards.
    """

    run: Callable[[AzureRealTimeAudio], object]
    dispatch: str = "thread"
    ends: bool = False


def _text(client: AzureRealTimeAudio, **fields: Any) -> Any:
    return client.create_response(modalities=TEXT, **fields)


def _append(client: AzureRealTimeAudio) -> None:
    for _ in range(20):
        client.append_audio(PIECE)


def _commit(client: AzureRealTimeAudio) -> None:
    client.append_audio(PIECE * 2)
    client.commit_audio().result(5)


def _poll(client: AzureRealTimeAudio) -> None:
    future = _text(client)
    while not future.done():
        pass


def _future(client: AzureRealTimeAudio) -> None:
    future: concurrent.futures.Future[Response] = _text(client)
    future.add_done_callback(lambda _: None)
    assert not future.running()
    future.exception(5)
    assert not future.cancelled()
    future.cancel()


def _foreign_wait(client: AzureRealTimeAudio) -> None:
    futures = [client.clear_audio_buffer() for _ in range(3)]
    concurrent.futures.wait(futures, 5)
    for done in concurrent.futures.as_completed(futures, 5):
        done.result(0)


def _busy(client: AzureRealTimeAudio) -> None:
    _text(client)
    _text(client)
    _text(client, when_busy="error")
    _text(client, when_busy="cancel").result(5)


def _events(client: AzureRealTimeAudio) -> None:
    with client.events("response.done", timeout=5) as events:
        _text(client)
        next(events)


def _expect(client: AzureRealTimeAudio) -> None:
    with client.expect("response.done", timeout=5):
        _text(client)


def _wait_for(client: AzureRealTimeAudio) -> None:
    _text(client)
    client.wait_for("response.done", timeout=5)


def _stream(client: AzureRealTimeAudio) -> None:
    with client.stream("Hi", modalities=TEXT, timeout=5) as stream:
        for _ in stream:
            pass


def _stream_left(client: AzureRealTimeAudio) -> None:
    with client.stream("Hi", modalities=TEXT, timeout=5) as stream:
        next(stream)


def _listen(client: AzureRealTimeAudio) -> None:
    listener = client.on("response.done", lambda event: None)
    client.once("init", listener)
    client.off("response.done", listener)
    client.off_all()


def _items(client: AzureRealTimeAudio) -> None:
    made = client.create_conversation_item({"type": "message", **MESSAGE}).result(5)
    client.retrieve_item(made.id or "").result(5)
    client.delete_item(made.id or "").result(5)


def _truncate(client: AzureRealTimeAudio) -> None:
    done = client.create_response(modalities=["audio"]).result(5)
    client.truncate_item(done.output[0].id or "", 0, 10).result(5)


def _read(client: AzureRealTimeAudio) -> None:
    for _ in range(20):
        _ = client.stats, client.usage, client.session, client.state, client.status
        _ = client.conversation.items, client.rate_limits, client.is_initialized
        _ = repr(client), repr(client.conversation)


def _status(client: AzureRealTimeAudio) -> None:
    for status in ("listening", "thinking", "speaking"):
        client.status = status  # type: ignore[assignment]
    client.set_model_speak_done()


def _tools(client: AzureRealTimeAudio) -> None:
    @client.tool
    def add(first: int, second: int) -> int:
        """
        Add two numbers.
        """
        return first + second

    client.remove_tool("add")


def _tool_call(client: AzureRealTimeAudio) -> None:
    with contextlib.suppress(KeyError):
        client.remove_tool("get_weather")
    client.tool(lambda city="": "rain", name="get_weather")
    client.ask("What is the weather?", modalities=TEXT, timeout=5)


def _connect(client: AzureRealTimeAudio) -> None:
    other = AzureRealTimeAudio(inside.options_of(client))
    other.connect(5)
    other.close()


def _with(client: AzureRealTimeAudio) -> None:
    address = inside.options_of(client).host_name
    options = AzureRealTimeOptions(address, "gpt-realtime", "a-key")
    with AzureRealTimeAudio(options, dispatch="manual") as other:
        other.fileno()


def _close(client: AzureRealTimeAudio) -> None:
    client.append_audio(PIECE)
    client.close(5)


def _pump(client: AzureRealTimeAudio) -> None:
    _text(client)
    for _ in range(20):
        client.pump(0.001)


def _wait_closed(client: AzureRealTimeAudio) -> None:
    _text(client)
    client.wait_closed(0.01)


def _run_forever(client: AzureRealTimeAudio) -> None:
    client.once("response.done", lambda _: client.close())
    _text(client)
    client.run_forever()


def _talk(client: AzureRealTimeAudio) -> None:
    source = PushSource()
    with client.talk(source, NullSink(realtime=False)) as call:
        source.push(PIECE)
        call.interrupt()
        call.mute()
        call.wait(0.01)


def _source() -> PushSource:
    source = PushSource()
    source.push(PIECE * 2)
    source.end()
    return source


def _record(client: AzureRealTimeAudio) -> None:
    path = Path(FOLDER.name, "session.jsonl")
    # what an interrupt has left
    assert not path.exists() or Recording.load(path).is_complete
    with client.record(path, audio="wav", overwrite=True) as recorder:
        client.clear_audio_buffer().result(5)
        recorder.mark("here")


CALLS: dict[str, Call] = {
    "append_audio": Call(_append),
    "commit_audio": Call(_commit),
    "clear_audio_buffer": Call(lambda c: c.clear_audio_buffer().result(5)),
    "update_session": Call(
        lambda c: c.update_session(instructions="Be brief.").result(5)
    ),
    "items": Call(_items),
    "truncate_item": Call(_truncate),
    "create_response.result": Call(lambda c: _text(c).result(5)),
    "create_response.done": Call(_poll),
    "create_response.cancel": Call(lambda c: _text(c).cancel()),
    "create_response.when_busy": Call(_busy),
    "future": Call(_future),
    "concurrent.futures.wait": Call(_foreign_wait),
    "cancel_response": Call(lambda c: c.cancel_response()),
    "ask": Call(lambda c: c.ask("Hi", modalities=TEXT, timeout=5)),
    "ask(audio)": Call(lambda c: c.ask(audio=PIECE * 3, modalities=TEXT, timeout=5)),
    "ask(source)": Call(lambda c: c.ask(audio=_source(), modalities=TEXT, timeout=5)),
    "ask(conversation)": Call(
        lambda c: c.ask("Hi", modalities=TEXT, conversation="none", timeout=5)
    ),
    "ask, with a tool": Call(_tool_call),
    "stream": Call(_stream),
    "stream.close": Call(_stream_left),
    "wait_for": Call(_wait_for),
    "expect": Call(_expect),
    "events": Call(_events),
    "on and off": Call(_listen),
    "send": Call(lambda c: c.send({"type": "input_audio_buffer.clear"})),
    "reading": Call(_read),
    "status": Call(_status),
    "tool": Call(_tools),
    "talk": Call(_talk),
    "record": Call(_record),
    "connect": Call(_connect),
    "with": Call(_with),
    "close": Call(_close, ends=True),
    "pump": Call(_pump, "manual"),
    "wait_closed": Call(_wait_closed),
    "wait_closed, manual": Call(_wait_closed, "manual"),
    "run_forever": Call(_run_forever, ends=True),
    "run_forever, manual": Call(_run_forever, "manual", ends=True),
}
"""What is interrupted, by name."""


def _call_wait(client: AzureRealTimeAudio) -> None:
    with client.talk(PushSource(), NullSink()) as call:
        call.wait(30)


def _next_event(client: AzureRealTimeAudio) -> None:
    next(client.events("error", timeout=30))


def _next_delta(client: AzureRealTimeAudio) -> None:
    for _ in client.stream("Wait.", modalities=TEXT, timeout=30):
        pass


def _expected_error(client: AzureRealTimeAudio) -> None:
    with client.expect("error", timeout=30):
        pass


WAITS: dict[str, Call] = {
    "connect": Call(lambda c: c.connect(30) and c.wait_for("error", timeout=30)),
    "ask": Call(lambda c: c.ask("Wait.", modalities=TEXT, timeout=30)),
    "ask(audio)": Call(lambda c: c.ask(audio=PIECE * 3, timeout=30)),
    "ask(source)": Call(lambda c: c.ask(audio=PushSource(), timeout=30)),
    "talk": Call(_call_wait),
    "stream": Call(_next_delta),
    "wait_for": Call(lambda c: c.wait_for("error", timeout=30)),
    "wait_for, reader": Call(lambda c: c.wait_for("error", timeout=30), "reader"),
    "expect": Call(_expected_error),
    "events": Call(_next_event),
    "result": Call(lambda c: _text(c, instructions="Wait.").result(30)),
    "exception": Call(lambda c: _text(c, instructions="Wait.").exception(30)),
    "result, manual": Call(
        lambda c: _text(c, instructions="Wait.").result(30), "manual"
    ),
    "wait_closed": Call(lambda c: c.wait_closed(30)),
    "wait_closed, manual": Call(lambda c: c.wait_closed(30), "manual"),
    "run_forever": Call(lambda c: c.run_forever()),
    "run_forever, manual": Call(lambda c: c.run_forever(), "manual"),
    "pump": Call(lambda c: c.pump(30) and c.pump(30) and c.pump(30), "manual"),
}
"""Calls that wait until the client is closed, by name."""
