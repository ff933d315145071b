"""
Whether a client has ended, and why.
"""

from __future__ import annotations

import attrs

from ..errors import RealtimeError


@attrs.define
class Lifecycle:
    """
    The end of one client.

    Attributes:
        ended: Why there will be no other connection; None before that.
    """

    ended: RealtimeError | None = None
