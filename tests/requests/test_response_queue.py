"""
Responses in turn: who waits, who interrupts, and what happens when a race is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from helpers.clients import LONG, MANUAL, SENTENCE, SILENCE, USER_SAYS, Variant, drained
from helpers.scripted_service import Service, scripted

from azure_realtime import (
    AzureRealTimeAudio,
    ConnectionClosed,
    ResponseCancelled,
    ResponseError,
    ResponseFailed,
    ResponseIncomplete,
    ServerError,
)
from azure_realtime._requests.response_queue import ResponseQueue
from azure_realtime._requests.response_requests import (
    TRANSITIONS,
    ResponseFuture,
    ResponseRequest,
    State,
    Step,
)
from azure_realtime.events import (
    ErrorDetails,
    ErrorEvent,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOutputTextDelta,
)
from azure_realtime.models.responses import Response, ResponseConfig
from azure_realtime.simulator import Connection, Reply

BUSY = "conversation_already_has_active_response"


def kinds(connection: Connection, *wanted: str) -> list[str]:
    """
    Return what the client sent, of these kinds only.
    """
    return [e["type"] for e in connection.received if e["type"] in wanted]


def busy(client: AzureRealTimeAudio) -> Any:
    """
    Have a long response made, and wait until it is active.
    """
    with client.expect("response.output_audio.delta"):
        return client.create_response()


# While one is active.


def test_requests_during_a_response_wait_and_share_the_next(variant: Variant) -> None:
    """
    Five that want the same get one response, after the one that was active.
    """
    with variant.connected(service={"replies": [LONG, "Two.", "Three."]}) as (
        client,
        wire,
    ):
        running = busy(client)
        same = [client.create_response() for _ in range(5)]
        other = client.create_response(instructions="Differently.")
        assert 1 == kinds(wire, "response.create").count("response.create")
        client.cancel_response()
        assert isinstance(running.exception(10), ResponseCancelled)
        ids = {future.result(10).id for future in same}
        assert [1, "Two."] == [len(ids), same[0].result(0).transcript]
        assert "Three." == other.result(10).transcript
        asked = kinds(wire, "response.create", "response.cancel")

    assert ["create", "cancel", "create", "create"] == [k[9:] for k in asked]
    assert [] == [e for e in wire.sent if e["type"] == "error"]


def test_when_busy_cancel_cancels_the_active_response(variant: Variant) -> None:
    """
    when_busy="cancel": the one that runs is cancelled, then ours is made.
    """
    with variant.connected(service={"replies": [LONG, "Two."]}) as (client, _):
        running = busy(client)
        ours = client.create_response(when_busy="cancel")
        with pytest.raises(ResponseCancelled) as cancelled:
            running.result(10)

        assert "Two." == ours.result(10).transcript
    assert "client_cancelled" == cancelled.value.reason


def test_when_busy_error_fails_at_once(variant: Variant) -> None:
    """
    when_busy="error": nothing is sent, and the future has the error.
    """
    with variant.connected(service={"replies": [LONG]}) as (client, wire):
        running = busy(client)
        with pytest.raises(ServerError) as refused:
            client.create_response(when_busy="error").result(5)
        client.cancel_response()
        assert isinstance(running.exception(10), ResponseCancelled)
        assert ["response.create"] == kinds(wire, "response.create")

    assert BUSY == refused.value.code


def test_when_busy_is_checked() -> None:
    """
    A misspelled policy fails at once.
    """
    with (
        scripted(lambda service: None) as (client, _),
        pytest.raises(ValueError, match="'wait'"),
    ):
        client.create_response(when_busy="raise")  # type: ignore[arg-type]


def test_metadata_of_16_entries_is_sent_unchanged(variant: Variant) -> None:
    """
    The service takes no more: there is no room for a marker.
    """
    full = {f"key{number}": "value" for number in range(16)}
    with variant.connected() as (client, connection):
        response = client.create_response(metadata=full).result(10)
        (sent,) = [e for e in connection.received if e["type"] == "response.create"]
    assert full == sent["response"]["metadata"]
    assert full == response.metadata


def test_out_of_band_runs_beside_the_active_one(variant: Variant) -> None:
    """
    A response with conversation="none" is made at once, and resolves by its own id.
    """
    replies = [LONG, "Beside.", "After."]
    with variant.connected(service={"replies": replies}) as (client, _):
        running = busy(client)
        beside = [
            client.create_response(conversation="none", metadata={"topic": "x"}),
        ]
        response = beside[0].result(10)
        assert not running.done()
        client.cancel_response()
        with pytest.raises(ResponseCancelled) as cancelled:
            running.result(10)
        after = client.create_response().result(10)

    assert "Beside." == response.transcript
    assert "x" == response.metadata["topic"]  # type: ignore[index]
    assert response.id != cancelled.value.response.id
    assert "After." == after.transcript


# Interrupting.


def test_cancelling_nothing_sends_nothing(variant: Variant) -> None:
    """
    cancel_response() returns False, before, between and after responses.
    """
    with variant.connected(service={"replies": ["Yes."]}, session_config=MANUAL) as (
        client,
        wire,
    ):
        before = client.cancel_response()
        response = client.create_response().result(10)
        after = client.cancel_response(), client.cancel_response(response.id)
        drained(client)

        assert [] == kinds(wire, "response.cancel")
    assert (False, (False, False)) == (before, after)


@pytest.mark.parametrize("variant", ["ga-ws", "preview-ws"], indirect=True)
def test_an_interruption_right_after_asking_counts(variant: Variant) -> None:
    """
    Whether it is still queued or has left: what has no name yet is cancelled.
    """
    with variant.connected(service={"replies": [LONG] * 20}, session_config=MANUAL) as (
        client,
        _,
    ):
        for _ in range(20):
            future = client.create_response()
            assert client.cancel_response()
            with pytest.raises(ResponseCancelled):
                future.result(10)


def test_an_interruption_before_the_session_is_ready_counts(variant: Variant) -> None:
    """
    What was asked for while connecting can be taken back.
    """
    release = threading.Event()
    with variant.service(
        on_connection=lambda _: release.wait(5), replies=[LONG]
    ) as service:
        client = variant.client(service.url, session_config=MANUAL)
        future = client.create_response()
        assert client.cancel_response()
        release.set()
        with pytest.raises(ResponseCancelled):
            future.result(10)
        client.close()


def test_a_cancel_that_comes_too_late_is_swallowed(
    eventually: Callable[..., None],
) -> None:
    """
    The response ends just before our cancel arrives: it has its result, and the error
    is delivered and fails no request, with or without our event_id.
    """
    errors: list[Any] = []

    def script(service: Service) -> None:
        for echo in (True, False):
            service.read("response.create")
            service.created("resp_1")
            cancel = service.read("response.cancel")
            service.done("resp_1", "Whole.")
            service.refuse(
                "response_cancel_not_active",
                event_id=cancel["event_id"] if echo else None,
            )

    with scripted(script) as (client, _):
        client.on("error", errors.append)
        for number in (1, 2):
            with client.expect("response.created"):
                future = client.create_response()
            assert client.cancel_response()
            cleared = client.clear_audio_buffer()
            assert "Whole." == future.result(5).text
            eventually(lambda n=number: len(errors) == n)
            assert not cleared.done()


# Races with responses that the service begins by itself.


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("gossip", [True, False])
def test_a_response_started_by_the_service_comes_first(
    echo: bool, gossip: bool
) -> None:
    """
    Ours is requested again when that one is done; the error is delivered, and no request
    takes the stranger's answer for ours.
    """
    errors: list[str] = []

    def script(service: Service) -> None:
        ours = service.read("response.create")
        service.created("resp_vad", conversation_id=None)
        if gossip:
            service.text("resp_vad", "Stranger")
        service.refuse(BUSY, event_id=ours["event_id"] if echo else None)
        service.text("resp_vad", "Stranger")
        service.done("resp_vad", "Stranger")
        service.read("response.create")
        service.created("resp_ours")
        service.text("resp_ours", "Ours")
        service.done("resp_ours", "Ours")

    with scripted(script) as (client, service):
        client.on("error", lambda event: errors.append(event.error.code))
        response = client.create_response().result(5)
        assert ("resp_ours", "Ours") == (response.id, response.text)
        assert 2 == sum(e["type"] == "response.create" for e in service.received)
        client.close()
    assert [BUSY] == errors


@pytest.mark.parametrize("echoes", [True, False])
def test_ask_is_not_misled_by_a_response_that_came_first(echoes: bool) -> None:
    """
    The turn is our answer, not the stranger's, whether marks come back or not.
    """

    def script(service: Service) -> None:
        for number in (1, 2):
            ours = service.read("response.create")
            service.created(f"vad_{number}")
            service.refuse(BUSY, event_id=ours["event_id"])
            service.done(f"vad_{number}", "Stranger")
            again = service.read("response.create")
            marks = again["response"]["metadata"] if echoes else None
            service.created(f"resp_{number}", metadata=marks)
            service.text(f"resp_{number}", f"Ours {number}")
            service.done(f"resp_{number}", f"Ours {number}", metadata=marks)

    with scripted(script) as (client, _):
        turns = [client.ask("Hello", timeout=5) for _ in range(2)]

    assert ["Ours 1", "Ours 2"] == [turn.text for turn in turns]


def test_a_response_without_our_mark_is_not_ours() -> None:
    """
    A service that hands marks back is taken at its word: what speech set off in the
    very moment we asked is not streamed as our answer.
    """

    def script(service: Service) -> None:
        first = service.read("response.create")
        service.created("resp_1", metadata=first["response"]["metadata"])
        service.done("resp_1", "One")
        second = service.read("response.create")
        service.created("vad_1", metadata=None)
        service.text("vad_1", "Stranger")
        assert go_on.wait(5)
        service.refuse(BUSY, event_id=second["event_id"])
        service.done("vad_1", "Stranger")
        third = service.read("response.create")
        service.created("resp_2", metadata=third["response"]["metadata"])
        service.text("resp_2", "Two")
        service.done("resp_2", "Two")

    go_on = threading.Event()
    with scripted(script) as (client, _):
        client.ask("One", timeout=5)
        client.once("response.output_text.delta", lambda event: go_on.set())
        with client.stream("Two", timeout=5) as stream:
            details = [event.delta for event in stream]  # type: ignore[attr-defined]

    assert ["Two"] == details


def test_a_cancel_during_the_race_is_final() -> None:
    """
    Who gave up before "already active" came is not asked for again.
    """

    def script(service: Service) -> None:
        ours = service.read("response.create")
        asked.set()
        service.read("input_audio_buffer.clear")
        service.refuse(BUSY, event_id=ours["event_id"])
        service.done("resp_vad", "Stranger")

    asked = threading.Event()
    with scripted(script) as (client, service):
        future = client.create_response()
        assert asked.wait(5)
        assert client.cancel_response()
        client.clear_audio_buffer()
        with pytest.raises(ResponseCancelled) as cancelled:
            future.result(5)
        client.close()
        asks = [e for e in service.received if e["type"] == "response.create"]

    assert "client_cancelled" == cancelled.value.reason
    assert 1 == len(asks)


def test_responses_complete_without_marks_and_conversation_ids() -> None:
    """
    Compatible services echo no metadata and send conversation_id null, always.
    """

    def script(service: Service) -> None:
        for number in range(3):
            asked = service.read("response.create")
            assert "client_event_id" in asked["response"]["metadata"]
            service.created(f"resp_{number}", conversation_id=None)
            service.done(f"resp_{number}", f"Answer {number}", conversation_id=None)

    with scripted(script) as (client, _):
        futures = [
            client.create_response(instructions=f"question {number}")
            for number in range(3)
        ]
        texts = [future.result(5).text for future in futures]
        assert not client.cancel_response()

    assert ["Answer 0", "Answer 1", "Answer 2"] == texts


def test_a_spoken_and_a_requested_response_are_both_made(variant: Variant) -> None:
    """
    Under turn detection, with a request of ours in the same moment: both are made.
    """
    replies = ["By speech.", "By speech too.", "Asked for."]
    with variant.connected(service={"replies": replies}) as (client, wire):
        with client.events("response.done", timeout=10) as done:
            with client.expect("input_audio_buffer.speech_stopped", timeout=10):
                client.append_audio(SENTENCE + SILENCE)
            ours = client.create_response().result(10)
            while next(done).response.id != ours.id:
                pass
        answers = [
            e["response"]["status"] for e in wire.sent if e["type"] == "response.done"
        ]

    assert ["completed", "completed"] == answers[:2]


# How a response ends.

ENDINGS: list[tuple[Reply, type[ResponseError], dict[str, Any]]] = [
    (
        Reply("Half a", status="failed", error_code="rate_limit_exceeded"),
        ResponseFailed,
        {"code": "rate_limit_exceeded", "retryable": True},
    ),
    (
        Reply("Half a", status="failed"),
        ResponseFailed,
        {"code": None, "retryable": True},
    ),
    (
        Reply("Half a", status="failed", error_code="insufficient_quota"),
        ResponseFailed,
        {"code": "insufficient_quota", "retryable": False},
    ),
    (
        Reply("Half a", status="incomplete", reason="content_filter"),
        ResponseIncomplete,
        {"reason": "content_filter"},
    ),
    (
        Reply("Half a", status="incomplete"),
        ResponseIncomplete,
        {"reason": "max_output_tokens"},
    ),
    (
        Reply("Half a", status="cancelled", reason="turn_detected"),
        ResponseCancelled,
        {"reason": "turn_detected"},
    ),
]


@pytest.mark.parametrize("how", ["result", "ask"])
@pytest.mark.parametrize(("reply", "error", "details"), ENDINGS)
@pytest.mark.parametrize("variant", ["ga-ws", "preview-ws"], indirect=True)
def test_a_response_that_does_not_complete_says_why(
    variant: Variant, reply: Reply, error: type, details: dict[str, Any], how: str
) -> None:
    """
    A typed exception with the reason, the id, and what there is of the answer.
    """

    def ask(client: AzureRealTimeAudio) -> None:
        if how == "ask":
            client.ask("Hello", modalities=["text"], timeout=10)
        else:
            client.create_conversation_item(USER_SAYS)
            client.create_response(modalities=["text"]).result(10)

    with (
        variant.connected(service={"replies": [reply]}, session_config=MANUAL) as (
            client,
            _,
        ),
        pytest.raises(error) as caught,
    ):
        ask(client)

    raised: Any = caught.value
    assert details == {name: getattr(raised, name) for name in details}
    assert "Half a" == raised.response.text
    assert raised.response.id.startswith("resp_")
    assert raised.response.id in str(raised)


@pytest.mark.parametrize(
    ("details", "words", "retryable"),
    [
        ("overloaded", "overloaded", False),
        ({"type": "failed", "error": "out of memory"}, "out of memory", False),
        ({"type": "failed", "reason": "server_shutdown"}, "server_shutdown", False),
        ({"error": {"code": 503, "message": "Busy."}}, "Busy. (code 503)", True),
        ({"error": {"code": "slow"}}, "the service gave no reason (code slow)", False),
        ({"type": "failed"}, "the service gave no reason", False),
    ],
)
def test_a_failure_names_the_reason_in_whatever_shape_it_comes(
    details: Any, words: str, retryable: bool
) -> None:
    """
    Compatible services send the reason as text, or the code as a number.
    """

    def fail(service: Service) -> None:
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", status="failed", status_details=details)

    with scripted(fail) as (client, _), pytest.raises(ResponseFailed) as caught:
        client.create_response().result(5)

    assert str(caught.value) == f"The response resp_1 failed: {words}"
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("status", "error"),
    [("cancelled", ResponseCancelled), ("incomplete", ResponseIncomplete)],
)
def test_a_reason_that_is_only_text_is_the_reason(
    status: str, error: type[ResponseError]
) -> None:
    """
    ``status_details`` is the reason itself, as some compatible services send it.
    """

    def end(service: Service) -> None:
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", status=status, status_details="content_filter")

    with scripted(end) as (client, _), pytest.raises(error) as caught:
        client.create_response().result(5)

    assert getattr(caught.value, "reason", "") == "content_filter"


# The states of one request.

STEPS_TO: dict[State, list[Step]] = {
    State.WAITING: [],
    State.QUEUED: [Step.QUEUE],
    State.SENT: [Step.QUEUE, Step.SEND],
    State.CREATED: [Step.QUEUE, Step.SEND, Step.CREATE],
    State.DONE: [Step.FINISH],
}
"""How a new request comes to each state."""

NEXT = {
    (State.WAITING, Step.QUEUE): State.QUEUED,
    (State.WAITING, Step.FINISH): State.DONE,
    (State.QUEUED, Step.SEND): State.SENT,
    (State.QUEUED, Step.FINISH): State.DONE,
    (State.SENT, Step.CREATE): State.CREATED,
    (State.SENT, Step.RETURN): State.WAITING,
    (State.SENT, Step.FINISH): State.DONE,
    (State.CREATED, Step.CREATE): State.CREATED,
    (State.CREATED, Step.RETURN): State.WAITING,
    (State.CREATED, Step.FINISH): State.DONE,
}


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("state", State)
def test_only_steps_of_the_table_change_the_state(state: State, step: Step) -> None:
    """
    The table is all there is: another step is a bug, and changes nothing.
    """
    request = ResponseRequest(ResponseCreate(event_id="1"), [])
    for before in STEPS_TO[state]:
        request.step(before, "resp_1")
    assert state is request.state
    if (state, step) not in NEXT:
        with pytest.raises(KeyError):
            request.step(step, "resp_2")
        assert state is request.state
        return
    request.step(step, "resp_2")

    assert NEXT[state, step] is request.state
    known = {State.CREATED: "resp_2", State.DONE: request.response_id}
    assert known.get(request.state) == request.response_id
    assert set(State) == set(TRANSITIONS)


class Queue:
    """
    A queue of response requests, without a client.
    """

    def __init__(self) -> None:
        self.over: ConnectionClosed | None = None
        self.queue = ResponseQueue(lambda: self.over)
        self.futures: dict[str, ResponseFuture] = {}

    def ask(self, event_id: str, *, sent: bool = True, **config: Any) -> list[str]:
        """
        Request a response; return the ids of what is to be queued. That leaves.
        """
        future = ResponseFuture(
            lambda function, future: function(future), lambda: None, lambda: None
        )
        command = ResponseCreate(event_id=event_id, response=ResponseConfig(**config))
        self.futures[event_id] = future
        return self.leave(self.queue.ask(command, future, "wait"), sent=sent)

    def leave(self, commands: Any, *, sent: bool = True) -> list[str]:
        """
        Have commands leave; return their ids.
        """
        ids = [command.event_id for command in commands]
        for event_id in ids if sent else []:
            self.queue.mark_sent(event_id)
        return ids

    def created(self, response_id: str, marker: str) -> None:
        """
        A response is created for the request with this id.
        """
        raw = {"metadata": {"client_event_id": marker}}
        response = Response(id=response_id, raw=raw, conversation_id=None)
        self.queue.observe(ResponseCreated(response=response))


def test_an_error_ends_the_request_it_is_about_and_the_next_has_its_turn() -> None:
    """
    Its future fails; the request that waited is queued.
    """
    requests = Queue()
    assert ["1"] == requests.ask("1", instructions="One.")
    assert [] == requests.ask("2", instructions="Two.")
    error = ErrorEvent(error=ErrorDetails(message="No.", event_id="1"))
    refused, following = requests.queue.refuse("1", error)

    assert [requests.futures["1"]] == refused
    assert isinstance(requests.futures["1"].exception(0), ServerError)
    assert ["2"] == requests.leave(following)
    assert ["2"] == [request.event_id for request in requests.queue.sent_responses()]


@pytest.mark.parametrize("how", ["done", "error", "loss", "retry", "end"])
def test_responses_out_of_band_are_known_by_their_ids(how: str) -> None:
    """
    From their creation until their end, whatever that is.
    """
    requests = Queue()
    requests.ask("1", conversation="none")
    requests.ask("2")
    assert frozenset() == requests.queue.out_of_band_ids
    requests.created("resp_2", "2")
    requests.created("resp_1", "1")
    assert {"resp_1"} == requests.queue.out_of_band_ids
    for response_id, expected in (("resp_1", True), ("resp_2", False), ("", False)):
        delta = ResponseOutputTextDelta(response_id=response_id)
        assert expected is requests.queue.is_out_of_band(delta)
    before = requests.queue.out_of_band_ids
    if how == "done":
        requests.queue.observe(ResponseDone(response=Response(id="resp_1")))
    elif how == "error":
        requests.queue.refuse("1", ErrorEvent(error=ErrorDetails(message="No.")))
    elif how == "end":
        requests.queue.end(ConnectionClosed(1006))
    else:
        requests.queue.lose(ConnectionClosed(1006), retry=how == "retry")

    assert frozenset() == requests.queue.out_of_band_ids
    assert {"resp_1"} == before


@pytest.mark.parametrize("how", ["done", "error", "loss"])
def test_a_removed_request_is_completed_although_the_next_step_fails(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    MemoryError between the two: no caller waits for ever.
    """

    def fail(_: ResponseQueue) -> None:
        raise MemoryError

    requests = Queue()
    requests.ask("1")
    requests.created("resp_1", "1")
    monkeypatch.setattr(ResponseQueue, "_publish", fail)
    error, lost = ErrorEvent(error=ErrorDetails(message="No.")), ConnectionClosed(1006)
    done, queue = ResponseDone(response=Response(id="resp_1")), requests.queue
    steps: dict[str, Callable[[], object]] = {
        "done": lambda: queue.observe(done),
        "error": lambda: queue.refuse("1", error),
        "loss": lambda: queue.lose(lost, retry=False),
    }
    with pytest.raises(MemoryError):
        steps[how]()

    assert requests.futures["1"].done()


def test_an_interrupted_response_is_requested_again() -> None:
    """
    With its first response known until it is done; what is queued stays so.
    """
    requests = Queue()
    requests.ask("1")
    requests.created("resp_1", "1")
    future = requests.futures["1"]
    assert "resp_1" == future.response_id
    requests.queue.lose(ConnectionClosed(1006), retry=True)
    assert [] == requests.ask("2", instructions="Two.")  # behind the first
    assert (None, ["resp_1"]) == (
        future.response_id,
        requests.queue.interrupted_response_ids(),
    )
    assert ["1"] == requests.leave(requests.queue.session_restored())
    assert not future.done()
    response = Response(id="resp_2", raw={"metadata": {"client_event_id": "1"}})
    requests.queue.observe(ResponseDone(response=response))

    assert ("resp_2", "resp_2") == (future.result(0).id, future.response_id)
    assert [] == requests.queue.interrupted_response_ids()


def test_an_abandoned_request_does_not_delay_others() -> None:
    """
    Sent and never answered: the next is queued. Queued and withdrawn: likewise, but not
    if it is shared.
    """
    requests = Queue()
    requests.ask("1")
    requests.futures["1"].cancel()
    assert ([], "1") == requests.queue.abandon(requests.futures["1"])
    assert ["2"] == requests.ask("2", sent=False)
    assert [] == requests.queue.withdrawn("2")
    assert [] == requests.ask("3", instructions="Three.")
    requests.futures["2"].cancel()
    assert ([], "2") == requests.queue.abandon(requests.futures["2"])
    assert ["3"] == requests.leave(requests.queue.withdrawn("2"))


def test_a_response_is_cancelled_once() -> None:
    """
    Also if several threads cancel its futures at once, or one future twice.
    """
    requests = Queue()
    requests.ask("0")
    requests.created("resp_0", "0")
    requests.ask("1")
    requests.ask("2")  # shares the response of the one before
    done = ResponseDone(response=Response(id="resp_0"))
    assert ["1"] == requests.leave(requests.queue.observe(done))
    requests.created("resp_1", "1")
    futures = [requests.futures[name] for name in "12"]
    for future in futures:
        future.cancel()
    commands = [requests.queue.abandon(future)[0] for future in futures * 2]

    assert [1, 0, 0, 0] == list(map(len, commands))


def test_a_cancelled_response_of_the_service_is_not_awaited() -> None:
    """
    It has no request: the program is not warned at its end.
    """
    queue = Queue().queue
    queue.observe(ResponseCreated(response=Response(id="resp_1")))
    awaited = [queue.is_awaited]
    assert queue.cancel()[0]
    awaited.append(queue.is_awaited)
    queue.observe(ResponseDone(response=Response(id="resp_1")))
    queue.observe(ResponseCreated(response=Response(id="resp_2")))
    awaited.append(queue.is_awaited)

    assert awaited == [True, False, True]


def test_requests_of_a_closed_client_fail() -> None:
    """
    The request fails at once, with the reason.
    """
    requests = Queue()
    requests.ask("1")
    requests.over = ConnectionClosed(1006)
    requests.queue.end(requests.over)
    with pytest.raises(ConnectionClosed):
        requests.ask("2")

    assert isinstance(requests.futures["1"].exception(0), ConnectionClosed)
    assert requests.queue.is_idle


def test_a_refusal_after_the_end_of_the_active_response_is_retried() -> None:
    """
    The other response ended between the request and its refusal: no event is to come
    that would end the wait, so the request is sent again.
    """
    requests = Queue()
    requests.queue = ResponseQueue(lambda: requests.over, returns_markers=True)
    assert ["1"] == requests.ask("1")
    requests.queue.observe(
        ResponseDone(response=Response(id="resp_0", status="completed"))
    )
    error = ErrorEvent(error=ErrorDetails(message="No.", code=BUSY, event_id="1"))
    refused, following = requests.queue.refuse("1", error)

    assert [] == refused
    assert ["1"] == requests.leave(following)


def test_a_refusal_before_the_end_of_the_active_response_waits_for_it() -> None:
    """
    An active response that was not announced: its end is to come.
    """
    requests = Queue()
    requests.ask("1")
    error = ErrorEvent(error=ErrorDetails(message="No.", code=BUSY, event_id="1"))
    assert ([], []) == requests.queue.refuse("1", error)
    done = ResponseDone(response=Response(id="resp_0", status="completed"))

    assert ["1"] == requests.leave(requests.queue.observe(done))
