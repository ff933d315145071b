"""
The methods of a client that send commands: one for each command of the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from .._concurrency.deadline import TIMEOUTS, Deadline
from .._concurrency.lifecycle import Lifecycle
from ..audio.convert import AudioStream
from ..audio.encoding import encode
from ..audio.pcm import Audio, pieces_of, read_audio, source_rate
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
from ..events._checks import floored
from ..models._coerce import snapshot
from ..models._shape import overlaid
from ..models.fields import ResponseFields, SessionFields, Unpack, WhenBusy
from ..models.items import Item, as_item, with_id
from ..models.responses import Response, ResponseConfig, as_response_config
from ..models.session import Session, SessionConfig, as_session_config
from .audio_input import response_command, with_audio_for, within

if TYPE_CHECKING:
    from .._engine.sender import Sender
    from .._state.conversation_state import ConversationState
    from .._state.input_buffer import InputBuffer
    from .._state.session import SessionState


class Commands:
    """
    Methods of a client: one for each command. Any thread, also a listener.

    No method waits for the service. A method whose command is acknowledged returns a
    future, which may be ignored: its result is the acknowledgement, its exception a
    `ServerError`, `ResponseError` or `ConnectionClosed`. Each method raises `QueueFull`
    if the send queue has no room in time, and after the end the error that ended it.
    """

    _lifecycle: Lifecycle
    _sender: Sender
    _input: InputBuffer
    _follower: SessionState
    _conversation: ConversationState

    def update_session(
        self,
        config: SessionConfig | Mapping[str, Any] | None = None,
        **fields: Unpack[SessionFields],
    ) -> Future[Session]:
        """
        Change the session configuration; fields that are not given stay unchanged.

        Args:
            config: A `SessionConfig`, or a mapping with its flat fields or in the
                nested shape of the service.
            fields: Fields of `SessionConfig`; they replace those of *config*. ``None``
                is sent as null: ``turn_detection=None`` turns VAD off.

        Raises:
            ValueError: A field is misspelled.
        """
        merged = as_session_config({} if config is None else config)
        if fields:
            merged = overlaid(merged, as_session_config(fields))
        return self._command(SessionUpdate(session=merged))

    def append_audio(
        self,
        audio: Audio,
        timeout: float | None = 10.0,
        *,
        block: bool = True,
        rate: float | None = None,
    ) -> None:
        """
        Append audio to the input audio buffer, converted to the session's format.

        Args:
            audio: One of these, or an iterable of them:

                - bytes, another object with a buffer of bytes, or base64 text, in the
                  session's input format (pcm16: 24 kHz, mono, 16 bit little-endian; or
                  G.711: 8 kHz, mono, 8 bit);
                - mono samples, int16 or floats from -1.0 to 1.0, in a NumPy array of
                  shape (n,), an `array.array` or another typed buffer;
                - a WAV file: its `pathlib.Path`, its bytes, an open binary file, or the
                  result of `read_wav`. It is converted as a whole, with `soxr` if it is
                  installed (it needs NumPy and is more exact).

                Text is never used as a path, as it may come from an untrusted source.
                An iterable may yield a file in pieces, and has its own rate if it is a
                `Source`. If it raises, its audio so far has been sent.
            timeout: Seconds for conversion and room in the send queue; None: no limit.
            block: False raises QueueFull instead of waiting for room; use it in the
                callback of an audio device.
            rate: Sample rate of samples or bytes in Hz if it is not the session's
                (pcm16: 24,000; G.711: 8,000). Bytes are then 16 bit PCM, not G.711. All
                audio appended with one rate is one stream: up to 1 ms of it is kept
                until the next append or commit, and one thread must append it.

        Raises:
            QueueFull: The send queue had no room in time, because more is produced than
                the network carries; nothing of *audio* has been sent.
            TimeoutError: The conversion was not done in time; nothing has been sent.
            TypeError: *audio* has another type.
            ValueError: *audio* is a file of another format, base64 text as bytes, or
                has several channels; or *rate* is no sample rate.
        """
        if self._lifecycle.process.is_other_process:
            self._lifecycle.check_process()
        usual = rate is None and type(timeout) in TIMEOUTS and timeout == timeout
        if usual and type(audio) is bytes and self._input.is_ready(audio):
            held: AudioStream | None = None
            ready = [audio]
        else:
            deadline = Deadline(timeout)
            pieces = pieces_of(audio)
            if pieces is not None:
                for piece in pieces:  # the rate of a device may change: `Source.rate`
                    own, remaining = source_rate(audio) or rate, deadline.remaining()
                    self.append_audio(piece, remaining, block=block, rate=own)
                return
            check = within(deadline)
            given = read_audio(audio, rate, check, complete=True)
            ready, held = self._input.cut(given, check)
            timeout = deadline.remaining()
        self._sender.append(ready, timeout if block else 0.0)
        self._input.note(ready, held)

    def commit_audio(self) -> Future[InputAudioBufferCommitted]:
        """
        Commit the input audio buffer: the service makes a user message of it.

        With VAD the service does so by itself at the end of speech.

        Returns:
            A future of the acknowledgement, which has the message's ``item_id``.

        Raises:
            ValueError: Less than 100 ms were appended since the last commit or clear.
        """
        return self._commit()

    def clear_audio_buffer(self) -> Future[InputAudioBufferCleared]:
        """
        Clear the input audio buffer.
        """
        return self._command(InputAudioBufferClear())

    def create_conversation_item(
        self,
        item: Item | Mapping[str, Any] | str,
        previous_item_id: str | None = None,
    ) -> Future[Item]:
        """
        Add an item to the conversation.

        The service adds and acknowledges an item that arrives during a response only
        after the end of that response.

        Args:
            item: A `MessageItem` or another item, a mapping with its fields, or text of
                the user. An item without ``id`` gets a generated one.
            previous_item_id: The item after which it is inserted; ``"root"`` inserts at
                the beginning, None appends at the end.

        Raises:
            ValueError: A field is misspelled, or the protocol has no such item.
        """
        self._lifecycle.check_process()
        item = with_id(as_item(item))
        if previous_item_id == "root":
            self._conversation.send_to_front(str(getattr(item, "id", "")))
        return self._command(
            with_audio_for(
                ConversationItemCreate(item=item, previous_item_id=previous_item_id),
                self._follower.input_format,
            )
        )

    def retrieve_item(self, item_id: str) -> Future[Item]:
        """
        Request an item as the service stores it, its audio included.
        """
        return self._command(ConversationItemRetrieve(item_id=item_id))

    def delete_item(self, item_id: str) -> Future[ConversationItemDeleted]:
        """
        Delete an item from the conversation.
        """
        return self._command(ConversationItemDelete(item_id=item_id))

    def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int
    ) -> Future[ConversationItemTruncated]:
        """
        Remove the part of an answer that was not played from the conversation.

        Args:
            item_id: The id of the assistant's message.
            content_index: Index of the content part; the audio part is 0.
            audio_end_ms: Milliseconds of the audio that were played.
        """
        end = floored(audio_end_ms)
        command = ConversationItemTruncate(
            item_id=item_id, content_index=content_index, audio_end_ms=end
        )
        return self._command(command)

    def create_response(
        self,
        config: ResponseConfig | Mapping[str, Any] | None = None,
        *,
        when_busy: WhenBusy = "wait",
        **fields: Unpack[ResponseFields],
    ) -> Future[Response]:
        """
        Request a response from the model; with VAD the service does so by itself.

        Args:
            config: A `ResponseConfig`, or a mapping with its flat fields or in the
                nested shape of the service.
            when_busy: What to do while the last response of the conversation is not
                done: ``"wait"`` until it is (equal requests that wait share one
                response), ``"cancel"`` it, or fail with an ``"error"``.
            fields: Fields of `ResponseConfig`; they replace those of *config*.

        Returns:
            A future of the response when it is done. Its exception is `ResponseFailed`,
            `ResponseIncomplete` or `ResponseCancelled` if the response did not
            complete. Cancelling the future cancels the response.

        Raises:
            ValueError: A field is misspelled, or *when_busy* is another word.
        """
        response = as_response_config(config)
        if fields:
            response = overlaid(response, as_response_config(fields))
        command = response_command(response, self._follower.input_format)
        return self._sender.request(command, when_busy)

    def cancel_response(self, response_id: str | None = None) -> bool:
        """
        Cancel a response that is in progress.

        Args:
            response_id: The id of the response; None means the conversation's own.

        Returns:
            Whether there was such a response. If not, nothing is sent.
        """
        self._lifecycle.check_process()
        was_active, commands = self._sender.responses.cancel(response_id)
        self._sender.follow_up(commands)
        return was_active

    def send(self, event: ClientEvent | Mapping[str, Any]) -> Future[Any] | None:
        """
        Send any command.

        Args:
            event: A command of `azure_realtime.events`, or a mapping with a ``type``. A
                command of a known type is checked and translated to the protocol in
                use; a mapping of an unknown type is sent unchanged.

        Returns:
            The future of the command's own method; None if it is not acknowledged.

        Raises:
            TypeError: A field has the wrong type.
            ValueError: A type or field is misspelled; or the ``event_id`` is empty, too
                long, or that of a command that is not answered yet.
        """
        self._lifecycle.check_process()
        command = self._sender.accepted(self._sender.codec.command(event))
        command = with_audio_for(command, self._follower.input_format)
        if isinstance(command, ResponseCreate):
            return self._sender.request(command, "wait")
        if isinstance(command, ConversationItemCreate):
            command = attrs.evolve(command, item=with_id(command.item))
        if command.type in self._sender.ACKNOWLEDGED:
            return self._command(command)
        self._sender.queue(command, deadline=Deadline(self._sender.QUEUE_TIMEOUT))
        if isinstance(command, InputAudioBufferAppend):
            self._input.count(command.audio)
        return None

    def _commit(self, **how: Any) -> Future[InputAudioBufferCommitted]:
        """Commit the audio; *how* as for `_command`."""
        self._lifecycle.check_process()
        if self._lifecycle.ended is None:
            self._input.check()
        return self._command(InputAudioBufferCommit(), **how)

    def _command(
        self,
        command: ClientEvent,
        *,
        bounded: bool = True,
        expect: Callable[[Future[Any]], object] = lambda _: None,
    ) -> Future[Any]:
        """Queue a command; *expect* gets its future first, but no `SessionUpdate`'s."""
        queue = partial(self._sender.command, bounded=bounded)
        if isinstance(command, SessionUpdate):
            session = self._follower.with_type(snapshot(command.session))
            command = attrs.evolve(command, session=session)
            return queue(command, partial(self._follower.ask, command.session))
        if not isinstance(command, (InputAudioBufferCommit, InputAudioBufferClear)):
            return queue(self._conversation.with_present_ids(command), expect)
        if isinstance(command, InputAudioBufferCommit) and (rest := self._input.rest()):
            append = InputAudioBufferAppend(audio=encode(b"".join(rest)))
            deadline = Deadline(self._sender.QUEUE_TIMEOUT) if bounded else None
            self._sender.queue(self._sender.identified(append), deadline=deadline)
            self._input.note(rest, None)
        begun: list[tuple[Future[Any], Any]] = []  # with the audio that it takes

        def begin(future: Future[Any]) -> None:
            begun.append((future, self._input.clear()))
            expect(future)

        try:
            return queue(command, begin)
        except BaseException:
            for future, counted in begun:
                if future.cancelled():  # else the session is lost, and its buffer
                    self._input.put_back(*counted)
            raise
