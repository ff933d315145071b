"""
Every command that is acknowledged has a future, and no future outlives its answer.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest
from helpers.clients import GA, LONG, MANUAL, USER_SAYS, Variant, drained
from helpers.scripted_service import Service, scripted
from helpers.timing import SCALE, at_most

from azure_realtime import (
    AzureRealTimeAudio,
    ConnectionClosed,
    ResponseCancelled,
    ServerError,
)
from azure_realtime._concurrency.future import InterruptibleFuture
from azure_realtime._requests.future import CommandFuture
from azure_realtime._requests.send_queue import SendQueue

AUDIO = bytes(9600)


def hello(item_id: str) -> dict[str, Any]:
    """
    Make a user's message with this id.
    """
    return {**USER_SAYS, "id": item_id}


def test_every_acknowledged_command_has_its_answer(variant: Variant) -> None:
    """
    Each future completes with what the service made of the command.
    """
    with variant.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        _,
    ):
        session = client.update_session(instructions="Be brief.").result(5)
        item: Any = client.create_conversation_item(hello("item_a")).result(5)
        first = client.create_conversation_item(hello("item_0"), "root").result(5)
        assert client.append_audio(AUDIO) is None  # type: ignore[func-returns-value]
        committed = client.commit_audio().result(5)
        client.append_audio(AUDIO)
        cleared = client.clear_audio_buffer().result(5)
        response = client.create_response().result(10)
        if variant.protocol == "ga":  # the first preview version cannot retrieve
            retrieved: Any = client.retrieve_item("item_a").result(5)
            assert ("item_a", item.content) == (retrieved.id, retrieved.content)
        answer = response.output[0].id
        truncated = client.truncate_item(answer, 0, 50).result(5)
        deleted = client.delete_item("item_a").result(5)
        sent = client.send({"type": "input_audio_buffer.clear"})

        assert sent is not None
        assert "input_audio_buffer.cleared" == sent.result(5).type

    assert "Be brief." == session.instructions
    assert ("item_a", "item_0") == (item.id, first.id)
    assert committed.item_id.startswith("item_")
    assert "input_audio_buffer.cleared" == cleared.type
    assert ("completed", "Yes.") == (response.status, response.transcript)
    assert (answer, 50) == (truncated.item_id, truncated.audio_end_ms)
    assert "item_a" == deleted.item_id


def test_an_error_without_an_event_id_fails_one_future_of_three(
    variant: Variant,
) -> None:
    """
    The duplicate's future fails, its neighbours' do not.
    """
    with variant.connected(session_config=MANUAL) as (client, _):
        client.create_conversation_item(hello("item_b")).result(5)
        names = ("item_a", "item_b", "item_c")
        futures = [client.create_conversation_item(hello(name)) for name in names]
        with pytest.raises(ServerError) as refused:
            futures[1].result(5)
        others = [futures[0].result(5).id, futures[2].result(5).id]

    assert ["item_a", "item_c"] == others
    assert "item_create_duplicate_item_id" == refused.value.code
    assert refused.value.event.error.event_id is None


REFUSALS: dict[str, tuple[Callable[[AzureRealTimeAudio, str], Any], dict[str, Any]]] = {
    "update": (
        lambda client, name: client.update_session(instructions=name),
        {"code": "unknown_parameter", "param": "session.instructions"},
    ),
    "create": (
        lambda client, name: client.create_conversation_item(hello(name)),
        {"code": "item_create_duplicate_item_id", "message": "There is 'item_1'."},
    ),
    "delete": (
        lambda client, name: client.delete_item(name),
        {"code": "item_delete_invalid_item_id", "message": "There is no 'item_1'."},
    ),
    "truncate": (
        lambda client, name: client.truncate_item(name, 0, 100),
        {"message": "'item_1': Audio content of 9ms is already shorter than 100ms"},
    ),
    "retrieve": (
        lambda client, name: client.retrieve_item(name),
        {"code": "item_retrieve_invalid_item_id", "message": "There is no 'item_1'."},
    ),
    "commit": (
        lambda client, name: (client.append_audio(AUDIO), client.commit_audio())[1],
        {"code": "input_audio_buffer_commit_empty"},
    ),
    "respond": (
        lambda client, name: client.create_response(
            conversation="none", instructions=name
        ),
        {"code": "invalid_value", "param": "response.instructions"},
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_an_error_without_an_event_id_reaches_the_right_future(kind: str) -> None:
    """
    Three of each kind and one of another are outstanding; one of them fails, by what
    the error speaks of, and the others still wait.
    """
    command, error = REFUSALS[kind]
    named = "'item_1'" in error.get("message", "")
    ready = threading.Event()

    def script(service: Service) -> None:
        service.read("input_audio_buffer.clear")
        service.refuse(**error)
        assert ready.wait(5)

    with scripted(script) as (client, _):
        futures = [command(client, f"item_{n}") for n in range(3)]
        other = client.clear_audio_buffer()
        done, _ = concurrent.futures.wait([*futures, other], 5, "FIRST_COMPLETED")
        ready.set()
        assert {futures[1 if named else 0]} == done
        assert isinstance(done.pop().exception(), ServerError)
        with at_most(0.5):
            client.close(0.4)
        for future in (*futures, other):
            assert isinstance(future.exception(0), (ServerError, ConnectionClosed))


def test_an_unsupported_feature_fails_the_pending_response() -> None:
    """
    "Reasoning is not supported" names no command: the only one that waits has it.
    """

    def script(service: Service) -> None:
        service.read("response.create")
        service.refuse("invalid_value", message="reasoning is not supported")

    with scripted(script) as (client, _):
        future = client.create_response()
        with pytest.raises(ServerError, match="reasoning"):
            future.result(5)


def test_an_error_about_another_command_fails_no_response() -> None:
    """
    A duplicate item that was restored, a commit that was sent as it is: no response is
    refused so.
    """

    def script(service: Service) -> None:
        service.read("response.create")
        service.refuse("item_create_duplicate_item_id", message="There is 'item_1'.")
        service.refuse("input_audio_buffer_commit_empty")
        service.created("resp_1")
        service.done("resp_1", "Yes.")

    with scripted(script) as (client, _):
        assert "Yes." == client.create_response().result(5).text


@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_while_a_response_is_requested_delays_no_other(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whether it falls before the request is queued, or after.
    """
    with GA.connected(service={"replies": ["One.", "Two."]}, session_config=MANUAL) as (
        client,
        _,
    ):
        put = SendQueue.put

        def interrupted(queue: SendQueue, *entries: Any, **how: Any) -> int:
            monkeypatch.undo()
            if moment == "after":
                put(queue, *entries, **how)
            raise KeyboardInterrupt

        monkeypatch.setattr(SendQueue, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.create_response()
        assert "completed" == client.create_response().result(5).status


ACTS: dict[str, Callable[[Any], object]] = {
    "done": lambda future: future.done(),
    "cancelled": lambda future: future.cancelled(),
    "running": lambda future: future.running(),
    "cancel": lambda future: future.cancel(),
    "callback": lambda future: future.add_done_callback(lambda _: None),
    "result": lambda future: future.result(0),
}


@pytest.mark.parametrize("name", ACTS)
def test_ctrl_c_in_the_middle_of_a_future_leaves_it_usable(name: str) -> None:
    """
    At every call and every return: afterwards another thread completes the future, as
    the reader thread does.
    """

    def complete(future: Any) -> None:
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            future.set_result(None)

    for moment in itertools.count():
        future: InterruptibleFuture[None] = InterruptibleFuture()
        left = itertools.count(-moment)

        def interrupt(frame: Any, event: str, _: object, left: Any = left) -> None:
            ours = "future" in frame.f_code.co_filename or "threading" in repr(frame)
            if ours and event in ("call", "return") and not next(left):
                raise KeyboardInterrupt

        interrupted = False
        sys.setprofile(interrupt)
        try:
            ACTS[name](future)
        except KeyboardInterrupt:
            interrupted = True
        except TimeoutError:
            pass
        finally:
            sys.setprofile(None)
        thread = threading.Thread(target=complete, args=(future,), daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive(), moment
        assert future.done()
        if not interrupted:
            break
    assert moment > 1


def test_a_cancelled_command_that_has_left_keeps_its_place() -> None:
    """
    The answer to a commit that was given up does not go to the next commit.
    """
    received = threading.Event()

    def script(service: Service) -> None:
        for _ in range(2):
            service.read("input_audio_buffer.commit")
        received.set()
        service.read("input_audio_buffer.clear")
        for name in ("item_1", "item_2"):
            service.say({"type": "input_audio_buffer.committed", "item_id": name})

    with scripted(script) as (client, _):
        client.append_audio(AUDIO)
        first = client.commit_audio()
        client.append_audio(AUDIO)
        second = client.commit_audio()
        assert received.wait(5)
        assert first.cancel()
        client.clear_audio_buffer()

        assert "item_2" == second.result(5).item_id
        with pytest.raises(concurrent.futures.CancelledError):
            first.result(0)


def test_a_queued_command_is_withdrawn(variant: Variant) -> None:
    """
    What is cancelled before the session is ready is never sent; the rest is.
    """
    release = threading.Event()
    with variant.service(on_connection=lambda _: release.wait(5)) as service:
        client = variant.client(service.url, session_config=MANUAL)
        futures = [
            client.create_conversation_item(hello("item_a")),
            client.create_conversation_item(hello("item_b")),
            client.update_session(instructions="No."),
            client.create_response(),
        ]
        for future in futures[1:]:
            assert future.cancel()
            assert future.cancelled()
        release.set()
        assert "item_a" == futures[0].result(5).id  # type: ignore[union-attr]
        assert not futures[0].cancel()
        drained(client)
        connection = service.wait_for_connection()
        client.close()

    assert [
        "session.update",
        "conversation.item.create",
        "input_audio_buffer.clear",
    ] == [event["type"] for event in connection.received]


def test_cancelling_a_running_response_stops_it(variant: Variant) -> None:
    """
    One response.cancel goes out, however often one cancels; the next response works.
    """
    with variant.connected(
        service={"replies": [LONG, "Yes."]}, session_config=MANUAL
    ) as (
        client,
        connection,
    ):
        with client.expect("response.output_audio.delta"):
            future = client.create_response()
        with client.expect("response.done") as done:
            assert future.cancel()
            assert future.cancel()
        following = client.create_response().result(10)
        cancels = [e for e in connection.received if e["type"] == "response.cancel"]

    assert ["cancelled", 1] == [done.event.response.status, len(cancels)]
    assert "Yes." == following.transcript


def test_threads_that_cancel_at_once_raise_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Although each of them comes before the other has ended its call.
    """
    both = threading.Barrier(2)
    notify = CommandFuture.set_running_or_notify_cancel

    def wait_for_both(future: CommandFuture[Any]) -> bool:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        return notify(future)

    monkeypatch.setattr(CommandFuture, "set_running_or_notify_cancel", wait_for_both)
    future: CommandFuture[Any] = CommandFuture(Mock(), Mock(), Mock())
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(future.cancel) for _ in range(2)]
        assert [call.result(5) for call in calls] == [True, True]


def test_a_cancelled_future_is_done_for_every_caller() -> None:
    """
    concurrent.futures.wait and as_completed do not wait for what was cancelled.
    """
    with GA.connected(session_config=MANUAL) as (client, connection):
        connection.stop_reading()
        future = client.clear_audio_buffer()
        assert future.cancel()
        with at_most(0.5):
            assert {future} == concurrent.futures.wait([future], 5).done
            assert [future] == list(concurrent.futures.as_completed([future], 5))
        connection.resume()


def test_a_shared_response_is_cancelled_with_its_last_future(variant: Variant) -> None:
    """
    Of two that wait for the same response one may leave; when both have, it is gone.
    """
    with variant.connected(
        service={"replies": [LONG, "Two."]}, session_config=MANUAL
    ) as (
        client,
        connection,
    ):
        with client.expect("response.created"):
            running = client.create_response()
        one, two = client.create_response(), client.create_response()
        three = client.create_response(instructions="Another")
        assert one.cancel()
        assert three.cancel()
        client.cancel_response()
        with pytest.raises(ResponseCancelled):
            running.result(5)
        response = two.result(10)
        drained(client)
        asked = [e for e in connection.received if e["type"] == "response.create"]

    assert "Two." == response.transcript
    assert 2 == len(asked)


@pytest.mark.parametrize("dispatch", ["thread", "reader", "manual"])
def test_done_callbacks_run_where_listeners_run(dispatch: Any) -> None:
    """
    They may take their time, and an exception in one does not affect the others.
    """
    threads: dict[str, str] = {}
    delivered = threading.Event()

    def note(name: str) -> Callable[[Any], None]:
        def run(_: Any) -> None:
            threads[name] = threading.current_thread().name
            if len(threads) == 2:
                delivered.set()
            raise RuntimeError("of no consequence")

        return run

    with GA.connected(dispatch=dispatch) as (client, _):
        client.once("input_audio_buffer.cleared", note("listener"))
        future = client.clear_audio_buffer()
        future.add_done_callback(note("callback"))
        while dispatch == "manual" and not delivered.is_set():
            client.pump(0.1)
        assert delivered.wait(5)

    assert threads["listener"] == threads["callback"]
    assert ("MainThread" in threads.values()) == (dispatch == "manual")


def test_a_done_callback_that_blocks_does_not_stop_the_reading() -> None:
    """
    While one waits for ever, answers come and waits end.
    """
    hold = threading.Event()
    with GA.connected() as (client, _):
        client.clear_audio_buffer().add_done_callback(lambda _: hold.wait(10))
        with at_most(2):
            for _ in range(20):
                client.clear_audio_buffer().result(5)
        hold.set()


def test_waiting_on_the_reader_thread_raises_at_once() -> None:
    """
    A listener of dispatch="reader" cannot wait for itself; what is done it may read.
    """
    raised: list[BaseException] = []
    done = threading.Event()
    with GA.connected(dispatch="reader") as (client, _):
        known = client.clear_audio_buffer()
        known.result(5)

        @client.once("input_audio_buffer.cleared")
        def listener(event: Any) -> None:
            assert known.result(0)
            future = client.clear_audio_buffer()
            for call in (
                lambda: future.result(5),
                lambda: future.exception(5),
                lambda: client.connect(5),
                lambda: client.wait_for("response.done"),
                lambda: client.expect("response.done"),
                lambda: next(client.events()),
                lambda: client.ask("Hello"),
                lambda: client.stream("Hello"),
            ):
                try:
                    call()
                except RuntimeError as error:
                    raised.append(error)
            done.set()

        with at_most(1):
            client.clear_audio_buffer()
            assert done.wait(5)

    assert 8 == len(raised)
    assert all("reader" in str(error) for error in raised)


@pytest.mark.parametrize("how", ["rst", "close", "mute"])
def test_the_end_of_the_connection_fails_every_future(how: str) -> None:
    """
    Within 0.2 s of the end no thread waits any more: for answers or for a response.
    """

    def script(service: Service) -> None:
        service.read("response.create")
        if how == "rst":
            assert everybody_waits.wait(5)
            time_of_end.append(time.monotonic())
            service.hang_up()

    everybody_waits = threading.Event()
    time_of_end: list[float] = []
    times: list[float] = []
    with scripted(script) as (client, _):
        client.append_audio(AUDIO)
        futures: list[Any] = [
            client.update_session(instructions="x"),
            client.commit_audio(),
            client.clear_audio_buffer(),
            client.create_conversation_item(USER_SAYS),
            client.retrieve_item("item_x"),
            client.delete_item("item_x"),
            client.truncate_item("item_x", 0, 1),
            client.create_response(),
            client.create_response(instructions="afterwards"),
            client.create_response(conversation="none"),
        ]

        def wait(future: Any) -> None:
            with pytest.raises(ConnectionClosed):
                future.result(10)
            times.append(time.monotonic())

        threads = [threading.Thread(target=wait, args=(f,)) for f in futures]
        for thread in threads:
            thread.start()
        everybody_waits.set()
        if how != "rst":
            time_of_end.append(time.monotonic())
            client.close(2.0 if how == "close" else 0.05)
        for thread in threads:
            thread.join(5)

    assert 10 == len(times)
    assert max(times) - time_of_end[0] < 0.2 * SCALE


def test_a_failure_keeps_no_client() -> None:
    """
    A client whose command was refused is gone when it is dropped, collector or not.
    """

    def use(url: str) -> None:
        client = GA.client(url)
        client.connect(5)
        client.delete_item("nothing").result(5)

    with GA.service() as service:
        gc.disable()
        try:
            for _ in range(3):
                with contextlib.suppress(ServerError):
                    use(service.url)
                assert service.wait_for_connection().wait_closed(5)
        finally:
            gc.enable()


def test_a_failure_is_the_same_however_often_it_is_asked_for() -> None:
    """
    Each time it is raised with what it knows, and without the frames of the last time.
    """
    with GA.connected() as (client, _):
        future = client.delete_item("nothing")
        depths = []
        for _ in range(3):
            with pytest.raises(ServerError, match="nothing") as caught:
                future.result(5)
            assert "item_delete_invalid_item_id" == caught.value.code
            depths.append(len(caught.traceback))

    assert 1 == len(set(depths))


def test_a_timeout_is_the_built_in_one_and_keeps_the_command() -> None:
    """
    On every Python; the answer may still be waited for.
    """
    with GA.connected() as (client, connection):
        connection.stop_reading()
        future = client.clear_audio_buffer()
        for wait in (future.result, future.exception):
            with pytest.raises(TimeoutError):
                wait(0.01)
        connection.resume()

        assert "input_audio_buffer.cleared" == future.result(5).type
