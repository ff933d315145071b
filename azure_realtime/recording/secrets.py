"""
Removes secrets from messages before they are written.

Rules:

1. ``authorization``, the values of ``headers``, ``client_secret`` and the like are
   replaced by ``***``, in any message and at any depth; a JSON Schema below
   ``parameters`` is not searched, for its keys are names of arguments.
2. Queries, fragments and user names of URLs below keys that end in ``url`` are removed.
3. Every value that was replaced, and every credential that this process has used, is
   replaced in all later messages as well, wherever it occurs: an ``error`` may repeat
   it.
4. The text of an ``error`` is redacted like any text that is shown.
5. A message without a secret is not changed by a single byte.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from .._redaction import redacted, used_secrets, without

HIDDEN = "***"

_SECRET_KEYS = {
    "authorization",
    "client_secret",
    "api_key",
    "api-key",
    "access_token",
    "ocp-apim-subscription-key",
}
_MAX_DEPTH = 40
_MAX_KNOWN = 256
_MIN_LENGTH = 6  # characters; a shorter value may be part of any text
_SCHEME = re.compile(r"(?i)(?:bearer|basic)\s+")
_URL = re.compile(
    r"(?i)^((?:https?|wss?)://)([^/?#]*@)?([^/?#]*)([^?#]*)([?#].*)?$", re.S
)


class Secrets:
    """
    Removes secrets; remembers those that it has seen. One thread.
    """

    def __init__(self) -> None:
        self._known: deque[str] = deque(maxlen=_MAX_KNOWN)

    def removed(self, message: dict[str, Any]) -> dict[str, Any]:
        """
        Return *message* without its secrets: the same object if it has none.
        """
        cleaned = self._walk(message, 0, message.get("type") == "error")
        known = {*self._known, *used_secrets()}
        if known:
            cleaned = _without(cleaned, known, 0)
        assert isinstance(cleaned, dict)
        return cleaned

    def _walk(self, value: Any, depth: int, is_error: bool) -> Any:
        """
        Return *value* with the secrets replaced; the same object if there are none.
        """
        if depth > _MAX_DEPTH:
            return HIDDEN
        if isinstance(value, list):
            items = [self._walk(each, depth + 1, is_error) for each in value]
            changed = any(a is not b for a, b in zip(items, value, strict=True))
            return items if changed else value
        if isinstance(value, str):
            return _as_shown(value) if is_error else value
        if not isinstance(value, dict):
            return value
        fields = {
            key: self._field(key, each, depth, is_error) for key, each in value.items()
        }
        changed = any(fields[key] is not value[key] for key in value)
        return fields if changed else value

    def _field(self, key: str, value: Any, depth: int, is_error: bool) -> Any:
        name = key.lower()
        if name == "parameters":
            return value
        if name in _SECRET_KEYS:
            return self._hide(value)
        if name == "headers" and isinstance(value, dict):
            hidden = {each: self._hide(content) for each, content in value.items()}
            return hidden if hidden != value else value
        if name.endswith("url") and isinstance(value, str):
            return self._without_query(value)
        return self._walk(value, depth + 1, is_error)

    def _hide(self, value: Any) -> Any:
        if value is None or value in ("", HIDDEN):
            return value
        if isinstance(value, dict):
            return {
                key: each if key == "expires_at" else self._hide(each)
                for key, each in value.items()
            }
        if isinstance(value, str):
            self._remember(value)
            self._remember(_SCHEME.sub("", value, count=1))
        return HIDDEN

    def _without_query(self, url: str) -> str:
        match = _URL.match(url)
        if match is None:
            return url
        scheme, user, host, path, rest = match.groups()
        if not user and not rest:
            return url
        for secret in (user and user[:-1], rest and rest[1:]):
            if secret:
                self._remember(secret)
        query = f"{rest[0]}{HIDDEN}" if rest and rest[1:] else ""
        return f"{scheme}{HIDDEN + '@' if user else ''}{host}{path}{query}"

    def _remember(self, secret: str) -> None:
        if len(secret) >= _MIN_LENGTH and secret not in self._known:
            self._known.append(secret)


def _as_shown(text: str) -> str:
    shown = redacted(text)
    return text if shown == text else shown


def _without(value: Any, secrets: set[str], depth: int) -> Any:
    """
    Return *value* with each of *secrets* replaced; the same object without any.
    """
    if isinstance(value, str):
        return without(value, secrets)
    if not isinstance(value, (list, dict)):
        return value
    if depth > _MAX_DEPTH:
        return HIDDEN
    if isinstance(value, list):
        items = [_without(each, secrets, depth + 1) for each in value]
        changed = any(a is not b for a, b in zip(items, value, strict=True))
        return items if changed else value
    fields = {key: _without(each, secrets, depth + 1) for key, each in value.items()}
    changed = any(fields[key] is not value[key] for key in value)
    return fields if changed else value
