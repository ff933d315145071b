"""
Clients that are open when the interpreter exits flush what is queued, and end.
"""

from __future__ import annotations

import atexit
import weakref
from typing import Any, Protocol

from .._concurrency.deadline import Deadline

_SAID = 1.0  # seconds for what is queued to leave when the program ends


_HEARD = 0.5  # of them, for listeners: what they say shall leave, too


class Hearing(Protocol):
    """
    What runs listeners: a dispatcher.
    """

    def drain(self, deadline: Deadline) -> None:
        """
        Wait until what is queued has been run.
        """

    def finish(self) -> None:
        """
        Begin to end.
        """

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end.
        """


class Closing(Protocol):
    """
    What flushes and closes: a reader.
    """

    @property
    def elsewhere(self) -> bool:
        """
        Whether it is another process's.
        """

    @property
    def dispatcher(self) -> Hearing:
        """
        Where its listeners run.
        """

    def close(self, deadline: Deadline, at_exit: bool) -> None:
        """
        Begin to end.
        """

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end.
        """


alive: weakref.WeakSet[Any] = weakref.WeakSet()
"""The readers of all clients there are; each is a `Closing`."""


@atexit.register
def _flush_at_exit() -> None:
    """
    Give what is queued one second to leave. No thread is started, none is left.

    Listeners come first: the last event may have come a moment ago, and what they do
    about it is half of what the program does. After that whatever they send is refused.
    """
    heard, said = Deadline(_HEARD), Deadline(_SAID)
    readers: list[Closing] = [reader for reader in alive if not reader.elsewhere]
    for reader in readers:
        reader.dispatcher.drain(heard)
    for reader in readers:
        reader.close(said, at_exit=True)
    for reader in readers:
        reader.join(said)
    for reader in readers:
        reader.dispatcher.finish()
    for reader in readers:
        reader.dispatcher.join(said)
