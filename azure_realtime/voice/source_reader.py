"""
A thread that iterates over a source.

A source may block until it is closed, or for ever. The thread that takes its blocks
waits with a timeout instead.
"""

from __future__ import annotations

import threading

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.thread import JoinableThread
from .ends import Block, SourceEnd


class SourceReader:
    """
    Reads a source; it is at most one block ahead.

    Args:
        source: The source. It is closed at its end, and by `close`.
    """

    def __init__(self, source: SourceEnd) -> None:
        self._source = source
        self._ahead: list[Block] = []  # at most one
        self._changed = Condition()
        self._closed = self._over = False
        self._error: BaseException | None = None
        self._thread = JoinableThread(self._run, "azure-realtime-voice-source")

    def start(self) -> None:
        """
        Start the thread.
        """
        self._thread.start()

    @property
    def ended(self) -> bool:
        """
        Whether the source has ended normally and all blocks were taken.
        """
        return self._over and not self._ahead and self._error is None

    def is_current(self) -> bool:
        """
        Whether the caller is the source.
        """
        return threading.current_thread() is self._thread

    def take(self, deadline: Deadline) -> Block | None:
        """
        Return the next block; None if there is none by *deadline*, or at the end. One
        thread at a time.

        Raises:
            BaseException: What the source has raised, after its last block.
        """
        self._changed.wait(lambda: bool(self._ahead) or self._over, deadline)
        if self._ahead:
            block = self._ahead.pop()
            self._changed.notify_all()
            return block
        if self._error is not None:
            raise self._error
        return None

    def close(self, deadline: Deadline) -> None:
        """
        Close the source and end the thread. Any thread.
        """
        self._closed = True
        self._changed.notify_all()
        self._source.close()
        if not self.is_current():
            self._thread.wait(deadline)

    def _run(self) -> None:
        try:
            if not self._wants_more():
                return
            for block in self._source.blocks():
                self._ahead.append(block)
                self._changed.notify_all()
                self._changed.wait(self._is_free, Deadline(None))
                if not self._wants_more():
                    return
        except BaseException as error:  # sys.exit() in it must not end the thread
            self._error = error
        finally:
            self._over = True
            self._changed.notify_all()
            self._source.close()

    def _is_free(self) -> bool:
        return self._closed or not self._ahead

    def _wants_more(self) -> bool:
        return not self._closed
