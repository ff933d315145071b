"""
The client process of the benchmarks: one client library, one job, one line of JSON.

Not a benchmark. The parent writes the configuration as one line to the standard input and
keeps it open; the process ends when that ends. The job's functions are in ``_jobs.py`` and
``_paced_jobs.py``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

SPEED = ("orjson", "pybase64")  # the extra `speed`
NEVER = ("numpy", "wsaccel")  # would change masking or types, and are in no extra


def hide(packages: str) -> None:
    """
    Prevent the import of optional packages.
    """
    for name in (*NEVER, *(SPEED if packages == "core" else ())):
        sys.modules[name] = None  # type: ignore[assignment]


def end_with_parent() -> None:
    """
    End this process when its standard input ends.
    """
    while os.read(0, 1):  # not sys.stdin: its lock blocks the interpreter's shutdown
        pass
    os._exit(1)


def main() -> None:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 65536) or b"\n"
    config: dict[str, Any] = json.loads(line)
    if config["cpu"] is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {config["cpu"]})
    threading.Thread(target=end_with_parent, daemon=True).start()
    hide(config["packages"])
    module, _, function = config["job"].partition(":")
    result = getattr(__import__(module), function)(config)
    print(json.dumps(result), flush=True)
    # without the client's clean-up, which is not measured
    os._exit(0)


if __name__ == "__main__":
    main()
