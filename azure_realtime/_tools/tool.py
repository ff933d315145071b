"""
Functions that the model may call, and the collection of them.

The JSON schema for the model, and the check of the arguments it sends, are made from a
function's name, docstring (description of the function and its arguments) and hints.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar

import attrs

from ..models.tools import FunctionTool, check_function

P = ParamSpec("P")
R = TypeVar("R")

#: Default timeout of a tool, in seconds.
DEFAULT_TIMEOUT = 30.0


@attrs.frozen(eq=False, slots=False)
class Tool(Generic[P, R]):
    """
    A function with its description for the model. Calling it calls the function.

    Attributes:
        name: The name for the model.
        description: The description for the model; None without a docstring, which the
            model may need to choose the tool.
        parameters: JSON schema of the arguments.
        structure: Converts a JSON object to keyword arguments; raises ValueError, with
            a message for the model, if they are not valid.
        function: The function.
        timeout: Seconds after which an error is sent to the model instead of the
            result. The function is not interrupted; its result is discarded.
    """

    name: str
    description: str | None
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    structure: Callable[[Mapping[str, Any]], dict[str, Any]] = attrs.field(repr=False)
    function: Callable[P, R]
    timeout: float = DEFAULT_TIMEOUT

    def __attrs_post_init__(self) -> None:
        # for help() and inspect; functools.update_wrapper fails on a frozen class
        self.__dict__.update(
            __wrapped__=self.function,
            __name__=getattr(self.function, "__name__", self.name),
            __doc__=self.function.__doc__,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """
        Call the function.
        """
        return self.function(*args, **kwargs)

    @functools.cached_property
    def spec(self) -> FunctionTool:
        """
        The tool as the service takes it; always the same object.
        """
        return FunctionTool(self.name, self.description, self.parameters)


def make_tool(
    function: Callable[P, R],
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Tool[P, R]:
    """
    Make a tool of *function*.

    Args:
        function: A function, bound method, `functools.partial` or callable object.
            Arguments that a partial binds are hidden from the model.
        name: Replaces the function's name; a lambda or a partial has none.
        description: Replaces the description in the docstring.
        timeout: Seconds until an error is sent to the model; it does not interrupt the
            function.

    Raises:
        TypeError: The function is async, a generator function or one of
            `functools.singledispatch`, an annotation is no type, JSON cannot represent
            an argument, or the timeout is no number.
        ValueError: The function has no name, or one that the service refuses; the
            description is too long; or the timeout is no positive number.
    """
    msg = f"timeout must be a positive number of seconds, got {timeout!r}"
    try:
        if not timeout > 0 or math.isnan(timeout):
            raise ValueError(msg)
    except TypeError:
        raise TypeError(msg) from None
    if isinstance(function, Tool):  # from another client
        name = function.name if name is None else name
        function = function.function
    from .schema.describe import describe  # only for clients with tools

    described = describe(function, name=name, description=description)
    check_function(described.name, described.description)
    return Tool(
        described.name,
        described.description,
        described.parameters,
        described.structure,
        function,
        float(timeout),
    )


class Toolbox:
    """
    The tools of a client by name. Any thread.

    It has no lock: each method changes, reads or copies the dictionary by one atomic
    operation.
    """

    def __init__(self) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}
        # the tools that the service accepted last, by name
        self._accepted: dict[str, Tool[..., Any]] = {}

    def add(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Tool[P, R]:
        """
        Add *function* as a tool, replacing one of the same name.

        Arguments and errors are those of `make_tool`.
        """
        tool = make_tool(function, name=name, description=description, timeout=timeout)
        self.put(tool)
        return tool

    def put(self, tool: Tool[..., Any]) -> None:
        """
        Add a tool, replacing one of the same name.
        """
        self._tools[tool.name] = tool

    def take_out(self, tool: Tool[..., Any], before: Tool[..., Any] | None) -> None:
        """
        Replace *tool* by *before*, or remove it, unless another tool has replaced it.
        """
        found = self._tools.pop(tool.name, None)
        kept = before if found is tool else found
        if kept is not None:
            self._tools.setdefault(tool.name, kept)

    def remove(self, name: Any) -> Tool[..., Any]:
        """
        Remove a tool and return it; running calls continue.

        Raises:
            KeyError: There is no tool of that name.
            TypeError: *name* is no text.
        """
        if not isinstance(name, str):
            msg = f"remove_tool takes the name of a tool, not {name!r:.60}"
            raise TypeError(msg)
        tool = self._tools.pop(name, None)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            msg = f"there is no tool {name!r}; the tools are: {known}"
            raise KeyError(msg)
        self._accepted.pop(name, None)
        return tool

    def get(self, name: str) -> Tool[..., Any] | None:
        """
        Return the tool of that name; None if there is none.
        """
        return self._tools.get(name)

    def names(self) -> tuple[str, ...]:
        """
        Return the names, in the order of their first addition.
        """
        return tuple(self._tools)

    def specs(self) -> tuple[FunctionTool, ...]:
        """
        Return the tools as the service takes them, in the order of `names`.
        """
        return tuple(tool.spec for tool in self._tools.copy().values())

    def has(self, spec: FunctionTool) -> bool:
        """
        Whether the tool with this *spec* object is in the toolbox.
        """
        tool = self._tools.get(spec.name)
        return tool is not None and tool.spec is spec

    def accept(self, specs: Iterable[FunctionTool]) -> None:
        """
        Mark the tools with these *specs* as accepted by the service.
        """
        for spec in specs:
            tool = self._tools.get(spec.name)
            if tool is not None and tool.spec is spec:
                self._accepted[spec.name] = tool

    def accept_none(self) -> None:
        """
        Mark all tools as not accepted.
        """
        self._accepted.clear()

    def accepted(self, name: str) -> Tool[..., Any] | None:
        """
        Return the tool of that name that the service accepted last.
        """
        return self._accepted.get(name)

    def is_accepted(self, spec: FunctionTool) -> bool:
        """
        Whether the service has accepted the tool with this *spec* object.
        """
        tool = self._accepted.get(spec.name)
        return tool is not None and tool.spec is spec

    def not_accepted(self) -> list[FunctionTool]:
        """
        Return the specs of the tools that the service has not accepted yet.
        """
        return [spec for spec in self.specs() if not self.is_accepted(spec)]

    def __len__(self) -> int:
        return len(self._tools)
