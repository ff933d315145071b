"""
Sends the queued messages of one connection, then our close frame.

Messages are framed in batches; a pong waits for one batch at most. The next batch is
taken from the queue only after the socket has taken the last one, so a message that the
queue reports as waiting was not sent.
"""

from __future__ import annotations

from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._logging import logger
from .._requests.entry import Entry
from .._requests.send_queue import SendQueue
from .._transport.outgoing_frames import frame_size
from .._transport.websocket import WebSocketStream
from .control import Control

_BATCHES_IN_FLIGHT = 8  # beyond it, acknowledged batches are dropped (a system call)
_BATCHES_PER_TURN = 4  # of 64 KiB: then received messages are read


class Writer:
    """
    Writes to one connection. All of it runs on the reader thread.

    Args:
        queue: The send queue.
        stream: The open WebSocket.
        control: The requests of other threads.
        generation: Number of the connection.
        close_wait: Seconds for the peer to answer our close frame.
        sent: Called with the id of a command before it is sent.
        note_audio: Called before audio is sent.

    Attributes:
        answer_deadline: When the peer must have answered our close frame; None before
            it was sent.
    """

    def __init__(
        self,
        queue: SendQueue,
        stream: WebSocketStream,
        control: Control,
        generation: int,
        close_wait: float,
        sent: Callable[[str | None], None],
        note_audio: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._stream = stream
        self._control = control
        self._generation = generation
        self._close_wait = close_wait
        self._sent = sent
        self._note_audio = note_audio
        self._acknowledged = 0  # bytes, when `answer_deadline` was set
        # for each sent batch: the count of bytes before it, and its messages' sizes
        self._in_flight: list[tuple[int, list[int]]] = []
        self.answer_deadline: Deadline | None = None

    def write(self) -> bool:
        """
        Send as many messages as the socket takes now, up to the limit of a turn.

        Returns:
            Whether the queue has no more to send, and the socket has taken all. Then
            the next `put` wakes the reader.
        """
        stream, queue = self._stream, self._queue
        for _ in range(_BATCHES_PER_TURN):
            stream.write()
            if self.answer_deadline is not None or not stream.idle:
                return False
            entries = queue.take_some()
            if entries:
                try:
                    self._frame(entries)
                except BaseException:
                    # not in the queue any more: they fail with the connection
                    for entry in entries:
                        self._sent(entry.event_id)
                    raise
            if queue.waker.is_awaited:
                stream.write()
                # the queue keeps commands until the session is configured
                if self._control.closing is None or queue.waiting:
                    return stream.idle
                if stream.idle:
                    self._send_close()
                return False
        return False  # the last batch is not sent yet: another turn follows

    def _frame(self, entries: list[Entry]) -> None:
        stream, control = self._stream, self._control
        messages, sizes, audio = list[bytes](), list[int](), False
        for message, event_id, is_audio, _ in entries:
            messages.append(message)
            sizes.append(len(message))
            if is_audio:
                audio = True
            else:
                self._sent(event_id)
        if audio:
            self._note_audio()
        else:  # commands are rare: the level may have been changed since the last one
            control.logs_messages = logger.logs_messages
        if control.message_hook is not None or control.logs_messages:
            control.report("out", self._generation, messages)
        self._in_flight.append((stream.bytes_sent, sizes))
        if len(self._in_flight) > _BATCHES_IN_FLIGHT:
            self._drop_delivered()
        stream.send_all(messages)

    @property
    def has_more(self) -> bool:
        """
        Whether `write` has more messages to take from the queue.
        """
        return not self._queue.waker.is_awaited and self.answer_deadline is None

    def is_given_up(self) -> bool:
        """
        Return whether the peer has not answered our close frame in time.

        While the peer acknowledges earlier bytes, the frame is still in flight, and the
        deadline is extended.
        """
        if self.answer_deadline is None or not self.answer_deadline.passed:
            return False
        before, self._acknowledged = self._acknowledged, self._stream.acknowledged
        if not before < self._acknowledged < self._stream.bytes_sent:
            return True
        self.answer_deadline = self._make_answer_deadline()
        return self.answer_deadline.passed

    @property
    def undelivered(self) -> int:
        """
        How many sent messages the peer has not acknowledged.
        """
        acknowledged, count = self._stream.acknowledged, 0
        for position, sizes in self._in_flight:
            for size in sizes:
                position += frame_size(size)
                count += position > acknowledged
        return count

    def _drop_delivered(self) -> None:
        acknowledged = self._stream.acknowledged
        while len(self._in_flight) > 1 and self._in_flight[1][0] <= acknowledged:
            del self._in_flight[0]

    def _send_close(self) -> None:
        self._stream.send_close()
        self._stream.write()
        self._acknowledged = self._stream.acknowledged
        self.answer_deadline = self._make_answer_deadline()

    def _make_answer_deadline(self) -> Deadline:
        closing = self._control.closing
        remaining = None if closing is None else closing.remaining()
        wait = self._close_wait
        return Deadline(wait if remaining is None else min(wait, remaining))
