"""
Base64, in which the protocol carries audio: encoding and decoding.

``pybase64`` (extra ``speed``) is several times faster and is used if it is installed.
`load`, or the first use, imports it, so that importing this package stays cheap.
"""

import binascii
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from .containers import file_format
from .pcm import LinearAudio, read_audio

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Base64(NamedTuple):
    """
    The functions of one base64 implementation.
    """

    encode: Callable[[bytes], bytes]
    decode: Callable[[str], bytes]


@cache
def load() -> Base64:
    """
    Return the fastest installed implementation.

    It must be called before the first thread starts: a child that is forked while
    another thread holds the import lock of a module can never import that module.
    """
    try:
        import pybase64
    except ImportError:
        return Base64(partial(binascii.b2a_base64, newline=False), binascii.a2b_base64)

    def decode(text: str) -> bytes:
        try:
            return pybase64.b64decode(text, validate=True)  # twice as fast
        except ValueError:
            return pybase64.b64decode(text)

    return Base64(pybase64.b64encode, decode)


def encode(data: bytes | bytearray | memoryview) -> str:
    """
    Encode *data* as base64 text.
    """
    return load().encode(bytes(data)).decode("ascii")


def decode(text: str) -> bytes:
    """
    Decode base64 *text*.

    Raises:
        ValueError: *text* is not base64.
    """
    return load().decode(text)


def as_audio(audio: Any) -> str:
    """
    Return *audio* as base64 text: `LinearAudio` for samples and WAV files.

    Text is never used as a path, as it may come from an untrusted source.

    Raises:
        OSError: The file cannot be read.
        TypeError: *audio* is no audio.
        ValueError: *audio* is text but not base64, is a file of another format than
            WAV, or has several channels.
    """
    if isinstance(audio, LinearAudio):
        return audio
    if isinstance(audio, str) and not _is_file(audio):
        return as_base64(audio)
    given = read_audio(audio)
    text = encode(given.data)
    if given.linear:
        text = LinearAudio(text)
        text.rate = given.rate
    return text


def _is_file(text: str) -> bool:
    try:
        return file_format(decode(text[:1024])) is not None
    except ValueError:
        return False


def as_base64(audio: Any) -> str:
    """
    Return bytes or base64 text as base64 text.

    Raises:
        TypeError: *audio* is neither text nor bytes.
        ValueError: *audio* is text, but not base64.
    """
    if isinstance(audio, (bytes, bytearray, memoryview)):
        return encode(audio)
    if not isinstance(audio, str):
        msg = f"audio: expected base64 str or bytes, got {type(audio).__name__}"
        raise TypeError(msg)
    # One pass in C removes all valid characters; the rest must be padding.
    rest = audio.encode("utf-8", "replace").translate(None, _ALPHABET)
    if rest.rstrip(b"=") or len(rest) > 2 or len(audio) % 4:
        msg = (
            "audio: this str is not base64 text (standard alphabet, padded); "
            "pass raw audio as bytes"
        )
        raise ValueError(msg)
    return audio
