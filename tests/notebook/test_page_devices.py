"""
The microphone and the loudspeaker of a notebook's page; a WebSocket client plays it.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.clients import GA, LONG, SILENCE
from helpers.page import ORIGIN, Page, PageWidget, notebook_page
from helpers.timing import at_most
from helpers.voice import QUESTION, received, sent, until

from azure_realtime import AudioDeviceError
from azure_realtime.audio import Sink, Source
from azure_realtime.notebook import NotebookMicrophone, NotebookSpeaker

pytest.importorskip("websockets", reason="websockets is in the extra 'jupyter'")

BLOCK = 1920  # bytes of 40 ms


@pytest.fixture
def page() -> Iterator[Page]:
    """
    A page that reaches the kernel's server.
    """
    with notebook_page() as made:
        yield made


@pytest.fixture
def microphone(page: Page) -> Iterator[tuple[NotebookMicrophone, PageWidget]]:
    """
    A microphone and its page.
    """
    made = NotebookMicrophone()
    yield made, page.widgets[-1]
    made.close()


@pytest.fixture
def speaker(page: Page) -> Iterator[tuple[NotebookSpeaker, PageWidget]]:
    """
    An open loudspeaker and its page.
    """
    made = NotebookSpeaker()
    made.open()
    yield made, page.widgets[-1]
    made.close()


@pytest.fixture
def _unreachable(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The page does not reach the kernel's server.
    """
    page.connects = False
    for timeout in ("_CONNECT_TIMEOUT", "_RETRY_TIMEOUT"):
        monkeypatch.setattr(f"azure_realtime.notebook.page_device.{timeout}", 0.0)


def test_the_devices_are_a_source_and_a_sink(page: Page) -> None:
    """
    They go wherever the devices of the machine go.
    """
    assert isinstance(NotebookMicrophone(), Source)
    assert isinstance(NotebookSpeaker(), Sink)
    assert NotebookMicrophone.live
    assert [widget.received for widget in page.widgets] == [[], []]


def test_blocks_arrive_while_the_thread_iterates(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    150 of 150, in their order, though no comm message is handled meanwhile.
    """
    source, widget = microphone
    source.open()
    for number in range(150):
        widget.record(number, number.to_bytes(2, "little") * 960)
    blocks = iter(source)
    taken = [next(blocks) for _ in range(150)]
    assert [int.from_bytes(block[:2], "little") for block in taken] == [*range(150)]
    assert {len(block) for block in taken} == {BLOCK}
    assert (source.overflows, source.rate) == (0, 24_000)


def test_the_rate_is_that_of_the_browser(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    Firefox records at the device's own rate.
    """
    source, widget = microphone
    blocks = iter(source)
    assert next(blocks) == b""  # it is open
    widget.record(0, bytes(BLOCK), rate=48_000)
    assert next(blocks) == bytes(BLOCK)
    assert source.rate == 48_000


def test_lost_blocks_are_counted(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    A gap in the numbers is audio that was lost; what comes late is not played twice.
    """
    source, widget = microphone
    source.open()
    for number in (0, 1, 4, 3, 5):
        widget.record(number, bytes([number]) * BLOCK)
    blocks = iter(source)
    assert [next(blocks)[0] for _ in range(4)] == [0, 1, 4, 5]
    assert source.overflows == 2
    widget.record(0, bytes([9]) * BLOCK)  # the page was loaded again
    assert next(blocks)[0] == 9
    assert source.overflows == 2


def test_audio_that_nobody_takes_is_limited(
    microphone: tuple[NotebookMicrophone, PageWidget],
    eventually: Callable[..., None],
) -> None:
    """
    10 s of it are kept; the rest is counted.
    """
    source, widget = microphone
    source.open()
    for number in range(260):
        widget.record(number, bytes(BLOCK))
    eventually(lambda: source.overflows == 10)


@pytest.mark.parametrize(
    "message", ["text", b"", b"\0" * 8, b"\0" * 4 + b"\xff" * 4 + b"\0\0"]
)
def test_a_malformed_block_ends_the_connection(
    microphone: tuple[NotebookMicrophone, PageWidget],
    eventually: Callable[..., None],
    message: Any,
) -> None:
    """
    Then the page may connect again.
    """
    source, widget = microphone
    source.open()
    widget.connection.send(message)
    with pytest.raises(Exception, match="1007"):
        widget.connection.recv(timeout=10)
    widget.disconnect()
    eventually(lambda: not source._channel.is_connected)  # type: ignore[union-attr]
    blocks = iter(source)
    assert next(blocks) == b""
    assert widget.connection is not None
    widget.record(0, bytes(BLOCK))
    assert next(blocks) == bytes(BLOCK)


def test_close_ends_the_iteration_and_tells_the_page(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    The browser's sign that it records goes out, and the next use needs no new cell.
    """
    source, widget = microphone
    source.open()
    thread = threading.Thread(target=lambda: list(source))
    thread.start()
    with at_most(5):
        source.close()
        thread.join()
    assert len(widget.contents("close")) == 1
    first = widget.address
    widget.disconnect()
    source.open()
    assert widget.address[1] != first[1]


@pytest.mark.slow
def test_ctrl_c_in_close_leaves_it_to_the_next_close(
    microphone: tuple[NotebookMicrophone, PageWidget], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The stop button of a notebook: the page does not go on recording.
    """
    source, widget = microphone
    source.open()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as first:
        first.setattr(widget, "send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            source.close()
    port = widget.address[0]
    blocks = iter(source)
    assert next(blocks) == b"", "the microphone can be opened again"
    assert len(widget.contents("close")) == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_ask_takes_the_microphone(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    The question ends with the speech, and the device is closed afterwards.
    """
    source, widget = microphone

    def speak() -> None:
        until(lambda: widget.connection is not None)
        for number, start in enumerate(range(0, len(QUESTION), BLOCK)):
            widget.record(number, QUESTION[start : start + BLOCK].ljust(BLOCK, b"\0"))

    with GA.connected(service={"replies": ["Hello."], "pace": 0}) as (client, service):
        thread = threading.Thread(target=speak)
        thread.start()
        turn = client.ask(audio=source, timeout=30)
        thread.join()
        assert turn.transcript == "Hello."
        assert sent(service, "error") == []
    assert source.overflows == 0
    assert source._channel is None
    assert widget.shown == 1


def test_ask_ends_in_time_if_nobody_clicks(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    A page that sends nothing is no reason to wait without end.
    """
    source, _ = microphone
    with GA.connected(service={"pace": 0}) as (client, _connection):
        with at_most(10), pytest.raises(TimeoutError):
            client.ask(audio=source, timeout=0.5)
        assert client.ask("And now?", timeout=20).transcript


def test_a_device_is_shown_once_per_use_unless_it_has_a_cell(page: Page) -> None:
    """
    The cell that uses it has the button; a cell that shows it keeps it.
    """
    source = NotebookMicrophone()
    (widget,) = page.widgets
    for _ in range(2):
        source.open()
        source.open()
        source.close()
        widget.disconnect()
    assert widget.shown == 2
    source._ipython_display_()
    source.open()
    source.close()
    assert widget.shown == 3


@pytest.mark.parametrize("device", [NotebookMicrophone, NotebookSpeaker])
def test_a_cell_that_is_run_again_leaves_one_server(page: Page, device: Any) -> None:
    """
    A new microphone ends the one in use, and its call.
    """
    before = threading.active_count()
    devices = [device() for _ in range(3)]
    for each in devices:
        each.open()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("azure-realtime-notebook") == 1
    assert [each._channel is None for each in devices] == [True, True, False]
    devices[-1].close()
    for widget in page.widgets:
        widget.disconnect()
    until(lambda: threading.active_count() <= before)


def test_another_microphone_ends_the_iteration_of_the_earlier_one(page: Page) -> None:
    """
    So its call ends too.
    """
    earlier, later = NotebookMicrophone(), NotebookMicrophone()
    earlier.open()
    thread = threading.Thread(target=lambda: list(earlier))
    thread.start()
    later.open()
    thread.join(20)
    assert not thread.is_alive()
    later.close()


def test_a_write_after_close_opens_nothing(
    speaker: tuple[NotebookSpeaker, PageWidget],
) -> None:
    """
    A call may write once more while it is stopped.
    """
    sink, widget = speaker
    sink.close()
    sink.write(bytes(4800), "item")
    assert widget.contents("audio") == []
    assert sink.drained
    assert sink.flush() == {}


def test_what_was_heard_is_what_the_page_reports(
    speaker: tuple[NotebookSpeaker, PageWidget],
) -> None:
    """
    Not what was sent, and never more than that.
    """
    sink, widget = speaker
    widget.plays = False
    sink.write(bytes(48 * 300), "first")
    sink.write(bytes(48 * 200), "second")
    assert (sink.played_ms("first"), sink.drained) == (0, False)
    widget.report("played", 24 * 250)
    until(lambda: sink.played_ms("first") == 250)
    widget.report("played", 24 * 350)
    until(lambda: sink.played_ms("second") == 50)
    assert sink.played_ms("first") == 300
    assert not sink.drained
    widget.report("played", 24 * 9_000)
    until(lambda: sink.drained)
    assert sink.played_ms("second") == 200
    assert [len(b[0]) for c, b in widget.received if c["kind"] == "audio"] == [
        48 * 300,
        48 * 200,
    ]


def test_flush_returns_what_the_page_has_played(
    speaker: tuple[NotebookSpeaker, PageWidget],
) -> None:
    """
    The page's answer counts, not the report before it. The thread that waits for it is
    that of a cell, which handles no comm message.
    """
    sink, widget = speaker
    widget.plays = False
    sink.write(bytes(48 * 300), "first")
    sink.write(bytes(48 * 200), "second")
    widget.report("played", 24 * 320)
    until(lambda: sink.played_ms("first") == 300)

    widget.stops_at = 24 * 330
    assert sink.flush() == {"second": 30}
    widget.run -= 1
    widget.report("played", 24 * 999)  # a late one of the run before
    widget.run += 1
    assert sink.flush() == {}
    assert sink.drained

    sink.write(bytes(48 * 100), "second")  # of a run that has the next number
    assert widget.contents("audio")[-1]["run"] == widget.run
    assert sink.played_ms("second") == 30
    widget.report("played", 24 * 60)
    until(lambda: sink.played_ms("second") == 90)
    assert not sink.drained


def test_flush_ends_though_the_page_does_not_answer(
    speaker: tuple[NotebookSpeaker, PageWidget],
) -> None:
    """
    Its last report counts.
    """
    sink, widget = speaker
    widget.plays = False
    sink.write(bytes(48 * 300), "item")
    widget.report("played", 24 * 120)
    until(lambda: sink.played_ms("item") == 120)
    with at_most(2):
        assert sink.flush() == {"item": 120}


def test_a_page_that_was_loaded_again_does_not_hold_up_the_call(
    speaker: tuple[NotebookSpeaker, PageWidget],
) -> None:
    """
    What it was sent before is lost: it counts as over, but not as heard.
    """
    sink, widget = speaker
    widget.plays = False
    sink.write(bytes(48 * 200), "item")
    widget.disconnect()
    until(lambda: not sink._channel.is_connected)  # type: ignore[union-attr]
    sink.write(bytes(48 * 100), "item")  # announces the address again
    until(lambda: sink._channel.accepted == 2)  # type: ignore[union-attr]
    assert not sink.drained
    until(lambda: sink.drained)
    assert sink.played_ms("item") == 0


@pytest.mark.parametrize(
    "message", ["[]", "?", "{}", '{"kind": "played", "run": 0, "frames": "1"}', b"\xff"]
)
def test_a_malformed_report_ends_the_connection(
    speaker: tuple[NotebookSpeaker, PageWidget], message: Any
) -> None:
    """
    Without a traceback in the cell.
    """
    _, widget = speaker
    widget.connection.send(message)
    with pytest.raises(Exception, match="1007"):
        widget.connection.recv(timeout=10)


@pytest.mark.slow
def test_a_call_with_both_devices_reports_what_was_played(page: Page) -> None:
    """
    A spoken question, its answer played by the page, an interruption: the service knows
    what was heard.
    """
    source, sink = NotebookMicrophone(), NotebookSpeaker()
    speaker, microphone = page.widgets[1], page.widgets[0]
    speaker.plays = False
    number = 0

    def say(pcm: bytes) -> None:
        nonlocal number
        for start in range(0, len(pcm), BLOCK):
            microphone.record(number, pcm[start : start + BLOCK].ljust(BLOCK, b"\0"))
            number += 1

    with GA.connected(service={"replies": [LONG, "Yes."], "pace": 0}) as (
        client,
        service,
    ):
        with client.talk(source, sink) as call:
            say(QUESTION)
            until(lambda: sent(service, "response.done"))
            deltas = sent(service, "response.output_audio.delta")
            first = deltas[0]["item_id"]
            until(lambda: len(speaker.contents("audio")) == len(deltas))
            speaker.report("played", 24 * 400)
            until(lambda: sink.played_ms(first) == 400)
            speaker.stops_at, speaker.plays = (
                24 * 440,
                True,
            )  # it plays the second answer
            say(SILENCE + QUESTION)
            truncated = until(lambda: received(service, "conversation.item.truncate"))
            until(lambda: len(sent(service, "response.done")) == 2)
            until(lambda: client.status.value == "idle")
            assert (call.stats.overflows, call.stats.drops) == (0, 0)
            assert call.error is None
        assert [(t["item_id"], t["audio_end_ms"]) for t in truncated] == [(first, 440)]
        assert sent(service, "error") == []
    assert microphone.contents("close")
    assert speaker.contents("close")


@pytest.mark.usefixtures("_unreachable")
def test_comm_messages_carry_audio_where_the_page_reaches_no_server(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    """
    One warning says when audio arrives; between cells everything works.
    """
    source = NotebookMicrophone()
    (widget,) = page.widgets
    for _ in range(2):
        source.open()
        source.close()
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 1
    assert "between cells" in warned[0].getMessage()
    assert "jupyter-server-proxy" in warned[0].getMessage()

    source.open()
    blocks = iter(source)
    audio = {"kind": "audio", "rate": 24_000}
    for number in (0, 2):
        widget.comm({**audio, "number": number}, bytes([number]) * BLOCK)
    assert [next(blocks)[0] for _ in range(2)] == [0, 2]
    assert source.overflows == 1
    source.close()
    widget.comm({**audio, "number": 3}, bytes(BLOCK))  # late


@pytest.mark.usefixtures("_unreachable")
def test_a_page_that_cannot_report_does_not_hold_up_the_call(page: Page) -> None:
    """
    Its audio is over when its time has passed; nothing counts as heard.
    """
    sink = NotebookSpeaker()
    (widget,) = page.widgets
    widget.plays = False
    sink.open()
    began = time.monotonic()
    sink.write(bytes(48 * 200), "item")
    with at_most(2):
        assert sink.flush() == {"item": 0}  # it does not wait for an answer
    sink.write(bytes(48 * 300), "item")
    assert not sink.drained
    until(lambda: sink.drained)
    assert time.monotonic() - began > 0.3
    assert sink.played_ms("item") == 0
    sink.write(bytes(48 * 100), "item")
    widget.comm({"kind": "played", "run": sink._run, "frames": 24 * 400})
    assert (sink.drained, sink.played_ms("item")) == (True, 400)
    sink.close()


def test_the_page_reports_its_origin(
    microphone: tuple[NotebookMicrophone, PageWidget],
) -> None:
    """
    From then on the server accepts that origin only, also after it was opened again.
    """
    source, widget = microphone
    source.open()
    channel: Any = source._channel
    assert channel.origin is None
    widget.comm({"kind": "hello", "origin": ORIGIN})
    assert channel.origin == ORIGIN
    source.close()
    widget.disconnect()
    source.open()
    assert source._channel.origin == ORIGIN  # type: ignore[union-attr]


def test_the_devices_need_a_notebook(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A script gets a sentence that says what to do.
    """
    monkeypatch.setattr("azure_realtime.notebook.widget.running_shell", lambda: None)
    for device, name in (
        (NotebookMicrophone, "microphone"),
        (NotebookSpeaker, "speaker"),
    ):
        with pytest.raises(AudioDeviceError, match=f"{name}.*azure_realtime.audio"):
            device().open()
    assert [widget.shown for widget in page.widgets] == [0, 0]


@pytest.mark.parametrize("package", ["anywidget", "websockets"])
def test_without_the_extra_one_sentence_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As for the devices of the machine.
    """
    if package == "websockets":
        pytest.importorskip("anywidget", reason="anywidget is in the extra 'jupyter'")
    from azure_realtime.notebook import widget

    widget._widget_class.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    for device in (NotebookMicrophone, NotebookSpeaker):
        with pytest.raises(AudioDeviceError, match=r"pip install '\.\[jupyter\]'") as e:
            device()
        assert package in str(e.value)


def test_the_token_is_in_no_state_that_a_notebook_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It is in a message only. The state is the code of the page.
    """
    pytest.importorskip("anywidget", reason="anywidget is in the extra 'jupyter'")
    module = "azure_realtime.notebook.widget"
    monkeypatch.setattr(f"{module}.running_shell", object)
    monkeypatch.setattr(f"{module}.show", lambda widget: None)
    monkeypatch.setattr("azure_realtime.notebook.page_device._CONNECT_TIMEOUT", 0.1)
    for device in (NotebookMicrophone(), NotebookSpeaker()):
        messages: list[Any] = []
        widget = device._widget
        monkeypatch.setattr(
            widget,
            "_send",
            lambda message, buffers=None, to=messages: to.append(message),
        )
        device.open()
        token = device._channel.token  # type: ignore[union-attr]
        state = json.dumps(widget.get_state(), default=str)
        shown = json.dumps(widget._repr_mimebundle_(), default=str)
        device.close()
        assert token in json.dumps(messages)
        assert token not in state + shown + repr(device)
        assert "registerProcessor" in state
        widget.close()
