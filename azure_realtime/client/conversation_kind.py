"""
The kind of session of `AzureRealTimeAudio`: a conversation with a model.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.emitter import Emitter
from .._engine.sender import Sender
from .._engine.session_kind import SessionKind, SessionParts
from .._state.conversation_state import ConversationState
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
from ..models._coerce import snapshot
from ..models.session import DEFAULT_SESSION_CONFIG
from ..options import AzureRealTimeOptions, WebSocketOptions
from .open_turns import OpenTurns
from .session_restorer import SessionRestorer
from .turn_order import TurnLock


@attrs.define(eq=False, repr=False, kw_only=True)
class ConversationParts(SessionParts):
    """
    The parts of a client that belong to a conversation.
    """

    session: SessionState
    input: InputBuffer
    conversation: ConversationState
    usage: UsageMeter
    toolbox: Toolbox
    registrar: ToolRegistrar
    tools: ToolLoop
    order: TurnLock
    turns: OpenTurns


def conversation_kind(keep_audio: bool) -> SessionKind[ConversationParts]:
    """
    Describe a conversation to the engine.

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
    config = snapshot(options.session_config or DEFAULT_SESSION_CONFIG)
    session = SessionState(config)
    input_audio = InputBuffer(session, sender.send_queue)
    conversation = ConversationState(keep_audio)
    usage = UsageMeter()
    status = ModelStatus()
    toolbox = Toolbox()
    tools = ToolLoop(
        sender,
        emitter,
        toolbox,
        session,
        outlive=websocket_options.restore == "conversation",
        max_rounds=websocket_options.max_tool_rounds,
    )
    registrar = ToolRegistrar(
        toolbox, session, sender, emitter, lifecycle, tools.run_on_worker
    )
    pending_work = PendingWork(session, tools.answers)
    order = TurnLock()
    restores = websocket_options.restore == "conversation"
    turns = OpenTurns(
        sender, survive_reconnect=websocket_options.retry_response and restores
    )
    restorer = SessionRestorer(
        sender,
        config,
        session,
        conversation,
        tools.unacknowledged,
        lambda: pending_work.calls,
        websocket_options.restore,
    )
    text = conversation.observe_text, status.observe_text
    return ConversationParts(
        opening=restorer.opening,
        on_configured=partial(_on_configured, restorer, registrar),
        on_refused=registrar.session_refused,
        rename_restored=conversation.rename,
        on_item_refused=lambda item: tools.refuse(item, conversation.refuse(item)),
        observers=(
            session,
            input_audio,
            conversation,
            turns,
            usage,
            tools,
            pending_work,
        ),
        deltas={
            ResponseOutputAudioDelta: (
                conversation.observe_audio,
                status.observe_audio,
            ),
            ResponseOutputAudioTranscriptDelta: text,
            ResponseOutputTextDelta: text,
        },
        status=status,
        on_loss=(
            turns.lose,
            input_audio.lose,
            tools.lose,
            pending_work.lose,
            conversation.lose,
        ),
        on_end=(order.end,),
        busy=(input_audio.pending, tools.busy, pending_work.busy),
        runs_tools=tools.busy,
        close=tools.close,
        session=session,
        input=input_audio,
        conversation=conversation,
        usage=usage,
        toolbox=toolbox,
        registrar=registrar,
        tools=tools,
        order=order,
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
    Release what waits for the configured session; return the event to emit.
    """
    announcement = restorer.on_configured(event, generation, seconds_lost)
    registrar.session_configured()
    return announcement
