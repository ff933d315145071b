"""
Context managers that Ctrl-C cannot separate from their ``with`` statement.

CPython raises KeyboardInterrupt at the beginning of a Python function, among others. An
``__enter__`` or ``__exit__`` in Python is such a function: what the ``with`` statement
was given runs already at the first, or still at the second, and is never stopped (4 to
8 of 2,000 interrupts of `record`, 1 of 1,000 of `talk`). Here the statement gets both
from C code. The object that it calls at its end belongs to it alone: when an interrupt
ends that call, the object is deleted, and its finalizer does what is left to do.
"""

from __future__ import annotations

import operator
import weakref
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .process import BoundToProcess

if TYPE_CHECKING:
    from typing_extensions import Self


class _Enter(property):
    """
    As a method that returns its object: a property whose value is a weak reference,
    which returns that object when it is called.
    """

    def __call__(self, manager: Any) -> Any:  # `ExitStack` calls the class's attribute
        return manager


def _at_end(_: object, manager: Any, __: type, *error: Any) -> None:
    by_hand = manager is None  # `__exit__` of the class, as `ExitStack` uses it
    if by_hand:
        manager, *error = error  # type: ignore[assignment]
    try:
        manager._leave(error[0])
    except BaseException:  # else the finalizer ends it
        if by_hand:
            manager._end()
        raise
    manager._has_left = True


class _ExitCall(partial[None]):
    """
    What a ``with`` statement calls at its end.
    """

    def __del__(self) -> None:
        manager = self.args[1]
        if manager is not None and not manager._has_left:
            manager._end()


class _Exit:
    """
    As a method: a descriptor whose value is a new `_ExitCall`.
    """

    __get__ = partial(_ExitCall, _at_end)


def _exit_by_hand(itself: weakref.ref[Any], *error: Any) -> None:
    if (manager := itself()) is not None:
        type(manager).__exit__(manager, *error)


class GuaranteedExit(BoundToProcess):
    """
    Base class of a context manager that is ended also if Ctrl-C interrupts the end.
    """

    _has_left = False  # whether `_leave` has returned

    def __init__(self) -> None:
        self._itself = weakref.ref(self)
        # A ``with`` statement does not look here. A debugger that shows the attributes
        # does, and must not get an `_ExitCall`, whose deletion ends the block.
        vars(self)["__exit__"] = partial(_exit_by_hand, self._itself)

    if TYPE_CHECKING:

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None: ...

    else:
        __exit__ = _Exit()

    def _leave(self, kind: type[BaseException] | None) -> None:  # noqa: ARG002
        """
        End the block, which an exception of this type has ended, or None.
        """
        self._end()

    def _end(self) -> None:
        """
        End what the block has begun: called after `_leave` was interrupted, or instead
        of it. It may be called more than once.
        """
        raise NotImplementedError


class GuaranteedEnter(GuaranteedExit):
    """
    Base class of a context manager whose ``__enter__`` returns the object itself.
    """

    if TYPE_CHECKING:

        def __enter__(self) -> Self: ...

    else:
        __enter__ = _Enter(operator.attrgetter("_itself"))
