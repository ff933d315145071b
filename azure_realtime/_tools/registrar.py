"""
Registers the tools of the toolbox with the session.

1. A change is one ``session.update`` with all tools. The service accepts all of them or
   none (protocol reference, trap "update-atomic").
2. A tool is accepted when an update that contains it is. A refusal concerns a tool that
   is not accepted yet; each update adds one tool, so there is usually one such tool.
   It is removed, and replaced by an accepted tool of the same name if there was one.
   The other tools that are not accepted yet are sent again.
3. If a new session has refused several tools together, each is added by an update of
   its own.
4. A refused update with a tool that has been removed from the toolbox since changes
   nothing for the other tools, because they are in a later update.
5. Tools that a session refused before it was configured are sent again afterwards.

Strictly private.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.emitter import Emitter
from .._engine.sender import Sender
from .._logging import logger
from .._requests.future import CommandFuture
from .._state.session import SessionState
from ..errors import ConnectionClosed, QueueFull, RealtimeError, ServerError
from ..events import SessionUpdate, ToolErrorEvent
from ..models.session import SessionConfig
from ..models.tools import FunctionTool
from .tool import Tool, Toolbox

Specs = Sequence[FunctionTool]


class ToolRegistrar:
    """
    Registers tools with the session.

    Args:
        toolbox: The tools. Only a weak reference is kept, because a function may refer
            to the client. For the same reason no callback refers to a tool.
        session: Has the tools of the requested configuration.
        sender: Sends the updates.
        emitter: Emits ``tool_error`` for a refused tool.
        lifecycle: Has the number of the connection, and whether it is configured.
        run_on_worker: Runs a function on a worker thread without blocking.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        session: SessionState,
        sender: Sender,
        emitter: Emitter,
        lifecycle: Lifecycle,
        run_on_worker: Callable[[Callable[[], None]], None],
    ) -> None:
        self._toolbox = weakref.ref(toolbox)
        self._session = session
        self._sender = sender
        self._emitter = emitter
        self._lifecycle = lifecycle
        self._run_on_worker = run_on_worker
        # the specs of toolbox tools by id(); other tools of the session were configured
        self._registered: weakref.WeakValueDictionary[int, Any] = (
            weakref.WeakValueDictionary()
        )
        self._must_resend = False

    def add(self, toolbox: Toolbox, tool: Tool[..., Any]) -> None:
        """
        Add *tool* to the toolbox and send the update; do neither if that raises.

        It raises as `Sender.command`. The user's thread.
        """
        before = toolbox.get(tool.name)
        try:
            toolbox.put(tool)
            self._send_update(toolbox.specs())
        except BaseException:
            toolbox.take_out(tool, before)
            raise

    def remove(self, toolbox: Toolbox, name: str) -> None:
        """
        Remove a tool from the toolbox and the session. The user's thread.

        Raises:
            KeyError: There is no tool of that name.
            RealtimeError: The update could not be sent; the tool stays.
        """
        tool = toolbox.remove(name)
        try:
            self._send_update(toolbox.specs())
        except BaseException:
            toolbox.put(tool)
            raise

    def _send_update(self, specs: Specs) -> None:
        self._registered.update({id(spec): spec for spec in specs})
        names = {spec.name for spec in specs}
        others = [
            tool
            for tool in self._session.asked_tools
            if not self._is_registered(tool)
            and getattr(tool, "name", None) not in names
        ]
        config = SessionConfig(tools=(*others, *specs))
        self._sender.command(
            SessionUpdate(session=config),
            functools.partial(self._expect, config, specs, self._lifecycle.generation),
        )

    def _is_registered(self, tool: object) -> bool:
        return self._registered.get(id(tool)) is tool

    def _expect(
        self,
        config: SessionConfig,
        specs: Specs,
        generation: int,
        answer: CommandFuture[Any],
    ) -> None:
        self._session.ask(config, answer)
        # the base class's method: runs on the reader thread. A listener may block the
        # callback thread while it waits for the tool.
        Future.add_done_callback(
            answer, functools.partial(self._on_answer, specs, generation)
        )

    # Reader thread; any thread if the connection has ended before the command.

    def _on_answer(self, specs: Specs, generation: int, answer: Any) -> None:
        toolbox = self._toolbox()
        if toolbox is None or answer.cancelled():
            return
        error = Future.exception(answer, 0)
        if error is None:
            toolbox.accept(specs)
        elif isinstance(error, ConnectionClosed):
            self._must_resend = True  # the next session may not contain it
        elif isinstance(error, ServerError):
            unaccepted = [spec for spec in specs if not toolbox.is_accepted(spec)]
            # otherwise the refusal concerns another field, and is logged as usual
            answer.is_observed = bool(unaccepted)
            if all(map(toolbox.has, unaccepted)):  # rule 4
                self._on_refusal(toolbox, unaccepted, generation, error)

    def _on_refusal(
        self, toolbox: Toolbox, unaccepted: Specs, generation: int, error: ServerError
    ) -> None:
        if generation != self._lifecycle.generation:
            unaccepted = toolbox.not_accepted()
        if len(unaccepted) == 1:
            self._take_out(toolbox, unaccepted[0], error)
        if toolbox.not_accepted():
            self._must_resend = True
            if self._lifecycle.configured == self._lifecycle.generation:
                self.session_configured()

    def _take_out(
        self, toolbox: Toolbox, spec: FunctionTool, error: ServerError
    ) -> None:
        tool = toolbox.get(spec.name)
        if tool is not None and tool.spec is spec:
            toolbox.take_out(tool, toolbox.accepted(spec.name))
        refusal = ServerError(
            f"The service refused the tool {spec.name!r}, which was removed: "
            f"{error.message}",
            code=error.code,
            param=error.param,
            event=error.event,
        )
        logger.error("%s", refusal)
        self._emitter.emit(
            ToolErrorEvent(
                tool=spec.name,
                call_id="",
                arguments="",
                error=refusal,
                generation=self._lifecycle.generation,
            )
        )

    def session_refused(self, error: ServerError) -> bool:
        """
        Handle the refusal of a restored session's configuration. Reader thread.

        Returns:
            Whether to configure the session without the tools of the toolbox, which are
            then added one by one.
        """
        toolbox = self._toolbox()
        if toolbox is None or (error.param and "tools" not in error.param):
            return False
        registered = [
            tool for tool in self._session.asked_tools if self._is_registered(tool)
        ]
        if not registered:
            return False
        self._session.drop_tools(registered)
        toolbox.accept_none()
        self._must_resend = True
        return True

    def session_configured(self) -> None:
        """
        Send the tools again that were refused or lost. Reader thread.
        """
        if self._must_resend:
            self._must_resend = False
            self._run_on_worker(self._resend)

    # A worker thread.

    def _resend(self) -> None:
        toolbox = self._toolbox()
        if toolbox is None:
            return
        unaccepted = toolbox.not_accepted()
        try:
            while unaccepted:
                specs = toolbox.specs()
                later = unaccepted[1:]
                self._send_update([spec for spec in specs if spec not in later])
                unaccepted = later
        except QueueFull as error:
            logger.exception("Tools could not be registered again: %s", error)
        except RealtimeError:
            return  # the client has ended, or is closed
