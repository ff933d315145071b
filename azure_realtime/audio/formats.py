"""
The audio formats of a session: names, sample rates, sizes.

1. A format is identified by its short name: ``pcm16``, ``g711_ulaw``, ``g711_alaw``.
2. An unknown format counts as ``pcm16``, the service's default.
"""

from collections.abc import Mapping
from typing import Any

from .g711 import decode_alaw, decode_ulaw

MIN_COMMIT_MS = 100
"""Minimum length of audio in a commit, in milliseconds; the service refuses less."""

#: Short name -> sample rate in Hz.
RATES = {"pcm16": 24_000, "g711_ulaw": 8_000, "g711_alaw": 8_000}


#: Plausible sample rates in Hz; others are mistakes or broken headers.
MIN_RATE, MAX_RATE = 1_000, 768_000


def checked_rate(rate: object) -> int:
    """
    Return a user's sample rate in Hz as an int; a float must be a whole number.

    Raises:
        TypeError: *rate* is no number.
        ValueError: *rate* is no plausible sample rate.
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
    Return the short name of a format in any shape that the service reports.
    """
    name = flat_format(audio_format)
    return name if isinstance(name, str) and name in RATES else "pcm16"


def bytes_per_ms(audio_format: object) -> int:
    """
    Return the bytes per millisecond before base64: 48 or 8.
    """
    return 48 if format_name(audio_format) == "pcm16" else 8


def as_pcm(audio: bytes, audio_format: object) -> tuple[bytes, int]:
    """
    Return *audio* as mono PCM16, and its sample rate in Hz.
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
    Return an audio format in the shape of the GA protocol; unknown ones unchanged.
    """
    if not isinstance(value, str):
        return value
    return dict(_FORMATS.get(_FLAT_FORMATS.get(value, value), {"type": value}))


def flat_format(value: Any) -> Any:
    """
    Return the short name of an audio format; a format without one unchanged.
    """
    if isinstance(value, str):
        return _FLAT_FORMATS.get(value, value)
    if isinstance(value, Mapping):
        kind = value.get("type")
        name = _FLAT_FORMATS.get(kind) if isinstance(kind, str) else None
        if name and value.get("rate") in (None, _FORMATS[name].get("rate")):
            return name
    return value
