"""
The thread-safe queue between the callers and the reader thread.

Rules:

1. Messages are sent in the order in which they were queued.
2. The queue is bounded in bytes. A caller waits for room until its deadline. An empty
   queue accepts any message, so that an oversized message can be sent.
3. If the user chose so, the oldest audio is dropped to make room, but only if that
   makes enough room. Commands are never dropped.
4. The queue is paused until the session is configured: commands given before that are
   sent after the first ``session.update``.
5. The reader is woken after the lock is released: it would run at once and wait for
   the lock, which costs two thread switches per message.
6. Ctrl-C may interrupt a caller between any two lines. So no command is removed from
   the queue even temporarily, and an interrupted call computes the counters from the
   entries and wakes the reader.
7. A message wakes the reader only while `waker.is_awaited` is set: from a `take_some`
   that leaves no message to send until the next message or `wake`. No message is
   missed: the last one is taken and it is set in one step under the lock.
8. `wake` also makes the reader execute a full turn; a message does not.
9. After `refuse` no message is added. So a close sends what was queued before it, and
   ends although other threads go on sending.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._concurrency.lock import OwnLock
from .._concurrency.waker import Waker
from ..errors import QueueFull, RealtimeError, copy_to_raise
from .entry import Entry, audio_bytes

_TAKEN_BYTES = 64 << 10  # a control frame may wait behind so many


class SendQueue:
    """
    The encoded messages that the reader thread is to send.

    Args:
        max_bytes: The bound in bytes.
        drop_oldest: Whether queued audio is dropped to make room.
        lifecycle: Provides the error that ended the client. Its `ended` is read under
            the lock, and set before `close` is called.

    Attributes:
        peak_bytes: The largest size of the queue so far.
        audio_dropped: Number of dropped audio messages.
        attention: Whether `wake` was called; cleared by the reader in a full turn.
        waker: Wakes the reader; it is awaited if the next message must do so (rule 7).
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
        self._audio_bytes = 0  # included in `_bytes`
        self.peak_bytes = 0
        self.audio_dropped = 0
        self.attention = False
        self._paused = True
        self._refusal: RealtimeError | None = None
        self._room = Condition()
        self.waker = Waker()
        self._lock = OwnLock()  # guards the entries and the counters

    def put_audio(self, message: bytes) -> bool:
        """
        Queue one audio message if there is room now. Any thread; never waits.

        Returns:
            False if there is no room; `put` can wait for room, or drop audio.

        Raises:
            RealtimeError: The client has ended, or is closed; the error is the reason.
        """
        size = len(message)
        try:
            with self._lock:
                ended = self._lifecycle.ended or self._refusal
                if ended is not None:
                    raise copy_to_raise(ended)
                if self._bytes and self._bytes + size > self._max_bytes:
                    return False
                self._entries.append(Entry(message, None, True))
                self._bytes += size
                self._audio_bytes += size
                if self._bytes > self.peak_bytes:
                    self.peak_bytes = self._bytes
            if self.waker.is_awaited:
                self.waker.wake()
        except BaseException:
            self._repair()
            raise
        return True

    def put(self, *entries: Entry, deadline: Deadline | None) -> int:
        """
        Queue messages, all of them or none. Any thread.

        Args:
            entries: The messages in order; no other message is queued between them.
            deadline: Deadline of the wait for room; None ignores the bound.

        Returns:
            The number of audio messages dropped to make room.

        Raises:
            QueueFull: There was no room until the deadline.
            RealtimeError: The client has ended, or is closed; the error is the reason.
        """
        size = sum(len(entry.message) for entry in entries)
        dropped: list[Entry] = []
        if deadline is None:
            self._put(entries, size, dropped, even_if_full=True)
        elif not self._room.wait(lambda: self._put(entries, size, dropped), deadline):
            raise QueueFull(
                f"{self._bytes} bytes wait to be sent because the network is slow; "
                f"{size} more do not fit into the queue "
                f"(max_send_queue_bytes={self._max_bytes}). Send less, or raise the "
                "limit.",
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
        audio = audio_bytes(entries)
        try:
            with self._lock:
                ended = self._lifecycle.ended or self._refusal
                if ended is not None:
                    raise copy_to_raise(ended)
                if not even_if_full and not self._is_room(size, beside=self._bytes):
                    commands = self._bytes - self._audio_bytes
                    if not (self._drop_oldest and self._is_room(size, beside=commands)):
                        return False
                    self._make_room(size, dropped)
                self._entries.extend(entries)
                self._bytes += size
                self._audio_bytes += audio
                self.peak_bytes = max(self.peak_bytes, self._bytes)
            if self.waker.is_awaited:
                self.waker.wake()
        except BaseException:
            self._repair()
            raise
        return True

    def _make_room(self, size: int, dropped: list[Entry]) -> None:
        """
        Drop audio, oldest first, until there is room. Lock held.
        """
        for entry in tuple(self._entries):
            if self._is_room(size, beside=self._bytes):
                break
            if entry.audio:
                with contextlib.suppress(ValueError):  # a signal handler removed it
                    self._entries.remove(entry)
                    self._uncount(entry)
                    self.audio_dropped += 1
                    dropped.append(entry)
        self._room.notify_all()

    def _is_room(self, size: int, beside: int) -> bool:
        return not beside or beside + size <= self._max_bytes

    def take_some(self, max_bytes: int = _TAKEN_BYTES) -> list[Entry]:
        """
        Remove and return the next messages: at least one, else at most *max_bytes*.

        If no more can be sent, the next message must wake the reader. Reader thread.
        """
        with self._lock:
            entries = self._entries
            if self._paused or not entries:
                self.waker.is_awaited = True
                return []
            if self._bytes <= max_bytes:
                taken = list(entries)
                entries.clear()
                self._bytes = self._audio_bytes = 0
            else:
                taken = self._take_first(max_bytes)
            self.waker.is_awaited = not entries
            self._room.notify_all()
            return taken

    def withdraw(self, event_id: str) -> bool:
        """
        Remove a message; return False if the reader has taken it already. Any thread.
        """
        with self._lock:
            return self._withdraw(event_id)

    def _take_first(self, max_bytes: int) -> list[Entry]:
        # `take_some` of a queue with more than *max_bytes*; lock held
        entries, taken, room = self._entries, list[Entry](), max_bytes
        while entries and (not taken or len(entries[0].message) <= room):
            entry = entries.popleft()
            taken.append(entry)
            room -= len(entry.message)
            self._uncount(entry)
        return taken

    def _withdraw(self, event_id: str) -> bool:
        """
        Remove a message; return whether it was in the queue. Lock held.
        """
        entry = next((e for e in tuple(self._entries) if e.event_id == event_id), None)
        if entry is None:
            return False
        try:
            self._entries.remove(entry)
            self._uncount(entry)
        except BaseException:
            self._recount()
            raise
        self._room.notify_all()
        return True

    def pause(self) -> None:
        """
        Keep all messages in the queue until `resume`. Reader thread.
        """
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """
        End `pause`: the messages may be sent again. Reader thread.
        """
        with self._lock:
            self._paused = False

    def refuse(self, error: RealtimeError) -> None:
        """
        Raise *error* from `put`, at once and from now on. Any thread, finalizers
        included.
        """
        self._refusal = self._refusal or error
        self._room.notify_all()

    def lose(self) -> None:
        """
        Drop what must not be sent on another connection, such as audio. Reader thread.
        """
        with self._lock:
            self.audio_dropped += sum(entry.audio for entry in self._entries)
            self._entries = deque(
                entry
                for entry in self._entries
                if not (entry.audio or entry.of_connection)
            )
            self._recount()
            self._room.notify_all()

    def _uncount(self, entry: Entry) -> None:
        size = len(entry.message)  # before: a signal handler in `len` may queue more
        self._bytes -= size
        if entry.audio:
            self._audio_bytes -= size

    def _recount(self) -> None:
        self._bytes = sum(len(entry.message) for entry in self._entries)
        self._audio_bytes = audio_bytes(self._entries)

    def _repair(self) -> None:
        """
        Correct the counters after an interrupted call, and wake the reader (rule 6).
        """
        with self._lock:
            self._recount()
        self.waker.wake()

    @property
    def waiting(self) -> int:
        """
        Number of queued messages. Any thread.
        """
        return len(self._entries)

    @property
    def waiting_bytes(self) -> int:
        """
        Size of the queued messages in bytes. Any thread.
        """
        return self._bytes

    def close(self) -> int:
        """
        Drop all messages; return their number. Close the waker.

        Reader thread, its last use of the queue; `Lifecycle.ended` is set before.
        """
        with self._lock:
            unsent = len(self._entries)
            self._entries.clear()
            self._bytes = self._audio_bytes = 0
        self.waker.close()
        self._room.notify_all()
        return unsent

    def wake(self) -> None:
        """
        Make the reader execute a full turn now. Any thread, finalizers included.
        """
        self.attention = True
        self.waker.wake()

    def fileno(self) -> int:
        """
        Return the descriptor that is readable after a wake-up. Reader thread.
        """
        return self.waker.fileno()

    def drain(self) -> None:
        """
        Empty the descriptor. Reader thread, before it reads the changed state.
        """
        self.waker.drain()
        self.waker.is_awaited = False
