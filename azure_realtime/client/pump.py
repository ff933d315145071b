"""
``run_forever``, ``wait_closed``, ``pump``, ``fileno``: the end, and manual dispatch.
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

_TURN = 0.5  # seconds between two looks at whether it is over


class Pumping:
    """
    The waits for a client's end, and listeners on a thread of the user's.
    """

    _lifecycle: Lifecycle
    _dispatcher: Dispatcher
    _reader: Reader

    @abstractmethod
    def close(self, timeout: float | None = 5.0) -> None:
        """
        End the client.
        """

    def pump(self, timeout: float = 0.0) -> int:
        """
        Run the listeners of what has come, here; return how many events there were.

        For ``dispatch="manual"``: call it from a window's timer, or when `fileno` is
        readable.

        Args:
            timeout: Seconds to wait for the first, if nothing has come.

        Raises:
            RuntimeError: The client dispatches otherwise, or is another process's.
        """
        return self._manual().pump(Deadline(timeout))

    def run_forever(self) -> None:
        """
        Wait until the connection has ended for good: the last line of a script of
        callbacks. Under ``dispatch="manual"`` the listeners run here.

        Ctrl-C closes the client and raises KeyboardInterrupt.

        Raises:
            RuntimeError: In a listener, or in another process.
        """
        try:
            self.wait_closed()
        except KeyboardInterrupt:
            self.close()
            raise

    def wait_closed(self, timeout: float | None = None) -> bool:
        """
        Wait until the connection has ended for good, and its last listeners have run.

        Under ``dispatch="manual"`` the listeners run here. Ctrl-C raises and leaves the
        client open.

        Args:
            timeout: Seconds; None for any time.

        Returns:
            False if it has not ended in time.

        Raises:
            RuntimeError: In a listener, or in another process.
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
                left = deadline.remaining()
                dispatcher.pump(Deadline(_TURN if left is None else min(left, _TURN)))
            dispatcher.pump(Deadline(0))  # the listeners of its end
        elif not self._reader.join(deadline):
            return False
        dispatcher.drain(deadline)
        return True

    def fileno(self) -> int:
        """
        Return a descriptor that is readable while `pump` has something to run.

        Raises:
            RuntimeError: The client dispatches otherwise, or is another process's.
        """
        return self._manual().fileno()

    def _manual(self) -> ManualDispatcher:
        self._lifecycle.check_process()
        dispatcher = self._dispatcher
        if not isinstance(dispatcher, ManualDispatcher):
            raise RuntimeError("make the client with dispatch='manual' for this")
        return dispatcher
