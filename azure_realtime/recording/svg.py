"""
Renders a picture as SVG.
"""

from __future__ import annotations

from html import escape

from .shapes import Drawing, Line, Polygon, Rect, Shape, Text

_NAMESPACE = "http://www.w3.org/2000/svg"
_FONT = "font-family='system-ui, Helvetica, Arial, sans-serif'"


def svg(drawing: Drawing) -> str:
    """
    Return an ``svg`` element. All texts in it are escaped.
    """
    size = f"{drawing.width:.0f} {drawing.height:.0f}"
    lines = [
        f'<svg xmlns="{_NAMESPACE}" viewBox="0 0 {size}" role="img" {_FONT}>',
        f"<title>{escape(drawing.title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *map(_element, drawing.shapes),
        "</svg>",
    ]
    return "\n".join(lines)


def _element(shape: Shape) -> str:
    if isinstance(shape, Text):
        weight = ' font-weight="600"' if shape.bold else ""
        return (
            f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" '
            f'fill="{shape.fill}" text-anchor="{shape.anchor}"{weight}>'
            f"{escape(shape.text)}</text>"
        )
    if isinstance(shape, Polygon):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        return f'<polygon points="{points}" fill="{shape.fill}"/>'
    tip = f"<title>{escape(shape.tip)}</title>" if shape.tip else ""
    if isinstance(shape, Rect):
        return (
            f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" '
            f'height="{shape.height:.1f}" fill="{shape.fill}">{tip}</rect>'
        )
    assert isinstance(shape, Line)
    dashes = ' stroke-dasharray="3 3"' if shape.dashed else ""
    return (
        f'<line x1="{shape.x1:.1f}" y1="{shape.y1:.1f}" x2="{shape.x2:.1f}" '
        f'y2="{shape.y2:.1f}" stroke="{shape.stroke}" '
        f'stroke-width="{shape.width:g}"{dashes}>{tip}</line>'
    )
