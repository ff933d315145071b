"""
Turn detection: how the service detects the end of the user's turn.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from .._spelling import checks_names
from ._base import Model
from ._coerce import as_model
from ._unset import UNSET, Unset
from .enums import Eagerness

__all__ = ["SemanticVad", "ServerVad", "UnknownTurnDetection"]


@checks_names
@attrs.frozen(eq=False, repr=False)
class ServerVad(Model):
    """
    Voice activity detection by loudness: silence ends a turn.

    A field that is None is not sent, except *idle_timeout_ms*; the service uses its
    default.

    Attributes:
        threshold: The loudness of speech, 0 to 1 (default 0.5).
        prefix_padding_ms: Audio before the speech that is kept, in ms (default 300).
        silence_duration_ms: Silence that ends a turn, in ms. Set it: the published
            defaults differ (200 and 500).
        create_response: Whether the end of a turn starts a response (default True).
        interrupt_response: Whether speech interrupts a response (default True).
        idle_timeout_ms: Silence after which a response is started without speech, in
            ms: 5000 to 30000, GA only. None is sent as null, which switches it off.
    """

    type: ClassVar[str] = "server_vad"

    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: int | None | Unset = UNSET


@checks_names
@attrs.frozen(eq=False, repr=False)
class SemanticVad(Model):
    """
    Voice activity detection by meaning: a complete utterance ends a turn.

    Attributes:
        eagerness: ``low`` waits up to 8 s, ``medium`` (the default, also called
            ``auto``) 4 s, ``high`` 2 s.
        create_response: Whether the end of a turn starts a response (default True).
        interrupt_response: Whether speech interrupts a response (default True).
    """

    type: ClassVar[str] = "semantic_vad"

    eagerness: Eagerness | str | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


@attrs.frozen(eq=False, repr=False)
class UnknownTurnDetection(Model):
    """
    Turn detection of a type that this library does not know; `raw` is sent.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


TurnDetection = ServerVad | SemanticVad | UnknownTurnDetection

_KINDS = {"server_vad": ServerVad, "semantic_vad": SemanticVad}


def as_turn_detection(
    value: TurnDetection | Mapping[str, Any] | None | Unset,
) -> TurnDetection | None | Unset:
    """
    Return *value* as a model; None and ``{"type": "none"}`` as None, UNSET unchanged.

    Raises:
        ValueError: A field is misspelled, or the type is missing.
        TypeError: *value* is neither a model nor a mapping.
    """
    if value is None or isinstance(value, Unset):
        return value
    if isinstance(value, Mapping) and value.get("type") == "none":
        return None
    made: TurnDetection = as_model(
        value, _KINDS, UnknownTurnDetection, "turn_detection"
    )
    return made
