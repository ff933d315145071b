"""
The method that records a client's messages.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from .._concurrency.lifecycle import Lifecycle
from ..options import AzureRealTimeOptions

if TYPE_CHECKING:
    from .._engine.control import Control, MessageHook
    from ..models.session import Session
    from ..recording.recorder import Recorder


class Recordable:
    """
    Methods of a client: `record`.
    """

    _control: Control
    _lifecycle: Lifecycle
    _options: AzureRealTimeOptions
    _recorder: Recorder | None = None

    @property
    def session(self) -> Session | None:
        """
        The session as the service last reported it; None before the first report.
        """
        raise NotImplementedError

    def record(
        self,
        path: str | os.PathLike[str],
        *,
        audio: Literal["none", "inline", "wav"] = "none",
        overwrite: bool = False,
    ) -> Recorder:
        """
        Write all messages in both directions to a file, from now on.

            with client.record("session.jsonl"):
                client.ask("How are you?", timeout=60)

        A thread of its own writes the file; if the disk is slower than the network,
        audio is dropped first. Credentials, and secrets of MCP tools, are removed;
        what is said and written is not. Only the owner can read the file.
        `azure_realtime.recording.Recording` reads it.

        Args:
            path: The path of the file.
            audio: ``"none"`` writes the length of audio instead of the audio;
                ``"inline"`` writes the messages as they are; ``"wav"`` writes what the
                user and the model say into two files beside the recording, on one
                clock, and named after it.
            overwrite: Replace files of these names instead of raising.

        Returns:
            The recording. It ends with its ``with`` block, its `close`, or the client.

        Raises:
            FileExistsError: There is a file of that name.
            OSError: The file cannot be created.
            RealtimeError: The client has ended; this is the error that ended it.
            RuntimeError: The client is being recorded already; or this is a forked
                child.
        """
        # Imported here: a program that records nothing does not load it.
        from ..recording.recorder import Recorder

        self._lifecycle.check_open()
        recorder = Recorder(self, path, audio, overwrite)
        try:
            recorder.start(self)
            self._recorder = recorder
            return recorder
        except BaseException:  # Ctrl-C, too
            recorder.discard()
            raise

    def _mark(self, name: str, **data: Any) -> None:
        """
        Add a note to the recording, if there is one. Any thread.
        """
        if self._recorder is not None:
            self._recorder.mark(name, **data)

    def _recording(self) -> AbstractContextManager[object]:
        """
        Return a context manager that ends the recording, if there is one.
        """
        return nullcontext() if self._recorder is None else self._recorder

    @property
    def _api_version(self) -> str | None:
        return self._options.endpoint.api_version

    def _message_hook(
        self, hook: MessageHook
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        """
        Return the functions that set and remove the message hook.
        """
        control = self._control

        def set_hook() -> None:
            if control.message_hook is not None:
                raise RuntimeError(
                    "this client is being recorded already: close that recording first"
                )
            control.message_hook = hook

        def remove() -> None:
            if control.message_hook is hook:
                control.message_hook = None

        return set_hook, remove
