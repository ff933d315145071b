"""
The functions that users give to be called with an event.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable
from typing import Any

from .._logging import repr_of


def check_listener(function: Any, what: str) -> None:
    """
    Refuse what would do nothing, or fail, if it were called with an event.

    Args:
        function: The argument that a user gave.
        what: Its name in the error text.

    Raises:
        TypeError: *function* is not callable, is a class, is async or a generator
            function, or cannot be called with one argument.
    """
    if not callable(function):
        raise TypeError(
            f"{what} must be callable, not {repr_of(function)}: give the function "
            "itself, not the result of calling it"
        )
    if isinstance(function, type):
        raise TypeError(
            f"{what} must be a function of the event, not the class "
            f"{repr_of(function)}, of which a call only makes an instance"
        )
    if _is_any(function, inspect.iscoroutinefunction, inspect.isasyncgenfunction):
        raise TypeError(
            f"{what} must be a plain function; {repr_of(function)} is async: call "
            "asyncio.run() in a plain function, or hand the event to your loop"
        )
    if _is_any(function, inspect.isgeneratorfunction):
        raise TypeError(
            f"{what} must be a plain function; {repr_of(function)} is a generator "
            "function, whose body a call does not run: do the work in a plain function"
        )
    _check_arity(function, what)


def _is_any(function: Any, *kinds: Callable[[Any], bool]) -> bool:
    """
    Whether *function*, or the method with which an object is called, is of a kind.
    """
    if isinstance(function, staticmethod):
        function = function.__func__
    while isinstance(function, functools.partial):
        function = function.func
    method = getattr(function, "__call__", None)  # noqa: B004 - its kind is asked
    return any(kind(function) or kind(method) for kind in kinds)


def _check_arity(function: Any, what: str) -> None:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # C code may have none
        return
    try:
        signature.bind(None)
    except TypeError:
        raise TypeError(
            f"{what} is called with one argument, the event; {repr_of(function)} has "
            f"the signature {signature}"
        ) from None


def has_begun(error: BaseException) -> bool:
    """
    Whether the function that has raised *error* in the caller's frame ran at all.

    CPython also raises KeyboardInterrupt at the beginning of a function in Python,
    before its first instruction.
    """
    trace = error.__traceback__ and error.__traceback__.tb_next
    if trace is None:  # in C, or it has returned
        return True
    for instruction in dis.get_instructions(trace.tb_frame.f_code):
        if instruction.opname == "RESUME":
            return trace.tb_lasti > instruction.offset
    return trace.tb_lasti >= 0  # Python 3.10
