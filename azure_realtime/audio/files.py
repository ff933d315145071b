"""
Reading of a user's file: by its path, from its bytes, or open.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .samples import raw_bytes

_BLOCK = 1 << 18  # bytes read between two calls of *check*


_OTHER_FORMATS = {
    *(".aac", ".aif", ".aiff", ".amr", ".caf", ".flac", ".m4a", ".mka", ".mp3", ".mp4"),
    *(".oga", ".ogg", ".opus", ".pcm", ".raw", ".spx", ".webm", ".wma"),
}


def wav_path(path: str | os.PathLike[str]) -> Path:
    """
    Return the path of a WAV file to write.

    Raises:
        ValueError: Its suffix is that of another audio format.
    """
    path = Path(path)
    if path.suffix.lower() in _OTHER_FORMATS:
        raise ValueError(
            f"{path.name}: only WAV files are written. Name it {path.stem}.wav; ffmpeg "
            "converts it"
        )
    return path


def no_check() -> None:
    """
    Do nothing; the default of *check* arguments.
    """


def file_content(source: Any) -> tuple[bytes, str]:
    """
    Return the bytes and the name of a file; argument and errors as of `read_wav`.
    """
    if isinstance(source, (str, os.PathLike)):
        return Path(source).read_bytes(), os.fspath(source)
    data = raw_bytes(source)
    if data is not None:
        return data, "input.wav"
    if not callable(getattr(source, "read", None)):
        raise TypeError(
            "a WAV file is given as its path, its bytes or an open file, not as "
            f"{type(source).__name__}"
        )
    name = getattr(source, "name", None)
    return read_blocks(source), name if isinstance(name, str) else "input.wav"


def _read_block(file: Any) -> bytes | bytearray:
    kind = "text"
    try:
        block = file.read(_BLOCK)
    except UnicodeDecodeError:
        pass  # of a file that is open for text
    else:
        if not block or isinstance(block, (bytes, bytearray)):
            return block or b""
        kind = type(block).__name__
    raise TypeError(
        f"a file must be open for reading bytes (mode 'rb'); this one gives {kind}"
    )


def read_blocks(file: Any, check: Callable[[], object] = no_check) -> bytes:
    """
    Read an open file; call *check* between two blocks.

    Raises:
        TypeError: It is open for text.
    """
    blocks: list[bytes] = []
    while block := _read_block(file):
        if blocks:  # not for short files
            check()
        blocks.append(bytes(block))
    return b"".join(blocks)
