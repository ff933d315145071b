"""
The threads of tools, seen from outside.
"""

from __future__ import annotations

import threading

TIMEOUT = 10  # seconds, for what comes at once


def pool_threads() -> list[threading.Thread]:
    """
    Return the threads of pools that live.
    """
    return [
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("azure-realtime-tool")
    ]


def join_all() -> None:
    """
    Wait for the threads to end.
    """
    for thread in pool_threads():
        thread.join(TIMEOUT)
        assert not thread.is_alive(), thread.name
