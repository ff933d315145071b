"""
Sets the module that public classes report as their own.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def set_module(module: str, names: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """
    Set ``__module__`` of the classes among *names* to *module*.

    Tracebacks, `help` and pickles then show the module from which users import a class.
    The annotations of such a class must not be strings: `typing.get_type_hints`
    resolves names in the module that the class reports.

    Args:
        module: The documented module.
        names: The names that it exports.
        namespace: Its global variables.
    """
    for name in names:
        if isinstance(value := namespace[name], type):
            value.__module__ = module
