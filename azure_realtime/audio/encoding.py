"""
Audio travels as base64 text; these are the two directions of it.

``pybase64`` is several times faster and is used where it is installed (extra
``speed``). It is looked for at first use, so that importing stays cheap.
"""

import binascii
from collections.abc import Callable
from functools import cache, partial
from typing import Any

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@cache
def _codec() -> tuple[Callable[[bytes], bytes], Callable[[str], bytes]]:
    try:
        import pybase64
    except ImportError:
        return partial(binascii.b2a_base64, newline=False), binascii.a2b_base64
    return pybase64.b64encode, pybase64.b64decode


def to_base64(data: bytes) -> bytes:
    """
    Return *data* as base64, in bytes: what a message is joined around.
    """
    return _codec()[0](data)


def encode(data: bytes | bytearray | memoryview) -> str:
    """
    Return *data* as base64 text.
    """
    return to_base64(bytes(data)).decode("ascii")


def decode(text: str) -> bytes:
    """
    Return the bytes behind *text*.

    Raises:
        ValueError: *text* is not base64.
    """
    return _codec()[1](text)


def as_base64(audio: Any) -> str:
    """
    Return *audio* as base64 text, whether it is that already or raw bytes.

    Raises:
        TypeError: *audio* is neither text nor bytes.
        ValueError: *audio* is text, but not base64.
    """
    if isinstance(audio, (bytes, bytearray, memoryview)):
        return encode(audio)
    if not isinstance(audio, str):
        msg = f"audio: expected base64 str or bytes, got {type(audio).__name__}"
        raise TypeError(msg)
    # One pass in C; what is left over is what does not belong there.
    rest = audio.encode("utf-8", "replace").translate(None, _ALPHABET)
    if rest.rstrip(b"=") or len(rest) > 2 or len(audio) % 4:
        msg = (
            "audio: this str is not base64 text (standard alphabet, padded); "
            "pass raw audio as bytes"
        )
        raise ValueError(msg)
    return audio
