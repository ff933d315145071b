"""
`Recorder`: writes the messages of a client to a file, while it is open.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import threading
import time
import weakref
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .._concurrency.deadline import Deadline
from .._concurrency.process import current_process
from .._concurrency.thread import JoinableThread
from .._concurrency.with_block import GuaranteedEnter
from . import format as f
from .backlog import Backlog
from .encoder import Encoder
from .tracks import Track, create
from .writer import Writer

if TYPE_CHECKING:
    from ..models.session import Session

__all__ = ["RecordableClient", "Recorder"]

Hook = Callable[[Any, int, float, bytes], object]

_MAX_MARK = 16_384  # characters
_DISCARD_SECONDS = 1.0
_EXIT_SECONDS = 2.0  # for all recordings, when the interpreter exits
_numbers = itertools.count(1)


class RecordableClient(Protocol):
    """
    What a recording needs of a client.
    """

    @property
    def session(self) -> Session | None:
        """
        The session as the service last reported it.
        """

    @property
    def _api_version(self) -> str | None:
        """
        The version of the protocol; None for GA.
        """

    def _message_hook(
        self, hook: Hook
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        """
        Return a function that sets *hook*, and one that removes it if it is set.

        A hook is called with direction, generation, monotonic time and text of each
        message, on one thread. The functions must not refer to the client. The first
        raises RuntimeError if there is a hook already.
        """
        ...


class Recorder(GuaranteedEnter):
    """
    A recording in progress: `AzureRealTimeAudio.record` begins it.

        with client.record("session.jsonl"):
            client.ask("How are you?", timeout=60)

    It ends with `close`, the end of the ``with`` block, the end of the client, or the
    end of the program. Any thread.

    Attributes:
        path: The path of the file.
    """

    def __init__(
        self,
        client: RecordableClient,
        path: str | os.PathLike[str],
        audio: f.AudioMode = "none",
        overwrite: bool = False,
    ) -> None:
        super().__init__()
        if audio not in f.AUDIO_MODES:
            modes = ", ".join(map(repr, f.AUDIO_MODES))
            raise ValueError(f"audio must be one of {modes}, not {audio!r}")
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  resolves no links
        names = {}
        if audio == "wav":
            names = {track: f"{self.path.stem}.{track}.wav" for track in f.TRACKS}
        self._audio = audio
        self._overwrite = overwrite
        self._names = names
        self._process = current_process()
        self._backlog = Backlog()
        self._closed = False
        self._created: list[Path] = []
        self._files: list[FileIO] = []
        # The thread or `discard` takes the item out, and then closes the files.
        self._unwritten = [self]
        name = f"azure-realtime-recorder-{next(_numbers)}"
        self._thread = JoinableThread(self._run, name)
        self._finalizer: Any = None
        self._set_hook, self._release = client._message_hook(self._backlog.put)

    def start(self, client: RecordableClient) -> None:
        """
        Create the files and record. `AzureRealTimeAudio.record` has called it, and
        calls `discard` if this raises.

        Raises:
            FileExistsError: There is a file of that name.
            OSError: A file cannot be created.
            RuntimeError: The client is being recorded already.
        """
        began = time.monotonic()
        self._set_hook()  # first: a second recording must not touch the first's file
        session = client.session
        file = self._create(self.path)
        tracks = {
            track: Track(self._create(self.path.with_name(name)), began)
            for track, name in self._names.items()
        }
        encoder = Encoder(
            self._audio, tracks, {} if session is None else dict(session.raw)
        )
        self._writer = Writer(file, self._backlog, encoder, tracks.values())
        self._writer.write([encoder.header(began, client._api_version, self._names)])
        # It refers to this recorder, which does not refer to the client.
        self._finalizer = weakref.finalize(client, self.close, 0.0)
        self._finalizer.atexit = False  # `_close_all` waits for the disk
        _open.add(self)
        self._thread.start()

    def discard(self) -> None:
        """
        Undo `start`, wherever an exception has ended it: remove the files.
        """
        self._closed = True
        self._release()
        if self._finalizer is not None:
            self._finalizer.detach()
        _open.discard(self)
        self._backlog.end()
        try:
            self._unwritten.pop()
        except IndexError:  # the thread writes
            self._writer.stop_waiting()
            self._thread.wait(Deadline(_DISCARD_SECONDS))
        for file in self._files:
            file.close()
        for path in self._created:
            path.unlink(missing_ok=True)

    def _create(self, path: Path) -> FileIO:
        """
        Create a file, which `discard` closes and removes.
        """
        if os.path.lexists(path) and not self._overwrite:
            raise _exists(path)
        if self._overwrite:
            path.unlink(missing_ok=True)
        self._created.append(path)  # before: Ctrl-C may come after its creation
        try:
            file = FileIO(path, "x+", opener=create)
        except FileExistsError:  # made a moment ago by another program
            self._created.remove(path)
            raise _exists(path) from None
        self._files.append(file)
        return file

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<Recorder {self.path.name} {state}>"

    @property
    def error(self) -> BaseException | None:
        """
        The error that ended the recording early, such as a full disk; None without one.
        """
        return self._writer.error

    def mark(self, name: str, **data: Any) -> None:
        """
        Add a note with the present time.

        The timeline shows it. ``playback_started`` and ``playback_stopped``, with the
        ``item_id`` of an answer, replace its estimate of what was played; the first may
        have ``played_ms``, how much has been played already. A voice call notes it.

        Args:
            name: The name of the note.
            data: Further values, which JSON can express.

        Raises:
            TypeError: A value has no JSON type.
            ValueError: The note is longer than 16,384 characters as JSON.
        """
        text = json.dumps([name, data], allow_nan=False)
        if len(text) > _MAX_MARK:
            raise ValueError(f"a mark has at most {_MAX_MARK:,} characters as JSON")
        if not self._closed:
            self._backlog.mark(*json.loads(text))

    def close(self, timeout: float | None = 5.0) -> None:
        """
        End the recording and write what is queued. May be repeated.

        Args:
            timeout: Seconds to wait for the disk; writing goes on in the background
                afterwards. None waits until everything is written.
        """
        if self._process.is_other_process:
            return  # the descriptors and the thread are those of the parent
        # Each step may be repeated: Ctrl-C may have interrupted an earlier call.
        self._closed = True
        self._release()
        self._backlog.end()
        if self._finalizer is not None:
            self._finalizer.detach()
        self._writer.stop_waiting()
        _open.discard(self)
        if threading.current_thread() is not self._thread:  # a logging handler
            self._thread.wait(Deadline(timeout))

    def _run(self) -> None:
        try:
            self._unwritten.pop()
        except IndexError:  # discarded
            return
        try:
            self._writer.run()
        finally:
            self._release()  # after an error: what is not written need not be queued

    def _leave(self, kind: type[BaseException] | None) -> None:  # noqa: ARG002
        self.close()

    def _end(self) -> None:
        self.close(_EXIT_SECONDS)


_open: weakref.WeakSet[Recorder] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """
    Write what is queued when the interpreter exits.
    """
    deadline = Deadline(_EXIT_SECONDS)
    for recorder in list(_open):
        recorder.close(deadline.remaining())


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(
        f"{path} exists: choose another name, or pass overwrite=True"
    )
