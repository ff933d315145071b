"""
The module that a public class reports as its own.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def set_module(module: str, names: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """
    Make the classes among *names* report *module*, where users import them from.

    Tracebacks, `help` and pickles then name the documented module. A class with
    annotations must not have them as strings: `typing.get_type_hints` looks names up in
    the module that the class reports.

    Args:
        module: The documented module.
        names: What it exports.
        namespace: Its global variables.
    """
    for name in names:
        if isinstance(value := namespace[name], type):
            value.__module__ = module
