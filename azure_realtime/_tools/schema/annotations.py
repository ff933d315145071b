"""
Annotations of functions and classes, evaluated.

Annotations kept as text (``from __future__ import annotations``) are evaluated in the
scope of the definition. Classes local to an outer function are found while that
function runs, as it does when a decorator is applied.

Strictly private.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

Names = Mapping[str, Any]


def layers(function: Callable[..., Any]) -> Iterator[Any]:
    """
    Yield *function*, and what its partials, wrappers, methods and objects call.

    The last one is the plain function.
    """
    inner: Any = function
    seen: list[Any] = []
    while not any(inner is layer for layer in seen):
        yield inner
        seen.append(inner)
        # static: a proxy, such as one of xmlrpc, has an attribute of any name
        if inspect.getattr_static(inner, "__wrapped__", None) is not None:
            inner = inner.__wrapped__
        elif isinstance(inner, functools.partial):
            inner = inner.func
        elif inspect.ismethod(inner):
            inner = inner.__func__
        elif isinstance(inner, type):
            inner = inner.__init__  # type: ignore[misc]
        elif not inspect.isroutine(inner):
            call = inner.__call__
            if isinstance(
                call, (types.MethodType, types.FunctionType, functools.partial)
            ):
                inner = call


def underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return the plain function behind partials, wrappers, methods and callable objects.
    """
    *_, plain = layers(function)
    return cast(Callable[..., Any], plain)


def scope_of(function: Callable[..., Any]) -> Names:
    """
    Return the names of the module of *function*, which may be a class.
    """
    plain = underlying(function)
    of_class = _module_of(function) if isinstance(function, type) else {}
    return {**of_class, **_module_of(plain), **getattr(plain, "__globals__", {})}


def _module_of(what: Any) -> Names:
    name = getattr(what, "__module__", None)
    return vars(sys.modules[name]) if name in sys.modules else {}


def local_names(function: Callable[..., Any]) -> Names:
    """
    Return the names that annotations of *function* may use besides its module's names.
    """
    plain: Any = underlying(function)
    if not inspect.isfunction(plain):
        return {}
    # reading a frame's names keeps their values alive until the frame ends
    if not any(isinstance(hint, str) for hint in plain.__annotations__.values()):
        return {}
    names: dict[str, Any] = {}
    for layer in layers(function):
        if inspect.ismethod(layer):  # names of the class body
            owner = layer.__self__
            names |= vars(owner if isinstance(owner, type) else type(owner))
    if "<locals>" in plain.__qualname__:
        for frame in reversed(list(_running_around(plain.__code__))):
            names |= frame.f_locals
        names |= inspect.getclosurevars(plain).nonlocals
    names |= {each.__name__: each for each in getattr(plain, "__type_params__", ())}
    return _only_types(names)


def _only_types(names: Names) -> Names:
    # a tool must not keep the other local variables alive
    return {name: value for name, value in names.items() if _is_type(value)}


def _is_type(value: Any) -> bool:
    return isinstance(value, (type, types.ModuleType)) or (
        type(value).__module__ in ("types", "typing", "typing_extensions")
    )


def _running_around(code: types.CodeType) -> Iterator[types.FrameType]:
    """
    Yield the running frames of the functions that enclose *code*, innermost first.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_flags & inspect.CO_NEWLOCALS and _holds(frame.f_code, code):
            yield frame
        frame = frame.f_back


def _holds(outer: types.CodeType, inner: types.CodeType) -> bool:
    return any(
        const is inner or (isinstance(const, types.CodeType) and _holds(const, inner))
        for const in outer.co_consts
    )


def evaluated(
    annotation: Any, name: str, owner: str, scope: Names, names: Names
) -> Any:
    """
    Return the hint that *annotation* stands for.

    Args:
        annotation: A hint, or text; a hint may contain text.
        name: The argument or field, for the error.
        owner: The function or class, for the error.
        scope: The names of the module.
        names: The names of the function or class around; they take precedence.

    Raises:
        TypeError: It cannot be evaluated.
    """
    # The annotations of a module may be `Final`, and a new module makes no class.
    holder = types.ModuleType("holder")
    holder.__annotations__ = {"hint": annotation}
    try:
        hints = typing.get_type_hints(
            holder, dict(scope), dict(names), include_extras=True
        )
    except Exception as exc:  # the text may be any expression, or prose
        text = annotation if isinstance(annotation, str) else str(annotation)
        shown = repr(text if len(text) <= 80 else f"{text[:80]}...")
        if isinstance(exc, NameError):
            problem = (
                f"names {exc.name!r}, which is not known where the tool is registered: "
                "define it at module level, and import it outside of "
                "`if TYPE_CHECKING:`"
            )
        else:
            problem = f"is no type ({type(exc).__name__}: {exc})"
        msg = (
            f"{name}: the annotation {shown} of {owner} {problem}; a description is "
            'written as Annotated[str, "the description"]'
        )
        raise TypeError(msg) from exc
    return hints["hint"]


def hints_of(cls: type, names: Names) -> Callable[[str], Any]:
    """
    Return the function that evaluates the annotation of a field of *cls*.

    It returns Any for a field without annotation, and raises TypeError for an
    annotation that cannot be evaluated.
    """
    found: dict[str, tuple[Any, type]] = {}
    for base in reversed(cls.__mro__):
        for name, annotation in inspect.get_annotations(base).items():
            found[name] = annotation, base

    def hint(name: str) -> Any:
        if name not in found:
            return Any
        annotation, base = found[name]
        inner = {**names, **_only_types(vars(base))}
        return evaluated(annotation, name, cls.__qualname__, _module_of(base), inner)

    return hint
