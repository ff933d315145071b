"""
The conversation with a model: the kind of session that `AzureRealTimeAudio` has.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.emitter import Emitter
from .._engine.sender import Sender
from .._engine.session_kind import SessionKind, SessionParts
from .._state.conversation import Conversation
from .._state.input_buffer import InputBuffer
from .._state.model_status import ModelStatus
from .._state.pending_work import PendingWork
from .._state.session import SessionState
from .._state.usage_meter import UsageMeter
from .._tools.loop import ToolLoop
from .._tools.registrar import ToolRegistrar
from .._tools.tool import Toolbox
from ..events import (
    CLIENT_EVENTS,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ..models.items import FunctionCallOutputItem
from ..models.session import DEFAULT_SESSION_CONFIG, as_session_config
from ..options import AzureRealTimeOptions, WebSocketOptions
from .session_restorer import SessionRestorer
from .turn_order import TurnLock


@attrs.define(eq=False, repr=False, kw_only=True)
class ConversationParts(SessionParts):
    """
    What a conversation adds to the engine of one client.
    """

    session: SessionState
    input: InputBuffer
    conversation: Conversation
    usage: UsageMeter
    toolbox: Toolbox
    registrar: ToolRegistrar
    tools: ToolLoop
    turns: TurnLock


def conversation_kind(keep_audio: bool) -> SessionKind[ConversationParts]:
    """
    Return the kind of session that is a conversation.

    Args:
        keep_audio: Keep the model's audio.
    """
    return SessionKind(
        name="conversation",
        endpoint=lambda options: options.endpoint,
        created=SessionCreated.type,
        configured=SessionUpdated.type,
        restored={
            ConversationItemAdded.type: _item_id,
            ConversationItemCreated.type: _item_id,
            ConversationItemDone.type: _item_id,
        },
        commands=frozenset(CLIENT_EVENTS),
        new_parts=partial(_new_parts, keep_audio),
    )


def _item_id(event: Any) -> str | None:
    return event.item.id  # type: ignore[no-any-return]


def _new_parts(
    keep_audio: bool,
    sender: Sender,
    emitter: Emitter,
    lifecycle: Lifecycle,
    options: AzureRealTimeOptions,
    websocket_options: WebSocketOptions,
) -> ConversationParts:
    config = as_session_config(options.session_config or DEFAULT_SESSION_CONFIG)
    session = SessionState(config)
    input_audio = InputBuffer(session, sender.send_queue)
    conversation = Conversation(keep_audio)
    usage = UsageMeter()
    status = ModelStatus()
    toolbox = Toolbox()
    tools = ToolLoop(
        sender,
        emitter,
        lifecycle,
        toolbox,
        session,
        outlive=websocket_options.restore == "conversation",
        retry_response=websocket_options.retry_response,
        max_rounds=websocket_options.max_tool_rounds,
    )
    registrar = ToolRegistrar(
        toolbox, session, sender, emitter, lifecycle, tools.run_soon
    )
    pending_work = PendingWork(session, tools.answers)
    turns = TurnLock()
    restorer = SessionRestorer(
        sender,
        config,
        session,
        conversation,
        partial(_owed, tools, pending_work),
        websocket_options.restore,
    )
    text = conversation.observe_text, status.observe_text
    return ConversationParts(
        opening=restorer.opening,
        on_configured=partial(_on_configured, restorer, registrar),
        on_refused=registrar.session_refused,
        rename_restored=conversation.rename,
        observers=(session, input_audio, conversation, usage, tools, pending_work),
        deltas={
            ResponseOutputAudioDelta: (
                conversation.observe_audio,
                status.observe_audio,
            ),
            ResponseOutputAudioTranscriptDelta: text,
            ResponseOutputTextDelta: text,
        },
        status=status,
        on_loss=(input_audio.lose, tools.lose, pending_work.lose, conversation.lose),
        on_end=(turns.end,),
        busy=(input_audio.pending, tools.busy, pending_work.busy),
        close=tools.close,
        session=session,
        input=input_audio,
        conversation=conversation,
        usage=usage,
        toolbox=toolbox,
        registrar=registrar,
        tools=tools,
        turns=turns,
    )


def _on_configured(
    restorer: SessionRestorer,
    registrar: ToolRegistrar,
    event: SessionUpdated,
    generation: int,
    seconds_lost: float | None,
) -> ServerEvent:
    """
    Settle what waited for the session; return the event to announce.
    """
    announcement = restorer.on_configured(event, generation, seconds_lost)
    registrar.session_configured()
    return announcement


def _owed(
    tools: ToolLoop, pending_work: PendingWork
) -> tuple[list[FunctionCallOutputItem], set[str]]:
    """
    Return the outputs that were lost on their way, and the calls that will have one.
    """
    lost, waiting = tools.owed()
    return lost, waiting | pending_work.calls
