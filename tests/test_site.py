"""
The documentation site: it builds without a warning, and a reader finds what is there.
"""

from __future__ import annotations

import html
import html.parser
import importlib
import inspect
import os
import re
import subprocess
import sys
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.timing import SCALE

import azure_realtime

pytest.importorskip("furo", reason="the site needs the extra 'docs'")
pytest.importorskip("myst_nb", reason="the site needs the extra 'docs'")

TOP = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.documents,
    pytest.mark.timeout(240 * SCALE),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    The site, built by the documented command.
    """
    text = (TOP / "docs" / "contributing.md").read_text("utf-8")
    assert "```sh\npython docs/build.py\n```" in text
    into = tmp_path_factory.mktemp("docs")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AZURE_OPENAI_")
    }
    environment["JUPYTER_RUNTIME_DIR"] = environment["IPYTHONDIR"] = str(into / "run")
    ended = subprocess.run(
        [sys.executable, "docs/build.py", "--into", str(into)],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "open index.html" in ended.stdout
    return into / "site"


class Page(html.parser.HTMLParser):
    """
    The links and anchors of a page.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        """
        Note what an element links to and how it is linked to.
        """
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def documented(site: Path) -> set[str]:
    """
    Return the names in the inventory of the site.
    """
    data = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(data.split(b"\n", 4)[4]).decode("utf-8").splitlines()
    return {line.split(" ", 1)[0] for line in lines if " py:" in line}


def public() -> Iterator[tuple[str, str]]:
    """
    Yield the module and the name of all that a user can import.
    """
    sys.path.insert(0, str(TOP / "docs"))
    try:
        modules = importlib.import_module("reference_pages").public_modules()
    finally:
        sys.path.remove(str(TOP / "docs"))
    assert {"azure_realtime", "azure_realtime.events", "azure_realtime.audio"} <= set(
        modules
    )
    for module in modules:
        for name in importlib.import_module(module).__all__:
            yield module, name


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    """
    Whatever `__all__` lists has an entry, under the module from which it is imported.
    """
    entries = documented(site)
    top = {id(getattr(azure_realtime, name)) for name in azure_realtime.__all__}
    missing = []
    for module, name in public():
        value = getattr(importlib.import_module(module), name)
        places = [module, "azure_realtime"] if id(value) in top else [module]
        if not {f"{place}.{name}" for place in places} & entries:
            missing.append(f"{module}.{name}")

    assert missing == []


def test_a_value_has_a_description_of_its_own(site: Path) -> None:
    """
    A constant or an alias is not described by the docstring of its type.
    """
    text = "".join(
        html.unescape(re.sub(r"<[^>]*>", "", path.read_text("utf-8")))
        for path in (site / "reference").glob("*.html")
    )
    words = " ".join(text.split())
    values = {
        name: getattr(importlib.import_module(module), name)
        for module, name in public()
        if not callable(getattr(importlib.import_module(module), name))
    }
    assert {"__version__", "Item", "UNSET", "SERVER_EVENTS"} <= set(values)
    for name, value in values.items():
        first = " ".join((type(value).__doc__ or "-").split("\n\n")[0].split())
        assert f"{name}¶ {first[:40]}" not in words, name


def members() -> Iterator[str]:
    """
    Yield the methods and properties of public classes, inherited ones too.
    """
    top = {id(getattr(azure_realtime, name)) for name in azure_realtime.__all__}
    for module, name in public():
        value = getattr(importlib.import_module(module), name)
        place = "azure_realtime" if id(value) in top else module
        for member in dir(value) if inspect.isclass(value) else ():
            found = inspect.getattr_static(value, member)
            found = getattr(found, "func", getattr(found, "__func__", found))
            code = getattr(found, "fget", found)
            is_ours = str(getattr(code, "__module__", "")).startswith("azure_realtime")
            is_public = member[0] != "_" and is_ours
            if is_public and (inspect.isfunction(code) or isinstance(found, property)):
                yield f"{place}.{name}.{member}"


def test_every_public_method_is_in_the_reference(site: Path) -> None:
    """
    Also those that a class has from a base class which has no entry.
    """
    found = set(members())
    assert {
        "azure_realtime.AzureRealTimeAudio.ask",
        "azure_realtime.recording.Timeline.percentiles",
        "azure_realtime.simulator.Connection.drop",
        "azure_realtime.AzureRealTimeOptions.endpoint",
    } <= found
    assert found - documented(site) == set()


def test_names_in_texts_are_links(site: Path) -> None:
    """
    A class that a description names is one click away.
    """
    classes = {name for _, name in public() if name[0].isupper()}
    for path in sorted((site / "reference").glob("*.html")):
        text = re.sub(r"<a .*?</a>", "", path.read_text("utf-8"), flags=re.S)
        names = re.findall(r"<code class=\"xref[^>]*>(.*?)</code>", text, re.S)
        plain = {re.sub(r"<[^>]*>", "", name) for name in names}
        assert {name for name in plain if name.split(".")[0] in classes} == set(), path


def test_signatures_show_no_internals(site: Path) -> None:
    """
    Neither private names nor the marker that attrs has for a default.
    """
    signatures = [
        html.unescape(re.sub(r"<[^>]*>", "", text))
        for path in (site / "reference").glob("*.html")
        for text in re.findall(
            r"<dt class=\"sig.*?</dt>", path.read_text("utf-8"), re.S
        )
    ]
    internal = re.compile(r"azure_realtime\._|\b_[A-Za-z]\w*|NOTHING|<object| at 0x")
    assert len(signatures) > 300
    assert [text for text in signatures if internal.search(text)] == []


def test_links_lead_somewhere(site: Path) -> None:
    """
    Every link inside the site has a target, anchors included, and no page is missing.
    """
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(pages) > 60
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            anchor = urllib.parse.unquote(parts.fragment)
            anchors = pages[target].anchors if target in pages else {anchor}
            if not target.is_file() or anchor not in {"", *anchors}:
                broken.append(f"{path.relative_to(site)}: {link}")

    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """
    The site works without a network, and no other host learns that it is read.
    """
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*src=\"(https?:)?//|<link[^>]*stylesheet[^>]*https?:"
    )
    for path in site.rglob("*.html"):
        assert not loaded.search(path.read_text("utf-8")), path.name


def test_each_question_of_the_readme_is_two_clicks_away(site: Path) -> None:
    """
    The first page links to the table of questions, and each row to its answer.
    """
    readme = (TOP / "README.md").read_text("utf-8")
    table = readme.partition("## How do I")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert "guides/index.html" in Page(site / "index.html").links

    text = (site / "guides" / "index.html").read_text("utf-8")
    shown = re.findall(r"<tr class=\"row-(?:odd|even)\">(.*?)</tr>", text, re.S)
    answers = [row for row in shown if "<td>" in row]
    assert len(answers) == len(rows)
    for row in answers:
        links = re.findall(r"href=\"([^\"#]+)", row)
        assert links
        for link in links:
            assert (site / "guides" / link).resolve().is_file()


def test_notebooks_are_executed(site: Path) -> None:
    """
    A reader of the site sees the outputs: players, the latency bar, the error.
    """
    text = (site / "notebooks" / "first_steps.html").read_text("utf-8")
    shown = html.unescape(re.sub("<[^>]*>", "", text))

    assert text.count("<audio controls") >= 4
    assert "first audio" in text
    assert "What to do: Correct the command" in shown

    text = (site / "notebooks" / "analyse_a_recording.html").read_text("utf-8")
    assert text.count("<audio controls") >= 4
    assert "of 3 spoken turns" in text
    assert re.search(r"<img[^>]*\.png", text)
