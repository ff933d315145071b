"""
Signals at many moments of every public call: afterwards everything works.

    python tests/soak/interrupts.py --moments 1000
    python tests/soak/interrupts.py --steps
    python tests/soak/interrupts.py --closing --moments 100

Each call is interrupted by a KeyboardInterrupt from a signal handler, at a moment drawn
from its usual duration; with ``--steps`` at every function that it enters or leaves,
one after the other. After each interrupt:

1. the client is open, and a turn is answered within a few seconds;
2. the session has the turn detection that it had before;
3. ``pump()`` has delivered each response to the listener once;
4. at the end `close()` is quick, and no thread is left.

With ``--closing`` the handler closes the client and returns: a call that waits ends
within 0.3 s.

The local service runs in a process of its own. Prints one line a call; exits with 1 if
anything was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))  # the helpers

from public_calls import CALLS, TEXT, WAITS, Call

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    RealtimeError,
    SessionConfig,
)

SERVICE = """
import sys
from azure_realtime.simulator import Simulator
import time
def reply(request):
    if "Wait." in (request.text, request.instructions):
        time.sleep(30)
    return "Hello."
with Simulator(replies=reply, pace=0) as service:
    print(service.url, flush=True)
    sys.stdin.read()
"""
SESSION = 100  # interrupts: the local service is slow with thousands of items
PROMPT = 0.3  # seconds in which a call ends whose client is closed
Strike = Callable[[Callable[[AzureRealTimeAudio], object], AzureRealTimeAudio], bool]
"""Calls and interrupts; returns whether that met the call."""


class Failed(Exception):
    """
    Something does not work after an interrupt.
    """


@contextlib.contextmanager
def service() -> Iterator[str]:
    """
    Give the address of a local service in a process of its own.
    """
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _ignore_interrupts(unraisable: Any) -> None:
    """
    Print no KeyboardInterrupt that a finalizer of Python's cannot pass on.
    """
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)


def _client(url: str, dispatch: str) -> AzureRealTimeAudio:
    options = AzureRealTimeOptions(
        url, "gpt-realtime", "a-key", session_config=SessionConfig()
    )
    return AzureRealTimeAudio(options, dispatch=dispatch)  # type: ignore[arg-type]


class Run:
    """
    One call that is interrupted again and again.

    Args:
        name: A key of `CALLS`.
        url: The address of a service.
        scale: Multiplies the time limits, for a slow machine.
    """

    def __init__(self, name: str, url: str, scale: float = 1.0) -> None:
        self.name, self.call, self.url, self.scale = name, CALLS[name], url, scale
        self.threads = set(threading.enumerate())
        self.delivered: list[str] = []
        self.done: Iterator[Any] = iter(())
        self.client = self._connected()
        self.detection = self._detection()

    def _connected(self) -> AzureRealTimeAudio:
        client = _client(self.url, self.call.dispatch)
        client.connect()
        if self.call.dispatch == "manual" and not self.call.ends:
            delivered = self.delivered = []
            client.on(
                "response.done", lambda event: delivered.append(event.response.id)
            )
            self.done = client.events("response.done", timeout=0)
        return client

    def _detection(self) -> object:
        return self.client.session and self.client.session.turn_detection

    def duration(self) -> float:
        """
        Return how many seconds the call usually takes.
        """
        times = []
        for _ in range(5):
            began = time.monotonic()
            with contextlib.suppress(TimeoutError):
                self.call.run(self.client)
            times.append(time.monotonic() - began)
            if self.call.ends:
                self.client = self._connected()
        return sorted(times)[2]

    def interrupt(self, strikes: Iterator[Strike]) -> int:
        """
        Interrupt the call once by each of *strikes*; return how often that met it.

        Raises:
            Failed: What does not work.
        """
        met = 0
        try:
            for number, strike in enumerate(strikes):
                where = f"{self.name}, interrupt {number}"
                hit = strike(self.call.run, self.client)
                where += f" {getattr(strike, 'where', '')}"
                if not hit:
                    if self.call.ends:
                        self.client = self._connected()
                    continue
                met += 1
                if self.call.ends:
                    self._close(where)
                    self.client = self._connected()
                else:
                    self._check(where)
                    if number % SESSION == SESSION - 1:
                        self._close(where)
                        self.client = self._connected()
            self._close(self.name)
        finally:
            self.client.close(1)
        return met

    def _close(self, where: str) -> None:
        began = time.monotonic()
        self.client.close(5 * self.scale)
        if time.monotonic() - began > 2 * self.scale:
            raise Failed(f"{where}: close() took {time.monotonic() - began:.1f} s")
        self._check_threads(where, of_others=0)

    def _check(self, where: str) -> None:
        """
        Raise `Failed` unless the client works as before.
        """
        client, scale = self.client, self.scale
        try:
            client.ask("Hi", modalities=TEXT, timeout=5 * scale)
        except (TimeoutError, RealtimeError) as error:
            raise Failed(f"{where}: the next turn failed: {error!r}") from error
        # what went before has been answered
        client.clear_audio_buffer().result(5 * scale)
        now = self._detection()
        if now != self.detection:
            raise Failed(f"{where}: turn detection {now!r}, not {self.detection!r}")
        if self.call.dispatch == "manual":
            client.pump()
            done = []
            with contextlib.suppress(TimeoutError):
                for event in self.done:
                    done.append(event.response.id)
            if self.delivered != done:
                raise Failed(f"{where}: {done} were done, {self.delivered} delivered")
            self.delivered.clear()
        self._check_threads(where, of_others=2)

    def _check_threads(self, where: str, of_others: int) -> None:
        deadline = time.monotonic() + 5 * self.scale
        while True:
            # without an identifier: `Thread.start` was interrupted before it made it
            started = {t for t in threading.enumerate() if t.ident is not None}
            left = [thread.name for thread in started - self.threads]
            left = [name for name in left if "tool" not in name or not of_others]
            if len(left) <= of_others:
                return
            if time.monotonic() > deadline:
                raise Failed(f"{where}: threads are left: {left}")
            time.sleep(0.001)


_EXPECTED = (TimeoutError, RealtimeError, ValueError)
"""Errors of what another call has left half done."""


def after(seconds: float) -> Strike:
    """
    Return what interrupts a call so many seconds after its beginning.
    """

    def strike(run: Callable[[Any], object], client: AzureRealTimeAudio) -> bool:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with contextlib.suppress(*_EXPECTED):
                run(client)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False

    return strike


class AtStep:
    """
    Interrupts a call at the step with this number.

    A step is the entry of a Python function or the return of one in C: there, and where
    a loop jumps back, CPython handles signals.

    Args:
        number: The number of the step.
    """

    def __init__(self, number: int) -> None:
        self.left = number
        self.where = ""

    def __call__(
        self, run: Callable[[Any], object], client: AzureRealTimeAudio
    ) -> bool:
        """
        Call and interrupt.
        """
        try:
            sys.setprofile(self._profile)
            with contextlib.suppress(*_EXPECTED):
                run(client)
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event in ("call", "c_return") and file != __file__ and file[:1] not in "<":
            self.left -= 1
            if self.left == 0:
                self.where = f"{file}:{frame.f_lineno} {event}"
                raise KeyboardInterrupt  # this also ends the profiling


def every_step(step: int, most: int) -> Iterator[Strike]:
    """
    Yield what interrupts a call at each step, until its end comes first 3 times.
    """
    ended = 0
    for number in itertools.count(1, step):
        strike = AtStep(number)
        yield strike
        ended += not strike.where
        if ended == 3 or number > most:
            return


def close_while(name: str, url: str, moments: int, seed: int, scale: float) -> float:
    """
    Close the client in a signal handler during a wait; return the longest time to its
    end, in seconds.

    Raises:
        Failed: The wait did not end in time.
    """
    wait: Call = WAITS[name]
    chance, longest = random.Random(seed), 0.0
    for number in range(moments):
        client, struck = _client(url, wait.dispatch), 0.0
        if "connect" not in name:
            client.connect()

        def close(*_: object) -> None:
            nonlocal struck
            struck = time.monotonic()
            client.close(1)  # noqa: B023

        before = signal.signal(signal.SIGALRM, close)
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 0.02))
            with contextlib.suppress(*_EXPECTED, StopIteration):
                wait.run(client)
            took = time.monotonic() - struck if struck else 0.0
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.signal(signal.SIGALRM, before)
            client.close(1)
        longest = max(longest, took)
        if took > PROMPT * scale:
            raise Failed(f"{name}, signal {number}: the wait ended after {took:.2f} s")
    return longest


def main() -> int:
    """
    Interrupt each call.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 2)[1])
    parser.add_argument("--moments", type=int, default=1000)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--closing", action="store_true")
    parser.add_argument("--step", type=int, default=1, help="steps between two")
    parser.add_argument("--most", type=int, default=100_000, help="steps at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="of time limits")
    parser.add_argument("--calls", nargs="*", default=[])
    given = parser.parse_args()
    names = given.calls or list(WAITS if given.closing else CALLS)
    failures = 0
    sys.unraisablehook = _ignore_interrupts
    signal.signal(signal.SIGALRM, interrupt)
    with service() as url:
        for name in names:
            began = time.monotonic()
            try:
                if given.closing:
                    longest = close_while(
                        name, url, given.moments, given.seed, given.scale
                    )
                    what = f"{given.moments} signals, the longest {longest:.3f} s"
                else:
                    run = Run(name, url, given.scale)
                    if given.steps:
                        strikes = every_step(given.step, given.most)
                    else:
                        chance, took = random.Random(given.seed), run.duration()
                        moments = (
                            chance.uniform(1e-5, 1.2 * took)
                            for _ in range(given.moments)
                        )
                        strikes = map(after, moments)
                    what = f"{run.interrupt(strikes)} interrupts"
            except Failed as failure:
                failures += 1
                print(f"FAILED {failure}", flush=True)
            else:
                seconds = time.monotonic() - began
                print(f"{name}: {what}, {seconds:.0f} s", flush=True)
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"{failures} of {len(names)} calls failed, CPython {version}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
