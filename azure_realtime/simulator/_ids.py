"""
Identifiers in the service's own spelling: a prefix and 21 letters or digits.
"""

from __future__ import annotations

import secrets
import string

__all__ = ["new_id"]

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """
    Return a fresh identifier such as ``item_Bq3...``. Any thread.
    """
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(21))
