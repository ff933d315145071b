"""
Who calls the tools, when, and what becomes of the results; without any network.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.tool_threads import TIMEOUT, join_all

from azure_realtime._tools import runner as _tool_runner
from azure_realtime._tools.runner import Results, ToolRunner
from azure_realtime._tools.tool import Toolbox
from azure_realtime.events import (
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ServerEvent,
    ToolErrorEvent,
)
from azure_realtime.models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    MessageItem,
)
from azure_realtime.models.responses import Response


class Bench:
    """
    A runner, its toolbox, and all that comes out of it.
    """

    def __init__(self, **options: Any) -> None:
        self.toolbox = Toolbox()
        self.sent: queue.Queue[tuple[list[FunctionCallOutputItem], str]] = queue.Queue()
        self.errors: queue.Queue[ToolErrorEvent] = queue.Queue()
        self.runner = ToolRunner(self.toolbox, self.send, self.errors.put, **options)

    def send(self, results: Results) -> None:
        """
        Keep what the client would send.
        """
        self.sent.put((results.outputs, results.response_id))

    def call(
        self,
        name: str,
        call_id: str | None = "call_1",
        arguments: str = "{}",
        *,
        index: int = 0,
        response_id: str = "resp_1",
        status: str | None = "completed",
        generation: int = 0,
    ) -> None:
        """
        Tell the runner of a function call.
        """
        item = FunctionCallItem(name, arguments, call_id, status=status)
        self.runner.observe(
            ResponseOutputItemDone(
                response_id=response_id,
                output_index=index,
                item=item,
                generation=generation,
            )
        )

    def done(
        self, response_id: str = "resp_1", status: str = "completed", **fields: Any
    ) -> None:
        """
        Tell the runner that the response has ended.
        """
        response = Response(id=response_id, status=status, **fields)
        self.runner.observe(ResponseDone(response=response))

    def outputs(self) -> list[tuple[str, str]]:
        """
        Return call ids and outputs of the next batch that is sent.
        """
        outputs, _ = self.sent.get(timeout=TIMEOUT)
        return [(item.call_id, item.output) for item in outputs]

    def settle(self) -> None:
        """
        Wait until everything before has been done, by the same workers.
        """
        self.toolbox.add(lambda: "settled", name="settle")
        self.call("settle", "settle", response_id="settle")
        self.done("settle")
        assert self.outputs() == [("settle", "settled")]


@pytest.fixture(name="bench")
def _bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.runner.close()
    assert bench.sent.empty()


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    yield
    join_all()


def test_a_call_runs_the_function_and_its_result_is_sent_once(bench: Bench) -> None:
    """
    The function runs with the model's arguments; its result goes back, once.
    """
    bench.toolbox.add(lambda a, b: a + b, name="add")
    assert not bench.runner.will_continue("resp_1")

    bench.call("add", arguments='{"a": 2, "b": 3}')
    assert bench.runner.will_continue("resp_1")
    bench.done()

    assert bench.sent.get(timeout=TIMEOUT) == (
        [FunctionCallOutputItem("call_1", "5")],
        "resp_1",
    )
    assert bench.runner.will_continue("resp_1")
    assert not bench.runner.will_continue("resp_2")


def test_parallel_calls_run_in_parallel_and_answer_in_order(bench: Bench) -> None:
    """
    Two calls of one response meet each other; the outputs keep the calls' order.
    """
    both = threading.Barrier(2)
    second_is_done = threading.Event()

    @bench.toolbox.add
    def first() -> str:
        both.wait(TIMEOUT)
        second_is_done.wait(TIMEOUT)
        return "one"

    @bench.toolbox.add
    def second() -> str:
        both.wait(TIMEOUT)
        second_is_done.set()
        return "two"

    bench.call("second", "b", index=2)
    bench.call("first", "a", index=1)
    bench.done()

    assert bench.outputs() == [("a", "one"), ("b", "two")]
    assert bench.sent.empty()


def test_nothing_is_sent_before_the_response_has_ended(bench: Bench) -> None:
    """
    Outputs wait for response.done, however quick the functions are.
    """
    ran = threading.Event()
    bench.toolbox.add(lambda: ran.set(), name="quick")

    bench.call("quick")
    assert ran.wait(TIMEOUT)
    bench.settle()
    assert bench.sent.empty()
    bench.done()

    assert bench.outputs() == [("call_1", "done")]


def test_a_call_reported_only_by_the_end_of_the_response_is_made(bench: Bench) -> None:
    """
    A service that announces calls nowhere else is understood.
    """
    bench.toolbox.add(lambda: "here", name="where")
    output = (
        MessageItem("assistant", "Let me see."),
        FunctionCallItem("where", "{}", "a"),
        FunctionCallItem("where", "{}", "b"),
    )

    bench.call("where", "a", index=1)
    bench.done(output=output)

    assert bench.outputs() == [("a", "here"), ("b", "here")]


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_an_interrupted_response_takes_its_calls_with_it(
    bench: Bench, status: str
) -> None:
    """
    After a barge-in no result is sent, and no call is begun any more.
    """
    bench.runner.close()
    bench = Bench(workers=1)
    begun, go_on, later = threading.Event(), threading.Event(), threading.Event()

    @bench.toolbox.add
    def slow() -> str:
        begun.set()
        go_on.wait(TIMEOUT)
        return "too late"

    bench.toolbox.add(later.set, name="later")

    bench.call("slow", "a")
    bench.call("later", "b", index=1)
    assert begun.wait(TIMEOUT)
    bench.done(status=status)
    assert not bench.runner.will_continue("resp_1")
    go_on.set()
    bench.settle()

    assert not later.is_set()
    assert bench.sent.empty()
    bench.runner.close()


@pytest.mark.parametrize("also", [False, True], ids=["only", "also the item"])
def test_calls_announced_by_arguments_only_are_made_in_order(
    also: bool, bench: Bench
) -> None:
    """
    The functions are called when the response is done, in order, each once.
    """
    called: list[str] = []
    bench.toolbox.add(lambda x: called.append(x), name="note")
    for index in (1, 0):
        arguments = json.dumps({"x": str(index)})
        bench.runner.observe(
            ResponseFunctionCallArgumentsDone(
                response_id="resp_1",
                output_index=index,
                name="note",
                call_id=f"call_{index}",
                arguments=arguments,
            )
        )
        if also:
            bench.call("note", f"call_{index}", arguments, index=index)
    for name, call_id in (("", "call_2"), ("note", "")):
        bench.runner.observe(
            ResponseFunctionCallArgumentsDone(
                response_id="resp_1", output_index=2, name=name, call_id=call_id
            )
        )
    bench.done()
    bench.done()

    assert [("call_0", "done"), ("call_1", "done")] == bench.outputs()
    assert ["0", "1"] == sorted(called)


def test_announced_calls_without_an_index_are_made(bench: Bench) -> None:
    """
    None of them is lost.
    """
    bench.toolbox.add(lambda: None, name="note")
    for call_id in ("call_1", "call_2"):
        bench.runner.observe(
            ResponseFunctionCallArgumentsDone(
                response_id="resp_1", name="note", call_id=call_id, arguments="{}"
            )
        )
    bench.done()

    assert [("call_1", "done"), ("call_2", "done")] == bench.outputs()


def test_calls_of_a_response_that_is_not_completed_are_not_made(bench: Bench) -> None:
    """
    What was announced before an interruption is not called.
    """
    called: list[str] = []
    bench.toolbox.add(lambda: called.append("!"), name="note")
    bench.runner.observe(
        ResponseFunctionCallArgumentsDone(
            response_id="resp_1", name="note", call_id="call_1", arguments="{}"
        )
    )
    bench.done(status="cancelled")
    bench.done()
    bench.settle()

    assert [] == called


def test_the_last_tool_is_removed_between_two_calls(bench: Bench) -> None:
    """
    The call that has begun finishes; the one that comes too late is answered as well.
    """
    begun, go_on = threading.Event(), threading.Event()

    @bench.toolbox.add
    def slow() -> str:
        begun.set()
        go_on.wait(TIMEOUT)
        return "done"

    bench.call("slow", "a")
    assert begun.wait(TIMEOUT)
    bench.toolbox.remove("slow")
    bench.call("slow", "b", index=1)
    bench.done()
    go_on.set()

    first, second = bench.outputs()
    assert ("a", "done") == first
    assert "there is no function 'slow'" in second[1]


def test_a_call_that_was_cut_off_is_not_made(bench: Bench) -> None:
    """
    Half an item has half its arguments.
    """
    called: list[str] = []
    bench.toolbox.add(lambda: called.append("!"), name="it")

    bench.call("it", status="incomplete")
    bench.call("it", None)
    bench.done()
    bench.settle()

    assert called == []
    assert not bench.runner.will_continue("resp_1")


def test_a_call_is_made_once(bench: Bench) -> None:
    """
    However often, and by whichever response, a call_id is announced, it runs once.
    """
    called: list[str] = []
    bench.toolbox.add(lambda: called.append("!"), name="it")

    for _ in range(3):
        bench.call("it")
    bench.done(output=(FunctionCallItem("it", "{}", "call_1"),))
    assert bench.outputs() == [("call_1", "done")]
    bench.done()
    bench.call("it", response_id="resp_2")
    bench.done("resp_2")
    bench.done("resp_3", output=(FunctionCallItem("it", "{}", "call_3"),) * 2)
    assert bench.outputs() == [("call_3", "done")]
    bench.settle()

    assert called == ["!", "!"]
    assert not bench.runner.will_continue("resp_2")


def test_bad_calls_are_answered_and_reported(bench: Bench) -> None:
    """
    An unknown function, bad arguments and an exception: the model can read each, and
    each is reported before the outputs are sent.
    """

    @bench.toolbox.add
    def fails(city: str) -> str:
        raise LookupError(city)

    bench.call("unknown", "a")
    bench.call("fails", "b", '{"city": 5}', index=1)
    bench.call("fails", "c", '{"city": "Rome"}', index=2)
    bench.done()

    outputs = [json.loads(output)["error"] for _, output in bench.outputs()]
    assert outputs == [
        "there is no function 'unknown'; the functions are: fails",
        "argument 'city': expected text, got 5. Expected arguments: city (text).",
        "LookupError: Rome",
    ]
    errors = {
        error.call_id: (error.tool, error.arguments, type(error.error))
        for error in [bench.errors.get_nowait() for _ in range(3)]
    }
    assert errors == {
        "a": ("unknown", "{}", LookupError),
        "b": ("fails", '{"city": 5}', ValueError),
        "c": ("fails", '{"city": "Rome"}', LookupError),
    }


def test_a_function_that_takes_too_long_is_an_error_in_time(bench: Bench) -> None:
    """
    The model gets an error in time; the late result is dropped; the worker is replaced.
    """
    bench.runner.close()
    bench = Bench(workers=1)
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def slow() -> str:
        threads.append(threading.current_thread())
        begun.set()
        go_on.wait(TIMEOUT)
        ended.set()
        return "too late"

    bench.toolbox.add(slow, timeout=0.02)
    bench.toolbox.add(lambda: "quick", name="quick")

    bench.call("slow", "a")
    bench.call("quick", "b", index=1)
    bench.done()

    assert bench.outputs() == [
        ("a", '{"error": "the function \'slow\' gave no result within 0.02 s"}'),
        ("b", "quick"),
    ]
    error = bench.errors.get(timeout=TIMEOUT)
    assert isinstance(error.error, TimeoutError)
    assert begun.wait(TIMEOUT)  # its time runs from a moment before
    assert not ended.is_set()
    go_on.set()
    threads[0].join(TIMEOUT)  # let go: it ends with its function
    assert ended.is_set()
    assert not threads[0].is_alive()
    bench.settle()
    bench.runner.close()
    assert bench.errors.empty()
    assert bench.sent.empty()


def test_without_tools_calls_are_left_to_the_user(bench: Bench) -> None:
    """
    For a user who answers function calls by hand there is no event and no thread.
    """
    before = threading.active_count()

    bench.call("mine")
    bench.done()

    assert not bench.runner.will_continue("resp_1")
    assert threading.active_count() == before


def test_a_new_connection_forgets_the_old_calls(bench: Bench) -> None:
    """
    Results of calls that a dead connection made are not sent on the next one.
    """
    begun, go_on = threading.Event(), threading.Event()

    @bench.toolbox.add
    def slow() -> None:
        begun.set()
        go_on.wait(TIMEOUT)

    bench.call("slow", generation=1)
    assert begun.wait(TIMEOUT)
    bench.runner.observe(ResponseOutputTextDelta(generation=2))
    assert not bench.runner.will_continue("resp_1")
    bench.done()
    go_on.set()
    bench.toolbox.add(lambda: None, name="it")
    bench.call("it", "call_2", response_id="resp_2", generation=2)
    bench.done("resp_2")

    assert bench.outputs() == [("call_2", "done")]


def test_outputs_that_cannot_be_sent_are_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is logged, no answer is promised, and the next batch goes out.
    """
    refused = threading.Event()

    def refuse(results: Results) -> None:
        if results.response_id == "resp_1":
            refused.set()
            raise ConnectionError
        bench.send(results)

    bench.runner.close()
    bench.runner = ToolRunner(bench.toolbox, refuse, bench.errors.put, workers=1)
    bench.toolbox.add(lambda: None, name="it")

    bench.call("it")
    bench.done()
    assert refused.wait(TIMEOUT)
    bench.settle()

    assert not bench.runner.will_continue("resp_1")
    assert [record.message for record in caplog.records] == [
        "The results of tools could not be sent"
    ]


def test_an_error_handler_that_fails_costs_no_output(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The model gets its answer whatever listeners do.
    """

    def fail(event: ToolErrorEvent) -> None:
        raise RuntimeError

    bench.runner.close()
    bench.runner = ToolRunner(bench.toolbox, bench.send, fail)
    bench.toolbox.add(lambda: None, name="it")

    bench.call("unknown")
    bench.done()

    assert len(bench.outputs()) == 1
    assert caplog.records[0].levelno == logging.ERROR


def test_close_waits_for_no_tool(bench: Bench) -> None:
    """
    Closing returns at once; what runs is left alone, its result and errors dropped.
    """
    begun, go_on = threading.Event(), threading.Event()

    @bench.toolbox.add
    def slow() -> None:
        begun.set()
        go_on.wait(TIMEOUT)

    bench.call("slow")
    assert begun.wait(TIMEOUT)
    bench.done()
    bench.runner.close()
    bench.runner.close()
    assert not bench.runner.will_continue("resp_1")
    bench.call("slow", "call_2", response_id="resp_2")
    bench.done("resp_2")
    go_on.set()
    join_all()

    assert bench.sent.empty()
    assert bench.errors.empty()


def test_a_dropped_client_is_collected() -> None:
    """
    The threads keep nothing alive but themselves.
    """
    bench = Bench()
    bench.toolbox.add(lambda: None, name="it")
    bench.call("it")
    bench.done()
    assert bench.outputs() == [("call_1", "done")]
    collected = threading.Event()
    bench.runner._send_results = lambda *_: None  # no cycle through the test
    weakref.finalize(bench.runner, collected.set)

    del bench

    assert collected.wait(TIMEOUT)


def test_a_hundred_turns_of_two_calls_send_one_batch_each(
    bench: Bench, monkeypatch: Any
) -> None:
    """
    Each response gets exactly one batch, in order; what is remembered is bounded.
    """
    monkeypatch.setattr(_tool_runner, "_REMEMBERED", 50)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    bench.toolbox.add(lambda n: n, name="echo")
    try:
        for turn in range(100):
            for index in (1, 0):
                bench.call(
                    "echo",
                    f"call_{turn}_{index}",
                    f'{{"n": {index}}}',
                    index=index,
                    response_id=f"resp_{turn}",
                )
            bench.done(f"resp_{turn}")
        batches = [bench.sent.get(timeout=TIMEOUT) for _ in range(100)]
    finally:
        sys.setswitchinterval(interval)

    assert {response_id for _, response_id in batches} == {
        f"resp_{turn}" for turn in range(100)
    }
    for outputs, response_id in batches:
        turn = response_id.removeprefix("resp_")
        assert outputs == [
            FunctionCallOutputItem(f"call_{turn}_{index}", str(index))
            for index in (0, 1)
        ]
    assert bench.runner._batches == {}
    assert len(bench.runner._called) == 50
    assert len(bench.runner._answered) == 50


def test_any_event_is_accepted(bench: Bench) -> None:
    """
    Events that are no business of the runner's, or half empty, change nothing.
    """
    bench.toolbox.add(lambda: None, name="it")

    for event in (
        ServerEvent(),
        ResponseDone(),
        ResponseCreated(),
        ResponseOutputItemDone(),
        ResponseOutputItemDone(item=FunctionCallItem("", "", "")),
    ):
        bench.runner.observe(event)

    assert bench.runner._batches == {}
