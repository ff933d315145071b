"""
What is said first on a connection: the configuration, and what is restored.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import attrs

from ._core import Core
from ._session_follower import SessionFollower
from .conversation import Conversation
from .events import ClientEvent, SessionUpdate
from .session import SessionConfig

logger = logging.getLogger("azure_realtime")


@attrs.frozen
class Opening:
    """
    What is said first on a connection.

    Attributes:
        hello_id: The ``event_id`` of the first message, the session's configuration.
        messages: All of it, encoded: the configuration, then what is restored.
        config: The configuration.
    """

    hello_id: str
    messages: Sequence[str]
    config: SessionConfig


class Opener:
    """
    Composes it. Reader thread, but for the first time.

    Args:
        core: Encodes.
        config: What the client began with.
        session: Knows what has been asked for since.
        conversation: Knows what has been said.
        restore: How much of it a new session gets.
    """

    def __init__(
        self,
        core: Core,
        config: SessionConfig,
        session: SessionFollower,
        conversation: Conversation,
        restore: str,
    ) -> None:
        self._core = core
        self._config = config
        self._session = session
        self._conversation = conversation
        self._restore = restore
        self._first = self._compose(config, [])  # a mistake is told where it is made

    def __call__(self, again: bool) -> Opening:
        """
        Return what to say on the first connection, or on another.
        """
        if not again:
            return self._first
        config = self._config if self._restore == "none" else self._session.asked
        items = []
        if self._restore == "conversation":
            for mapping in self._conversation.to_list():
                create = {"type": "conversation.item.create", "item": mapping}
                items.append(self._core.codec.command(create))
        return self._compose(config, items)

    def _compose(self, config: SessionConfig, items: list[ClientEvent]) -> Opening:
        hello = self._core.identified(SessionUpdate(session=config))
        messages = [self._core.codec.encode(hello)]
        for item in items:
            try:
                messages.append(self._core.codec.encode(self._core.identified(item)))
            except ValueError as error:
                logger.warning("An item cannot be restored: %s", error)
        return Opening(hello.event_id or "", messages, config)
