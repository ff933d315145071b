"""
The part of a session's configuration that all kinds of sessions share.
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
        state: The initial configuration, in GA's shape, with the session's ``id``.
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
