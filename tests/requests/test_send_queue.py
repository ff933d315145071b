"""
The send queue between the callers and the reader thread.
"""

from __future__ import annotations

import gc
import linecache
import select
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from helpers.interrupts import is_interrupted
from helpers.timing import at_most
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._concurrency import waker as _waker
from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._concurrency.lifecycle import Lifecycle
from azure_realtime._concurrency.lock import is_own_lock_held
from azure_realtime._requests import send_queue as _send_queue
from azure_realtime._requests.entry import Entry
from azure_realtime._requests.send_queue import SendQueue
from azure_realtime.errors import ConnectionClosed, QueueFull

FILES = (_send_queue.__file__, _waker.__file__)

NOW = Deadline(0)


class QueueWithLifecycle(SendQueue):
    """
    A send queue and the end of its client.
    """

    def __init__(self, max_bytes: int, drop_oldest: bool = False) -> None:
        self.lifecycle = Lifecycle()
        super().__init__(max_bytes, drop_oldest, lifecycle=self.lifecycle)

    def end(self, error: ConnectionClosed | None = None) -> int:
        """
        End the client as the reader does.
        """
        self.lifecycle.ended = error or ConnectionClosed()
        return self.close()


def entry(text: str, event_id: str | None = None, audio: bool = False) -> Entry:
    """
    Return a message to queue.
    """
    return Entry(text.encode(), event_id, audio)


@pytest.fixture
def queue() -> Iterator[QueueWithLifecycle]:
    """
    Give a small queue that is open.
    """
    queue = QueueWithLifecycle(100)
    queue.resume()
    yield queue
    queue.end()


def put(queue: QueueWithLifecycle, text: str, event_id: str | None = None) -> None:
    """
    Queue a text without waiting.
    """
    queue.put(entry(text, event_id), deadline=NOW)


def drain(queue: QueueWithLifecycle) -> list[str]:
    """
    Take all there is.
    """
    taken = []
    while entries := queue.take_some():
        taken += [entry.message.decode() for entry in entries]
    return taken


def rings(queue: QueueWithLifecycle) -> bool:
    """
    Whether the reader would wake.
    """
    return bool(select.select([queue], [], [], 0)[0])


def test_commands_are_sent_in_order(queue: QueueWithLifecycle) -> None:
    """
    Commands arrive in the order they were given.
    """
    for text in "abc":
        put(queue, text)
    assert (queue.waiting, queue.waiting_bytes) == (3, 3)
    assert drain(queue) == ["a", "b", "c"]
    assert (queue.waiting, queue.waiting_bytes) == (0, 0)


def test_nothing_leaves_before_the_session_is_configured() -> None:
    """
    Commands given at once wait for the session, and keep their order.
    """
    queue = QueueWithLifecycle(100)
    put(queue, "a")
    put(queue, "b")
    assert queue.take_some() == []
    queue.resume()
    assert drain(queue) == ["a", "b"]
    queue.end()


def test_a_full_queue_raises_queue_full(queue: QueueWithLifecycle) -> None:
    """
    A producer faster than the network gets QueueFull with how much waits, in time.
    """
    put(queue, "x" * 60)
    with (
        at_most(0.5),
        pytest.raises(QueueFull, match=r"60 bytes wait.*50 more.*=100\)"),
    ):
        queue.put(entry("y" * 50), deadline=Deadline(0.05))
    put(queue, "z" * 40)
    assert queue.waiting_bytes == 100


def test_an_empty_queue_takes_anything(queue: QueueWithLifecycle) -> None:
    """
    One message larger than the whole queue can always leave.
    """
    put(queue, "x" * 1000)
    assert drain(queue) == ["x" * 1000]


@pytest.fixture
def yielding() -> Iterator[QueueWithLifecycle]:
    """
    Give a small queue in which audio makes room.
    """
    queue = QueueWithLifecycle(100, drop_oldest=True)
    queue.resume()
    yield queue
    queue.end()


def put_audio(queue: QueueWithLifecycle, text: str) -> int:
    """
    Queue audio without waiting; return how much made room for it.
    """
    return queue.put(entry(text, audio=True), deadline=NOW)


def test_the_oldest_audio_makes_room_for_audio_and_commands(
    yielding: QueueWithLifecycle,
) -> None:
    """
    No more audio is dropped than must be, and a command is not kept waiting for it.
    """
    for letter in "ab":
        assert 0 == put_audio(yielding, letter * 30)
    put(yielding, "c" * 30)
    assert 1 == put_audio(yielding, "d" * 30)
    assert 1 == yielding.put(entry("e" * 20), deadline=NOW)
    assert 2 == yielding.audio_dropped
    assert ["c" * 30, "d" * 30, "e" * 20] == drain(yielding)


def test_audio_that_has_left_makes_no_room(yielding: QueueWithLifecycle) -> None:
    """
    Only audio that still waits can be dropped for commands.
    """
    for number in range(10):
        yielding.put(entry(f"{number}" * 10, audio=True), deadline=NOW)
    while yielding.waiting > 2:
        yielding.take_some(10)
    yielding.put(entry("c" * 90), deadline=NOW)
    with pytest.raises(QueueFull):
        yielding.put(entry("d" * 20), deadline=NOW)
    assert yielding.waiting_bytes <= 100


def test_audio_is_not_dropped_in_vain(yielding: QueueWithLifecycle) -> None:
    """
    Where commands alone leave no room, an append fails and what waits stays.
    """
    put(yielding, "c" * 40)
    put_audio(yielding, "a" * 50)
    with pytest.raises(QueueFull):
        put_audio(yielding, "b" * 70)
    assert 0 == yielding.audio_dropped
    assert ["c" * 40, "a" * 50] == drain(yielding)


def test_an_append_larger_than_the_queue_takes_the_place_of_all(
    yielding: QueueWithLifecycle,
) -> None:
    """
    Where only audio waits, it can all make room, and an empty queue takes anything.
    """
    for letter in "abc":
        put_audio(yielding, letter * 30)
    assert 3 == put_audio(yielding, "d" * 1000)
    assert ["d" * 1000] == drain(yielding)
    put_audio(yielding, "e" * 90)
    yielding.lose()
    put(yielding, "f" * 100)  # nothing of what has left is counted
    assert ["f" * 100] == drain(yielding)


def is_line(frame: FrameType, event: str) -> bool:
    """
    Return whether a signal may be handled before a line: neither before a bare "try",
    which does nothing, nor between the end of a block and the release of its lock.
    """
    source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    idle = ("try:", "with self._lock:", "with self.lock:")
    return event == "line" and source not in idle


@pytest.mark.parametrize(
    "what", ["an append", "an append without room", "a command", "a withdrawal"]
)
def test_ctrl_c_at_any_line_loses_no_command(what: str) -> None:
    """
    What waits stays in its order, and is counted; another thread can go on, and the
    reader does not sleep on what has been queued.
    """
    line, again = 0, True
    while again:
        queue = QueueWithLifecycle(100, drop_oldest=True)
        queue.resume()
        for letter in "cd":
            put(queue, letter * 10)
        for letter in "ab":
            put_audio(queue, letter * 30)
        put(queue, "e" * 10, "mine")
        queue.pause()
        assert [] == queue.take_some()
        queue.resume()
        calls: dict[str, Callable[[], object]] = {
            "an append": lambda queue=queue: queue.put_audio(b"f" * 10),  # type: ignore[misc]
            "an append without room": lambda queue=queue: put_audio(queue, "f" * 40),  # type: ignore[misc]
            "a command": lambda queue=queue: put(queue, "f" * 40),  # type: ignore[misc]
            "a withdrawal": lambda queue=queue: queue.withdraw("mine"),  # type: ignore[misc]
        }
        again = is_interrupted(calls[what], line, FILES, is_line)
        woken = rings(queue)
        with at_most(1):
            background = threading.Thread(target=put, args=(queue, "g"))
            background.start()
            background.join()
        counted = queue.waiting_bytes
        texts = drain(queue)
        assert woken or "f" not in {text[0] for text in texts}
        commands = [text[0] for text in texts if text[0] in "cde"]
        assert commands in (["c", "d", "e"], ["c", "d"][: 2 * (what[2] == "w")])
        assert "g" == texts[-1]
        assert sum(map(len, texts)) == counted
        assert 0 == queue.waiting_bytes
        queue.end()
        line += 1
    assert line > 9


def test_the_reader_thread_never_waits_for_room(queue: QueueWithLifecycle) -> None:
    """
    The reader thread itself is never kept waiting for room that only it can make.
    """
    put(queue, "x" * 100)
    with at_most(0.5):
        queue.put(entry("y"), deadline=None)
    assert drain(queue) == ["x" * 100, "y"]


def test_room_wakes_waiting_callers(queue: QueueWithLifecycle) -> None:
    """
    A caller who waits for room goes on as soon as there is some.
    """
    put(queue, "x" * 100)
    waiting = threading.Thread(
        target=lambda: queue.put(entry("y"), deadline=Deadline(5.0))
    )
    waiting.start()
    assert queue.take_some() == [entry("x" * 100)]
    waiting.join(5.0)
    assert drain(queue) == ["y"]


def test_the_end_wakes_waiting_callers(queue: QueueWithLifecycle) -> None:
    """
    A caller who waits for room gets the reason when the connection ends.
    """
    put(queue, "x" * 100)
    begun = threading.Event()
    caught: list[BaseException] = []

    def wait() -> None:
        begun.set()
        try:
            queue.put(entry("y"), deadline=Deadline(5.0))
        except ConnectionClosed as error:
            caught.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    begun.wait(5.0)
    with at_most(1.0):
        assert queue.end(ConnectionClosed(1011, "gone")) == 1
        waiting.join(5.0)
    assert [str(error) for error in caught] == [
        "The connection is closed: 1011 (gone)."
    ]


def test_after_the_end_every_put_raises_a_fresh_copy() -> None:
    """
    Commands after the end raise why it ended, and do not pile up in that error.
    """
    queue = QueueWithLifecycle(100)
    put(queue, "a")
    error = ConnectionClosed(1006)
    assert queue.end(error) == 1
    assert (queue.waiting, queue.waiting_bytes, queue.take_some()) == (0, 0, [])
    for _ in range(2):
        with pytest.raises(ConnectionClosed) as info:
            put(queue, "b")
        assert info.value is not error
    assert error.__traceback__ is None


def test_a_command_is_withdrawn_until_it_has_left(queue: QueueWithLifecycle) -> None:
    """
    A command can be taken back until it has left, and makes room.
    """
    put(queue, "a" * 50, "1")
    put(queue, "b" * 50, "2")
    put_later = threading.Thread(
        target=lambda: queue.put(entry("c" * 50, "3"), deadline=Deadline(5.0))
    )
    put_later.start()
    assert queue.withdraw("1")
    put_later.join(5.0)
    assert not queue.withdraw("1")
    assert drain(queue) == ["b" * 50, "c" * 50]
    assert not queue.withdraw("2")


def test_a_sleeping_reader_is_woken_once(queue: QueueWithLifecycle) -> None:
    """
    A message wakes the reader; those behind it find it awake, and cost no system call.
    """
    assert [] == queue.take_some()
    assert queue.waker.is_awaited
    assert not rings(queue)
    put(queue, "a")
    assert rings(queue)
    assert not queue.waker.is_awaited
    queue.drain()
    put(queue, "b")
    assert queue.put_audio(b"c")
    assert not rings(queue)
    assert ["a", "b", "c"] == drain(queue)
    assert queue.put_audio(b"d")
    assert rings(queue)


def test_a_reader_that_has_work_is_not_woken(queue: QueueWithLifecycle) -> None:
    """
    Before its first look, and while there is something to take, no byte is written.
    """
    put(queue, "a")
    queue.put_audio(b"b")
    assert not rings(queue)
    assert [entry("a")] == queue.take_some(1)
    put(queue, "c")
    assert not rings(queue)


@pytest.mark.parametrize("kind", ["append", "command"])
def test_the_reader_is_woken_after_the_lock_is_released(
    queue: QueueWithLifecycle, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """
    It would wait for the lock at once: two thread switches for each message.
    """
    wake, held = _waker.Waker.wake, list[bool]()

    def note(waker: _waker.Waker) -> None:
        held.append(is_own_lock_held())
        wake(waker)

    monkeypatch.setattr(_waker.Waker, "wake", note)
    queue.take_some()
    if kind == "append":
        queue.put_audio(b"x")
    else:
        put(queue, "x")

    assert [False] == held


def test_the_last_message_and_sleep_are_one_step(queue: QueueWithLifecycle) -> None:
    """
    The reader need not look again after it has taken all: the next message wakes it.
    """
    put(queue, "a")
    put(queue, "b")
    assert [entry("a")] == queue.take_some(1)
    assert not queue.waker.is_awaited
    assert [entry("b")] == queue.take_some()
    assert queue.waker.is_awaited
    put(queue, "c")
    assert rings(queue)


def test_interrupt_wakes_a_reader_in_any_state(queue: QueueWithLifecycle) -> None:
    """
    A close is not taken for a message, and wakes also a reader that is dialling.
    """
    put(queue, "a")
    assert not queue.attention
    for _ in range(20_000):
        queue.wake()
    assert queue.attention
    assert rings(queue)
    queue.drain()
    assert not rings(queue)


def test_a_paused_queue_wakes_the_reader_once() -> None:
    """
    Before the session is configured the reader looks once for many commands.
    """
    queue = QueueWithLifecycle(100)
    assert [] == queue.take_some()
    put(queue, "a")
    assert rings(queue)
    queue.drain()
    put(queue, "b")
    assert not rings(queue)
    queue.end()


@pytest.mark.parametrize("kind", ["append", "command", "attention"])
def test_no_wake_up_is_lost_between_the_last_look_and_the_wait(
    queue: QueueWithLifecycle, kind: str
) -> None:
    """
    A message is put after the reader has looked, and before it waits: it does not wait.
    """
    acts: dict[str, Callable[[], object]] = {
        "append": lambda: queue.put_audio(b"x"),
        "command": lambda: put(queue, "x"),
        "attention": queue.wake,
    }
    looked, acted = threading.Barrier(2), threading.Barrier(2)

    def act() -> None:
        for _ in range(100):
            looked.wait(5)
            acts[kind]()
            acted.wait(5)

    thread = threading.Thread(target=act)
    thread.start()
    for _ in range(100):
        assert [] == queue.take_some()
        looked.wait(5)
        acted.wait(5)
        assert select.select([queue], [], [], 5)[0]
        queue.drain()
        assert queue.attention == (kind == "attention")
        assert drain(queue) == ([] if kind == "attention" else ["x"])
        queue.attention = False
    thread.join(5)


def test_messages_are_taken_in_batches(queue: QueueWithLifecycle) -> None:
    """
    As many as fit, in order, and one that is larger than a batch by itself.
    """
    for letter in "abc":
        put(queue, letter * 10)
    queue.put_audio(b"d" * 31)
    put(queue, "e" * 10)

    sizes = []
    while entries := queue.take_some(max_bytes=25):
        sizes.append([len(entry.message) for entry in entries])
    assert [[10, 10], [10], [31], [10]] == sizes
    assert 0 == queue.waiting_bytes


def test_a_message_larger_than_a_batch_is_taken_alone(
    queue: QueueWithLifecycle,
) -> None:
    """
    Also where nothing is behind it.
    """
    put(queue, "x" * 1000)
    assert [entry("x" * 1000)] == queue.take_some(max_bytes=25)
    assert (0, 0) == (queue.waiting, queue.waiting_bytes)


def test_audio_that_must_not_wait_is_queued_at_once_or_refused(
    queue: QueueWithLifecycle,
) -> None:
    """
    Who must not wait is not kept waiting, and the queue stays in its bounds.
    """
    assert queue.put_audio(b"x" * 1000)  # the empty queue takes anything
    assert not queue.put_audio(b"y")
    assert 1000 == queue.peak_bytes == queue.waiting_bytes
    queue.lose()
    assert queue.put_audio(b"z" * 60)
    assert queue.put_audio(b"z" * 40)
    assert not queue.put_audio(b"z")
    assert 100 == queue.waiting_bytes


def test_audio_after_the_end_raises_why() -> None:
    """
    An append is not swallowed by a queue that has no reader.
    """
    queue = QueueWithLifecycle(100)
    queue.end(ConnectionClosed(1011, "gone"))
    with pytest.raises(ConnectionClosed, match="gone"):
        queue.put_audio(b"x")
    assert 0 == queue.waiting


def test_waking_an_ended_reader_does_nothing() -> None:
    """
    A late wake-up never writes into a descriptor that is another file's by now.
    """
    queue = QueueWithLifecycle(100)
    stop = threading.Event()
    failures: list[BaseException] = []

    def nag() -> None:
        try:
            while not stop.is_set():
                queue.wake()
        except BaseException as error:
            failures.append(error)

    naggers = [threading.Thread(target=nag) for _ in range(4)]
    for thread in naggers:
        thread.start()
    for _ in range(300):
        queue.end()
        pair = QueueWithLifecycle(1)  # takes the descriptors that have just become free
        assert not rings(pair)
        pair.end()
    stop.set()
    for thread in naggers:
        thread.join(5.0)
    queue.end()
    assert failures == []


@pytest.mark.slow
def test_a_finalizer_may_wake_the_reader_within_a_put(
    queue: QueueWithLifecycle,
) -> None:
    """
    A client collected in the midst of another's call does not lock it up.
    """

    class Client:
        pass

    class Text(str):
        def __len__(self) -> int:
            nonlocal client
            client = None
            gc.collect()
            return super().__len__()

    client: Client | None = Client()
    woken = threading.Event()

    def wake() -> None:
        queue.wake()
        woken.set()

    weakref.finalize(client, wake)
    put(queue, "x")
    with queue._lock:  # where a collection may strike
        assert len(Text("abc")) == 3
    assert woken.is_set()


@pytest.mark.slow
@given(
    writers=st.lists(
        st.lists(st.integers(1, 60), min_size=1, max_size=20), min_size=1, max_size=4
    )
)
def test_many_callers_lose_nothing(writers: list[list[int]]) -> None:
    """
    Each thread's commands all leave, in that thread's order, through a tiny queue.
    """
    queue = QueueWithLifecycle(100)
    queue.resume()

    def write(number: int, sizes: list[int]) -> None:
        for index, size in enumerate(sizes):
            text = f"{number}:{index}:".ljust(size, "x")
            queue.put(entry(text), deadline=Deadline(10.0))

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(writers)]
    taken: list[str] = drain(queue)
    for thread in threads:
        thread.start()
    while len(taken) < sum(map(len, writers)):
        assert select.select([queue], [], [], 10.0)[0]
        queue.drain()
        taken += drain(queue)
    for thread in threads:
        thread.join(5.0)
    queue.end()
    for number, sizes in enumerate(writers):
        indexes = [t.split(":")[1] for t in taken if t.startswith(f"{number}:")]
        assert indexes == [str(index) for index in range(len(sizes))]


@pytest.mark.parametrize("call", ["withdraw", "make room"])
def test_a_command_of_a_signal_handler_is_counted(call: str) -> None:
    """
    The handler may queue it at any call inside another one, such as that of `len`.
    """
    queue = QueueWithLifecycle(100, drop_oldest=True)
    queue.resume()

    class Message(bytes):
        def __len__(self) -> int:
            if queue.waiting == 1:  # this message was removed, and is not counted out
                put(queue, "c" * 5)
            return super().__len__()

    queue.put(Entry(Message(b"a" * 60), "mine", True), deadline=NOW)
    put(queue, "b" * 10)
    if call == "withdraw":
        assert queue.withdraw("mine")
    else:
        put_audio(queue, "d" * 60)

    assert queue.waiting_bytes == sum(map(len, drain(queue)))
    queue.end()


@pytest.mark.parametrize("kind", ["append", "command"])
def test_a_signal_handler_inside_a_wake_up_wakes_the_reader(
    queue: QueueWithLifecycle, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """
    It queues a command and waits for the answer, before the call that it has
    interrupted has woken the reader.
    """
    wake, woken = _waker.Waker.wake, list[bool]()

    def interrupted(waker: _waker.Waker) -> None:
        monkeypatch.setattr(_waker.Waker, "wake", wake)
        put(queue, "from the handler")
        woken.append(rings(queue))
        wake(waker)

    queue.take_some()
    monkeypatch.setattr(_waker.Waker, "wake", interrupted)
    if kind == "append":
        queue.put_audio(b"x")
    else:
        put(queue, "x")

    assert [True] == woken
