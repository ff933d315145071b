"""
Indented examples of docstrings as literal blocks of reStructuredText.

The docstrings of the package indent an example below a paragraph, as `help` shows it
best. In reStructuredText that is a quotation, unless two colons come before it.
"""

import re
from typing import Any

#: The lists of arguments and the like are indented as well; napoleon reads them.
_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")


def with_literal_blocks(*arguments: Any) -> None:
    """
    Put two colons before each indented block of a docstring, in its list of lines.

    Sphinx calls it with the application, the kind, the name, the object, the options
    and the lines, which are changed in place.
    """
    lines: list[str] = arguments[-1]
    changed: list[str] = []
    is_open = False
    for number, line in enumerate(lines):
        if line.startswith("    ") and not is_open:
            before = [text for text in lines[:number] if text.strip()]
            is_open = True
            if number and not lines[number - 1].strip() and before:
                changed += ["::", ""]
        elif line.strip() and not line.startswith("    "):
            is_open = bool(_SECTION.match(line))
        changed.append(line)
    lines[:] = changed
