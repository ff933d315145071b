"""
The thread-safe queue between the callers and the reader thread.

Rules:

1. Messages leave in the order in which they were queued.
2. It is bounded in bytes. A caller waits for room until its deadline; an empty queue
   takes anything, so that one oversized message can always leave.
3. Where the user chose so, the oldest audio makes room; it is dropped only where that
   helps. Commands are never dropped.
4. It is held until the session is configured: commands given before that follow the
   first ``session.update``.
5. Its one lock is the waker's as well. It is re-entrant because a finalizer may wake
   the reader in a garbage collection that a caller's `put` set off.
6. Ctrl-C may come between any two lines of a caller's. So a command never leaves the
   queue for a moment, what was being counted is counted again, and the reader is woken.
7. A message wakes the reader only while it sleeps: from its last look at the queue, in
   `take_some`, to the next message or `wake`. A look and the start of the sleep are
   one step under the lock: no message comes between them.
8. `wake` does more than a message: it asks the reader for a full turn.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._concurrency.waker import Waker
from ..errors import QueueFull, copy_to_raise

_TAKEN_BYTES = 64 << 10
"""What `take_some` returns at once: what a control frame may have to wait for."""


class Entry(NamedTuple):
    """
    One finished message and the id it can be withdrawn by.

    Audio is worth nothing later; a command is never dropped.
    """

    message: bytes
    event_id: str | None
    audio: bool = False


class SendQueue:
    """
    Finished messages on their way to the reader thread.

    Args:
        max_bytes: How many bytes of messages may wait.
        drop_oldest: Whether waiting audio makes room for new messages.
        lifecycle: Knows why there will be no other connection. Its `ended` is read
            under the lock, and set before `close` is called.

    Attributes:
        peak_bytes: The most that has waited.
        audio_dropped: Messages of audio that were dropped.
        asleep: Whether the reader waits for a wake-up. It stays so while the reader
            wakes for other reasons: then no message has come since its last look.
        attention: Whether somebody asked for a full turn; cleared by the reader.
    """

    def __init__(
        self,
        max_bytes: int,
        drop_oldest: bool = False,
        *,
        lifecycle: Lifecycle,
    ) -> None:
        self._max_bytes = max_bytes
        self._drop_oldest = drop_oldest
        self._lifecycle = lifecycle
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._audio_bytes = 0  # of them
        self.peak_bytes = 0
        self.audio_dropped = 0
        self.asleep = False
        self.attention = False
        self._held = True
        self._room = Condition()
        self._waker = Waker()
        self._lock = self._waker.lock  # guards the entries and their counts as well

    def put_audio(self, message: bytes) -> bool:
        """
        Queue one message of audio if there is room at once. Any thread; never waits.

        Returns:
            False if there is no room: `put` can wait for it, or make it.

        Raises:
            RealtimeError: The connection has ended; this is why.
        """
        size = len(message)
        with self._lock:
            ended = self._lifecycle.ended
            if ended is not None:
                raise copy_to_raise(ended)
            if self._bytes and self._bytes + size > self._max_bytes:
                return False
            try:
                self._entries.append(Entry(message, None, True))
                self._bytes += size
                self._audio_bytes += size
                if self._bytes > self.peak_bytes:
                    self.peak_bytes = self._bytes
                if self.asleep:
                    self.asleep = False  # before the wake-up: the reader looks at it
                    self._waker.wake()
            except BaseException:
                self._recount()
                self._waker.wake()
                raise
            return True

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
        size = sum(len(entry.message) for entry in entries)
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
            ended = self._lifecycle.ended
            if ended is not None:
                raise copy_to_raise(ended)
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
                self._audio_bytes += sum(len(e.message) for e in entries if e.audio)
                self.peak_bytes = max(self.peak_bytes, self._bytes)
                if self.asleep:
                    self.asleep = False  # before the wake-up: the reader looks at it
                    self._waker.wake()
            except BaseException:
                self._recount()
                self._waker.wake()
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
        self._room.notify_all()

    def _is_room(self, size: int, beside: int) -> bool:
        return not beside or beside + size <= self._max_bytes

    def take_some(self, max_bytes: int = _TAKEN_BYTES) -> list[Entry]:
        """
        Return the next messages, at most *max_bytes* of them but at least one.

        Reader thread. Where there are none to send it is `asleep` from now on.
        """
        with self._lock:
            entries = self._entries
            if self._held or not entries:
                self.asleep = True
                return []
            if self._bytes <= max_bytes:
                taken = list(entries)
                entries.clear()
                self._bytes = self._audio_bytes = 0
            else:
                taken, left = [], max_bytes
                while entries and (not taken or len(entries[0].message) <= left):
                    entry = entries.popleft()
                    taken.append(entry)
                    left -= len(entry.message)
                    self._forget(entry)
            self._room.notify_all()
            return taken

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
                        self._recount()
                        raise
                    self._room.notify_all()
                    return True
            return False

    def hold(self) -> None:
        """
        Let nothing leave until `release`. Reader thread.
        """
        with self._lock:
            self._held = True

    def release(self) -> None:
        """
        Let the messages leave: the session is configured. Reader thread.
        """
        with self._lock:
            self._held = False

    def drop_audio(self) -> None:
        """
        Drop all waiting audio. Reader thread.
        """
        with self._lock:
            waiting = len(self._entries)
            self._entries = deque(entry for entry in self._entries if not entry.audio)
            self.audio_dropped += waiting - len(self._entries)
            self._recount()
            self._room.notify_all()

    def _forget(self, entry: Entry) -> None:
        self._bytes -= len(entry.message)
        if entry.audio:
            self._audio_bytes -= len(entry.message)

    def _recount(self) -> None:
        self._bytes = sum(len(entry.message) for entry in self._entries)
        self._audio_bytes = sum(len(e.message) for e in self._entries if e.audio)

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

    def close(self) -> int:
        """
        Drop all messages; return how many never left.

        Reader thread, as the last thing it does with this queue; `ended` says why.
        """
        with self._lock:
            unsent = len(self._entries)
            self._entries.clear()
            self._bytes = self._audio_bytes = 0
            self._waker.close()
            self._room.notify_all()
            return unsent

    def wake(self) -> None:
        """
        Ask the reader for a full turn, now. Any thread, also from a finalizer.
        """
        self.attention = True
        self._waker.wake()

    def fileno(self) -> int:
        """
        Return the descriptor that is readable when somebody woke us. Reader thread.
        """
        return self._waker.fileno()

    def drain(self) -> None:
        """
        Make the descriptor unreadable. Reader thread, before it looks for changes.
        """
        self._waker.drain()
        self.asleep = False
