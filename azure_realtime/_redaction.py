"""
Redacts credentials in messages, ``repr``, log lines and tracebacks.

Every text of a service, a proxy or another library passes through `redacted` before it
is shown. It replaces text that looks like a credential, and the credentials that were
used in this process.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from ._foreign import suppress_foreign

_MAX_SECRETS = 256  # remembered: a token is renewed every hour
_MIN_LENGTH = 6  # characters: a shorter secret may be part of any text
_MAX_TEXT = 64 << 10  # characters of a text that are shown
_CUT_MARGIN = 512  # of these, at the end, are dropped: the cut may split a secret

# The last secrets; some are in it twice. No lock: appending, which drops the oldest, is
# one C call. A secret that is remembered again stays in it without a gap.
_used: deque[str] = deque(maxlen=2 * _MAX_SECRETS)

_HEADERS = (
    "(?:api-key|ocp-apim-subscription-key|authorization|proxy-authorization|cookie)"
)
# Patterns are strings: `re` compiles them at first use, and caches them.
_SECRETS = (
    rf"(?im)(^{_HEADERS}\s*:\s*)[^\r\n]+"  # a header, to the end of its line
    rf"|({_HEADERS}['\"]?\s*[:=]\s*(?:(?:bearer|basic|negotiate)\s+)?)"
    r"(?:'[^']*'|\"[^\"]*\"|[^\s'\"&,;]+)"
    r"|(bearer\s+)[\w.~+/=-]{8,}"
    r"|((?:https?|wss?|socks\w{1,2})://)[^/\s]+@"
    # one start per run of word characters, else the time is quadratic in the length
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
)
_SCHEME = r"(?i)(?:bearer|basic|negotiate)\s+"
_SECRET_NAMES = (
    r"(?i)(?:key|token|auth|authorization|secret|pass|password|cookie|signature)"
    r"(?![a-z])"
)


def remember(*secrets: str | None) -> None:
    """
    Remember secrets, which `redacted` replaces from now on. Any thread.
    """
    for secret in secrets:
        if (
            secret
            and len(secret) >= _MIN_LENGTH
            and secret not in tuple(_used)[-_MAX_SECRETS:]
        ):
            _used.append(secret)


def remember_headers(headers: dict[str, str]) -> None:
    """
    Remember the values of the headers whose names denote a secret. Any thread.
    """
    for name, value in headers.items():
        if re.search(_SECRET_NAMES, name):
            remember(value, re.sub(_SCHEME, "", value, count=1))


def used_secrets() -> set[str]:
    """
    Return the remembered secrets. Any thread.
    """
    return set(_used)


def without(text: str, secrets: Iterable[str]) -> str:
    """
    Return *text* with ``***`` in place of each of *secrets*. Any thread.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if secret not in text:
            continue
        if secret.isalpha():  # a word: not replaced inside of longer words
            text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", "***", text)
        else:
            text = text.replace(secret, "***")
    return text


def redacted(text: str) -> str:
    """
    Return *text* with ``***`` in place of credentials.

    These are the remembered ones, and text that looks like one (headers, query keys,
    user info in URLs, JSON web tokens). A text above 64 Ki characters is cut. Any
    thread.
    """
    if len(text) > _MAX_TEXT:
        return redacted(text[:_MAX_TEXT])[:-_CUT_MARGIN] + "..."
    text = without(text, used_secrets())
    return re.sub(
        _SECRETS, lambda match: next(filter(None, match.groups()), "") + "***", text
    )


def redacted_repr(value: object) -> str:
    """
    Return the redacted ``repr`` of a value from a service, for a field of a model.
    """
    return redacted(repr(value))


def without_secrets(error: BaseException) -> BaseException | None:
    """
    Return *error*, or None if a traceback of it could show a secret.

    That is the case if its text, notes or arguments, or those of its causes, contain a
    secret or cannot be read. The result is chained to an exception of this package.
    """
    current: BaseException | None = error
    for _ in range(20):  # errors may be chained in a circle
        if current is None:
            return error
        text = None
        with suppress_foreign:  # a class of the user
            text = f"{current} {current.args} {getattr(current, '__notes__', '')}"
        if text is None or redacted(text) != text:
            return None
        current = current.__cause__ or current.__context__
    return None
