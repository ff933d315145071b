"""
What items, content parts, tools, sessions and responses have in common.

1. A model is a fact: frozen, and the same class in both directions.
2. What the service sent is kept whole in ``raw``, beside what we made of it.
3. What was not as expected is told in ``problems``, never raised.
"""

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Model:
    """
    The base of all models.

    Attributes:
        raw: The object this was made from, unknown fields included.
            Empty for one that you made yourself.
        problems: What in `raw` was missing or of another type than expected,
            as ``"path: expected str, got int"``.
    """

    raw: Mapping[str, Any] = attrs.field(
        factory=dict, repr=False, eq=False, kw_only=True
    )
    problems: tuple[str, ...] = attrs.field(
        default=(), repr=False, eq=False, kw_only=True
    )


#: Metadata of a field that has a plain type although the service may leave it out:
#: its absence, or null, becomes the default and is no problem worth telling.
LENIENT = {"lenient": True}


def brief(model: Any) -> str:
    """
    Return a `repr` that shows only what is not at its default.
    """
    shown = [
        f"{attribute.name}={value!r}"
        for attribute in attrs.fields(type(model))
        if attribute.repr
        and (value := getattr(model, attribute.name)) is not attribute.default
        and value != {}
    ]
    return f"{type(model).__name__}({', '.join(shown)})"
