"""
Help for names that are almost right.
"""

import difflib
from collections.abc import Collection, Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """
    Return the known name that *word* was probably meant to be, if any is near.
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return near[0] if near else None


def refuse_unknown(what: str, names: Iterable[str], known: Collection[str]) -> None:
    """
    Refuse names we do not know: a mistyped field would be ignored in silence.

    Raises:
        ValueError: For the first of *names* that is not in *known*.
    """
    for name in names:
        if name in known:
            continue
        guess = closest(name, known)
        meant = f" Did you mean {guess!r}?" if guess else ""
        msg = f"{what} has no field {name!r}.{meant}"
        raise ValueError(msg)
