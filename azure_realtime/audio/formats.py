"""
What the audio formats of a session amount to: names, rates, sizes.

1. A format is known by its short name: ``pcm16``, ``g711_ulaw`` or ``g711_alaw``.
2. One we cannot place counts as ``pcm16``, the service's default.
"""

from collections.abc import Mapping
from typing import Any

from .g711 import decode_alaw, decode_ulaw

#: Name -> samples a second.
MIN_COMMIT_MS = 100
"""Milliseconds of audio that the service takes in one commit, at least."""

RATES = {"pcm16": 24_000, "g711_ulaw": 8_000, "g711_alaw": 8_000}


#: The rates that audio can have, in Hz; others are slips or broken headers.
MIN_RATE, MAX_RATE = 1_000, 768_000


def checked_rate(rate: object) -> int:
    """
    Return a sample rate that a user gave: any whole number, also as a float.

    Raises:
        TypeError: *rate* is no number.
        ValueError: No audio has this rate.
    """
    if isinstance(rate, bool) or not hasattr(rate, "__int__"):
        msg = f"rate must be a number of samples a second, not {rate!r:.40}"
        raise TypeError(msg)
    try:
        whole = int(rate)
    except (ValueError, OverflowError):  # not a number, infinity
        whole = 0
    if whole != rate or not MIN_RATE <= whole <= MAX_RATE:
        msg = (
            f"rate must be a whole number of samples a second from {MIN_RATE:,} to "
            f"{MAX_RATE:,}, not {rate!r:.40}"
        )
        raise ValueError(msg)
    return whole


def format_name(audio_format: object) -> str:
    """
    Return the short name of a format in whatever shape the service reports it.
    """
    name = flat_format(audio_format)
    return name if isinstance(name, str) and name in RATES else "pcm16"


def bytes_per_ms(audio_format: object) -> int:
    """
    Return how many bytes a millisecond takes on the wire, before base64: 48 or 8.
    """
    return 48 if format_name(audio_format) == "pcm16" else 8


def as_pcm(audio: bytes, audio_format: object) -> tuple[bytes, int]:
    """
    Return *audio* as mono PCM16, and its samples a second.
    """
    name = format_name(audio_format)
    decode = {"g711_ulaw": decode_ulaw, "g711_alaw": decode_alaw}.get(name, bytes)
    return decode(audio), RATES[name]


_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}


_FLAT_FORMATS = {str(nested["type"]): flat for flat, nested in _FORMATS.items()}


def nested_format(value: Any) -> Any:
    """
    Return an audio format as GA writes it; one we do not know is passed on.
    """
    if not isinstance(value, str):
        return value
    return dict(_FORMATS.get(_FLAT_FORMATS.get(value, value), {"type": value}))


def flat_format(value: Any) -> Any:
    """
    Return an audio format by its short name where it has one, else as it came.
    """
    if isinstance(value, str):
        return _FLAT_FORMATS.get(value, value)
    if isinstance(value, Mapping):
        kind = value.get("type")
        name = _FLAT_FORMATS.get(kind) if isinstance(kind, str) else None
        if name and value.get("rate") in (None, _FORMATS[name].get("rate")):
            return name
    return value
