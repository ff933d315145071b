"""
Identifiers in the format of the service, and padding for deltas.
"""

from __future__ import annotations

import random
import string

__all__ = ["new_id", "obfuscation"]

_ALPHABET = string.ascii_letters + string.digits
# Not a secure generator: the identifiers are not secrets, and this one is faster.
_random = random.Random()


def new_id(prefix: str) -> str:
    """
    Return a new identifier: the prefix and 21 letters or digits. Any thread.
    """
    return f"{prefix}_" + "".join(_random.choices(_ALPHABET, k=21))


def obfuscation(text: str) -> str:
    """
    Return padding that hides the length of a delta in encrypted traffic. Any thread.
    """
    return "".join(_random.choices(_ALPHABET, k=16 - len(text) % 16))
