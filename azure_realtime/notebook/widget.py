"""
The widgets of a notebook's page: what `anywidget` needs of them.

The page gets JavaScript as text: a common file, then that of the device. The audio
processors are a text of their own, because the browser loads them on another thread.
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path
from typing import Any

from .._version import INSTALL_HINT
from ..errors import AudioDeviceError

_FOLDER = Path(__file__).parent / "page"


def script(*names: str) -> str:
    """
    Return the text of JavaScript files, one after the other.
    """
    return "\n".join((_FOLDER / f"{name}.js").read_text("utf-8") for name in names)


def make_widget(name: str) -> Any:
    """
    Return a new widget of the device *name*, which is that of its file.

    Raises:
        AudioDeviceError: The extra ``jupyter`` is not installed.
    """
    try:
        return _widget_class()(_esm=script("channel", name))
    except ImportError as error:
        raise AudioDeviceError(
            f"A {name} of the notebook's page needs the package {error.name}.",
            hint=INSTALL_HINT.format("jupyter"),
        ) from None


@functools.cache
def _widget_class() -> Any:
    base: Any = importlib.import_module("anywidget").AnyWidget
    traitlets: Any = importlib.import_module("traitlets")
    # `SideChannel` needs it later: a missing package is reported here
    importlib.import_module("websockets.sync.server")

    class PageWidget(base):  # type: ignore[misc]
        """
        A widget whose state is its code, so that a notebook file keeps nothing else.
        """

        _esm = traitlets.Unicode().tag(sync=True)
        worklet = traitlets.Unicode(script("worklet")).tag(sync=True)

    return PageWidget


def running_shell() -> Any:
    """
    Return the IPython shell of the kernel that runs this code; None without a kernel.
    """
    # no import: a program outside of IPython must not load it to learn that
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def show(widget: Any) -> None:
    """
    Show *widget* in the output of the running cell.
    """
    importlib.import_module("IPython.display").display(widget)
