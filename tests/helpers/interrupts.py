"""
Ctrl-C at a chosen step of a call: a trace function raises KeyboardInterrupt there.
"""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def is_interrupted(
    call: Callable[[], object],
    number: int,
    files: str | tuple[str, ...],
    may_be_interrupted: Callable[[FrameType, str], bool],
) -> bool:
    """
    Call, and interrupt it at a step.

    Args:
        call: The function to call.
        number: The number of the step, from 0.
        files: The beginnings of the paths of the files whose steps count.
        may_be_interrupted: Whether an event of the trace function is such a step.

    Returns:
        False if the call has ended before that step.
    """
    steps = itertools.count()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(files):
            return None
        if may_be_interrupted(frame, event) and next(steps) == number:
            sys.settrace(before)
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # a finalizer of another test would be interrupted instead
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
        gc.enable()
    return False
