"""
What the audio formats of a session amount to: names, rates, sizes.

1. A format is known by its short name: ``pcm16``, ``g711_ulaw`` or ``g711_alaw``.
2. One we cannot place counts as ``pcm16``, the service's default.
"""

from ..models._shape import flat_format
from .g711 import decode_alaw, decode_ulaw

#: Name -> samples a second.
RATES = {"pcm16": 24_000, "g711_ulaw": 8_000, "g711_alaw": 8_000}


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
