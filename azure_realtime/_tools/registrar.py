"""
Keeps the tools of the session like those of the toolbox.

1. A change is one ``session.update`` with all tools. The service takes all of them or
   none (protocol reference, trap "update-atomic").
2. A tool is accepted when an update with it was. A refusal is about a tool that is not
   accepted yet; as each update has one more tool than the last, there is mostly one.
   That tool is taken out: a tool of the same name that was accepted before takes its
   place again. The others that are not accepted are asked for again.
3. Where several are in doubt, because a new session has refused them together, each is
   asked for in an update of its own, which adds it to those before.
4. A refused update with a tool that is not in the toolbox any more puts no other tool
   in doubt: the others are in a later update.
5. What a session that is not configured yet has refused is asked for again when it is.

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
from ..errors import ConnectionClosed, RealtimeError, ServerError
from ..events import SessionUpdate, ToolErrorEvent
from ..models.session import SessionConfig
from ..models.tools import FunctionTool
from .tool import Tool, Toolbox

Specs = Sequence[FunctionTool]


class ToolRegistrar:
    """
    Registers tools with the session.

    Args:
        toolbox: The tools. Only a weak reference is kept: a function may refer to the
            client. For the same reason no callback refers to a tool.
        session: Knows the tools that were asked for.
        sender: Where updates go.
        emitter: Announces a tool that was refused.
        lifecycle: Knows the number of the connection, and whether it is configured.
        run_soon: Runs a function on a worker thread; never blocks.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        session: SessionState,
        sender: Sender,
        emitter: Emitter,
        lifecycle: Lifecycle,
        run_soon: Callable[[Callable[[], None]], None],
    ) -> None:
        self._toolbox = weakref.ref(toolbox)
        self._session = session
        self._sender = sender
        self._emitter = emitter
        self._lifecycle = lifecycle
        self._run_soon = run_soon
        # which of the session's tools are ours, by id(); the rest was configured
        self._ours: weakref.WeakValueDictionary[int, Any] = (
            weakref.WeakValueDictionary()
        )
        self._must_ask_again = False

    def add(self, toolbox: Toolbox, tool: Tool[..., Any]) -> None:
        """
        Put *tool* into the toolbox and ask for it; do neither if that raises.

        The user's thread. Raises as `Sender.command`.
        """
        before = toolbox.get(tool.name)
        try:
            toolbox.put(tool)
            self._ask_for(toolbox.specs())
        except BaseException:
            toolbox.take_out(tool, before)
            raise

    def remove(self, toolbox: Toolbox, name: str) -> None:
        """
        Take a tool out of the toolbox and the session. The user's thread.

        Raises:
            KeyError: There is no tool of that name.
            RealtimeError: The session cannot be changed; the tool is back.
        """
        tool = toolbox.remove(name)
        try:
            self._ask_for(toolbox.specs())
        except BaseException:
            toolbox.put(tool)
            raise

    def _ask_for(self, specs: Specs) -> None:
        self._ours.update({id(spec): spec for spec in specs})
        names = {spec.name for spec in specs}
        others = [
            tool
            for tool in self._session.asked_tools
            if not self._is_ours(tool) and getattr(tool, "name", None) not in names
        ]
        config = SessionConfig(tools=(*others, *specs))
        self._sender.command(
            SessionUpdate(session=config),
            functools.partial(self._expect, config, specs, self._lifecycle.generation),
        )

    def _is_ours(self, tool: object) -> bool:
        return self._ours.get(id(tool)) is tool

    def _expect(
        self,
        config: SessionConfig,
        specs: Specs,
        generation: int,
        answer: CommandFuture[Any],
    ) -> None:
        self._session.ask(config, answer)
        # not where listeners run: they may wait for what follows
        Future.add_done_callback(
            answer, functools.partial(self._on_answer, specs, generation)
        )

    # Reader thread, but for a connection that has ended before: then any.

    def _on_answer(self, specs: Specs, generation: int, answer: Any) -> None:
        toolbox = self._toolbox()
        if toolbox is None or answer.cancelled():
            return
        error = Future.exception(answer, 0)
        if error is None:
            toolbox.accept(specs)
        elif isinstance(error, ConnectionClosed):
            self._must_ask_again = True  # a new session may not get it
        elif isinstance(error, ServerError):
            in_doubt = [spec for spec in specs if not toolbox.is_accepted(spec)]
            # else it is about the rest of the session, and logged as any other
            answer.heeded = bool(in_doubt)
            if all(map(toolbox.has, in_doubt)):  # rule 4
                self._on_refusal(toolbox, in_doubt, generation, error)

    def _on_refusal(
        self, toolbox: Toolbox, in_doubt: Specs, generation: int, error: ServerError
    ) -> None:
        if generation != self._lifecycle.generation:
            in_doubt = toolbox.not_accepted()
        if len(in_doubt) == 1:
            self._take_out(toolbox, in_doubt[0], error)
        if toolbox.not_accepted():
            self._must_ask_again = True
            if self._lifecycle.configured == self._lifecycle.generation:
                self.session_configured()

    def _take_out(
        self, toolbox: Toolbox, spec: FunctionTool, error: ServerError
    ) -> None:
        tool = toolbox.get(spec.name)
        if tool is not None and tool.spec is spec:
            toolbox.take_out(tool, toolbox.accepted(spec.name))
        refusal = ServerError(
            f"The service refused the tool {spec.name!r}, which is removed again: "
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
        Note that a new session has refused what the last one had. Reader thread.

        Returns:
            Whether it is worth trying without the tools of the toolbox, which are then
            asked for one by one.
        """
        toolbox = self._toolbox()
        if toolbox is None or (error.param and "tools" not in error.param):
            return False
        ours = [tool for tool in self._session.asked_tools if self._is_ours(tool)]
        if not ours:
            return False
        self._session.drop_tools(ours)
        toolbox.accept_none()
        self._must_ask_again = True
        return True

    def session_configured(self) -> None:
        """
        Ask for what was refused together, if something was. Reader thread.
        """
        if self._must_ask_again:
            self._must_ask_again = False
            self._run_soon(self._ask_again)

    # A worker thread.

    def _ask_again(self) -> None:
        toolbox = self._toolbox()
        if toolbox is None:
            return
        in_doubt = toolbox.not_accepted()
        try:
            while in_doubt:
                specs = toolbox.specs()
                later = in_doubt[1:]
                self._ask_for([spec for spec in specs if spec not in later])
                in_doubt = later
        except RealtimeError as error:
            if self._lifecycle.ended is None:
                logger.exception("Tools could not be asked for again: %s", error)
