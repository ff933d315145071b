"""
Help for names that are almost right.
"""

import difflib
import functools
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

import attrs

C = TypeVar("C", bound=type)


def closest(word: str, known: Iterable[str], *, near: float = 0.75) -> str | None:
    """
    Return the known name that *word* was probably meant to be, if any is near.

    Args:
        word: What was written.
        known: The names there are.
        near: How alike, from 0 to 1. Where the answer leads to a refusal, 0.9: the
            names of tomorrow often resemble those of today.
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=near)
    return found[0] if found else None


def refuse_unknown(
    what: str, names: Iterable[str], known: Collection[str], remedy: str = ""
) -> None:
    """
    Refuse names we do not know.

    Raises:
        ValueError: For the first of *names* that is not in *known*.
    """
    for name in names:
        if name in known:
            continue
        guess = closest(str(name), known)
        meant = f" Did you mean {guess!r}?" if guess else ""
        msg = f"{what} has no field {name!r}.{meant}{remedy}"
        raise ValueError(msg)


def checks_names(cls: C) -> C:
    """
    Have the constructor of *cls*, an attrs class, suggest what a misspelled argument
    was meant to be. It raises TypeError as any function does.
    """
    init: Any = cls.__init__  # type: ignore[misc]
    known = [field.alias for field in attrs.fields(cls)]

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **fields: Any) -> None:  # noqa: N807
        for name in fields:
            if name not in known:
                guess = closest(name, known)
                meant = f" Did you mean {guess!r}?" if guess else ""
                raise TypeError(f"{cls.__name__} has no field {name!r}.{meant}")
        init(self, *args, **fields)

    cls.__init__ = __init__  # type: ignore[misc]
    return cls
