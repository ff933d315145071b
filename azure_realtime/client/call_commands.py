"""
The commands of a voice call that must not wait for room in the send queue.

They are few and small, so they ignore its bound. On a slow network the audio of a live
microphone keeps the queue full while the connection works.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .._concurrency.lifecycle import Lifecycle
from .._state.conversation_state import ConversationState
from .._state.input_buffer import InputBuffer
from ..events import (
    ClientEvent,
    ConversationItemTruncate,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    SessionUpdate,
)
from ..models.session import SessionConfig


class CallCommands:
    """
    Sends the commands of a call. Any thread.

    Args:
        send: Sends a command that is acknowledged, beyond the bound of the queue.
        audio: The input audio buffer.
        conversation: The local conversation.
        lifecycle: Knows the connection.
    """

    def __init__(
        self,
        send: Callable[[ClientEvent], Future[Any]],
        audio: InputBuffer,
        conversation: ConversationState,
        lifecycle: Lifecycle,
    ) -> None:
        self._send = send
        self._audio = audio
        self._conversation = conversation
        self._lifecycle = lifecycle

    def confirm(self) -> Future[Any]:
        """
        Change nothing of the session; the acknowledgement follows what was sent before.
        """
        return self._send(SessionUpdate(session=SessionConfig()))

    def commit(self) -> Future[Any]:
        """
        Commit the input audio buffer.

        Raises:
            ValueError: It has less than 100 ms of audio.
            RealtimeError: A part of the audio was lost with a connection.
        """
        self._audio.check()
        return self._send(InputAudioBufferCommit())

    def clear(self) -> Future[Any]:
        """
        Clear the input audio buffer.
        """
        return self._send(InputAudioBufferClear())

    def truncate(
        self, item_id: str, content_index: int, audio_end_ms: int, generation: int
    ) -> None:
        """
        Remove what was not played of an item from the conversation.

        The local conversation, from which a next session is restored, is cut at once.
        The service is asked only if the connection is still the one that delivered the
        item: a later session has its text, but no audio.

        Args:
            item_id: The item.
            content_index: The content part with its audio.
            audio_end_ms: Milliseconds of the audio that were played.
            generation: The number of the connection that delivered it.
        """
        self._conversation.truncate(item_id, content_index, audio_end_ms)
        if not self._is_current(generation):
            return
        command = ConversationItemTruncate(
            item_id=item_id, content_index=content_index, audio_end_ms=audio_end_ms
        )
        future = self._send(command)
        if not self._is_current(generation):  # lost just before it was queued
            future.cancel()

    def _is_current(self, generation: int) -> bool:
        return self._lifecycle.is_ready and self._lifecycle.generation == generation
