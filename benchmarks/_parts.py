"""
The job of `_paced_jobs.sessions` with a clock around parts of azure_realtime.

Not a benchmark. The clock is that of the thread's CPU time; its own time is subtracted.
"""

from __future__ import annotations

import collections
import functools
import importlib
import statistics
import time
from typing import Any

import _paced_jobs

PARTS = {  # module, class, method; none of them is called within another
    "send": ("_engine.writer", "Writer", "write"),
    "receive": ("_engine.connection", "Connection", "_read"),
    "append_audio": ("client.commands", "Commands", "append_audio"),
    "deliver": ("_dispatch.dispatcher", "Dispatcher", "_deliver"),
}


def sessions(config: dict[str, Any]) -> dict[str, Any]:
    """
    Return the CPU microseconds of each part, and of all, for a pair of a received and a
    sent piece of audio.
    """
    spent: collections.Counter[str] = collections.Counter()
    clock = time.thread_time_ns
    own = statistics.median(-(clock() - clock()) for _ in range(2000))

    def measured(part: str, method: Any) -> Any:
        @functools.wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            begin = clock()
            try:
                return method(*args, **named)
            finally:
                spent[part] += clock() - begin - own

        return call

    for part, (module, owner, name) in PARTS.items():
        patched = getattr(importlib.import_module(f"azure_realtime.{module}"), owner)
        setattr(patched, name, measured(part, getattr(patched, name)))
    append_in_time = _paced_jobs.append_in_time
    figures: dict[str, float] = {}

    def append(*args: Any) -> int:
        spent.clear()  # of what came before
        begin = time.process_time_ns()
        sent = append_in_time(*args)
        spent["all"] = time.process_time_ns() - begin
        figures.update({part: ns / sent / 1000 for part, ns in spent.items()})
        return sent

    _paced_jobs.append_in_time = append
    _paced_jobs.sessions(config)
    return figures
