"""
A context manager that Ctrl-C cannot separate from its ``with`` statement.

CPython raises KeyboardInterrupt at the beginning of a Python function, among others. An
``__enter__`` in Python is such a function: what the ``with`` statement was given runs
already then, and is never stopped (4 to 8 of 2,000 interrupts of `record`). This one
runs C code only.
"""

from __future__ import annotations

import operator
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class _Enter(property):
    """
    As a method that returns its object: a property whose value is a weak reference,
    which returns that object when it is called.
    """

    def __call__(self, manager: Any) -> Any:  # `ExitStack` calls the class's attribute
        return manager


class Entered:
    """
    Base class of a context manager whose ``__enter__`` returns the object itself.
    """

    def __init__(self) -> None:
        self._itself = weakref.ref(self)

    if TYPE_CHECKING:

        def __enter__(self) -> Self: ...

    else:
        __enter__ = _Enter(operator.attrgetter("_itself"))
