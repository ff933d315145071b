"""
Tools in a conversation: every call is answered once, and one answer follows.
"""

from __future__ import annotations

import gc
import json
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from helpers.clients import GA, LONG, MANUAL, SENTENCE, USER_SAYS, Variant, drained
from helpers.scripted_service import Service, scripted
from helpers.timing import SCALE

from azure_realtime import (
    AzureRealTimeAudio,
    FunctionCallItem,
    FunctionTool,
    Response,
    ResponseCancelled,
    ResponseError,
    ResponseIncomplete,
    SessionConfig,
)
from azure_realtime._concurrency.future import InterruptibleFuture
from azure_realtime._state.session import SessionState
from azure_realtime._tools.loop import ToolLoop
from azure_realtime._tools.tool import Toolbox
from azure_realtime.events import ResponseDone
from azure_realtime.simulator import Connection, Reply, Request, ToolCall

TURNS = 100
WARM = 70  # more than the 64 whose continuation is remembered


def double(number: int) -> int:
    """
    Double a number.
    """
    return 2 * number


def halve(number: int) -> float:
    """
    Halve a number.
    """
    return number / 2


def outputs(wire: Connection) -> list[tuple[str, Any]]:
    """
    Return the outputs that were sent: the call's id, and the output.
    """
    answers = []
    for event in wire.received:
        item = event.get("item", {})
        if item.get("type") == "function_call_output":
            try:
                answers.append((item["call_id"], json.loads(item["output"])))
            except ValueError:
                answers.append((item["call_id"], item["output"]))
    return answers


def asked(wire: Connection) -> list[dict[str, Any]]:
    """
    Return the responses that were asked for.
    """
    return [
        event.get("response", {})
        for event in wire.received
        if event["type"] == "response.create"
    ]


def calls(*names: str, **arguments: Any) -> Reply:
    """
    Make a reply that calls these functions in parallel.
    """
    return Reply(
        calls=[
            ToolCall(name, arguments, call_id=f"call_{index}")
            for index, name in enumerate(names)
        ]
    )


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(180)  # a second a turn, at the very most
def test_a_hundred_turns_with_two_tools_have_one_follow_up_each() -> None:
    """
    Exactly one follow-up each, outputs in order of the calls, no call twice, and no
    more memory than before.
    """
    turns = iter(range(10_000))

    def answer(request: Request) -> Reply:
        if request.items[-1]["type"] == "function_call_output":
            return Reply("Done.")
        turn = next(turns)
        return Reply(
            calls=[
                ToolCall("slow", {"number": turn}, call_id=f"call_{turn}_a"),
                ToolCall("halve", {"number": turn}, call_id=f"call_{turn}_b"),
            ]
        )

    quick = threading.Event()

    def slow(number: int) -> int:
        """
        Be ready after the other one.
        """
        assert quick.wait(5)
        quick.clear()
        return number

    def half(number: int) -> float:
        quick.set()
        return number / 2

    def ask(client: AzureRealTimeAudio, times: int) -> None:
        for _ in range(times):
            turn = client.ask("Go", modalities=["text"], timeout=20)
            assert "Done." == turn.text
            assert 2 == len(turn.tool_calls)

    with GA.connected(
        service={"replies": answer, "pace": 0}, session_config=MANUAL
    ) as (
        client,
        wire,
    ):
        client.tool(slow)
        client.tool(half, name="halve")
        tracemalloc.start()
        ask(client, WARM)
        bytes_before, kept_before = _held()
        ask(client, TURNS - WARM)
        bytes_after, kept_after = _held()
        tracemalloc.stop()
        requests, answers = asked(wire), outputs(wire)
        kinds = [e["type"] for e in wire.received]

    expected = []
    for turn in range(TURNS):
        expected += [(f"call_{turn}_a", turn), (f"call_{turn}_b", turn / 2)]
    assert expected == answers
    assert 2 * TURNS == len(requests)
    assert all(["text"] == r["output_modalities"] for r in requests)
    # no response is asked for between the outputs of one turn
    turn_of = [kind for kind in kinds if kind != "session.update"]
    create, item = "response.create", "conversation.item.create"
    assert [item, create, item, item, create] * TURNS == turn_of
    # what grows is the conversation itself: five items a turn, kept to be shown
    assert bytes_after - bytes_before < (TURNS - WARM) * 12_000
    assert all(abs(kept_after[name] - kept_before[name]) <= 4 for name in kept_before)


def _held() -> tuple[int, dict[str, int]]:
    """
    Return the bytes that the engine holds, and how many of what a turn is made of.
    """
    gc.collect()
    here = tracemalloc.Filter(True, "*/azure_realtime/_*")
    snapshot = tracemalloc.take_snapshot().filter_traces([here])
    kinds = "Mailbox CommandFuture ResponseFuture ResponseRequest TurnRecorder _Batch"
    kept = dict.fromkeys(kinds.split(), 0)
    for thing in gc.get_objects():
        name = type(thing).__name__
        if name in kept:
            kept[name] += 1
    return sum(s.size for s in snapshot.statistics("filename")), kept


def test_tool_errors_are_sent_to_the_model(variant: Variant) -> None:
    """
    Wrong arguments, broken JSON, an exception, a timeout, an unknown function: each has
    an error output and a tool_error event, and the model goes on.
    """
    hold = threading.Event()
    events: dict[str, Any] = {}
    reply = Reply(
        calls=[
            ToolCall("double", {"number": "many"}, call_id="type"),
            ToolCall("double", {"nombre": 1}, call_id="name"),
            ToolCall("double", '{"number": 1', call_id="json"),
            ToolCall("fail", {}, call_id="raise"),
            ToolCall("wait", {}, call_id="time"),
            ToolCall("unknown", {}, call_id="unknown"),
            ToolCall("double", {"number": 4}, call_id="right"),
        ]
    )
    with variant.connected(
        service={"replies": [reply, "Sorry."]}, session_config=MANUAL
    ) as (
        client,
        wire,
    ):

        @client.tool
        def fail() -> None:
            """
            Fail.
            """
            raise LookupError("nothing there")

        @client.tool(timeout=0.1)
        def wait() -> None:
            """
            Take long.
            """
            hold.wait(10)

        client.tool(double)
        client.on("tool_error", lambda e: events.setdefault(e.call_id, e))
        turn = client.ask("Go", timeout=10)
        hold.set()
        drained(client)
        answers = dict(outputs(wire))

    assert "Sorry." == turn.text
    assert ["type", "name", "json", "raise", "time", "unknown", "right"] == list(
        answers
    )
    assert 8 == answers.pop("right")
    assert [["error"]] * 6 == [list(output) for output in answers.values()]
    for call_id, words in (
        ("type", "number"),
        ("name", "nombre"),
        ("json", "JSON"),
        ("raise", "LookupError: nothing there"),
        ("time", "0.1 s"),
        ("unknown", "fail, wait, double"),
    ):
        assert words in answers[call_id]["error"], call_id
    assert set(answers) == set(events)
    assert isinstance(events["raise"].error, LookupError)
    assert [True] * 6 + [False] == [call.error for call in turn.tool_calls]


def test_an_interruption_takes_the_calls_along(variant: Variant) -> None:
    """
    Speech cancels the response while a tool runs: no output is sent, nothing follows.
    """
    started, hold = threading.Event(), threading.Event()
    reply = Reply(
        calls=[ToolCall("wait", {}), ToolCall("double", f'{{"x": "{LONG}"}}')]
    )
    with variant.connected(service={"replies": [reply, "Next."]}) as (client, wire):

        @client.tool
        def wait() -> str:
            """
            Take long.
            """
            started.set()
            hold.wait(10)
            return "late"

        future = client.create_response()
        assert started.wait(5)
        client.append_audio(SENTENCE)
        with pytest.raises(ResponseCancelled) as cancelled:
            future.result(10)
        hold.set()
        client.cancel_response()
        client.clear_audio_buffer().result(5)
        answer = client.create_response().result(10)

        assert [] == outputs(wire)
        assert 2 == len(asked(wire))
    assert "turn_detected" == cancelled.value.reason
    assert "Next." == answer.transcript


def test_tools_reach_the_service_whenever_they_are_added(variant: Variant) -> None:
    """
    Before the session is ready, during it, beside those of the configuration.
    """
    release = threading.Event()
    theirs = FunctionTool("theirs", parameters={"type": "object", "properties": {}})
    config = SessionConfig(tools=(theirs,), turn_detection=None)
    replies = [
        Reply(calls=[ToolCall("double", {"number": 3})]),
        "Six.",
        Reply(calls=[ToolCall("halve", {"number": 3})]),
        "One and a half.",
    ]
    with variant.service(
        on_connection=lambda _: release.wait(5), replies=replies
    ) as service:
        client = variant.client(service.url, session_config=config)
        client.tool(double)
        release.set()
        client.connect(5)
        drained(client)
        early = [tool.name for tool in client.session.tools]  # type: ignore[union-attr]
        one = client.ask("Double 3", timeout=10)
        client.tool(halve)
        two = client.ask("Halve 3", timeout=10)
        late = [tool.name for tool in client.session.tools]  # type: ignore[union-attr]
        client.close()

    assert ["theirs", "double"] == early
    assert ["theirs", "double", "halve"] == late
    assert ["6", "1.5"] == [one.tool_calls[0].output, two.tool_calls[0].output]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["response", "session", "name"])
def test_a_forced_choice_holds_for_one_round(variant: Variant, where: str) -> None:
    """
    tool_choice="required" is for the first response; then the model may answer.
    """
    choice: Any = (
        {"type": "function", "name": "double"} if where == "name" else "required"
    )
    config = MANUAL.merged(SessionConfig(tool_choice=choice))
    fields = {"tool_choice": choice} if where == "response" else {}
    with variant.connected(
        session_config=MANUAL if where == "response" else config
    ) as (
        client,
        wire,
    ):
        client.tool(double)
        turn = client.ask("Good morning", modalities=["text"], timeout=10, **fields)
        plain = asked(wire)
        with client.expect("response.done", where=_spoke, timeout=10):
            client.create_conversation_item(USER_SAYS)
            client.create_response()

        # the service might be patient with it; a model would call again
        followed = plain[1].get("tool_choice")
        assert (None if where == "response" else "auto") == followed
        assert 2 == len(plain)
        assert (3 if where == "response" else 4) == len(asked(wire))
    assert ["double"] == [call.name for call in turn.tool_calls]
    assert turn.text


def _spoke(event: Any) -> bool:
    return any(item.type == "message" for item in event.response.output)


def test_parallel_calls_run_in_parallel() -> None:
    """
    Two that need each other to go on, do.
    """
    barrier = threading.Barrier(2, timeout=5)
    replies = [calls("meet", "meet"), "Met."]
    with GA.connected(service={"replies": replies}) as (client, wire):

        @client.tool
        def meet() -> str:
            """
            Meet the other one.
            """
            barrier.wait()
            return "met"

        client.ask("Go", timeout=10)

        assert [("call_0", "met"), ("call_1", "met")] == outputs(wire)


def test_a_call_that_is_reported_twice_is_run_once() -> None:
    """
    Whatever a service repeats, a call_id runs once and is answered once.
    """
    ran: list[int] = []
    item = {
        "id": "item_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "note",
        "arguments": '{"number": 1}',
    }
    done = {"type": "response.output_item.done", "response_id": "r1", "item": item}
    with GA.connected(session_config=MANUAL, service={"replies": ["Yes."]}) as (
        client,
        wire,
    ):

        @client.tool
        def note(number: int) -> None:
            """
            Take note.
            """
            ran.append(number)

        with client.expect("response.done", where=_spoke, timeout=5):
            wire.send(done)
            wire.send(done)
            for _ in range(2):
                wire.send(
                    {
                        "type": "response.done",
                        "response": {
                            "id": "r1",
                            "status": "completed",
                            "output": [item],
                        },
                    }
                )
        drained(client)

        assert [("call_1", "done")] == outputs(wire)
        assert 1 == len(asked(wire))
    assert [1] == ran


def test_closing_does_not_wait_for_a_tool() -> None:
    """
    The connection ends while a tool runs: the caller gets an error within 0.2 s.
    """
    started, hold = threading.Event(), threading.Event()
    with GA.connected(service={"replies": [calls("wait")]}) as (client, wire):

        @client.tool
        def wait() -> None:
            """
            Take long.
            """
            started.set()
            hold.wait(10)

        raised: list[Any] = []

        def ask() -> None:
            try:
                client.ask("Go", timeout=30)
            except Exception as error:
                raised.append((error, time.monotonic()))

        thread = threading.Thread(target=ask)
        thread.start()
        assert started.wait(5)
        with client.expect("disconnected"):
            dropped = time.monotonic()
            wire.drop("rst")
        thread.join(5)
        hold.set()

    error, at = raised[0]
    assert "ConnectionClosed" == type(error).__name__
    assert at - dropped < 0.2 * SCALE


@pytest.mark.parametrize("limit", [None, 2, 0])
def test_endless_tool_calls_fail_the_turn(
    limit: int | None,
    variant: Variant,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The turn fails after so many rounds, 16 by default, and says why. Each call has an
    output, and the next turn may call tools again.
    """
    ran: list[int] = []
    options = {} if limit is None else {"max_tool_rounds": limit}
    rounds = 16 if limit is None else limit
    turns = iter(range(10_000))

    def answer(request: Request) -> Reply:
        if "Enough." in str(request.items[-1]):
            return Reply("Fine.")
        turn = next(turns)
        return Reply(calls=[ToolCall("note", {"number": turn}, call_id=f"c_{turn}")])

    with variant.connected(
        service={"replies": answer, "pace": 0}, session_config=MANUAL, **options
    ) as (client, wire):
        failed: list[Any] = []
        client.on("tool_error", failed.append)

        @client.tool
        def note(number: int) -> None:
            """
            Take note.
            """
            ran.append(number)

        for turn in (1, 2):
            with pytest.raises(ResponseIncomplete, match="called tools") as caught:
                client.ask("Go.", timeout=20)
            eventually(lambda n=turn: len(outputs(wire)) == n * (rounds + 1))
        assert "Fine." == client.ask("Enough.", timeout=20).transcript

    assert "max_tool_rounds" == caught.value.reason
    assert "max_tool_rounds=" in str(caught.value)
    assert f"c_{2 * rounds + 1}" == caught.value.response.output[0].call_id
    assert 2 * rounds == len(ran)
    assert 2 == len(failed)
    assert 2 == sum("called tools" in record.message for record in caplog.records)
    refused = [sent for _, sent in outputs(wire) if sent != "done"]
    assert 2 == len(refused)
    assert f"it was not called: {rounds} responses" in refused[0]["error"]


def test_the_number_of_rounds_is_limited(variant: Variant) -> None:
    """
    The limit itself is no failure; None is no limit.
    """
    for limit in (2, None):
        replies = [
            Reply(calls=[ToolCall("double", {"number": n}, call_id=f"c_{n}")])
            for n in range(2)
        ]
        with variant.connected(
            service={"replies": [*replies, "Done."]},
            session_config=MANUAL,
            max_tool_rounds=limit,
        ) as (client, _):
            client.tool(double)
            turn = client.ask("Go.", timeout=20)

        assert "Done." == turn.transcript


def test_a_file_name_that_is_no_utf8_ends_no_session(variant: Variant) -> None:
    """
    The turn ends with an answer, and so does the next one.
    """
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    replies = [calls("names", "fail"), "Two files.", "Bye."]
    config = MANUAL.merged(SessionConfig(instructions=f"Read {name}."))
    with variant.connected(service={"replies": replies}, session_config=config) as (
        client,
        wire,
    ):
        assert client.session is not None
        assert "Read caf\ufffd.txt." == client.session.instructions

        @client.tool
        def names() -> list[str]:
            """
            List the files.
            """
            return [name]

        @client.tool
        def fail() -> None:
            """
            Fail.
            """
            raise OSError(name)

        assert "Two files." == client.ask("Which?", timeout=9).transcript
        for ask in (
            lambda: client.ask(f"What is in {name}?", timeout=9),
            lambda: client.update_session(instructions=name),
            lambda: client.create_response(instructions=name),
            lambda: client.delete_item(name),
            lambda: client.send({"type": "brand.new", name: 1}),
        ):
            with pytest.raises(ValueError, match="half a character"):
                ask()
        assert "Bye." == client.ask("Bye.", timeout=9).transcript

    sent = [
        ("call_0", ["caf\ufffd.txt"]),
        ("call_1", {"error": "OSError: caf\ufffd.txt"}),
    ]
    assert sent == outputs(wire)


def test_without_a_toolbox_calls_are_left_to_the_user(
    variant: Variant, eventually: Callable[..., None]
) -> None:
    """
    Who registers no function answers by hand, and nothing interferes.
    """
    schema = {"type": "object", "properties": {"number": {"type": "integer"}}}
    config = MANUAL.merged(
        SessionConfig(tools=(FunctionTool("double", parameters=schema),))
    )
    replies = [calls("double", number=2), "Four."]
    with variant.connected(service={"replies": replies}, session_config=config) as (
        client,
        wire,
    ):
        first = client.create_response().result(10)
        call: Any = first.output[0]
        client.create_conversation_item(
            {"type": "function_call_output", "call_id": call.call_id, "output": "4"}
        )
        second = client.create_response().result(10)

        assert [("call_0", 4)] == outputs(wire)
        assert 2 == len(asked(wire))
    assert "Four." == second.transcript


@pytest.fixture
def toolbox() -> Toolbox:
    """
    A toolbox with `double`. A loop keeps only a weak reference to it.
    """
    box = Toolbox()
    box.add(double)
    return box


def loop_with(sender: Mock, toolbox: Toolbox) -> ToolLoop:
    """
    Return a loop that gives its commands to *sender*.
    """
    sender.responses.is_out_of_band.return_value = False
    sender.responses.request_for.return_value = None
    sender.identified = lambda request: request
    session = SessionState(MANUAL)
    return ToolLoop(sender, Mock(), toolbox, session, outlive=True, max_rounds=None)


def doubled(*call_ids: str) -> ResponseDone:
    """
    Return the end of a response that calls `double` once for each id.
    """
    called = [
        FunctionCallItem("double", '{"number": 2}', call_id, id=call_id)
        for call_id in call_ids
    ]
    response = Response(id="resp_1", status="completed", output=called)
    return ResponseDone(response=response, generation=1, raw={})


def test_a_call_whose_output_is_being_sent_is_restored_once(toolbox: Toolbox) -> None:
    """
    The connection is lost between the first output and the second.
    """
    sender, restored = Mock(), list[Any]()
    over = threading.Event()

    def command(event: Any, expect: Any) -> None:
        restored.append([call.call_id for call in loop.unacknowledged()[0]])
        expect(InterruptibleFuture())

    sender.command = command
    sender.request.side_effect = lambda *_: over.set()
    loop = loop_with(sender, toolbox)
    loop.observe(doubled("call_1", "call_2"))
    assert over.wait(5)
    loop.close()
    assert restored == [["call_1", "call_2"]] * 2


def test_the_next_response_is_known_before_it_is_requested(toolbox: Toolbox) -> None:
    """
    A connection that is lost as soon as the request is queued fails the turn with all
    of its responses: none stays in the conversation.
    """
    sender, known = Mock(), list[bool]()
    over, requested = threading.Event(), Mock()

    def request(_command: Any, _when_busy: str, expect: Any) -> None:
        continuation = loop.continuation("resp_1")
        assert continuation is not None
        expect(requested)
        known.append(continuation.done() and continuation.result() is requested)
        over.set()

    sender.request = request
    loop = loop_with(sender, toolbox)
    loop.observe(doubled("call_1"))
    assert over.wait(5)
    loop.close()
    assert known == [True]


# Services that report a call in pieces.

CALL = {"id": "fc_1", "type": "function_call", "name": "double", "call_id": "call_1"}
AT = {"response_id": "resp_1", "item_id": "fc_1", "output_index": 0}


@pytest.mark.parametrize(
    ("pieces", "ending"),
    [
        (
            [
                {
                    "type": "response.output_item.added",
                    "response_id": "resp_1",
                    "output_index": 0,
                    "item": {**CALL, "arguments": "", "status": "in_progress"},
                },
                {
                    "type": "response.function_call_arguments.done",
                    **AT,
                    "call_id": "call_1",
                    "arguments": '{"number": 4}',
                },
            ],
            {"status": "completed"},
        ),
        (
            [],
            {
                "status": "requires_action",
                "output": [{**CALL, "arguments": '{"number": 4}'}],
            },
        ),
        ([], {"status": None, "output": [{**CALL, "arguments": {"number": 4}}]}),
    ],
    ids=["name-and-arguments", "other-status", "no-status"],
)
def test_a_call_that_a_compatible_service_reports_in_its_own_way_runs(
    pieces: list[dict[str, Any]], ending: dict[str, Any]
) -> None:
    """
    The name comes before the arguments, or the response ends with an unknown status.
    """

    def serve(service: Service) -> None:
        service.read("response.create")
        service.created("resp_1")
        service.say(*pieces)
        service.done("resp_1", **ending)
        service.read("response.create")
        service.created("resp_2")
        service.done("resp_2", "Eight.")

    with scripted(serve) as (client, service):
        client.tool(double)
        turn = client.ask("Twice four?", timeout=5)
        sent = [m["item"] for m in service.received if "item" in m][1:]

    assert turn.text == "Eight."
    assert [(item["call_id"], item["output"]) for item in sent] == [("call_1", "8")]


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_a_call_of_a_response_that_did_not_complete_does_not_run(status: str) -> None:
    """
    Its arguments may be cut off, and its turn is over.
    """

    def serve(service: Service) -> None:
        service.read("response.create")
        service.created("resp_1")
        service.say(
            {
                "type": "response.function_call_arguments.done",
                **AT,
                "call_id": "call_1",
                "name": "double",
                "arguments": '{"number": 4}',
            }
        )
        service.done("resp_1", status=status)

    with scripted(serve) as (client, _):
        ran: list[int] = []
        client.tool(lambda number: ran.append(number), name="double")
        with pytest.raises(ResponseError):
            client.create_response().result(5)

    assert ran == []
