"""
Identifiers in the service's own spelling, and padding.
"""

from __future__ import annotations

import secrets
import string

__all__ = ["new_id", "obfuscation"]

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """
    Return a fresh identifier: a prefix and 21 letters or digits. Any thread.
    """
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(21))


def obfuscation(text: str) -> str:
    """
    Return padding for a delta, so that the length of a frame betrays less. Any thread.
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(16 - len(text) % 16))
