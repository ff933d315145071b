"""
What a client can say: one method for each command of the wire.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ._codec import Codec
from ._deadline import Deadline
from ._pcm import audio_bytes
from .events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from .items import Item, as_item
from .responses import ResponseConfig, as_response_config
from .session import SessionConfig, as_session_config

_CHUNK = 192 << 10  # bytes of audio in one append: no pong waits long behind it


class Commands:
    """
    The commands. Any thread may call them, also a listener; none waits for an answer.
    """

    _codec: Codec

    @abstractmethod
    def _send(self, event: ClientEvent, deadline: Deadline | None = None) -> None:
        """
        Encode and queue a command.
        """

    def update_session(
        self,
        config: SessionConfig | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        """
        Change the session; what is left out stays as it is.

        Args:
            config: A `SessionConfig`, or a mapping in its flat shape or the service's.
            fields: Fields of `SessionConfig`, instead of or on top of *config*.
                ``None`` is sent as null: ``turn_detection=None`` turns VAD off.
        """
        merged = as_session_config(config or {})
        if fields:
            merged = merged.merged(as_session_config(fields))
        self._send(SessionUpdate(session=merged))

    def append_audio(self, audio: Any, timeout: float | None = 10.0) -> None:
        """
        Send samples to the input audio buffer.

        Args:
            audio: Base64 text, bytes or anything with their buffer, in the session's
                input format (pcm16: 24 kHz, one channel, little-endian); or a NumPy
                array of int16 samples, or of floats from -1.0 to 1.0.
            timeout: Seconds to wait for room in the send queue.

        Raises:
            QueueFull: There was no room in time: more is produced than the network
                carries.
        """
        data = audio_bytes(audio)
        deadline = Deadline(timeout)
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK]
            self._send(InputAudioBufferAppend(audio=chunk), deadline)

    def commit_audio(self) -> None:
        """
        Make a user message of the buffered audio; under VAD the service does so itself.
        """
        self._send(InputAudioBufferCommit())

    def clear_audio_buffer(self) -> None:
        """
        Forget the buffered audio.
        """
        self._send(InputAudioBufferClear())

    def create_conversation_item(
        self, item: Item | Mapping[str, Any], previous_item_id: str | None = None
    ) -> None:
        """
        Add an item to the conversation.

        Args:
            item: A `MessageItem` or another item, or a mapping of its shape.
            previous_item_id: Where: after this one; ``"root"`` is the very beginning;
                None is the end.
        """
        self._send(
            ConversationItemCreate(
                item=as_item(item), previous_item_id=previous_item_id
            )
        )

    def retrieve_item(self, item_id: str) -> None:
        """
        Ask for an item; it comes as ``conversation.item.retrieved``.
        """
        self._send(ConversationItemRetrieve(item_id=item_id))

    def delete_item(self, item_id: str) -> None:
        """
        Delete an item from the conversation.
        """
        self._send(ConversationItemDelete(item_id=item_id))

    def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int
    ) -> None:
        """
        Make the model forget what the user has not heard of an answer.

        Args:
            item_id: The assistant's message.
            content_index: Which content part; audio is 0.
            audio_end_ms: How many milliseconds were heard.
        """
        self._send(
            ConversationItemTruncate(
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=int(audio_end_ms),
            )
        )

    def create_response(
        self, config: ResponseConfig | Mapping[str, Any] | None = None, **fields: Any
    ) -> None:
        """
        Ask the model to answer; under VAD the service does so by itself.

        Args:
            config: A `ResponseConfig`, or a mapping in its flat shape or the service's.
            fields: Fields of `ResponseConfig`, instead of or on top of *config*.
        """
        response = None
        if config or fields:
            response = as_response_config(config or {})
            if fields:
                response = response.merged(as_response_config(fields))
        self._send(ResponseCreate(response=response))

    def cancel_response(self, response_id: str | None = None) -> None:
        """
        Stop the answer that is being made.

        Args:
            response_id: Which; None is the conversation's own.
        """
        self._send(ResponseCancel(response_id=response_id))

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """
        Send any command.

        Args:
            event: A command of `azure_realtime.events`, or a mapping with a ``type``.
                One of a known type is checked and put into the words of the protocol in
                use; one of an unknown type is sent as it is.

        Raises:
            ValueError: A misspelled type or field.
        """
        command = (
            event if isinstance(event, ClientEvent) else self._codec.command(event)
        )
        self._send(command)
