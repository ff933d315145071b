"""
The settings of a service that apply to its sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """
    What a `Simulator` passes on to each of its sessions.

    Attributes:
        session_seconds: The maximum duration of a session, in seconds.
        pace: Factor for the pauses between deltas; 0 sends as fast as possible.
        idle_scale: Factor for ``idle_timeout_ms``.
        rate_limits: Whether to send ``rate_limits.updated``.
        record: Whether to record the events of a connection.
    """

    session_seconds: float
    pace: float
    idle_scale: float
    rate_limits: bool
    record: bool
