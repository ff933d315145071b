"""
The thread-safe queue between the callers and the reader thread.

Rules:

1. What goes in first leaves first; nothing overtakes.
2. It is bounded in bytes. A caller waits for room until its deadline; an empty queue
   takes anything, so that one oversized message can always leave.
3. Where the user chose so, the oldest audio makes room; it is dropped only where that
   helps. Commands are never dropped.
4. It is held shut until the session is configured: commands given before that follow
   the first ``session.update``.
5. Its one lock is the bell's as well. It is re-entrant because a finalizer may wake the
   reader from within a garbage collection that a caller's `put` set off.
6. Ctrl-C may come between any two lines of a caller's. So a command never leaves the
   queue for a moment, and what was being counted is counted anew.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from .._concurrency.condition import Gong
from .._concurrency.deadline import Deadline
from .._concurrency.waker import Bell
from ..errors import QueueFull, RealtimeError, fresh


class Entry(NamedTuple):
    """
    One finished message and the id it can be withdrawn by.

    Audio is worth nothing later; a command is never dropped.
    """

    text: bytes
    event_id: str | None
    audio: bool = False


class Outbox:
    """
    Finished messages on their way to the reader thread.

    Args:
        max_bytes: What may wait, in characters of JSON (ASCII: one byte each).
        drop_oldest: Whether audio that waits gives way to what comes.

    Attributes:
        peak_bytes: The most that has waited.
        audio_dropped: Messages of audio that were dropped.
    """

    def __init__(self, max_bytes: int, drop_oldest: bool = False) -> None:
        self._max_bytes = max_bytes
        self._drop_oldest = drop_oldest
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._audio_bytes = 0  # of them
        self.peak_bytes = 0
        self.audio_dropped = 0
        self._held = True
        self._error: RealtimeError | None = None
        self._lock = threading.RLock()
        self._room = Gong()
        self._bell = Bell(self._lock)

    def put(self, *entries: Entry, deadline: Deadline | None) -> int:
        """
        Queue messages, all of them or none. Any thread.

        Args:
            entries: The messages, in order; nothing comes between them.
            deadline: Until when to wait for room; None takes room that is not there.

        Returns:
            How many messages of audio were dropped to make room.

        Raises:
            QueueFull: There was no room until the deadline.
            RealtimeError: The connection has ended; this is why.
        """
        size = sum(len(entry.text) for entry in entries)
        dropped: list[Entry] = []
        if deadline is None:
            self._put(entries, size, dropped, even_if_full=True)
        elif not self._room.wait(lambda: self._put(entries, size, dropped), deadline):
            raise QueueFull(
                f"{self._bytes} bytes wait to be sent and the network does not take "
                f"them; {size} more have no room "
                f"(max_send_queue_bytes={self._max_bytes})",
                size,
            )
        return len(dropped)

    def _put(
        self,
        entries: Sequence[Entry],
        size: int,
        dropped: list[Entry],
        even_if_full: bool = False,
    ) -> bool:
        with self._lock:
            if self._error is not None:
                raise fresh(self._error)
            full = not even_if_full and not self._is_room(size, beside=self._bytes)
            if full:
                commands = self._bytes - self._audio_bytes
                if not self._drop_oldest or not self._is_room(size, beside=commands):
                    return False
            try:
                if full:
                    self._make_room(size, dropped)
                self._entries.extend(entries)
                self._bytes += size
                self._audio_bytes += sum(len(e.text) for e in entries if e.audio)
                self.peak_bytes = max(self.peak_bytes, self._bytes)
                self._bell.wake()
            except BaseException:
                self._count_anew()
                self._bell.wake()
                raise
            return True

    def _make_room(self, size: int, dropped: list[Entry]) -> None:
        """
        Drop audio, the oldest first, until there is room. Under the lock.
        """
        for entry in tuple(self._entries):
            if self._is_room(size, beside=self._bytes):
                break
            if entry.audio:
                with contextlib.suppress(ValueError):  # a signal handler's put came
                    self._entries.remove(entry)
                    self._forget(entry)
                    self.audio_dropped += 1
                    dropped.append(entry)
        self._room.strike()

    def _is_room(self, size: int, beside: int) -> bool:
        return not beside or beside + size <= self._max_bytes

    def take(self) -> Entry | None:
        """
        Return the next message, or None when there is none to send. Reader thread.
        """
        with self._lock:
            if self._held or not self._entries:
                return None
            entry = self._entries.popleft()
            self._forget(entry)
            self._room.strike()
            return entry

    def withdraw(self, event_id: str) -> bool:
        """
        Take a message back; False when it has left already. Any thread.
        """
        with self._lock:
            for entry in tuple(self._entries):
                if entry.event_id == event_id:
                    try:
                        self._entries.remove(entry)
                        self._forget(entry)
                    except BaseException:
                        self._count_anew()
                        raise
                    self._room.strike()
                    return True
            return False

    def hold(self) -> None:
        """
        Let nothing flow until `release`. Reader thread.
        """
        with self._lock:
            self._held = True

    def drop_audio(self) -> None:
        """
        Drop all audio that waits. Reader thread.
        """
        with self._lock:
            waiting = len(self._entries)
            self._entries = deque(entry for entry in self._entries if not entry.audio)
            self.audio_dropped += waiting - len(self._entries)
            self._count_anew()
            self._room.strike()

    def _forget(self, entry: Entry) -> None:
        self._bytes -= len(entry.text)
        if entry.audio:
            self._audio_bytes -= len(entry.text)

    def _count_anew(self) -> None:
        self._bytes = sum(len(entry.text) for entry in self._entries)
        self._audio_bytes = sum(len(e.text) for e in self._entries if e.audio)

    def release(self) -> None:
        """
        Let the messages flow: the session is configured. Reader thread.
        """
        with self._lock:
            self._held = False

    @property
    def waiting(self) -> int:
        """
        How many messages have not left. Any thread.
        """
        return len(self._entries)

    @property
    def waiting_bytes(self) -> int:
        """
        How many bytes have not left. Any thread.
        """
        return self._bytes

    def close(self, error: RealtimeError) -> int:
        """
        Refuse every later message with *error*; return how many never left.

        Reader thread, as the last thing it does with this queue.
        """
        with self._lock:
            unsent = len(self._entries)
            self._error = error
            self._entries.clear()
            self._bytes = self._audio_bytes = 0
            self._bell.close()
            self._room.strike()
            return unsent

    def wake(self) -> None:
        """
        Make the reader look around. Any thread, also from a finalizer.
        """
        self._bell.wake()

    def fileno(self) -> int:
        """
        Return the descriptor that is readable when somebody woke us. Reader thread.
        """
        return self._bell.fileno()

    def hush(self) -> None:
        """
        Swallow the wake-up bytes. Reader thread, before it looks for what is new.
        """
        self._bell.hush()
