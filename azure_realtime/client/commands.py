"""
What a client can say: one method for each command of the wire.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from ..audio.convert import AudioStream
from ..audio.pcm import pieces_of, read_audio
from ..events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    ConversationItemTruncated,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    ResponseCreate,
    SessionUpdate,
)
from ..models._shape import overlaid
from ..models.items import Item, MessageItem, as_item
from ..models.responses import Response, ResponseConfig, as_response_config
from ..models.session import Session, SessionConfig, as_session_config
from .audio_input import with_audio_for, within

if TYPE_CHECKING:
    from .._engine.sender import Sender
    from .._requests.response_queue import WhenBusy
    from .._state.conversation import Conversation
    from .._state.input_buffer import InputBuffer
    from .._state.session import SessionState


class Commands:
    """
    The commands. Any thread may call them, also a listener.

    None waits for an answer. Those that the service acknowledges return a future, which
    you may ignore: it completes with the answer, or fails with `ServerError`,
    `ResponseError` or `ConnectionClosed`. All raise `QueueFull` where the network does
    not carry what is queued already, and after the end the reason of the end.
    """

    _lifecycle: Lifecycle
    _sender: Sender
    _input: InputBuffer
    _follower: SessionState
    _conversation: Conversation

    def update_session(
        self,
        config: SessionConfig | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Future[Session]:
        """
        Change the session; what is left out stays as it is.

        Args:
            config: A `SessionConfig`, or a mapping in its flat shape or the service's.
            fields: Fields of `SessionConfig`, instead of or on top of *config*.
                ``None`` is sent as null: ``turn_detection=None`` turns VAD off.
        """
        merged = as_session_config(config or {})
        if fields:
            merged = overlaid(merged, as_session_config(fields))
        return self._command(SessionUpdate(session=merged))

    def append_audio(
        self,
        audio: Any,
        timeout: float | None = 10.0,
        *,
        block: bool = True,
        rate: float | None = None,
    ) -> None:
        """
        Send audio to the input audio buffer, converted for the session's format.

        Args:
            audio: One of these, or an iterable of them:

                - base64 text, bytes or anything with their buffer, in the session's
                  input format (pcm16: 24 kHz, one channel, little-endian; or G.711);
                - samples of one channel, int16 or floats from -1.0 to 1.0, in a NumPy
                  array, an `array.array` or another typed buffer;
                - a WAV file: its `pathlib.Path`, its bytes, or an open file. It is
                  converted as a whole, with `soxr` where that is installed (``pip
                  install soxr``; it needs NumPy, and is faster and more exact).

                Text is never taken for a path: it may come from elsewhere.
            timeout: Seconds to convert and to wait for room in the send queue.
            block: False never waits: for the callback of an audio device.
            rate: Samples a second of samples or bytes, where that is not the session's
                (pcm16 24,000; G.711 8,000). Bytes are 16 bit PCM then, not G.711. What
                is appended with one rate is one stream, of which up to 1 ms is held
                back until the next append or commit; append it from one thread.

        Raises:
            QueueFull: There was no room in time: more is produced than the network
                carries. Nothing of it is sent then.
            TimeoutError: The conversion was not done in time; nothing is sent.
            TypeError: It is no audio.
            ValueError: It is a file other than WAV, has several channels, or *rate* is
                no rate of audio.
        """
        if self._lifecycle.process.is_other_process:
            self._lifecycle.check_process()
        if type(audio) is bytes and rate is None and self._input.is_ready(audio):
            held: AudioStream | None = None
            ready = [audio]
        else:
            deadline = Deadline(timeout)
            pieces = pieces_of(audio)
            if pieces is not None:
                for piece in pieces:
                    left = deadline.remaining()
                    self.append_audio(piece, left, block=block, rate=rate)
                return
            check = within(deadline)
            given = read_audio(audio, rate, check, complete=True)
            ready, held = self._input.cut(given, check)
            timeout = deadline.remaining()
        self._sender.append(ready, timeout if block else 0.0)
        self._input.note(ready, held)

    def commit_audio(self) -> Future[InputAudioBufferCommitted]:
        """
        Make a user message of the buffered audio; under VAD the service does so itself.

        Raises:
            ValueError: Less than 100 ms were appended since the last commit or clear.
        """
        self._lifecycle.check_process()
        self._input.check()
        return self._command(InputAudioBufferCommit())

    def clear_audio_buffer(self) -> Future[InputAudioBufferCleared]:
        """
        Forget the buffered audio.
        """
        return self._command(InputAudioBufferClear())

    def create_conversation_item(
        self, item: Item | Mapping[str, Any], previous_item_id: str | None = None
    ) -> Future[Item]:
        """
        Add an item to the conversation.

        While a response runs the service adds it, and answers, after its end.

        Args:
            item: A `MessageItem` or another item, or a mapping of its shape. Without an
                ``id`` it gets one here, so that you know it at once.
            previous_item_id: Where: after this one; ``"root"`` is the very beginning;
                None is the end.
        """
        self._lifecycle.check_process()
        item = _named(as_item(item))
        if previous_item_id == "root":
            self._conversation.send_to_front(str(getattr(item, "id", "")))
        return self._sender.command(
            with_audio_for(
                ConversationItemCreate(item=item, previous_item_id=previous_item_id),
                self._follower.input_format,
            )
        )

    def retrieve_item(self, item_id: str) -> Future[Item]:
        """
        Ask for an item as the service has it, its audio included.
        """
        return self._sender.command(ConversationItemRetrieve(item_id=item_id))

    def delete_item(self, item_id: str) -> Future[ConversationItemDeleted]:
        """
        Delete an item from the conversation.
        """
        return self._sender.command(ConversationItemDelete(item_id=item_id))

    def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int
    ) -> Future[ConversationItemTruncated]:
        """
        Make the model forget what the user has not heard of an answer.

        Args:
            item_id: The assistant's message.
            content_index: Which content part; audio is 0.
            audio_end_ms: How many milliseconds were heard.
        """
        return self._sender.command(
            ConversationItemTruncate(
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=int(audio_end_ms),
            )
        )

    def create_response(
        self,
        config: ResponseConfig | Mapping[str, Any] | None = None,
        *,
        when_busy: WhenBusy = "wait",
        **fields: Any,
    ) -> Future[Response]:
        """
        Ask the model to answer; under VAD the service does so by itself.

        Cancelling the future stops the response.

        Args:
            config: A `ResponseConfig`, or a mapping in its flat shape or the service's.
            when_busy: What to do while the conversation's last response is not done:
                ``"wait"`` for its end (those who wait for the same share one response),
                ``"cancel"`` it, or fail with an ``"error"``.
            fields: Fields of `ResponseConfig`, instead of or on top of *config*.

        Returns:
            The response when it is done. The future fails with `ResponseFailed`,
            `ResponseIncomplete` or `ResponseCancelled` if it is not completed.
        """
        if when_busy not in ("wait", "cancel", "error"):
            raise ValueError(
                f"when_busy must be 'wait', 'cancel' or 'error', not {when_busy!r}"
            )
        response = None
        if config or fields:
            response = as_response_config(config or {})
            if fields:
                response = overlaid(response, as_response_config(fields))
        command = ResponseCreate(response=response)
        command = with_audio_for(command, self._follower.input_format)
        return self._sender.request(command, when_busy)

    def cancel_response(self, response_id: str | None = None) -> bool:
        """
        Stop an answer that is being made.

        Args:
            response_id: Which; None is the conversation's own.

        Returns:
            False if nothing is active; nothing is sent then.
        """
        self._lifecycle.check_process()
        asked, commands = self._sender.responses.cancel(response_id)
        self._sender.follow_up(commands)
        return asked

    def send(self, event: ClientEvent | Mapping[str, Any]) -> Future[Any] | None:
        """
        Send any command.

        Args:
            event: A command of `azure_realtime.events`, or a mapping with a ``type``.
                One of a known type is checked and put into the words of the protocol in
                use; one of an unknown type is sent as it is.

        Returns:
            The future that the method for this command returns; None where the service
            does not acknowledge it.

        Raises:
            ValueError: A misspelled type or field.
        """
        self._lifecycle.check_process()
        command = self._sender.codec.command(event)
        command = with_audio_for(command, self._follower.input_format)
        if isinstance(command, ResponseCreate):
            return self._sender.request(command, "wait")
        if isinstance(command, ConversationItemCreate):
            command = attrs.evolve(command, item=_named(command.item))
        if isinstance(command, InputAudioBufferAppend):
            self._input.count(command.audio)
        if command.type in self._sender.ACKNOWLEDGED:
            return self._command(command)
        command = self._sender.identified(command)
        self._sender.queue(command, deadline=Deadline(self._sender.QUEUE_TIMEOUT))
        return None

    def _command(self, command: ClientEvent) -> Future[Any]:
        """
        Queue a command that is acknowledged, and note first what it changes.
        """
        if isinstance(command, SessionUpdate):
            return self._sender.command(
                command, partial(self._follower.ask, command.session)
            )
        if not isinstance(command, (InputAudioBufferCommit, InputAudioBufferClear)):
            return self._sender.command(command)
        if isinstance(command, InputAudioBufferCommit) and (rest := self._input.rest()):
            self._sender.append(rest, self._sender.QUEUE_TIMEOUT)
            self._input.note(rest, None)
        begun: list[tuple[Future[Any], tuple[deque[int], AudioStream | None]]] = []
        try:
            return self._sender.command(
                command, lambda future: begun.append((future, self._input.clear()))
            )
        except BaseException:
            for future, counted in begun:
                if future.cancelled():  # else its audio is lost, with the session
                    self._input.put_back(*counted)
            raise


def _named(item: Any) -> Any:
    """
    Return *item* with an id, by which its answer is known.
    """
    if getattr(item, "id", "") is None:
        kind = "msg" if isinstance(item, MessageItem) else "item"
        return attrs.evolve(item, id=f"{kind}_{os.urandom(10).hex()}")
    return item
