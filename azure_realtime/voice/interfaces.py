"""
What a voice call needs of a client.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from enum import Enum
from typing import Any, Protocol


class Signal(Enum):
    """
    A message to the thread of a call, among the events of the service.
    """

    TICK = "tick"  # time has passed
    INTERRUPT = "interrupt"
    STOP = "stop"
    ASKED = "asked"  # a response was requested
    INPUT_OVER = "input over"  # no more audio will be sent


class EventFeed(Iterator[Any], Protocol):
    """
    The events of a client, in their order; see `AzureRealTimeAudio.events`.

    Attributes:
        timeout: Seconds after which a step raises TimeoutError; None never does.
    """

    timeout: float | None

    def put(self, event: Any) -> None:
        """
        Add any object behind the events that wait.
        """
        ...

    def close(self) -> None:
        """
        Stop collecting.
        """
        ...


class SessionFacts(Protocol):
    """
    The current configuration of the session.
    """

    @property
    def input_format(self) -> str:
        """
        Short name of the format of audio that is sent.
        """
        ...

    @property
    def output_format(self) -> str:
        """
        Short name of the format of the model's audio.
        """
        ...

    @property
    def vad(self) -> bool:
        """
        Whether the service detects the user's turns.
        """
        ...

    def field(self, name: str) -> Any:
        """
        Return a field of `SessionConfig`.
        """
        ...


class CallClient(Protocol):
    """
    A client, as a call uses it. Any thread may call these.
    """

    @property
    def is_initialized(self) -> bool:
        """
        Whether there is a configured session.
        """
        ...

    def events(self, *names: Any, timeout: float | None = None) -> EventFeed:
        """
        Collect events from now on.
        """
        ...

    def append_audio(
        self,
        audio: Any,
        timeout: float | None = 10.0,
        *,
        block: bool = True,
        rate: float | None = None,
    ) -> None:
        """
        Append audio to the input audio buffer.
        """
        ...

    def create_response(self) -> Future[Any]:
        """
        Request a response.
        """
        ...

    def cancel_response(self, response_id: str | None = None) -> bool:
        """
        Cancel the active response.
        """
        ...

    def set_model_speak_done(self) -> None:
        """
        Report that the answer has been played.
        """
        ...


class CallCommands(Protocol):
    """
    The commands of a call that do not wait for room in the send queue. Any thread.
    """

    def confirm(self) -> Future[Any]:
        """
        Change nothing of the session; the acknowledgement follows what was sent before.
        """
        ...

    def commit(self) -> Future[Any]:
        """
        Commit the input audio buffer.
        """
        ...

    def clear(self) -> Future[Any]:
        """
        Clear the input audio buffer.
        """
        ...

    def truncate(
        self, item_id: str, content_index: int, audio_end_ms: int, generation: int
    ) -> None:
        """
        Remove what was not played of an item of a connection from the conversation.
        """
        ...
