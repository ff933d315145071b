"""
The first messages of each connection, which restore the session and conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .._engine.sender import Sender
from .._engine.session_kind import OpeningMessages
from .._logging import logger
from .._state.conversation_state import ConversationState
from .._state.session import SessionState
from .._state.transcript import as_mappings
from .._tools.loop import ToolItems
from ..events import Init, Reconnected, ServerEvent, SessionUpdate, SessionUpdated
from ..models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    MessageItem,
    with_id,
)
from ..models.session import SessionConfig

_CALLS = FunctionCallItem, FunctionCallOutputItem


class SessionRestorer:
    """
    Composes the opening messages. Reader thread, except for the constructor.

    Args:
        sender: Encodes commands; its response queue has the open requests.
        config: The configuration given to the client.
        session: Has the configuration requested since.
        conversation: Has the items.
        tool_items: Returns the calls of tools whose outputs are not acknowledged, and
            those of these outputs that were lost with the connection.
        unanswered: Returns the ids of the calls that the user may still answer.
        restore: ``WebSocketOptions.restore``.

    Raises:
        ValueError: The protocol in use cannot express *config*.
    """

    def __init__(
        self,
        sender: Sender,
        config: SessionConfig,
        session: SessionState,
        conversation: ConversationState,
        tool_items: Callable[[], ToolItems],
        unanswered: Callable[[], set[str]],
        restore: str,
    ) -> None:
        self._sender = sender
        self._config = config
        self._session = session
        self._conversation = conversation
        self._tool_items = tool_items
        self._unanswered = unanswered
        self._restore = restore
        # messages without content, and calls and outputs without their counterpart:
        # the new session does not have them
        self._unfinished: set[str] = set()
        self._restored_items = 0
        # composed here, so that an invalid configuration raises on the user's thread
        self._first = self._compose(config, [])

    def opening(self, again: bool) -> OpeningMessages:
        """
        Return the messages for the first connection, or for a later one (*again*).
        """
        if not again:
            return self._first
        config = self._session.requested
        if self._restore == "none":
            # tools belong to the client, not to the session
            config = attrs.evolve(self._config, tools=config.tools)
        items = self._items() if self._restore == "conversation" else []
        return self._compose(config, items)

    def on_configured(
        self, event: SessionUpdated, generation: int, seconds_lost: float | None
    ) -> ServerEvent:
        """
        Release the commands that wait for the new session; return the event to emit.
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
        Return the ids of messages of interrupted responses that are requested again.

        With them in the conversation the model would continue the answer instead of
        repeating it.
        """
        return self._conversation.messages_of(
            self._sender.responses.interrupted_response_ids()
        )

    def _items(self) -> list[dict[str, Any]]:
        """
        Return the items to restore.

        These are the items of the conversation, and what it lacks of the tools' work:
        calls that the service did not report as items, and outputs that were lost. A
        call whose output will be sent is restored as well.
        """
        cut_off = self._cut_off()
        kept = [i for i in self._conversation.items if i.id not in cut_off]
        called = {i.call_id for i in kept if isinstance(i, FunctionCallItem)}
        arrived = {i.call_id for i in kept if isinstance(i, FunctionCallOutputItem)}
        calls, lost = self._tool_items()
        missing = [
            with_id(attrs.evolve(call, id=None))
            for call in calls
            if call.call_id not in called
        ]
        late = [output for output in lost if output.call_id not in arrived]
        promised = {call.call_id or "" for call in calls} | self._unanswered()
        restored = as_mappings([*kept, *missing, *late], promised)
        self._restored_items = len(restored)
        restored_ids = {mapping["id"] for mapping in restored}
        self._unfinished = {
            item.id
            for item in kept
            if item.id and (isinstance(item, _CALLS) or _is_cut_off(item))
        } - restored_ids
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


def _is_cut_off(item: Item) -> bool:
    return isinstance(item, MessageItem) and item.status == "incomplete"
