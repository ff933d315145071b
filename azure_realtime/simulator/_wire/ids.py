"""
Identifiers in the service's own spelling, and padding.
"""

from __future__ import annotations

import random
import string

__all__ = ["new_id", "obfuscation"]

_ALPHABET = string.ascii_letters + string.digits
# Nothing here is a secret, and there are many of them.
_random = random.Random()


def new_id(prefix: str) -> str:
    """
    Return a fresh identifier: a prefix and 21 letters or digits. Any thread.
    """
    return f"{prefix}_" + "".join(_random.choices(_ALPHABET, k=21))


def obfuscation(text: str) -> str:
    """
    Return padding for a delta, so that the length of a frame betrays less. Any thread.
    """
    return "".join(_random.choices(_ALPHABET, k=16 - len(text) % 16))
