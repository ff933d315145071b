"""
The value of a field that is not set, which differs from ``None``.

``turn_detection=None`` switches voice activity detection off; without
``turn_detection`` the session keeps its value.
"""

from typing import Any, Final


class Unset:
    """
    The type of `UNSET`, its only instance, also after copying and unpickling.
    """

    __slots__ = ()

    def __new__(cls) -> "Unset":
        return UNSET

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"  # pickle looks up the global of that name

    def __copy__(self) -> "Unset":
        return self

    def __deepcopy__(self, memo: Any) -> "Unset":
        return self


#: Stands for a field that is not given: it is not sent, the session keeps its value.
UNSET: Final[Unset] = object.__new__(Unset)
