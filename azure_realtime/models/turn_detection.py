"""
How the service decides that the user's turn is over.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ._base import Model
from ._coerce import as_model, is_given
from ._unset import UNSET, Unset
from .enums import Eagerness


@attrs.frozen(eq=False, repr=False)
class ServerVad(Model):
    """
    Voice activity detection by loudness: a turn ends with silence.

    A field that is None is left out, and the service takes its default.

    Attributes:
        threshold: How loud speech is, 0 to 1 (default 0.5).
        prefix_padding_ms: Audio kept from before the speech (default 300).
        silence_duration_ms: Silence that ends a turn. Published defaults differ
            (200 and 500): set it.
        create_response: Answer at the end of a turn (default yes).
        interrupt_response: Speech cuts an answer short (default yes).
        idle_timeout_ms: Answer after this much silence, too: 5000 to 30000, GA
            only. None is sent as null, which switches it off.
    """

    type: ClassVar[str] = "server_vad"

    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: int | None | Unset = UNSET


@attrs.frozen(eq=False, repr=False)
class SemanticVad(Model):
    """
    Voice activity detection by meaning: a turn ends when the user seems done.

    Attributes:
        eagerness: ``low`` waits up to 8 s, ``medium`` (the default, also called
            ``auto``) 4 s, ``high`` 2 s.
        create_response: Answer at the end of a turn (default yes).
        interrupt_response: Speech cuts an answer short (default yes).
    """

    type: ClassVar[str] = "semantic_vad"

    eagerness: Eagerness | str | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


@attrs.frozen(eq=False, repr=False)
class UnknownTurnDetection(Model):
    """
    A kind of turn detection this library does not know; `raw` is what is sent.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


TurnDetection = ServerVad | SemanticVad | UnknownTurnDetection

_KINDS = {"server_vad": ServerVad, "semantic_vad": SemanticVad}


def as_turn_detection(value: Any) -> TurnDetection | None | Unset:
    """
    Return *value* as a model; None and ``{"type": "none"}`` are no detection.
    UNSET stays.

    Raises:
        ValueError: A mapping with a misspelled field or no type.
        TypeError: None of these.
    """
    if not is_given(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, Mapping) and value.get("type") == "none":
        return None
    made: TurnDetection = as_model(
        value, _KINDS, UnknownTurnDetection, "turn_detection"
    )
    return made
