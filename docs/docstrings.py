"""
The docstrings of the package as reStructuredText.

1. They are in Google's style, which napoleon reads.
2. They indent an example below a paragraph, as `help` shows it best. In
   reStructuredText that is a quotation, unless two colons come before it.
3. A property's sentence may contain a colon. Napoleon takes what is before it for a
   type, unless the property is declared as a method.
"""

import re
from typing import Any

from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

#: Attributes as fields of the class; else autodoc describes them a second time.
_CONFIG = Config(napoleon_use_ivar=True)
#: The lists of arguments and the like are indented as well.
_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")


def as_restructured_text(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """
    Convert the *lines* of a docstring in place, as autodoc asks for it.
    """
    what = "method" if what == "property" else what
    marked = _with_colons(lines)
    lines[:] = GoogleDocstring(marked, _CONFIG, app, what, name, value, options).lines()


def _with_colons(lines: list[str]) -> list[str]:
    """
    Return the lines with two colons before each indented block that is no section.
    """
    changed: list[str] = []
    is_inside = True  # of a section or a block; nothing is before the first line
    for number, line in enumerate(lines):
        if not line.startswith("    "):
            is_inside = bool(_SECTION.match(line)) if line.strip() else is_inside
        elif not is_inside:
            is_inside = True
            if not lines[number - 1].strip():
                changed += ["::", ""]
        changed.append(line)
    return changed
