"""
Renders a picture with matplotlib (extra ``plot``).
"""

from __future__ import annotations

import functools
import io
from typing import Any

from .._version import INSTALL_HINT
from .shapes import Drawing, Line, Polygon, Rect, Shape, Text

_DPI = 100.0
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def figure(drawing: Drawing) -> Any:
    """
    Return a `matplotlib.figure.Figure`. It is not registered with pyplot.

    A notebook shows it: IPython knows how to show a figure only if pyplot is in use.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plot() needs matplotlib; to_html() and to_svg() need nothing. "
            + INSTALL_HINT.format("plot")
        ) from error
    size = (drawing.width / _DPI, drawing.height / _DPI)
    result: Any = Figure(figsize=size, dpi=_DPI * 1.5, facecolor="white")
    result._repr_png_ = functools.partial(_png, result)
    axes = result.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.axis("off")
    for order, shape in enumerate(drawing.shapes):
        _add(axes, shape, order)
    return result


def _png(figure: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _add(axes: Any, shape: Shape, order: int) -> None:
    from matplotlib import patches

    if isinstance(shape, Text):
        axes.text(
            shape.x,
            shape.y,
            shape.text,
            fontsize=shape.size * 72 / _DPI,
            color=shape.fill,
            ha=_ANCHORS[shape.anchor],
            va="baseline",
            fontweight="bold" if shape.bold else "normal",
            parse_math=False,  # a text of the service is no formula
            zorder=order,
        )
    elif isinstance(shape, Line):
        axes.plot(
            (shape.x1, shape.x2),
            (shape.y1, shape.y2),
            color=shape.stroke,
            linewidth=shape.width * 72 / _DPI,
            linestyle=(0, (3, 3)) if shape.dashed else "solid",
            zorder=order,
        )
    else:
        if isinstance(shape, Rect):
            corner = (shape.x, shape.y)
            patch: Any = patches.Rectangle(corner, shape.width, shape.height)
        else:
            assert isinstance(shape, Polygon)
            patch = patches.Polygon(shape.points)
        patch.set(facecolor=shape.fill, edgecolor="none", zorder=order)
        axes.add_patch(patch)
