"""
`Recorder`: writes the messages of a client to a file, while it is open.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from .._concurrency.deadline import Deadline
from .._concurrency.process import current_process
from .._concurrency.thread import JoinableThread
from . import format as f
from .backlog import Backlog
from .encoder import Encoder
from .tracks import Track, create
from .writer import Writer

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..models.session import Session

__all__ = ["RecordableClient", "Recorder"]

Hook = Callable[[Any, int, float, bytes], object]

_MAX_MARK = 16_384  # characters
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

    def _hook_messages(self, hook: Hook) -> Callable[[], None]:
        """
        Call *hook* with direction, generation, monotonic time and text of each message.

        The calls come from one thread. The returned function removes the hook; it must
        not refer to the client.

        Raises:
            RuntimeError: There is a hook already.
        """


class Recorder:
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
        if audio not in f.AUDIO_MODES:
            modes = ", ".join(map(repr, f.AUDIO_MODES))
            raise ValueError(f"audio must be one of {modes}, not {audio!r}")
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  resolves no links
        names = {}
        if audio == "wav":
            names = {track: f"{self.path.stem}.{track}.wav" for track in f.TRACKS}
        self._process = current_process()
        self._backlog = Backlog()
        self._closed = False
        began = time.monotonic()
        session = client.session
        with contextlib.ExitStack() as cleanup:
            paths = [self.path, *(self.path.with_name(name) for name in names.values())]
            file, *rest = [_created(each, overwrite, cleanup) for each in paths]
            tracks = {
                name: Track(os.fdopen(descriptor, "r+b", buffering=0), began)
                for name, descriptor in zip(names, rest, strict=True)
            }
            encoder = Encoder(
                audio, tracks, {} if session is None else dict(session.raw)
            )
            self._writer = Writer(file, self._backlog, encoder, tracks.values())
            self._writer.write([encoder.header(began, client._api_version, names)])
            name = f"azure-realtime-recorder-{next(_numbers)}"
            self._thread = JoinableThread(self._run, name)
            self._release = client._hook_messages(self._backlog.put)
            try:
                self._thread.start()
            except BaseException:
                self._release()
                raise
            cleanup.pop_all()
        # It refers to this recorder, which does not refer to the client.
        self._finalizer = weakref.finalize(client, self.close, 0.0)
        self._finalizer.atexit = False  # `_close_all` waits for the disk
        _open.add(self)

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
        if not self._closed:
            self._closed = True
            self._release()
            self._backlog.end()
            self._finalizer.detach()
            _open.discard(self)
        self._writer.hurry()
        if threading.current_thread() is not self._thread:  # a logging handler
            self._thread.wait(Deadline(timeout))

    def _run(self) -> None:
        try:
            self._writer.run()
        finally:
            self._release()  # after an error: what is not written need not be queued

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


_open: weakref.WeakSet[Recorder] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """
    Write what is queued when the interpreter exits.
    """
    deadline = Deadline(_EXIT_SECONDS)
    for recorder in list(_open):
        recorder.close(deadline.remaining())


def _created(path: Path, overwrite: bool, cleanup: contextlib.ExitStack) -> int:
    """
    Create a file; *cleanup* closes and removes it.
    """
    if overwrite:
        path.unlink(missing_ok=True)
    try:
        descriptor = create(path)
    except FileExistsError:
        raise FileExistsError(
            f"{path} exists: choose another name, or pass overwrite=True"
        ) from None
    cleanup.callback(path.unlink, missing_ok=True)
    cleanup.callback(os.close, descriptor)
    return descriptor
