"""
The real-time streams of the load server: one thread and one selector for all of them.

Not a benchmark. A paced load sends time-stamped delta events at fixed times, reads
time-stamped append messages, and measures their delay. Fields of the command:

- *run*, *sessions*, *index*: the load is reported once all sessions of the run have ended;
- *seconds*: duration; *warm*: seconds at the beginning that are not measured;
- *kind*: event type; *audio*: bytes of audio of a delta (0: text);
- *every*: seconds between two groups of *group* deltas, of which one is stamped;
- *first*: deltas sent at once at the beginning;
- *pings*: True sends a ping between two groups and measures the delay of its pong.

A client sends ``benchmark.last`` after its last append. When that has arrived and the time is
over, the server sends ``benchmark.finished``, so both directions are counted exactly.
"""

from __future__ import annotations

import base64
import contextlib
import heapq
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import _wire

MOST = 16 << 20  # bytes queued for one connection; further deltas are skipped


class Run:
    """
    The measurements of all sessions of one run.
    """

    def __init__(self, command: dict[str, Any]) -> None:
        self.name = command["run"]
        self.running = command["sessions"]
        self.deltas = self.skipped = self.appends = self.pings = 0
        self.sends: list[float] = []
        self.pongs: list[float] = []
        self.began = time.monotonic(), time.process_time()

    def result(self) -> dict[str, Any]:
        """
        Return the figures, for the parent process.
        """
        wall, cpu = self.began
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        return {
            "run": self.name,
            "deltas": self.deltas,
            "skipped": self.skipped,
            "appends": self.appends,
            "send": _wire.summary(self.sends),
            "pings": self.pings,
            "pong": _wire.summary(self.pongs),
            "server_cpu": round(cpu / wall, 3),
        }


class Stream:
    """
    One connection with a paced load.
    """

    def __init__(
        self,
        connection: socket.socket,
        reader: _wire.FrameReader,
        command: dict[str, Any],
        run: Run,
    ) -> None:
        self.connection = connection
        self.reader = reader
        self.run = run
        self.every: float = command["every"]
        self.start = (
            time.monotonic() + self.every * command["index"] / command["sessions"]
        )
        self.measured = self.start + command["warm"]
        self.end = self.start + command["seconds"]
        self.waiting = bytearray()
        self.open = self.running = True
        self.over = self.last = False  # the time is over; the last append has arrived
        self.pings: bool = command["pings"]
        self._group: int = command["group"]
        audio: int = command["audio"]
        content = base64.b64encode(bytes(audio)).decode() if audio else "word"
        message = _wire.delta(command["kind"], 1, content)
        self._plain = _wire.frame(message)
        # the time stamp replaces the first 12 characters, or the word
        length = len(message) if audio else len(message) - len(content) + 12
        cut = message.index(b'"delta":"') + 9
        self._head = _wire.header(length) + message[:cut]
        self._tail = message[cut + (12 if audio else len(content)) :]
        self.first: int = command["first"]

    def group(self) -> bytes:
        """
        Return the frames of one group, and count them.
        """
        if len(self.waiting) > MOST:
            self.run.skipped += self._group
            return b""
        self.run.deltas += self._group
        stamp = base64.b64encode(_wire.pack_stamp(time.monotonic()))
        return self._head + stamp + self._tail + self._plain * (self._group - 1)

    def burst(self) -> bytes:
        """
        Return the frames that are sent at the beginning.
        """
        self.run.deltas += self.first
        return self._plain * self.first

    def note(self, opcode: int, payload: bytes) -> bytes:
        """
        Measure a received frame. Return the answer, if any.
        """
        now = time.monotonic()
        if opcode == _wire.PING:
            return _wire.frame(payload, _wire.PONG)
        if opcode == _wire.CLOSE:
            self.open = False
            return _wire.frame(payload, _wire.CLOSE)
        if opcode == _wire.PONG and len(payload) == 9:
            when = _wire.unpack_stamp(payload)
            if when >= self.measured:
                self.run.pongs.append(now - when)
        elif opcode == _wire.TEXT and self.running:
            if _wire.LAST.encode() in payload:
                self.last = True
                return b""
            self.run.appends += 1
            when = _wire.unpack_stamp(_wire.appended_audio(payload, 12))
            if when >= self.measured:
                self.run.sends.append(now - when)
        return b""


class PacedLoad:
    """
    The thread of all paced loads.
    """

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._report = report
        self._selector = selectors.DefaultSelector()
        self._new: queue.SimpleQueue[
            tuple[socket.socket, _wire.FrameReader, dict[str, Any]]
        ] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._due: list[tuple[float, int, Stream, Callable[[Stream, float], None]]] = []
        self._number = 0
        self._runs: dict[str, Run] = {}
        threading.Thread(target=self._loop, daemon=True).start()

    def add(
        self,
        connection: socket.socket,
        reader: _wire.FrameReader,
        command: dict[str, Any],
    ) -> None:
        """
        Take a connection over.
        """
        self._new.put((connection, reader, command))
        self._wake.send(b"x")

    def _loop(self) -> None:
        while True:
            pause = self._due[0][0] - time.monotonic() if self._due else None
            for key, mask in self._selector.select(pause):
                stream = key.data
                if stream is None:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                    self._begin()
                    continue
                if mask & selectors.EVENT_WRITE:
                    self._write(stream, b"")
                if mask & selectors.EVENT_READ:
                    self._read(stream)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                when, _, stream, act = heapq.heappop(self._due)
                if stream.open:
                    act(stream, when)
                    now = time.monotonic()

    def _at(
        self, when: float, stream: Stream, act: Callable[[Stream, float], None]
    ) -> None:
        self._number += 1
        heapq.heappush(self._due, (when, self._number, stream, act))

    def _begin(self) -> None:
        while True:
            try:
                connection, reader, command = self._new.get_nowait()
            except queue.Empty:
                return
            run = self._runs.setdefault(command["run"], Run(command))
            stream = Stream(connection, reader, command, run)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, stream)
            if stream.first:
                self._write(stream, stream.burst())
            self._at(stream.start, stream, self._group)
            if stream.pings:
                self._at(stream.start + stream.every / 2, stream, self._ping)
            self._take(stream)

    def _group(self, stream: Stream, when: float) -> None:
        if when >= stream.end:
            stream.over = True
            self._finish_both(stream)
            return
        self._at(when + stream.every, stream, self._group)
        self._write(stream, stream.group())

    def _ping(self, stream: Stream, when: float) -> None:
        if not stream.over:
            self._at(when + stream.every, stream, self._ping)
            now = time.monotonic()
            stream.run.pings += now >= stream.measured
            self._write(stream, _wire.frame(_wire.pack_stamp(now), _wire.PING))

    def _finish_both(self, stream: Stream) -> None:
        if stream.over and stream.last and stream.running:
            event = _wire.compact({"type": _wire.FINISHED, "event_id": "event_last"})
            self._write(stream, _wire.frame(event))
            self._finish(stream)

    def _finish(self, stream: Stream) -> None:
        if stream.running:
            stream.running = False
            stream.run.running -= 1
            if not stream.run.running:
                del self._runs[stream.run.name]
                self._report(stream.run.result())

    def _read(self, stream: Stream) -> None:
        try:
            data = stream.connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(stream)
            return
        stream.reader.feed(data)
        self._take(stream)

    def _take(self, stream: Stream) -> None:
        while stream.open and (found := stream.reader.next()) is not None:
            answer = stream.note(*found)
            if answer:
                self._write(stream, answer)
        self._finish_both(stream)
        if not stream.open:
            self._end(stream)

    def _write(self, stream: Stream, data: bytes) -> None:
        waiting = stream.waiting
        if waiting and data:
            waiting += data
            return
        try:
            sent = stream.connection.send(waiting or data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._end(stream)
            return
        if waiting:
            del waiting[:sent]
        elif sent < len(data):
            waiting += data[sent:]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        if self._selector.get_key(stream.connection).events != events:
            self._selector.modify(stream.connection, events, stream)

    def _end(self, stream: Stream) -> None:
        stream.open = False
        self._finish(stream)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(stream.connection)
        stream.connection.close()
