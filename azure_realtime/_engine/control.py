"""
What others ask of the reader thread.
"""

from __future__ import annotations

import attrs

from .._concurrency.deadline import Deadline
from ..errors import RealtimeError


@attrs.define
class Control:
    """
    They set it and ring the bell; the thread looks at it.

    Attributes:
        closing: When everything shall be over; None while nobody wants that. It may
            be brought forward.
        failure: Why the connection shall end.
        vetoed: Whether there shall be no other connection.
    """

    closing: Deadline | None = None
    failure: RealtimeError | None = None
    vetoed: bool = False

    @property
    def unwanted(self) -> bool:
        """
        Whether no other connection is wanted.
        """
        return self.closing is not None or self.vetoed
