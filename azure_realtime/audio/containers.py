"""
Detection of the file format of some bytes.

Raw samples may begin with any bytes. A short signature would occur in a microphone's
audio about once a month, so it is confirmed by further checks.
"""

from __future__ import annotations

BASE64 = "base64"
"""The "format" of text in base64, or of a data URL, that was given as bytes."""

#: Signatures of four bytes -> the format.
_SIGNATURES = {
    b"RIFF": "WAV",
    b"RIFX": "WAV",
    b"RF64": "WAV",
    b"BW64": "WAV",
    b"OggS": "OGG",
    b"fLaC": "FLAC",
    b"FORM": "AIFF",
    b".snd": "AU",
    b"caff": "CAF",
    b"riff": "Wave64",
    b"#!AM": "AMR",
    b"\x1aE\xdf\xa3": "WebM",
    b"0&\xb2u": "WMA",
}
_FRAMES_IN_A_ROW = 3
_LONGEST_HEAD = 4608  # bytes: three MPEG frames begin within so many

_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_ALPHABET = _LOWER + _UPPER + b"0123456789+/=\r\n"  # of base64
_SHORTEST_TEXT = 64

# MPEG audio: (version 1, or 2 for 2 and 2.5; layer) -> kbit/s by index.
_BIT_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)


def file_format(data: bytes) -> str | None:
    """
    Return the format of a file or of its beginning: ``WAV``, ``MP3``, ``MP4`` and so
    on; `BASE64` for text in base64; None for raw samples.
    """
    name = _SIGNATURES.get(data[:4])
    if name is not None:
        return name if _is_plausible(name, data) else None
    if data[4:8] == b"ftyp" and data[:2] == b"\0\0":
        return "MP4"
    if data[:3] == b"ID3" and _is_id3(data):
        return "MP3"
    if data[:1] == b"\xff" and len(data) > 4:
        return _mpeg(data)
    return BASE64 if data[:1] in _ALPHABET and _is_base64(data) else None


def is_undecided(data: bytes) -> bool:
    """
    Whether `file_format` needs more than *data* to recognise a file that begins so.
    """
    if data[:1] == b"\xff" and file_format(data) is None:
        head = data[:8]
        is_frame = len(head) < 8 or _mpeg_frame(head) or _adts_frame(head)
        return bool(is_frame) and len(data) < _LONGEST_HEAD
    if len(data) < _SHORTEST_TEXT and not data.translate(None, _ALPHABET):
        return True
    return len(data) < 12


def _is_base64(data: bytes) -> bool:
    """
    Whether *data* is a data URL, or text in base64.

    Samples with so few different bytes exist: near silence, G.711 audio may have upper
    case letters only, or lower case ones. So both must occur, or one and a digit.
    """
    if data[:5] == b"data:":
        return True
    if len(data) < _SHORTEST_TEXT or data[:_SHORTEST_TEXT].translate(None, _ALPHABET):
        return False
    if data.translate(None, _ALPHABET):
        return False
    kinds = (_LOWER, _UPPER, b"0123456789")
    return sum(len(data.translate(None, kind)) < len(data) for kind in kinds) > 1


def _is_plausible(name: str, data: bytes) -> bool:
    kind = data[8:12]
    if name == "WAV":
        if len(data) < 12 or data[:4] != b"RIFF":
            return len(data) < 12 or kind == b"WAVE"
        return kind.isascii() and kind.decode().isprintable()  # or "AVI "
    if name == "AIFF":
        return kind in (b"AIFF", b"AIFC")
    if name == "Wave64":
        return data[4:8] == b"\x2e\x91\xcf\x11"
    if name == "AU":
        return data[4:6] == b"\0\0"
    return True


def _is_id3(data: bytes) -> bool:
    """
    Whether *data* begins with an ID3 tag: version, flags, and a size in 7 bit bytes.
    """
    rest = data[3:10]
    return len(rest) < 7 or (
        rest[0] <= 4 and not rest[2] & 0x0F and max(rest[3:]) < 0x80
    )


def _mpeg(data: bytes) -> str | None:
    """
    Return ``MP3`` or ``AAC`` if *data* begins with several consecutive frames.
    """
    for name, measure in (("MP3", _mpeg_frame), ("AAC", _adts_frame)):
        at = frames = 0
        while frames < _FRAMES_IN_A_ROW and (size := measure(data[at : at + 8])):
            at += size
            frames += 1
            if at == len(data) and frames > 1:
                return name
        if frames == _FRAMES_IN_A_ROW:
            return name
    return None


def _mpeg_frame(head: bytes) -> int:
    """
    Return the size in bytes of the MPEG audio frame with this header; 0 if invalid.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return 0
    bit_rate = 1000 * _BIT_RATES[1 if version == 3 else 2, layer][bits - 1]
    samples = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12 * bit_rate // samples + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bit_rate // samples + padding


def _adts_frame(head: bytes) -> int:
    """
    Return the size in bytes of the AAC (ADTS) frame with this header; 0 if invalid.
    """
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size >= 7 and head[2] >> 2 & 15 < 13 else 0
