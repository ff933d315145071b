"""
Makes and connects the parts of one client, for any kind of session.

The threads refer to these parts and never to the client itself, so an unreferenced
client is garbage-collected and its connection is closed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.backlog import Backlog
from .._dispatch.dispatcher import Dispatch, Dispatcher
from .._dispatch.emitter import Emitter
from .._dispatch.factory import make_dispatcher
from .._dispatch.mailbox import Mailboxes
from .._dispatch.subscriptions import Subscriptions
from .._engine.control import Control
from .._engine.counters import Counters
from .._engine.engine import Engine
from .._engine.event_pipeline import EventPipeline
from .._engine.reader import Reader
from .._engine.reconnect import Backoff
from .._engine.sender import Sender
from .._engine.session_kind import SessionKind, SessionParts
from .._engine.session_setup import SessionSetup
from .._engine.shutdown import Shutdown, abandon
from .._protocol.codec import Codec
from .._requests.acknowledgements import PendingCommands
from .._requests.response_queue import ResponseQueue
from .._requests.send_queue import SendQueue
from .._transport.connector import Connector, WeakConnector
from .._warnings import warn
from .._websocket_options import WebSocketImpl
from ..options import AzureRealTimeOptions, WebSocketOptions, options_from

_client_numbers = itertools.count(1)


P = TypeVar("P", bound=SessionParts)


@attrs.define(eq=False, repr=False)
class Parts(Generic[P]):
    """
    The parts of one client.

    Attributes:
        abandon: Closes a client that was garbage collected.
        session: The parts that the kind of session adds.
    """

    options: AzureRealTimeOptions
    websocket_options: WebSocketOptions
    connector: Connector
    lifecycle: Lifecycle
    control: Control
    dispatcher: Dispatcher
    subscriptions: Subscriptions
    mailboxes: Mailboxes
    emitter: Emitter
    sender: Sender
    engine: Engine
    reader: Reader
    shutdown: Shutdown
    abandon: Callable[[], None]
    session: P


def assemble(
    kind: SessionKind[P],
    options: AzureRealTimeOptions | Mapping[str, Any],
    websocket_options: WebSocketOptions | Mapping[str, Any] | None,
    websocket_impl: WebSocketImpl | None,
    dispatch: Dispatch,
) -> Parts[P]:
    """
    Make the parts of a client without starting a thread.

    No descriptor stays open if it raises.

    Raises:
        ValueError: An option is misspelled or contradicts another one.
        TypeError: An option has the wrong type.
    """
    with contextlib.ExitStack() as cleanup:
        parts = _assemble(
            kind, options, websocket_options, websocket_impl, dispatch, cleanup
        )
        cleanup.pop_all()
    return parts


def _assemble(
    kind: SessionKind[P],
    options: AzureRealTimeOptions | Mapping[str, Any],
    websocket_options: WebSocketOptions | Mapping[str, Any] | None,
    websocket_impl: WebSocketImpl | None,
    dispatch: Dispatch,
    cleanup: contextlib.ExitStack,
) -> Parts[P]:
    options = options_from(AzureRealTimeOptions, options)
    websocket_options = options_from(WebSocketOptions, websocket_options or {})
    if websocket_impl is not None and not callable(websocket_impl):
        raise TypeError("websocket_impl must be a class or a function")
    options.check_credential(websocket_options)
    endpoint = kind.endpoint(options)
    if endpoint.api_version is not None:  # before there is anything to close
        warn(
            f"api_version {endpoint.api_version!r} chooses the preview protocol, which "
            "Azure retired on 2026-04-30: delete api_version to speak GA."
        )
    codec = Codec(endpoint.api_version)
    number = next(_client_numbers)

    lifecycle = Lifecycle()
    queue = SendQueue(
        websocket_options.max_send_queue_bytes,
        websocket_options.audio_overflow == "drop_oldest",
        lifecycle=lifecycle,
    )
    cleanup.callback(queue.close)
    control = Control(queue.wake)
    subscriptions = Subscriptions()
    mailboxes = Mailboxes(lifecycle.why_ended)
    dispatcher = make_dispatcher(
        dispatch,
        subscriptions,
        f"azure-realtime-callbacks-{number}",
        Backlog(
            websocket_options.max_callback_queue_bytes,
            websocket_options.slow_consumer == "disconnect",
            on_overflow=control.fail,
            manual=dispatch == "manual",
        ),
        is_reader=lifecycle.is_reader_thread,
        wake=queue.wake,
        closing=control.is_closing,
    )
    cleanup.callback(dispatcher.finish)
    emitter = Emitter(mailboxes, dispatcher, lifecycle)
    pending = PendingCommands(
        lifecycle.why_ended, resends_updates=websocket_options.restore != "none"
    )
    responses = ResponseQueue(
        lifecycle.why_ended,
        # the first preview version has no ``metadata`` field for the marker
        use_markers=endpoint.api_version != "2024-10-01-preview",
        returns_markers=endpoint.is_azure,
    )
    sender = Sender(
        codec,
        queue,
        pending,
        responses,
        dispatcher,
        emitter,
        lifecycle,
        control.call,
        websocket_options.audio_overflow,
        kind.name,
        kind.missing_commands,
    )

    session = kind.new_parts(sender, emitter, lifecycle, options, websocket_options)
    engine = Engine(
        lifecycle=lifecycle,
        queue=queue,
        pending=pending,
        responses=responses,
        mailboxes=mailboxes,
        status=session.status,
        dispatcher=dispatcher,
        emitter=emitter,
        counters=Counters(),
        on_loss=session.on_loss,
        on_end=session.on_end,
        busy=session.busy,
        runs_tools=session.runs_tools,
        retry_response=websocket_options.retry_response,
    )
    pipeline = EventPipeline(
        session.deltas,
        session.observers,
        {kind.created, kind.configured, *kind.restored},
        session.status,
        sender,
        mailboxes,
        emitter,
        dispatcher,
        lifecycle,
    )
    connector = Connector(options, endpoint, websocket_options, websocket_impl)
    connect = WeakConnector(connector)
    reader = Reader(
        engine,
        sender,
        pipeline,
        control,
        connect,
        SessionSetup(kind, session, engine),
        websocket_options,
        Backoff(
            websocket_options.max_reconnect_attempts,
            websocket_options.reconnect_interval,
            fresh_tokens=bool(options.token_provider or options.credential),
        ),
        f"azure-realtime-reader-{number}",
    )
    shutdown = Shutdown(engine, reader, session.close)
    return Parts(
        options=options,
        websocket_options=websocket_options,
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
        abandon=partial(abandon, reader, control, engine, session.close, connect.hold),
        session=session,
    )
