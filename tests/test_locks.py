"""
Locks: few, each with its purpose beside it, and none acquired while another is held.
"""

from __future__ import annotations

import ast
import dis
import functools
import gc
import importlib
import pkgutil
import re
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from helpers.clients import GA, MANUAL

import azure_realtime
from azure_realtime import AzureRealTimeAudio
from azure_realtime._concurrency.lock import OwnLock, is_own_lock_held
from azure_realtime.simulator import Reply, Request, ToolCall

ROOT = Path(azure_realtime.__file__).parent
MOST = 14
LOCKS = {"Lock", "RLock", "OwnLock", "_Lock", "allocate_lock"}
OTHERS = {"Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"}
OWNERS = ("", "threading", "_thread")


def sources() -> Iterator[Path]:
    """
    Yield the files of the client.
    """
    for path in sorted(ROOT.rglob("*.py")):
        if "simulator" not in path.relative_to(ROOT).parts:
            yield path


def modules() -> Iterator[ModuleType]:
    """
    Yield the client's modules that are loaded with it.
    """
    found = pkgutil.walk_packages([str(ROOT)], "azure_realtime.")
    for info in found:
        if ".simulator" not in info.name:
            yield importlib.import_module(info.name)


@functools.cache
def call_sites() -> list[tuple[str, bool]]:
    """
    Return where a lock is made, and whether a comment is beside it.
    """
    found = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = getattr(function, "attr", getattr(function, "id", ""))
            owner = getattr(getattr(function, "value", None), "id", "")
            if name in LOCKS | OTHERS and owner in OWNERS:
                if owner == "" and name in ("Condition", "Event"):
                    continue  # the package's own, which take no lock
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                beside = lines[node.lineno - 2 : node.lineno]
                comments = (
                    re.search(r"(^|\s)# (?!type:|noqa)\S", line) for line in beside
                )
                found.append((where, any(comments)))
    return found


@pytest.mark.slow
def test_there_are_few_locks() -> None:
    """
    State that one thread writes, or that is replaced as a whole, needs none.
    """
    assert len(call_sites()) <= MOST


def test_each_lock_has_a_purpose() -> None:
    """
    A comment says what it guards, on the same line or the one before.
    """
    assert [where for where, has_comment in call_sites() if not has_comment] == []


@pytest.mark.parametrize("name", ["connect", "ask", "close"])
def test_no_lock_in_python_is_entered(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C can leave one locked: the reader thread, which needs it, would block.
    """
    enter, entered = threading.Condition.__enter__, []

    def noted(condition: threading.Condition) -> bool:
        if threading.get_ident() == threading.main_thread().ident:
            entered.append(condition)
        return enter(condition)

    calls = {
        "connect": lambda: client.connect(5),
        "ask": lambda: client.ask("Hi", modalities=["text"], timeout=10),
        "close": lambda: client.close(),
    }
    with GA.service() as service:
        monkeypatch.setattr(threading.Condition, "__enter__", noted)
        client = GA.client(service.url)
        calls[name]()
        monkeypatch.undo()
        client.close()
    assert entered == []


def test_locks_may_be_collected_while_they_are_looked_at() -> None:
    """
    `close()` looks at all locks; a collection at that moment removes some.
    """
    kept, before = [OwnLock() for _ in range(50)], gc.get_threshold()
    try:
        for threshold in range(1, 30):  # one of them is reached in the middle
            gc.collect(0)
            gc.disable()
            cycle: list[Any] = [OwnLock()]
            cycle.append(cycle)
            del cycle
            gc.set_threshold(threshold)
            gc.enable()
            assert not is_own_lock_held()
    finally:
        gc.enable()
        gc.set_threshold(*before)
    assert len(kept) == 50


class Watch:
    """
    Notes, for each thread, which locks it acquires while it holds another.
    """

    def __init__(self) -> None:
        self.held: dict[int, list[Watched]] = defaultdict(list)
        self.nested: set[tuple[str, str]] = set()
        self.acquired: set[str] = set()
        self.threads: set[str] = set()

    def acquire(self, lock: Watched) -> None:
        """
        Note that this thread is about to acquire *lock*.
        """
        held = self.held[threading.get_ident()]
        self.acquired.add(lock.made_at)
        self.threads.add(threading.current_thread().name.rstrip("-0123456789"))
        self.nested |= {
            (other.made_at, lock.made_at) for other in held if other is not lock
        }
        held.append(lock)

    def release(self, lock: Watched) -> None:
        """
        Note that this thread releases *lock*.
        """
        held = self.held[threading.get_ident()]
        assert held.pop() is lock


class Watched:
    """
    Stands in for a lock.
    """

    def __init__(self, make: Any, watch: Watch, made_at: str) -> None:
        self._lock = make()
        self._watch = watch
        self.made_at = made_at

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """
        Acquire it.
        """
        self._watch.acquire(self)
        got: bool = self._lock.acquire(*args, **kwargs)
        if not got:
            self._watch.release(self)
        return got

    def release(self) -> None:
        """
        Release it.
        """
        self._watch.release(self)
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _is_owned(self) -> bool:
        return self in self._watch.held[threading.get_ident()]


class Threading:
    """
    Stands in for the module `threading` in one module of the client.
    """

    def __init__(self, watch: Watch, where: str) -> None:
        self.Lock = functools.partial(Watched, threading.Lock, watch, where)
        self.RLock = functools.partial(Watched, threading.RLock, watch, where)

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


@pytest.fixture(name="watch")
def _watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """
    Have the client make locks that are watched.
    """
    watch = Watch()
    for module in modules():
        where = module.__name__.removeprefix("azure_realtime.")
        if getattr(module, "threading", None) is threading:
            monkeypatch.setattr(module, "threading", Threading(watch, where))
        if getattr(module, "OwnLock", None) is OwnLock and not where.endswith(".lock"):
            made = functools.partial(Watched, OwnLock, watch, where)
            monkeypatch.setattr(module, "OwnLock", made)
        for name, value in list(vars(module).items()):
            if isinstance(value, type(threading.Lock())):
                made_before = Watched(threading.Lock, watch, f"{where}.{name}")
                monkeypatch.setattr(module, name, made_before)
    return watch


def answer(request: Request) -> Reply:
    """
    Call a tool, then answer with its output.
    """
    if request.items[-1]["type"] == "function_call_output":
        return Reply("Done.")
    return Reply(calls=[ToolCall("double", {"number": 2}), ToolCall("fail", {})])


def fail() -> None:
    """
    Raise.
    """
    raise ValueError("no")


def double(number: int) -> int:
    """
    Double a number.
    """
    return 2 * number


def use(client: AzureRealTimeAudio) -> None:
    """
    Do what clients do, from several threads.
    """
    client.tool(double)
    client.tool(fail)
    client.on("*", lambda event: client.stats)
    client.once("response.done", lambda event: client.set_model_speak_done())
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(client.ask, "Go", timeout=20) for _ in range(3)]
        for number in range(20):
            client.append_audio(bytes(4800))
            client.on("response.audio.delta", print)
            client.off("response.audio.delta")
            client.status = ("thinking", "idle")[number % 2]
            assert str(client.conversation) or not client.conversation.items
        for turn in asked:
            assert turn.result(20).text == "Done."
    client.clear_audio_buffer().result(5)
    client.update_session(instructions="Be kind.").result(5)
    response = client.create_response()
    client.create_response(when_busy="cancel").cancel()
    response.cancel()
    with client.expect("session.updated") as expected:
        client.update_session(instructions="Be brief.")
    assert expected.event.type == "session.updated"


@pytest.mark.slow
@pytest.mark.parametrize("dispatch", ["thread", "reader", "manual", "executor"])
def test_no_lock_is_acquired_while_another_is_held(
    dispatch: str, watch: Watch, request: pytest.FixtureRequest
) -> None:
    """
    So no two threads can wait for each other, whatever they do.

    The garbage collector is off: a finalizer of a dropped stream runs in the middle of
    whatever allocates, and takes locks of its own, one at a time.
    """
    gc.collect()
    gc.disable()
    request.addfinalizer(gc.enable)
    with ThreadPoolExecutor(1) as pool:
        chosen: Any = pool if dispatch == "executor" else dispatch
        with GA.connected(
            service={"replies": answer, "pace": 0},
            session_config=MANUAL,
            dispatch=chosen,
            reconnect_interval=0.01,
            max_reconnect_attempts=5,
        ) as (client, connection):
            use(client)
            with client.expect("reconnected", timeout=10):
                connection.drop()
            client.ask("Go", timeout=20)
            client.close()

    assert watch.nested == set()
    assert "azure-realtime-reader" in watch.threads
    assert {
        "_concurrency.waker",
        "_dispatch.mailbox",
        "_tools.runner",
    } <= watch.acquired


def test_a_thread_knows_whether_it_holds_a_lock() -> None:
    """
    Whoever interrupts a call that holds one must not wait for other threads.
    """
    lock = OwnLock()
    with ThreadPoolExecutor(1) as pool:
        assert not is_own_lock_held()
        with lock, lock:
            assert is_own_lock_held()
            assert pool.submit(is_own_lock_held).result(5) is False
        assert not is_own_lock_held()


def unguarded_jumps(code: types.CodeType) -> list[int]:
    """
    Return the lines of jumps backwards that leave a block without its handlers.

    CPython 3.12 and 3.13 generate such a jump for a condition at the end of a loop in
    a ``with`` or ``try`` block. An exception at the jump, which is where Ctrl-C arrives
    in a loop, does not run the end of the block.
    """
    table = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    at = {one.offset: one for one in dis.get_instructions(code)}

    def entry(offset: int) -> Any:
        return next((e for e in table if e.start <= offset < e.end), None)

    def handler(offset: int) -> int | None:
        """
        Return the handler of the block; those of comprehensions are passed over.
        """
        found = entry(offset)
        while found is not None and at[found.target].opname != "PUSH_EXC_INFO":
            found = entry(found.target)
        return None if found is None else int(found.target)

    jumps = [one for one in at.values() if one.opname == "JUMP_BACKWARD"]
    return [
        one.positions.lineno or 0
        for one in jumps
        if entry(one.offset) is None and handler(one.argval) is not None
    ]


def code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    """
    Yield *code* and the functions in it.
    """
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from code_objects(constant)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no exception table like it")
def test_ctrl_c_in_a_loop_releases_the_lock() -> None:
    """
    A block under a lock has its loops with conditions in functions that it calls.
    """
    found = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        for code in code_objects(compile(text, str(path), "exec")):
            if "_lock" in code.co_names:
                lines = unguarded_jumps(code)
                found += [f"{path.relative_to(ROOT)}:{line}" for line in lines]
    assert found == []


@pytest.mark.skipif(sys.version_info[:2] not in ((3, 12), (3, 13)), reason="a bug")
def test_the_search_for_unguarded_jumps_finds_one() -> None:
    """
    With a loop that ends in a condition, directly in the block.
    """
    source = """
def wrong(lock, items):
    with lock:
        for item in items:
            if item:
                print(item)
"""
    (_, wrong) = code_objects(compile(source, "wrong", "exec"))
    assert unguarded_jumps(wrong) == [5]
