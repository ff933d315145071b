"""
From the send queue to the wire, and our close frame when the client is closed.

Messages are framed in batches: a batch is what a pong may have to wait for. Nothing is
taken from the queue before the socket has taken all that came before, so that what the
queue reports as waiting has not left.
"""

from __future__ import annotations

from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._requests.send_queue import SendQueue
from .._transport.frames import frame_size
from .._transport.websocket import WebSocketStream
from .control import Control

_BATCHES_IN_FLIGHT = 8  # kept without a look at what has arrived
_BATCHES_PER_TURN = 4  # of 64 KiB: then what has come has a turn


class Writer:
    """
    Writes for one connection. All of it belongs to the reader thread.

    Args:
        queue: What is to be sent.
        stream: The open WebSocket.
        control: What others ask.
        generation: Number of the connection.
        close_wait: Seconds in which the peer may answer our close frame.
        sent: Called with the id of a command that leaves.
        note_audio: Called when audio leaves.

    Attributes:
        goodbye: When the peer must have answered our close frame; None before it left.
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
        self._acknowledged = 0  # when the peer's answer was last waited for
        # the sizes of what was sent, each batch with the count of bytes before it
        self._in_flight: list[tuple[int, list[int]]] = []
        self.goodbye: Deadline | None = None

    def write(self) -> bool:
        """
        Send what the socket takes now, up to a turn's fill.

        Returns:
            Whether that was all there is. Then the queue wakes the reader for more.
        """
        stream, queue = self._stream, self._queue
        for _ in range(_BATCHES_PER_TURN):
            if not stream.idle:
                stream.write()
                if not stream.idle:
                    return False
            if self.goodbye is not None:
                return False
            entries = queue.take_some()
            if not entries:
                closing = self._control.closing
                if closing is None or queue.waiting:  # held, until there is a session
                    return True
                self._say_goodbye()
                return False
            audio = False
            for entry in entries:
                if entry.audio:
                    audio = True
                else:
                    self._sent(entry.event_id)
            if audio:
                self._note_audio()
            messages = [entry.message for entry in entries]
            control = self._control
            if control.message_hook is not None or control.logs_messages:
                control.report("out", self._generation, messages)
            self._in_flight.append((stream.bytes_sent, [len(m) for m in messages]))
            if len(self._in_flight) > _BATCHES_IN_FLIGHT:
                self._drop_delivered()
            stream.send_all(messages)
        return False

    def is_given_up(self) -> bool:
        """
        Whether the peer has not answered our close frame in time.

        While it acknowledges bytes that were sent before, the frame is on its way.
        """
        if self.goodbye is None or not self.goodbye.passed:
            return False
        before, self._acknowledged = self._acknowledged, self._stream.acknowledged
        if not before < self._acknowledged < self._stream.bytes_sent:
            return True
        self.goodbye = self._answer_by()
        return self.goodbye.passed

    @property
    def undelivered(self) -> int:
        """
        How many messages were sent that the peer has not acknowledged.
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

    def _say_goodbye(self) -> None:
        self._stream.send_close()
        self._stream.write()
        self._acknowledged = self._stream.acknowledged
        self.goodbye = self._answer_by()

    def _answer_by(self) -> Deadline:
        closing = self._control.closing
        left = None if closing is None else closing.remaining()
        wait = self._close_wait
        return Deadline(wait if left is None else min(wait, left))
