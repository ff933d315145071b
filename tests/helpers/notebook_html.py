"""
The HTML that a notebook shows, as a browser reads it.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

ELEMENTS = {"div", "bdi", "span", "code", "table", "thead", "tbody", "tr", "th", "td"}
ELEMENTS |= {"audio", "details", "summary", "br"}


class Page(HTMLParser):
    """
    The elements, attributes and text of some HTML.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        html.encode("utf-8")  # as a notebook sends it
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        """
        Note an element.
        """
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """
        An element ends.
        """
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """
        Note text.
        """
        self.text += data

    def assert_harmless(self) -> None:
        """
        Nothing of a text became an element or an attribute.
        """
        assert set(self.elements) <= ELEMENTS
        assert self.attributes <= {"style", "controls", "preload", "src"}
