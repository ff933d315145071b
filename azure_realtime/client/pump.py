"""
``pump``, ``run_forever``, ``fileno``: listeners on a thread of the user's.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.manual import ManualDispatcher
from ..models.enums import WebSocketState

if TYPE_CHECKING:
    from .._engine.reader import Reader

_TURN = 0.5  # seconds between two looks at whether it is over


class Pumping:
    """
    What a client with ``dispatch="manual"`` offers.
    """

    _lifecycle: Lifecycle
    _dispatcher: Dispatcher
    _reader: Reader

    @property
    @abstractmethod
    def state(self) -> WebSocketState:
        """
        The state of the connection.
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
        Run listeners here until the connection has ended, or a listener closes it.

        For ``dispatch="manual"``. Ctrl-C leaves it at once.

        Raises:
            RuntimeError: The client dispatches otherwise, or is another process's.
        """
        manual = self._manual()
        while self.state is not WebSocketState.CLOSED:
            manual.pump(Deadline(_TURN))
        self._reader.join(Deadline(_TURN))  # what it has to say last is heard, too
        manual.pump(Deadline(0))

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
