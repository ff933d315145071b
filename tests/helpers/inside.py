"""
What tests look up or replace inside the package, because no public name reaches it.

A test names a private attribute of its own part only (`tests/dispatch` those of
`_dispatch`, and so on): a change of another part changes this file only.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, ConnectionClosed
from azure_realtime import _redaction as redaction
from azure_realtime._engine.reader import Reader

LOCKS = (
    "_conversation",
    "_engine.dispatcher.backlog",
    "_engine.mailboxes",
    "_engine.queue",
    "_engine.responses",
    "_engine.status",
    "_subscriptions",
    "_tools._runner",
)
"""The parts of a client that have a lock."""


def lock_of(client: AzureRealTimeAudio, part: str) -> Any:
    """
    Return the lock of one of `LOCKS`.
    """
    return operator.attrgetter(part)(client)._lock


def options_of(client: AzureRealTimeAudio) -> AzureRealTimeOptions:
    """
    Return the options that a client was made with.
    """
    return client._options


def unanswered_commands(client: AzureRealTimeAudio) -> int:
    """
    Return how many commands were sent and are not acknowledged.
    """
    return len(client._engine.pending.sent_commands())


def unanswered_responses(client: AzureRealTimeAudio) -> int:
    """
    Return how many requests of a response were sent and are not answered.
    """
    return len(client._engine.responses.sent_responses())


def requested_responses(client: AzureRealTimeAudio) -> int:
    """
    Return how many requests of a response are not done, the queued ones included.
    """
    return len(client._engine.responses._requests)


def waits_of_the_connection(client: AzureRealTimeAudio) -> int:
    """
    Return how many waits for an event end with the connection.
    """
    return len(client._engine.mailboxes.of_this_connection())


def is_awaited(client: AzureRealTimeAudio, kind: str) -> bool:
    """
    Return whether a wait is for events of this type.
    """
    return kind in client._engine.mailboxes.wanted


def waiting_turns(client: AzureRealTimeAudio) -> int:
    """
    Return how many threads wait until the turn of another one is complete.
    """
    return len(client._order._condition._waiting)


def is_idle(client: AzureRealTimeAudio) -> bool:
    """
    Return whether nothing is under way that a renewal would interrupt.
    """
    return client._engine.is_idle()


def has_hook(client: AzureRealTimeAudio) -> bool:
    """
    Return whether messages are reported to a hook.
    """
    return client._control.message_hook is not None


def set_hook(client: AzureRealTimeAudio, hook: Any) -> None:
    """
    Report each message to *hook*, as `record` does.
    """
    client._control.message_hook = hook


def lose_commands(client: AzureRealTimeAudio) -> None:
    """
    Fail the unacknowledged commands, as the reader thread does after a lost connection.
    """
    client._engine.pending.lose(ConnectionClosed(1006))


def lose_input(client: AzureRealTimeAudio) -> None:
    """
    Forget the appended audio, as the reader thread does after a lost connection.
    """
    client._input.lose(None)


def has_input(client: AzureRealTimeAudio) -> bool:
    """
    Return whether audio was appended that is neither committed nor cleared.
    """
    return bool(client._input.pending())


def resume_queue(client: AzureRealTimeAudio) -> None:
    """
    Let the send queue send, as the reader thread does for a configured session.
    """
    client._engine.queue.resume()


def requested_session(client: AzureRealTimeAudio) -> Any:
    """
    Return the session fields that the client has asked for.
    """
    return client._follower.requested


def input_buffer(client: AzureRealTimeAudio) -> Any:
    """
    Return the part that counts the appended audio, to replace a method of it.
    """
    return client._input


def forget_credentials() -> None:
    """
    Forget the credentials that the redaction remembers.
    """
    redaction._used.clear()


def forget_sound_devices() -> None:
    """
    Forget that `sounddevice` was imported, or that it could not be.
    """
    from azure_realtime.audio import devices

    devices._import.cache_clear()


def delay_readers(monkeypatch: pytest.MonkeyPatch, wait: Callable[[], object]) -> None:
    """
    Call *wait* on each reader thread before it connects.
    """
    serve = Reader._serve

    def delayed(reader: Reader) -> Any:
        wait()
        return serve(reader)

    monkeypatch.setattr(Reader, "_serve", delayed)


def without_soxr(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Convert audio with the package's own filter, as if `soxr` were not installed.
    """
    monkeypatch.setattr("azure_realtime.audio.convert._soxr", lambda: None)


def wait_for_last_listeners(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """
    Change how long `close` waits for the listeners of the end, whatever its timeout.
    """
    monkeypatch.setattr(
        "azure_realtime._engine.shutdown._LISTENERS_OF_THE_END", seconds
    )


@contextlib.contextmanager
def interrupted_shutdown(client: AzureRealTimeAudio) -> Iterator[None]:
    """
    Let Ctrl-C come at the beginning of the next `close`.
    """

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client._shutdown, "close", interrupted)
        yield
