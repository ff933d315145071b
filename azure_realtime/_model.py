"""
What items, content parts, tools, sessions and responses have in common.

1. A model is a fact: frozen, and the same class in both directions.
2. What the service sent is kept whole in ``raw``, beside what we made of it.
3. What was not as expected is told in ``problems``, never raised.
4. Models that users write are strict about our own spelling.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from ._spelling import refuse_unknown

M = TypeVar("M")

#: Field metadata: a plain type although the service may leave the field out.
_LENIENT = {"lenient": True}


def lenient(default: Any = attrs.NOTHING, factory: Any = None) -> Any:
    """
    Declare a field that is plain for the reader, but not promised by the service.

    Its absence (or null) becomes the default and is no problem worth telling.
    """
    if factory is not None:
        default = attrs.Factory(factory)
    return attrs.field(default=default, metadata=_LENIENT)


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

    #: Fields of ours that are never sent.
    unsent: ClassVar[frozenset[str]] = frozenset({"raw", "problems", "extra"})


def field_names(cls: type) -> tuple[str, ...]:
    """
    Return the names a user may set on model class *cls*, in order.
    """
    hidden = {"raw", "problems"}
    return tuple(a.name for a in attrs.fields(cls) if a.name not in hidden)


def build(cls: type[M], mapping: Mapping[str, Any], what: str) -> M:
    """
    Make a model from a mapping that a user wrote.

    Args:
        cls: The model class. A ``type`` key has been understood by the caller.
        mapping: Field names and values, spelled as on the wire.
        what: What to call it in an error message.

    Raises:
        ValueError: A key that *cls* does not have, or a required one missing.
    """
    fields = {key: value for key, value in mapping.items() if key != "type"}
    refuse_unknown(what, fields, field_names(cls))
    for attribute in attrs.fields(cls):
        if attribute.default is attrs.NOTHING and attribute.name not in fields:
            msg = f"{what} needs the field {attribute.name!r}."
            raise ValueError(msg)
    return cls(**fields)
