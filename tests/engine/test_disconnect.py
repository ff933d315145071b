"""
What the errors and events at the end of a connection report.
"""

from __future__ import annotations

import pytest

from azure_realtime import AuthenticationError, ConnectionClosed, SlowConsumer
from azure_realtime._engine.disconnect import (
    cause_of,
    disconnected_event,
    final_error,
)


@pytest.mark.parametrize(
    ("code", "answered", "clean"),
    [
        (1000, False, True),
        (1001, True, True),
        (1001, False, False),
        (1006, False, False),
    ],
)
def test_a_close_is_clean_if_its_code_is_1000_or_it_was_answered(
    code: int, answered: bool, clean: bool
) -> None:
    """
    The event has it, with the code and the reason.
    """
    error = ConnectionClosed(code, "because", clean=answered)
    event = disconnected_event(error, "server", True, 3)

    assert (event.code, event.reason, event.clean) == (code, "because", clean)
    assert (event.error, event.reconnecting, event.generation) == (error, True, 3)


def test_a_close_by_the_client_is_no_error() -> None:
    """
    Only if it was a clean one.
    """
    lost = ConnectionClosed(1006)

    assert disconnected_event(ConnectionClosed(1000), "client", False, 1).error is None
    assert disconnected_event(lost, "client", False, 1).error is lost


def test_the_final_error_has_the_larger_number_of_undelivered_commands() -> None:
    """
    Some were lost with the connection, others were still queued at the end.
    """
    lost = ConnectionClosed(1006, "reset", unsent=3, reconnecting=True)
    counts = [final_error(lost, None, unsent).unsent for unsent in (0, 5)]  # type: ignore[attr-defined]

    assert counts == [3, 5]
    assert final_error(lost, "closed by the user", 0).reason == "closed by the user"  # type: ignore[attr-defined]
    assert not final_error(lost, None, 0).reconnecting  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "by_us", "expired", "cause"),
    [
        (ConnectionClosed(1000), True, False, "client"),
        (SlowConsumer("slow"), False, False, "client"),
        (AuthenticationError("no", status_code=401), False, False, "refused"),
        (ConnectionClosed(1001), False, True, "expired"),
        (ConnectionClosed(1006, "the peer is dead"), False, False, "dead peer"),
        (ConnectionClosed(1006, "reset"), False, False, "network"),
        (ConnectionClosed(1011), False, False, "server"),
    ],
)
def test_an_end_has_one_of_six_causes(
    error: Exception, by_us: bool, expired: bool, cause: str
) -> None:
    """
    It is one of six words.
    """
    assert cause_of(error, by_us=by_us, expired=expired) == cause  # type: ignore[arg-type]
