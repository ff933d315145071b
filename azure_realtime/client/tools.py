"""
``tool`` and ``remove_tool``: give the model functions of yours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .._tools.tool import DEFAULT_TIMEOUT, Tool, Toolbox, make_tool
from .commands import Commands

if TYPE_CHECKING:
    from .._tools.registrar import ToolRegistrar

F = TypeVar("F", bound=Callable[..., Any])


class Tooling(Commands):
    """
    What a client offers to those whose functions the model shall call.
    """

    _toolbox: Toolbox
    _registrar: ToolRegistrar

    @overload
    def tool(
        self,
        function: F,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Tool[..., Any]: ...

    @overload
    def tool(
        self,
        function: None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Callable[[F], Tool[..., Any]]: ...

    def tool(
        self,
        function: Any = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Any:
        """
        Let the model call *function*; also as a decorator, with or without arguments.

        Its name, docstring and type hints become what the model is told. It runs on a
        pool of eight threads, calls of one response side by side. What it returns is
        sent to the model as text, anything but text as JSON; what it raises, as an
        error the model can read (and you, as ``tool_error``). Then the model answers.

        A tool that the service refuses is removed again; a log line and a
        ``tool_error`` event name it. The other tools stay.

        Args:
            function: A plain function, bound method or callable object.
            name: Instead of its own.
            description: Instead of its docstring's.
            timeout: Seconds after which the model is told that there is no result.

        Returns:
            The tool, which can be called like the function.

        Raises:
            TypeError: The function is async, or takes what JSON cannot say.
            ValueError: It has no name, or one that the service refuses: it takes at
                most 64 of the letters a to z, digits, ``_`` and ``-``. Or its
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
        Take a tool away from the model. Calls that run finish, and are answered.

        Args:
            name: Of the tool, as the model knows it.

        Raises:
            KeyError: There is no tool of that name.
        """
        self._lifecycle.check_process()
        self._registrar.remove(self._toolbox, name)
