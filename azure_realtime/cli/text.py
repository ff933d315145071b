"""
Text of the service on a terminal.
"""

from __future__ import annotations

import unicodedata

_SPACES = "\t\r\n\v\f\x85\u2028\u2029"


def plain(text: str) -> str:
    """
    Return *text* without what changes a terminal: control and format characters.

    Escape sequences could set the title, move the cursor or paste into the shell, and
    invisible characters could reverse the order of letters. White space becomes a
    space.
    """
    return "".join(
        " " if character in _SPACES else character
        for character in text
        if character in _SPACES or unicodedata.category(character)[0] != "C"
    )
