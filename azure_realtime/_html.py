"""
The HTML of models in notebooks: escaped text, and the few elements around it.

1. A text of the service or of the user is put into HTML by `_escaped` only.
2. Styles are inline and colours translucent, because notebooks remove style sheets and
   may be dark.
3. The module is imported when a notebook asks for HTML, and never before.

Strings in, strings out. Any thread.
"""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

#: Maximum size in bytes of the audio that is embedded for one object.
MAX_AUDIO = 10_000_000
#: Maximum characters of one text.
MAX_TEXT = 50_000

_LINE = "rgba(128,128,128,.35)"
_MUTED = "opacity:.65;font-size:90%"
_CELL = f"text-align:left;vertical-align:top;padding:.3em .9em .3em 0;border:0;\
border-bottom:1px solid {_LINE};white-space:normal;background:none"
# The stages of the latency bar, in order; readable on white and on black.
_COLOURS = ("#9aa0a6", "#4c8bf5", "#2aa876")


def text(value: object) -> str:
    """
    Return *value* as escaped HTML that keeps its lines and its direction of writing.

    Its control characters of direction do not affect the text around it.
    """
    shown = str(value)
    if len(shown) > MAX_TEXT:
        shown = f"{shown[:MAX_TEXT]} … ({len(shown):,} characters)"
    return f'<bdi style="white-space:pre-wrap;overflow-wrap:anywhere">\
{_escaped(shown)}</bdi>'


def _escaped(value: str) -> str:
    # a lone surrogate, which no notebook can send, becomes U+FFFD
    sent = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return html.escape(sent)


def card(parts: Iterable[str]) -> str:
    """
    Return a block of *parts* (HTML), one below the other; empty ones are left out.
    """
    rows = "".join(
        f'<div style="margin:.35em 0">{part}</div>' for part in parts if part
    )
    return f'<div style="max-width:52em;line-height:1.45">{rows}</div>'


def muted(content: str) -> str:
    """
    Return *content* (HTML) as secondary text.
    """
    return f'<span style="{_MUTED}">{content}</span>' if content else ""


def label(value: object) -> str:
    """
    Return the short name of a row.
    """
    return f'<span style="white-space:nowrap;{_MUTED}">{_escaped(str(value))}</span>'


def code(value: object) -> str:
    """
    Return a text in the style of code.
    """
    return f'<code style="background:none;padding:0">{text(value)}</code>'


def facts(values: Iterable[str]) -> str:
    """
    Return short texts in one line, separated by dots; empty ones are left out.
    """
    return muted(" · ".join(text(value) for value in values if value))


def tokens(usage: Any) -> str:
    """
    Return the tokens of a `Usage` or of `UsageTotals` in a few words; "" for none.
    """
    if usage is None or not usage.total_tokens:
        return ""
    cached = getattr(usage, "cached_tokens", 0)
    return (
        f"{usage.total_tokens:,} tokens: {usage.input_tokens:,} in"
        + (f" ({cached:,} cached)" if cached else "")
        + f", {usage.output_tokens:,} out"
    )


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """
    Return a table of cells (HTML), with the texts in *head* above.
    """
    titles = "".join(
        f'<th style="{_CELL};font-weight:600">{text(title)}</th>' for title in head
    )
    body = "".join(
        "<tr style='background:none'>"
        + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    top = f"<thead><tr style='background:none'>{titles}</tr></thead>" if titles else ""
    return f'<div style="overflow-x:auto"><table style="border-collapse:collapse;\
margin:0;border:0;font-size:inherit">{top}<tbody>{body}</tbody></table></div>'


def player(wav: bytes) -> str:
    """
    Return a player of the WAV file *wav*, which becomes part of the notebook.
    """
    source = f"data:audio/wav;base64,{base64.b64encode(wav).decode('ascii')}"
    return f'<audio controls preload="metadata" src="{source}" \
style="height:2.4em;width:20em;max-width:100%;vertical-align:middle"></audio>'


def folded(summary: str, content: str) -> str:
    """
    Return *content* (HTML) that opens with a click on *summary* (HTML).
    """
    return f"<details><summary style='cursor:pointer'>{summary}</summary>\
<div style='margin:.2em 0 .2em 1.1em'>{content}</div></details>"


def bar(stages: Sequence[tuple[str, float]]) -> str:
    """
    Return a bar of the stages of something, each with the second at which it ends.
    """
    pieces, legend, start = [], [], 0.0
    for (name, end), colour in zip(stages, _COLOURS, strict=False):
        width = max(0.0, end - start)
        pieces.append(f'<span style="flex:{width:.4f} 1 0;background:{colour}"></span>')
        mark = f'<span style="color:{colour}">■</span>'
        legend.append(f"{mark} {text(f'{name} {end:.2f} s')}")
        start = max(start, end)
    return f'<div style="display:flex;height:.5em;max-width:32em;border-radius:.25em;\
overflow:hidden;background:{_LINE};margin:.6em 0 .2em">{"".join(pieces)}</div>\
{muted(" &nbsp;".join(legend))}'
