"""
Methods that wait for a client's end or run its listeners on the calling thread.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.manual import ManualDispatcher

if TYPE_CHECKING:
    from .._engine.reader import Reader

_TURN = 0.5  # seconds between two checks whether the reader thread has ended


class Pumping:
    """
    Methods of a client: `run_forever`, `wait_closed`, `pump`, `fileno`.
    """

    _lifecycle: Lifecycle
    _dispatcher: Dispatcher
    _reader: Reader

    @abstractmethod
    def close(self, timeout: float | None = 5.0) -> None:
        """
        Close the client.
        """

    def pump(self, timeout: float = 0.0) -> int:
        """
        Run the listeners of all queued events on the calling thread.

        Only for ``dispatch="manual"``: call it from the timer of a GUI loop, or when
        `fileno` is readable.

        Args:
            timeout: Seconds to wait for a first event if none is queued.

        Returns:
            The number of events.

        Raises:
            RuntimeError: The client was made with another *dispatch*, or the caller is
                a forked child.
        """
        return self._manual().pump(Deadline(timeout))

    def run_forever(self) -> None:
        """
        Wait until the connection has ended and will not be restored.

        It is the last line of a script that consists of listeners. With
        ``dispatch="manual"`` the listeners run on the calling thread. Ctrl-C closes the
        client and raises KeyboardInterrupt.

        Raises:
            RuntimeError: The caller is a listener, the reader thread or a forked child.
        """
        try:
            self.wait_closed()
        except KeyboardInterrupt:
            self.close()
            raise

    def wait_closed(self, timeout: float | None = None) -> bool:
        """
        Wait until the connection has ended, is not restored, and all listeners ran.

        With ``dispatch="manual"`` the listeners run on the calling thread. Ctrl-C
        raises KeyboardInterrupt and leaves the client open.

        Args:
            timeout: Seconds to wait; None waits without limit.

        Returns:
            Whether the connection ended in time.

        Raises:
            RuntimeError: The caller is a listener, the reader thread or a forked child.
        """
        self._lifecycle.check_may_wait()
        dispatcher, deadline = self._dispatcher, Deadline(timeout)
        if dispatcher.is_current:
            raise RuntimeError(
                "a listener cannot wait for the end of the client, which waits for the "
                "listener: call client.close() there"
            )
        if isinstance(dispatcher, ManualDispatcher):
            while not self._reader.join(Deadline(0)):
                if deadline.passed:
                    return False
                remaining = deadline.remaining()
                dispatcher.pump(
                    Deadline(_TURN if remaining is None else min(remaining, _TURN))
                )
            dispatcher.pump(Deadline(0))  # the last events, ``disconnected`` included
        elif not self._reader.join(deadline):
            return False
        dispatcher.drain(deadline)
        return True

    def fileno(self) -> int:
        """
        Return a file descriptor that is readable while events are queued for `pump`.

        Raises:
            RuntimeError: The client was made with another *dispatch*, or the caller is
                a forked child.
            ConnectionClosed: `close` has closed the descriptor.
        """
        return self._manual().fileno()

    def _manual(self) -> ManualDispatcher:
        self._lifecycle.check_process()
        dispatcher = self._dispatcher
        if not isinstance(dispatcher, ManualDispatcher):
            raise RuntimeError(
                "pump() and fileno() need a client made with dispatch='manual'"
            )
        return dispatcher
