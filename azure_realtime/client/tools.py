"""
The methods of a client for functions that the model calls: `tool`, `remove_tool`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from .._tools.tool import DEFAULT_TIMEOUT, Tool, Toolbox, make_tool
from .commands import Commands

if TYPE_CHECKING:
    from .._tools.registrar import ToolRegistrar

P = ParamSpec("P")
R = TypeVar("R")


class Tooling(Commands):
    """
    Methods of a client: `tool`, `remove_tool`.
    """

    _toolbox: Toolbox
    _registrar: ToolRegistrar

    @overload
    def tool(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Tool[P, R]: ...

    @overload
    def tool(
        self,
        function: None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Callable[[Callable[P, R]], Tool[P, R]]: ...

    def tool(
        self,
        function: Any = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Any:
        """
        Register *function* as a tool that the model may call.

        Also a decorator, with or without arguments. The schema that the model receives
        is made from the function's name, docstring and type hints. The function runs in
        a pool of eight threads; the calls of one response run in parallel. Its result
        is sent to the model, text unchanged and other values as JSON; its exception is
        sent as an error message and emitted as ``tool_error``. Then a response is
        requested.

        If the service refuses a tool, the tool is removed, and a log line and a
        ``tool_error`` event name it. The other tools stay.

        Args:
            function: A function, bound method, `functools.partial` or callable object;
                neither async nor a generator function.
            name: Replaces the function's name.
            description: Replaces the description in the docstring.
            timeout: Seconds after which an error is sent to the model instead of the
                result. The function is not interrupted.

        Returns:
            The tool, which can be called like the function; without *function*, the
            decorator.

        Raises:
            TypeError: The function is async, a generator function or one of
                `functools.singledispatch`, an annotation is no type, or JSON cannot
                represent an argument.
            ValueError: The function has no name, or one that the service refuses (it
                accepts up to 64 letters a to z, digits, ``_`` and ``-``), or its
                description is longer than 1,024 characters.
        """
        self._lifecycle.check_process()
        if function is None:
            return lambda f: self.tool(
                f, name=name, description=description, timeout=timeout
            )
        tool = make_tool(function, name=name, description=description, timeout=timeout)
        self._registrar.add(self._toolbox, tool)
        return tool

    def remove_tool(self, name: str) -> None:
        """
        Remove a tool. Running calls finish, and their results are sent.

        Args:
            name: The tool's name as the model knows it.

        Raises:
            KeyError: There is no tool of that name.
            TypeError: *name* is no text.
        """
        self._lifecycle.check_process()
        self._registrar.remove(self._toolbox, name)
