"""
The parts of one conversation, on which the client's commands operate.
"""

from __future__ import annotations

from .connection import Connection
from .conversation import Conversation
from .conversation_session import ConversationSession
from .input_buffer import InputBuffer
from .mcp import McpServers
from .responses import Responses
from .script import Script
from .transcription import Transcription

__all__ = ["ConversationParts"]


class ConversationParts:
    """
    The parts of one conversation. The connection's lock guards them.
    """

    def __init__(
        self, connection: Connection, session: ConversationSession, script: Script
    ) -> None:
        self.connection = connection
        self.session = session
        self.conversation = Conversation()
        self.mcp = McpServers(connection, session, self.conversation)
        self.responses = Responses(
            connection, session, self.conversation, self.mcp, script, self._on_idle
        )
        self.input_buffer = InputBuffer(
            connection,
            session,
            self.conversation,
            Transcription(connection, session, script),
            self.responses,
        )

    def _on_idle(self) -> None:
        self.input_buffer.on_idle()

    def stop(self) -> None:
        """
        End all responses, after the connection has ended.
        """
        self.responses.stop()
