"""
Makes the parts of one client and connects them.

The threads know these parts and never the client itself, so a client that nobody
refers to can be collected, and its connection closes.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.backlog import Backlog
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.emitter import Emitter
from .._dispatch.factory import Dispatch, make_dispatcher
from .._dispatch.mailbox import Waiters
from .._dispatch.subscriptions import Subscriptions
from .._engine.control import Control
from .._engine.counters import Counters
from .._engine.engine import Engine
from .._engine.event_pipeline import EventPipeline
from .._engine.reader import Reader
from .._engine.reconnect import Backoff
from .._engine.renewal.pending_work import LooseEnds
from .._engine.restore import Opener
from .._engine.sender import Sender
from .._engine.shutdown import Ending
from .._protocol.codec import Codec
from .._requests.acknowledgements import PendingCommands
from .._requests.response_queue import ResponseQueue
from .._requests.send_queue import SendQueue
from .._state.conversation import Conversation
from .._state.input_buffer import InputAudio
from .._state.model_status import ModelStatus
from .._state.session import SessionFollower
from .._state.usage_meter import UsageMeter
from .._tools.loop import ToolLoop
from .._tools.tool import Toolbox
from .._transport.connector import Connector, weakly
from .._transport.handshake import WebSocketImpl
from ..events import SessionUpdate
from ..models.items import FunctionCallOutputItem
from ..models.session import DEFAULT_SESSION_CONFIG, as_session_config
from ..options import AzureRealTimeOptions, WebSocketOptions, options_from
from .turn_order import TurnOrder

_numbers = itertools.count(1)


@attrs.frozen(eq=False)
class Parts:
    """
    What a client is made of.
    """

    options: AzureRealTimeOptions
    websocket_options: WebSocketOptions
    connector: Connector
    lifecycle: Lifecycle
    control: Control
    dispatcher: Dispatcher
    subscriptions: Subscriptions
    mailboxes: Waiters
    emitter: Emitter
    sender: Sender
    engine: Engine
    reader: Reader
    shutdown: Ending
    session: SessionFollower
    input: InputAudio
    conversation: Conversation
    usage: UsageMeter
    toolbox: Toolbox
    tools: ToolLoop
    turns: TurnOrder


def assemble(
    options: AzureRealTimeOptions | Mapping[str, Any],
    websocket_options: WebSocketOptions | Mapping[str, Any] | None,
    websocket_impl: WebSocketImpl | None,
    dispatch: Dispatch,
    keep_audio: bool,
) -> Parts:
    """
    Make the parts of a client; start nothing.

    If it raises, nothing is left open.

    Raises:
        ValueError: An option is misspelled or contradicts another.
        TypeError: An option is of the wrong type.
    """
    with contextlib.ExitStack() as cleanup:
        parts = _assemble(
            options, websocket_options, websocket_impl, dispatch, keep_audio, cleanup
        )
        cleanup.pop_all()
    return parts


def _assemble(
    options: AzureRealTimeOptions | Mapping[str, Any],
    websocket_options: WebSocketOptions | Mapping[str, Any] | None,
    websocket_impl: WebSocketImpl | None,
    dispatch: Dispatch,
    keep_audio: bool,
    cleanup: contextlib.ExitStack,
) -> Parts:
    options = options_from(AzureRealTimeOptions, options)
    numbers = options_from(WebSocketOptions, websocket_options or {})
    if websocket_impl is not None and not callable(websocket_impl):
        raise TypeError("websocket_impl must be a class or a function")
    options.check_credential(numbers)
    version = options.endpoint.api_version
    config = as_session_config(options.session_config or DEFAULT_SESSION_CONFIG)
    codec = Codec(version)
    codec.encode(SessionUpdate(session=config))  # a mistake opens nothing
    number = next(_numbers)

    lifecycle = Lifecycle()
    queue = SendQueue(
        numbers.max_send_queue_bytes,
        numbers.audio_overflow == "drop_oldest",
        ended=lifecycle.why_ended,
    )
    cleanup.callback(queue.close)
    control = Control(queue.wake)
    subscriptions = Subscriptions()
    mailboxes = Waiters(lifecycle.why_ended)
    dispatcher = make_dispatcher(
        dispatch,
        subscriptions,
        f"azure-realtime-callbacks-{number}",
        Backlog(
            numbers.max_callback_queue_bytes,
            numbers.slow_consumer == "disconnect",
            on_overflow=control.fail,
            manual=dispatch == "manual",
        ),
        is_reader=lifecycle.is_reader_thread,
        wake=queue.wake,
        closing=control.is_closing,
    )
    cleanup.callback(dispatcher.finish)
    emitter = Emitter(mailboxes, dispatcher, lifecycle)
    pending = PendingCommands(lifecycle.why_ended, asks_again=numbers.restore != "none")
    responses = ResponseQueue(
        lifecycle.why_ended,
        # the first preview version has no metadata to carry a marker
        use_markers=version != "2024-10-01-preview",
        returns_markers=options.endpoint.is_azure,
    )
    sender = Sender(
        codec,
        queue,
        pending,
        responses,
        dispatcher,
        emitter,
        lifecycle,
        numbers.audio_overflow,
    )

    session = SessionFollower(config)
    input_audio = InputAudio(session)
    conversation = Conversation(keep_audio)
    usage = UsageMeter()
    toolbox = Toolbox()
    tools = ToolLoop(
        sender,
        emitter,
        lifecycle,
        toolbox,
        session,
        outlive=numbers.restore == "conversation",
        retry_response=numbers.retry_response,
    )
    pending_work = LooseEnds(session, tools.answers)
    turns = TurnOrder()
    status = ModelStatus()

    engine = Engine(
        lifecycle=lifecycle,
        queue=queue,
        pending=pending,
        responses=responses,
        mailboxes=mailboxes,
        status=status,
        dispatcher=dispatcher,
        emitter=emitter,
        counters=Counters(),
        on_loss=(input_audio.lose, tools.lose, pending_work.lose, conversation.lose),
        on_end=(turns.end,),
        busy=(input_audio.pending, tools.busy, pending_work.busy),
        retry_response=numbers.retry_response,
    )
    pipeline = EventPipeline(
        conversation,
        (session, input_audio, conversation, usage, tools, pending_work),
        status,
        sender,
        emitter,
        dispatcher,
        lifecycle,
    )
    connector = Connector(options, numbers, websocket_impl)
    reader = Reader(
        engine,
        sender,
        pipeline,
        control,
        weakly(connector),
        Opener(
            sender,
            config,
            session,
            conversation,
            partial(_owed, tools, pending_work),
            numbers.restore,
        ),
        numbers,
        Backoff(
            numbers.max_reconnect_attempts,
            numbers.reconnect_interval,
            fresh_tokens=bool(options.token_provider or options.credential),
        ),
        f"azure-realtime-reader-{number}",
    )
    shutdown = Ending(engine, reader, tools.close)
    return Parts(
        options=options,
        websocket_options=numbers,
        connector=connector,
        lifecycle=lifecycle,
        control=control,
        dispatcher=dispatcher,
        subscriptions=subscriptions,
        mailboxes=mailboxes,
        emitter=emitter,
        sender=sender,
        engine=engine,
        reader=reader,
        shutdown=shutdown,
        session=session,
        input=input_audio,
        conversation=conversation,
        usage=usage,
        toolbox=toolbox,
        tools=tools,
        turns=turns,
    )


def _owed(
    tools: ToolLoop, pending_work: LooseEnds
) -> tuple[list[FunctionCallOutputItem], set[str]]:
    """
    Return the outputs that were lost on their way, and the calls that will have one.
    """
    lost, waiting = tools.owed()
    return lost, waiting | pending_work.calls
