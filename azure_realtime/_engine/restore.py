"""
What is said first on a connection: the configuration, and what is restored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from .._state.conversation import Conversation
from .._state.session import SessionFollower
from .._state.transcript import as_mappings
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ServerEvent,
    SessionUpdate,
)
from ..models.items import FunctionCallOutputItem
from ..models.session import SessionConfig
from .sender import Sender

logger = logging.getLogger("azure_realtime")


@attrs.frozen
class Opening:
    """
    What is said first on a connection.

    Attributes:
        hello_id: The ``event_id`` of the first message, the session's configuration.
        messages: All of it, encoded: the configuration, then what is restored.
        config: The configuration.
        restored: What is restored: by the id of the command, that of the item.
    """

    hello_id: str
    messages: Sequence[bytes]
    config: SessionConfig
    restored: Mapping[str, str]


class Opener:
    """
    Composes it. Reader thread, but for the first time.

    Args:
        sender: Encodes, and knows the requests for responses.
        config: What the client began with.
        session: Knows what has been asked for since.
        conversation: Knows what has been said.
        owed: Returns the outputs of tools that were under way when the connection was
            lost, and the calls whose outputs are still to be sent.
        restore: How much of it a new session gets.
    """

    def __init__(
        self,
        sender: Sender,
        config: SessionConfig,
        session: SessionFollower,
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
        self._first = self._compose(config, [])  # a mistake is told where it is made

    def __call__(self, again: bool) -> Opening:
        """
        Return what to say on the first connection, or on another.
        """
        if not again:
            return self._first
        config = self._session.asked
        if (
            self._restore == "none"
        ):  # but what the tools are is not the session's to say
            config = attrs.evolve(self._config, tools=config.tools)
        items = self._told() if self._restore == "conversation" else []
        return self._compose(config, items)

    def taken(self) -> None:
        """
        Note that a new session has begun so.
        """
        self._conversation.forget(self._cut_off())

    def _cut_off(self) -> set[str]:
        """
        Return the items that are half of an answer which is asked for again: it would
        not begin anew behind them, but go on.
        """
        return self._conversation.messages_of(
            self._sender.responses.interrupted_response_ids()
        )

    def _told(self) -> list[dict[str, Any]]:
        """
        Return what is said of the conversation, outputs that were under way at its end.
        """
        cut_off = self._cut_off()
        known = [i for i in self._conversation.items if i.id not in cut_off]
        arrived = {i.call_id for i in known if isinstance(i, FunctionCallOutputItem)}
        lost, waiting = self._owed()
        late = [output for output in lost if output.call_id not in arrived]
        return as_mappings([*known, *late], promised=waiting)

    def _compose(self, config: SessionConfig, items: list[dict[str, Any]]) -> Opening:
        hello = self._sender.identified(SessionUpdate(session=config))
        messages, restored = [self._sender.codec.encode(hello)], {}
        for item in items:
            create = {"type": "conversation.item.create", "item": item}
            command = self._sender.identified(self._sender.codec.command(create))
            try:
                messages.append(self._sender.codec.encode(command))
            except ValueError as error:
                logger.warning("An item cannot be restored: %s", error)
                continue
            restored[command.event_id or ""] = item["id"]
        return Opening(hello.event_id or "", messages, config, restored)


_ARRIVALS = (ConversationItemAdded, ConversationItemCreated, ConversationItemDone)


class RestoredItems:
    """
    The items that are restored on one connection.

    Attributes:
        commands: By the id of the command, that of the item.
    """

    def __init__(self, commands: Mapping[str, str]) -> None:
        self.commands = commands
        self._open = set(commands.values())
        self._quiet = {
            (kind.type, item) for kind in _ARRIVALS for item in commands.values()
        }

    @property
    def done(self) -> bool:
        """
        Whether the service has accepted or refused each.
        """
        return not self._open

    def refuse(self, event_id: str) -> None:
        """
        Note that the service refused the item of this command.
        """
        self._open.discard(self.commands[event_id])

    def is_acknowledgement(self, event: ServerEvent) -> bool:
        """
        Take note of *event*; return whether it only says that an item has arrived.
        """
        if not self._quiet or not isinstance(event, _ARRIVALS):
            return False
        item_id = event.item.id or ""
        self._open.discard(item_id)
        if (event.type, item_id) not in self._quiet:
            return False
        self._quiet.discard((event.type, item_id))
        return True
