"""
Functions of yours that the model may call.

A plain function says all that the model needs to know: its name, its docstring (what
it does, and what each argument is) and its type hints. From these come the JSON schema
that goes to the service and the check of what comes back.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar

import attrs

from ..models.tools import FunctionTool, check_function

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds that a function may take, unless told otherwise.
DEFAULT_TIMEOUT = 30.0


@attrs.frozen(eq=False, slots=False)
class Tool(Generic[P, R]):
    """
    A function and what the model is told about it. Calling it calls the function.

    Attributes:
        description: None if the function has no docstring; give it one.
        parameters: JSON schema of the arguments.
        structure: Makes keyword arguments of a JSON object; raises ValueError, in
            words for the model, if they are not what the function takes.
        timeout: Seconds after which the model is told that there is no result. The
            function itself cannot be stopped: it runs on, and its result is dropped.
    """

    name: str
    description: str | None
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    structure: Callable[[Mapping[str, Any]], dict[str, Any]] = attrs.field(repr=False)
    function: Callable[P, R]
    timeout: float = DEFAULT_TIMEOUT

    def __attrs_post_init__(self) -> None:
        # for help() and inspect; functools.update_wrapper cannot write here
        self.__dict__.update(
            __wrapped__=self.function,
            __name__=getattr(self.function, "__name__", self.name),
            __doc__=self.function.__doc__,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """
        Call the function, as if it were no tool.
        """
        return self.function(*args, **kwargs)

    @functools.cached_property
    def spec(self) -> FunctionTool:
        """
        What goes to the service; always the same object.
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
            What a partial binds is hidden from the model.
        name: Instead of the function's own; a lambda or a partial has none.
        description: Instead of the docstring's.
        timeout: In seconds; what it does not bound is the function itself.

    Raises:
        TypeError: The function is async, or takes what JSON cannot say.
        ValueError: It has no name or one that the service refuses, the description is
            too long, or the timeout is no positive number.
    """
    if not timeout > 0 or math.isnan(timeout):
        msg = f"timeout must be a positive number of seconds, got {timeout!r}"
        raise ValueError(msg)
    if isinstance(function, Tool):  # of another toolbox
        name = function.name if name is None else name
        function = function.function
    from .schema.describe import describe  # only for clients with tools

    told = describe(function, name=name, description=description)
    check_function(told.name, told.description)
    return Tool(
        told.name,
        told.description,
        told.parameters,
        told.structure,
        function,
        float(timeout),
    )


class Toolbox:
    """
    The tools there are, by name. Any thread may call any of its methods.

    There is no lock: each method adds to the dictionary, takes from it, looks into it
    or copies it, in one step in C.
    """

    def __init__(self) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}
        # what the service took last, by name
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
        Add *function*, in place of one of the same name: cells are run again.

        Raises:
            TypeError: The function is async, or takes what JSON cannot say.
            ValueError: As `make_tool`.
        """
        tool = make_tool(function, name=name, description=description, timeout=timeout)
        self.put(tool)
        return tool

    def put(self, tool: Tool[..., Any]) -> None:
        """
        Put a tool in, in place of one of the same name.
        """
        self._tools[tool.name] = tool

    def take_out(self, tool: Tool[..., Any], before: Tool[..., Any] | None) -> None:
        """
        Put *before* in the place of *tool*, unless another has taken it meanwhile.
        """
        found = self._tools.pop(tool.name, None)
        left = before if found is tool else found
        if left is not None:
            self._tools.setdefault(tool.name, left)

    def remove(self, name: str) -> Tool[..., Any]:
        """
        Take a tool out and return it; calls that run go on.

        Raises:
            KeyError: There is no tool of that name.
        """
        tool = self._tools.pop(name, None)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            msg = f"there is no tool {name!r}; the tools are: {known}"
            raise KeyError(msg)
        self._accepted.pop(name, None)
        return tool

    def get(self, name: str) -> Tool[..., Any] | None:
        """
        Return the tool of that name, if there is one.
        """
        return self._tools.get(name)

    def names(self) -> tuple[str, ...]:
        """
        Return the names, in the order in which they were added first.
        """
        return tuple(self._tools)

    def specs(self) -> tuple[FunctionTool, ...]:
        """
        Return what goes to the service, in the order of `names`.
        """
        return tuple(tool.spec for tool in self._tools.copy().values())

    def has(self, spec: FunctionTool) -> bool:
        """
        Whether the tool with this very *spec* is here.
        """
        tool = self._tools.get(spec.name)
        return tool is not None and tool.spec is spec

    def accept(self, specs: Iterable[FunctionTool]) -> None:
        """
        Note that the service has taken these.
        """
        for spec in specs:
            tool = self._tools.get(spec.name)
            if tool is not None and tool.spec is spec:
                self._accepted[spec.name] = tool

    def accept_none(self) -> None:
        """
        Note that the service may have none of them.
        """
        self._accepted.clear()

    def accepted(self, name: str) -> Tool[..., Any] | None:
        """
        Return the tool of that name that the service took last.
        """
        return self._accepted.get(name)

    def is_accepted(self, spec: FunctionTool) -> bool:
        """
        Whether the service has taken the tool with this very *spec*.
        """
        tool = self._accepted.get(spec.name)
        return tool is not None and tool.spec is spec

    def not_accepted(self) -> list[FunctionTool]:
        """
        Return what goes to the service of those that it has not taken yet.
        """
        return [spec for spec in self.specs() if not self.is_accepted(spec)]

    def __len__(self) -> int:
        return len(self._tools)
