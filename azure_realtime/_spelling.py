"""
Suggests the right name for a misspelled one.
"""

import difflib
import functools
import inspect
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

C = TypeVar("C", bound=type)

_RECEIVED = ("raw", "problems")  # of models that the service sends


def closest(word: str, known: Iterable[str], *, near: float = 0.7) -> str | None:
    """
    Return the known name that is most similar to *word*, or None.

    Args:
        word: The misspelled name.
        known: The known names.
        near: The least similarity, from 0 to 1. Use 0.9 if the word is refused because
            of the result: new names of the service often resemble the known ones.
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=near)
    return found[0] if found else None


def refuse_unknown(
    what: str, names: Iterable[str], known: Collection[str], remedy: str = ""
) -> None:
    """
    Check that all *names* are known.

    Args:
        what: The object that has the names, for the error text.
        names: The names to check.
        known: The known names.
        remedy: The end of the error text.

    Raises:
        ValueError: A name is not in *known*; the text suggests another.
    """
    for name in names:
        if name in known:
            continue
        guess = closest(str(name), known)
        suggestion = f" Did you mean {guess!r}?" if guess else ""
        if not guess and what.endswith(f" {name}"):  # {"session": {...}}
            remedy = f" Instead, give what {name!r} contains."
        elif not (guess or remedy):
            suggestion = f" It has {', '.join(known)}."
        msg = f"{what} has no field {name!r}.{suggestion}{remedy}"
        raise ValueError(msg)


def checks_names(cls: C) -> C:
    """
    Make the constructor of *cls* suggest the right name for a misspelled argument, or
    list all names, and ask for names where it takes nothing else. The error is a
    TypeError, as of any function.
    """
    init: Any = cls.__init__  # type: ignore[misc]
    _, *parameters = inspect.signature(init).parameters.values()
    known = [parameter.name for parameter in parameters]
    takes_positional = any(p.kind is not p.KEYWORD_ONLY for p in parameters)
    listed = ", ".join(name for name in known if name not in _RECEIVED)

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **fields: Any) -> None:  # noqa: N807
        if args and not takes_positional:
            usage = f"{cls.__name__}({known[0]}=..., ...)"
            raise TypeError(f"{cls.__name__} takes its fields by name: {usage}")
        for name in fields:
            if name not in known:
                guess = closest(name, known)
                suggestion = (
                    f"Did you mean {guess!r}?" if guess else f"It has {listed}."
                )
                raise TypeError(f"{cls.__name__} has no field {name!r}. {suggestion}")
        init(self, *args, **fields)

    cls.__init__ = __init__  # type: ignore[misc]
    return cls
