"""
The removal of secrets from messages.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from azure_realtime import _redaction
from azure_realtime.recording.secrets import Secrets

URL = "https://example.com/mcp"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"authorization": "Bearer abcdef"}, {"authorization": "***"}),
        ({"Authorization": "abcdef"}, {"Authorization": "***"}),
        ({"authorization": None}, {"authorization": None}),
        ({"headers": {"a": "1", "b": "2"}}, {"headers": {"a": "***", "b": "***"}}),
        ({"headers": {"a": ["1"]}}, {"headers": {"a": "***"}}),
        ({"server_url": f"{URL}?key=1"}, {"server_url": f"{URL}?***"}),
        ({"server_url": f"{URL}#key"}, {"server_url": f"{URL}#***"}),
        ({"server_url": URL}, {"server_url": URL}),
        (
            {"image_url": "HTTPS://me:pw@h/i.png?sig=1"},
            {"image_url": "HTTPS://***@h/i.png?***"},
        ),
        ({"image_url": "data:image/png;base64,AA?A"}, None),
        (
            {"client_secret": {"value": "ek_1", "expires_at": 5}},
            {"client_secret": {"value": "***", "expires_at": 5}},
        ),
    ],
)
@pytest.mark.parametrize("depth", [0, 3])
def test_secrets_are_replaced_by_the_names_of_their_fields(
    value: Any, expected: Any, depth: int
) -> None:
    """
    By the names of the fields, at any depth; the message itself is not changed.
    """
    message: dict[str, Any] = {"type": "session.update", "x": value}
    wanted: dict[str, Any] = {"type": "session.update", "x": expected or value}
    for _ in range(depth):
        message = {"type": "session.update", "tools": [message]}
        wanted = {"type": "session.update", "tools": [wanted]}
    before = copy.deepcopy(message)

    assert Secrets().removed(message) == wanted
    assert message == before


def test_a_message_without_secrets_is_the_same_object() -> None:
    """
    So that its text is written as it was on the wire.
    """
    message = {
        "type": "session.updated",
        "session": {"tools": [{"name": "get", "parameters": {"x": [1, None, 2.5]}}]},
        "text": "authorization: none, https://example.com?a=b",
    }
    assert Secrets().removed(message) is message


def test_the_schema_of_a_function_is_kept() -> None:
    """
    An argument may be called like a secret.
    """
    schema = {"properties": {"authorization": "x", "headers": {"a": "b"}}}
    message = {"type": "session.update", "tools": [{"parameters": schema}]}
    assert Secrets().removed(message) is message


def test_what_was_replaced_once_is_replaced_everywhere() -> None:
    """
    The service may repeat it, in an error or in an item.
    """
    secrets = Secrets()
    secrets.removed({"type": "session.update", "authorization": "Bearer abc-123-def"})
    again = {"type": "x", "a": ["so abc-123-def is wrong", {"b": "abc-123-def"}]}
    assert secrets.removed(again)["a"] == ["so *** is wrong", {"b": "***"}]


def test_the_credential_in_use_is_replaced() -> None:
    """
    It is never in a message, unless a user or the service puts it there.
    """
    _redaction.remember("kEy0123456789")
    message = {"type": "conversation.item.create", "text": "my key is kEy0123456789"}
    assert Secrets().removed(message)["text"] == "my key is ***"


def test_the_text_of_an_error_is_redacted() -> None:
    """
    Also where the secret was not seen before.
    """
    message = {"type": "error", "error": {"message": "got 'Bearer abcdefghijkl'"}}
    assert "abcdefghijkl" not in json.dumps(Secrets().removed(message))


def test_a_deep_message_is_cut() -> None:
    """
    The depth of a message is the service's choice.
    """
    message: Any = "abc"
    for _ in range(900):
        message = {"a": message}
    cleaned = json.dumps(Secrets().removed({"type": "x", "a": message}))
    assert "***" in cleaned
