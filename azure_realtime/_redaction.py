"""
Credentials never show: not in a message, a ``repr``, a log line or a traceback.

Whatever others say (a service, a proxy, a foreign library) goes through `redacted`
before it is shown. It blanks out what looks like a credential, and the very ones that
were ever used here.
"""

from __future__ import annotations

import re
from collections import deque

_MOST = 256  # secrets remembered: tokens are renewed every hour
_LEAST = 6  # letters: a shorter one is a word that may stand anywhere
_LONGEST = 64 << 10  # letters of a text that are shown
_CUT = 512  # of those, at its end: the cut may go through a secret

# The last of them, a few twice. Adding, which drops the oldest, is one step in C: no
# lock is needed, and no secret that is remembered again is unknown for a moment.
_used: deque[str] = deque(maxlen=2 * _MOST)

_HEADERS = (
    "(?:api-key|ocp-apim-subscription-key|authorization|proxy-authorization|cookie)"
)
# Patterns are text: `re` compiles them at first use, and keeps them.
_SECRETS = (
    rf"(?im)(^{_HEADERS}\s*:\s*)[^\r\n]+"  # a header, to the end of its line
    rf"|({_HEADERS}['\"]?\s*[:=]\s*(?:(?:bearer|basic|negotiate)\s+)?)"
    r"(?:'[^']*'|\"[^\"]*\"|[^\s'\"&,;]+)"
    r"|(bearer\s+)[\w.~+/=-]{8,}"
    r"|((?:https?|wss?|socks\w{1,2})://)[^/\s]+@"
    # one start for each run of letters, or a long text takes for ever
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
)
_SCHEME = r"(?i)(?:bearer|basic|negotiate)\s+"
_TELLING = (
    r"(?i)(?:key|token|auth|authorization|secret|pass|password|cookie|signature)"
    r"(?![a-z])"
)


def remember(*secrets: str | None) -> None:
    """
    Blank out these from now on, wherever they turn up. Any thread.
    """
    for secret in secrets:
        if secret and len(secret) >= _LEAST and secret not in tuple(_used)[-_MOST:]:
            _used.append(secret)


def remember_headers(headers: dict[str, str]) -> None:
    """
    Blank out what headers carry whose names tell that it is a secret. Any thread.
    """
    for name, value in headers.items():
        if re.search(_TELLING, name):
            remember(value, re.sub(_SCHEME, "", value, count=1))


def redacted(text: str) -> str:
    """
    Return *text* with credentials blanked out: all that were ever used, and whatever
    looks like one (headers, query keys, user info in URLs, JSON web tokens). A very
    long text is shortened.

    Any thread.
    """
    if len(text) > _LONGEST:
        return redacted(text[:_LONGEST])[:-_CUT] + "..."
    for secret in sorted(set(_used), key=len, reverse=True):
        if secret.isalpha():  # a word: part of another it is none
            text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", "***", text)
        else:
            text = text.replace(secret, "***")
    return re.sub(
        _SECRETS, lambda match: next(filter(None, match.groups()), "") + "***", text
    )


def redacted_repr(value: object) -> str:
    """
    Return the ``repr`` of what a service said, redacted: for a field of a model.
    """
    return redacted(repr(value))


def without_secrets(error: BaseException) -> BaseException | None:
    """
    Return a foreign *error* to chain to one of ours, or None if it, or what led to it,
    tells a secret (a traceback shows it as it is), or cannot be read.
    """
    seen: BaseException | None = error
    for _ in range(20):  # errors may be chained in a circle
        if seen is None:
            return error
        try:
            text = f"{seen} {seen.args} {getattr(seen, '__notes__', '')}"
        except Exception:  # the class is not ours
            return None
        if redacted(text) != text:
            return None
        seen = seen.__cause__ or seen.__context__
    return None
