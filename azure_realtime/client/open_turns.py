"""
The turns in progress, and the deletion of those that have failed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..errors import RealtimeError
from ..events import ConversationItemDelete, InputAudioBufferCommitted, ServerEvent

if TYPE_CHECKING:  # imported with the first client
    from .._engine.sender import Sender
    from .._requests.future import CommandFuture


class Losable(Protocol):
    """
    A turn, as `OpenTurns` needs it: see `OpenTurn`.
    """

    def committed(self, item_id: str) -> None:
        """
        Note that audio was committed.
        """
        ...

    def lose(self, error: RealtimeError) -> None:
        """
        Fail the turn after the connection was lost, unless it survives.
        """
        ...


class OpenTurns:
    """
    The open turns of a client.

    It has no lock: each change and each copy of a collection is atomic.

    Args:
        sender: Deletes items.
        survive_reconnect: Whether turns survive the connection (rule 3).

    Attributes:
        survive_reconnect: As given.
        handles: The event classes that `observe` takes.
    """

    handles: ClassVar[frozenset[type[ServerEvent]]] = frozenset(
        {InputAudioBufferCommitted}
    )

    def __init__(self, sender: Sender, *, survive_reconnect: bool) -> None:
        self.survive_reconnect = survive_reconnect
        self._sender = sender
        self._turns: dict[int, Losable] = {}
        self._deletes: set[Future[Any]] = set()  # that are not acknowledged

    def add(self, turn: Losable) -> None:
        """
        Add a turn. Any thread.
        """
        self._turns[id(turn)] = turn

    def discard(self, turn: Losable) -> None:
        """
        Remove a turn that is over; may be repeated. Any thread.
        """
        self._turns.pop(id(turn), None)

    def delete(self, item_ids: Collection[str]) -> None:
        """
        Delete items of a turn, without waiting for it. Any thread.
        """
        for item_id in item_ids:
            command = ConversationItemDelete(item_id=item_id)
            with contextlib.suppress(RealtimeError):  # the client has ended
                self._sender.command(command, self._expect, bounded=False)

    def _expect(self, deleted: CommandFuture[Any]) -> None:
        # a service that has not kept the item refuses the command
        deleted.is_observed = True
        self._deletes.add(deleted)
        Future.add_done_callback(deleted, self._deletes.discard)

    def observe(self, event: InputAudioBufferCommitted) -> None:
        """
        Note the item of a spoken question. Reader thread.
        """
        for turn in self._turns.copy().values():
            turn.committed(event.item_id)

    def lose(self, error: RealtimeError) -> None:
        """
        Fail the open turns that do not survive the connection, and withdraw the deletes
        of turns before, whose items the next session does not get. Reader thread.
        """
        for deleted in self._deletes.copy():
            deleted.cancel()
        for turn in self._turns.copy().values():
            turn.lose(error)
