"""
The value of a field nobody set, which is not the same as ``None``.

``turn_detection=None`` switches voice activity detection off; leaving
``turn_detection`` out keeps what the service has. Both must be sayable.
"""

from typing import Any, Final


class Unset:
    """
    The type of `UNSET`. There is one instance, however it is copied.
    """

    __slots__ = ()

    def __new__(cls) -> "Unset":
        return UNSET

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"  # pickle and copy look the global up again

    def __copy__(self) -> "Unset":
        return self

    def __deepcopy__(self, memo: Any) -> "Unset":
        return self


UNSET: Final[Unset] = object.__new__(Unset)
