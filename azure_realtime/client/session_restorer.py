"""
What a conversation's connection sends first, and what a new session gets of the old.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .._engine.sender import Sender
from .._engine.session_kind import OpeningMessages
from .._logging import logger
from .._state.conversation import Conversation
from .._state.session import SessionState
from .._state.transcript import as_mappings
from ..events import Init, Reconnected, ServerEvent, SessionUpdate, SessionUpdated
from ..models.items import FunctionCallOutputItem, MessageItem
from ..models.session import SessionConfig


class SessionRestorer:
    """
    Composes opening messages. Reader thread, except for the constructor.

    Args:
        sender: Encodes, and knows the requests for responses.
        config: What the client began with.
        session: Knows what was asked for since.
        conversation: Knows the items.
        owed: Returns the outputs of tools that were under way when the connection was
            lost, and the calls whose outputs are still to be sent.
        restore: How much a new session gets (`WebSocketOptions`).

    Raises:
        ValueError: The protocol cannot say *config*.
    """

    def __init__(
        self,
        sender: Sender,
        config: SessionConfig,
        session: SessionState,
        conversation: Conversation,
        owed: Callable[[], tuple[list[FunctionCallOutputItem], set[str]]],
        restore: str,
    ) -> None:
        self._sender = sender
        self._config = config
        self._session = session
        self._conversation = conversation
        self._owed = owed
        self._restore = restore
        # answers of which nothing came: the new session does not have them
        self._unfinished: set[str] = set()
        self._restored_items = 0
        self._first = self._compose(config, [])  # a mistake raises on the user's thread

    def opening(self, again: bool) -> OpeningMessages:
        """
        Return what to send on the first connection, or on a later one.
        """
        if not again:
            return self._first
        config = self._session.requested
        if self._restore == "none":
            # the tools that the client has do not depend on the session
            config = attrs.evolve(self._config, tools=config.tools)
        items = self._items() if self._restore == "conversation" else []
        return self._compose(config, items)

    def on_configured(
        self, event: SessionUpdated, generation: int, seconds_lost: float | None
    ) -> ServerEvent:
        """
        Settle what waited for the new session; return the event to announce.
        """
        if seconds_lost is None:
            return Init(session=event.session, raw=event.raw, generation=generation)
        self._conversation.forget(self._cut_off() | self._unfinished)
        self._unfinished = set()
        what = "renewed" if seconds_lost == 0 else "restored"
        logger.info("Session %s: %d items were sent", what, self._restored_items)
        self._sender.pending.session_restored(event)
        self._sender.follow_up(self._sender.responses.session_restored())
        return Reconnected(
            session=event.session,
            raw=event.raw,
            restored=self._restore,
            seconds_lost=seconds_lost,
            generation=generation,
        )

    def _cut_off(self) -> set[str]:
        """
        Return the items that are half of an answer which is requested again: with them
        in the conversation, the model would continue the answer and not repeat it.
        """
        return self._conversation.messages_of(
            self._sender.responses.interrupted_response_ids()
        )

    def _items(self) -> list[dict[str, Any]]:
        """
        Return the items to restore, with outputs of tools that were not sent in time.
        """
        cut_off = self._cut_off()
        known = [i for i in self._conversation.items if i.id not in cut_off]
        arrived = {i.call_id for i in known if isinstance(i, FunctionCallOutputItem)}
        lost, waiting = self._owed()
        late = [output for output in lost if output.call_id not in arrived]
        restored = as_mappings([*known, *late], promised=waiting)
        self._restored_items = len(restored)
        there = {mapping["id"] for mapping in restored}
        self._unfinished = {
            item.id
            for item in known
            if isinstance(item, MessageItem) and item.status == "incomplete" and item.id
        } - there
        return restored

    def _compose(
        self, config: SessionConfig, items: list[dict[str, Any]]
    ) -> OpeningMessages:
        update = self._sender.identified(SessionUpdate(session=config))
        messages, restored = [self._sender.codec.encode(update, repair=True)], {}
        for item in items:
            create = {"type": "conversation.item.create", "item": item}
            command = self._sender.identified(self._sender.codec.command(create))
            try:
                messages.append(self._sender.codec.encode(command, repair=True))
            except ValueError as error:
                logger.warning("An item cannot be restored: %s", error)
                continue
            restored[command.event_id or ""] = item["id"]
        return OpeningMessages(update.event_id or "", messages, config, restored)
