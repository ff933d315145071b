"""
The method that records a client's messages.
"""

from __future__ import annotations

import os
from collections.abc import Callable
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
            RuntimeError: The client is being recorded already; or this is a forked
                child.
        """
        # Imported here: a program that records nothing does not load it.
        from ..recording.recorder import Recorder

        self._lifecycle.check_process()
        self._recorder = Recorder(self, path, audio, overwrite)
        return self._recorder

    def _mark(self, name: str, **data: Any) -> None:
        """
        Add a note to the recording, if there is one. Any thread.
        """
        if self._recorder is not None:
            self._recorder.mark(name, **data)

    def _end_recording(self) -> None:
        if self._recorder is not None:
            self._recorder.close()

    @property
    def _api_version(self) -> str | None:
        return self._options.endpoint.api_version

    def _hook_messages(self, hook: MessageHook) -> Callable[[], None]:
        """
        Set the message hook. Return the function that removes it.
        """
        control = self._control
        if control.message_hook is not None:
            raise RuntimeError(
                "this client is being recorded already: close that recording first"
            )
        control.message_hook = hook

        def release() -> None:
            if control.message_hook is hook:
                control.message_hook = None

        return release
