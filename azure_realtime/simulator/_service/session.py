"""
The configuration of a session, as far as all kinds of sessions share it.
"""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["Session"]

Json = dict[str, Any]


class Session:
    """
    The effective configuration of one connection.

    Args:
        state: The configuration at the start, in GA's shape, with its ``id``.
    """

    def __init__(self, state: Json) -> None:
        self.state = state

    @property
    def id(self) -> str:
        """
        The session's id.
        """
        return str(self.state["id"])

    def describe(self) -> Json:
        """
        Return the session as the service reports it, in GA's shape.
        """
        return copy.deepcopy(self.state)
