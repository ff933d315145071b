"""
Build the documentation site into ``build/site``.

    python docs/build.py

The site has the documents of this folder, one page for each section of the README, one
for each sample, and the reference of every public name. The pages are prepared in
``build/pages`` and nothing is written beside the sources. Notebooks are executed. A
warning is an error.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reference_pages import pages as reference_pages

TOP = Path(__file__).resolve().parents[1]
#: Files that become one page, by their path in the repository.
SINGLE = {
    "CHANGELOG.md": "changelog",
    "SECURITY.md": "reporting",
    "azure_realtime/simulator/README.md": "simulator",
    "benchmarks/README.md": "benchmarks",
    "samples/README.md": "samples/index",
}
#: Sections of the README that other pages have in their own words.
LEFT_OUT = {"How do I ...", "The surface"}
LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\])\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def slug(heading: str) -> str:
    """
    Return the anchor of a heading, as GitHub makes it.
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def sections(text: str) -> Iterator[tuple[str, str]]:
    """
    Yield the heading and the text of each section of the README.
    """
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        heading, _, body = part.partition("\n")
        yield heading, body


class Site:
    """
    The pages to build, and where each file of the repository is among them.
    """

    def __init__(self, pages: Path) -> None:
        self.pages = pages
        self.readme = dict(sections((TOP / "README.md").read_text("utf-8")))
        self.places = dict(SINGLE)
        for path in (TOP / "docs").rglob("*"):
            if path.suffix in (".md", ".ipynb"):
                name = path.relative_to(TOP / "docs").with_suffix("").as_posix()
                self.places[f"docs/{name}{path.suffix}"] = name
        listed = (TOP / "samples" / "README.md").read_text("utf-8")
        named = re.findall(r"\((\w+)\.py\)", listed)
        helpers = sorted(path.stem for path in (TOP / "samples").glob("_*.py"))
        for name in dict.fromkeys([*named[1:], *named, *helpers]):  # helpers come last
            self.places[f"samples/{name}.py"] = f"samples/{name}"
        self.guides = {
            slug(heading): f"guides/{slug(heading)}"
            for heading in self.readme
            if heading not in LEFT_OUT
        }

    def prepare(self) -> None:
        """
        Write all pages.
        """
        shutil.rmtree(self.pages, ignore_errors=True)
        shutil.copytree(
            TOP / "docs", self.pages, ignore=shutil.ignore_patterns("*.py", "__pyc*")
        )
        for source, name in self.places.items():
            if source.endswith(".md"):
                self.write(name, (TOP / source).read_text("utf-8"), source)
        for heading, body in self.readme.items():
            if heading not in LEFT_OUT:
                name = self.guides[slug(heading)]
                self.write(name, f"# {heading}\n{body}", "README.md")
        table = f"# How do I ...\n{self.readme['How do I ...']}"
        self.write("guides/index", table + self.contents("guides"), "README.md")
        self.samples()
        for name, text in reference_pages().items():
            self.write(f"reference/{name}", text, "docs/reference/index.md")

    def contents(self, folder: str) -> str:
        """
        Return a hidden table of contents of the pages in *folder*.
        """
        names = self.guides.values() if folder == "guides" else self.places.values()
        inside = [name for name in names if name.startswith(f"{folder}/")]
        listed = "\n".join(f"/{n}" for n in inside if not n.endswith("/index"))
        return f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"

    def samples(self) -> None:
        """
        Write one page for each sample: its docstring as text, then its code.
        """
        index = self.pages / "samples" / "index.md"
        text = index.read_text("utf-8")
        index.write_text(text + self.contents("samples"), "utf-8")
        for path in (TOP / "samples").glob("*.py"):
            docstring, code = re.match(
                r'"""\n(.*?)\n"""\n(.*)', path.read_text("utf-8"), re.S
            ).groups()
            parts = re.split(r"^(?:FILE|DESCRIPTION|USAGE):", docstring, flags=re.M)
            texts = parts[2:] or parts  # the helper has no such headings
            about, *usage = (textwrap.dedent(part).strip() for part in texts)
            blocks = [f"```text\n{text}\n```" for text in usage]
            blocks.append(f"```python\n{code.strip()}\n```")
            body = "\n\n".join([f"# {path.name}", about, *blocks])
            self.write(f"samples/{path.stem}", body, f"samples/{path.name}")

    def write(self, name: str, text: str, source: str) -> None:
        """
        Write a page whose links are relative to the file *source* of the repository.
        """
        folder = PurePosixPath(source).parent
        path = self.pages / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        # links in code are code
        blocks: list[str] = []

        def keep(match: re.Match[str]) -> str:
            blocks.append(match[0])
            return f"\0{len(blocks) - 1}\0"

        def linked(match: re.Match[str]) -> str:
            return f"{match[1]}({self.link(match[2], folder)})"

        text = LINK.sub(linked, FENCE.sub(keep, text))
        text = re.sub("\0(\\d+)\0", lambda match: blocks[int(match[1])], text)
        path.write_text(text, "utf-8")

    def link(self, target: str, folder: PurePosixPath) -> str:
        """
        Return the link of a document of the repository as a link of the site.
        """
        if re.match(r"\w+:", target) or target.startswith("/"):
            return target
        name, _, anchor = target.partition("#")
        if not name and folder != PurePosixPath():
            return target
        path = os.path.normpath(folder / name) if name else "README.md"
        if path == "README.md":
            return f"/{self.guides.get(anchor, 'guides/index')}.md"
        if path.startswith("docs/") and path.endswith(".svg"):
            return f"/{path.removeprefix('docs/')}"
        if path in self.places:
            suffix = ".ipynb" if path.endswith(".ipynb") else ".md"
            return f"/{self.places[path]}{suffix}" + (f"#{anchor}" if anchor else "")
        raise SystemExit(f"{folder}: the link {target} leads to no page of the site")


def main() -> int:
    """
    Build the site; return the exit status of Sphinx.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, default=TOP / "build", metavar="FOLDER")
    into = parser.parse_args().into.resolve()
    Site(into / "pages").prepare()
    sphinx = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    folders = ["-c", TOP / "docs", "-d", into / "cache", into / "pages", into / "site"]
    paths = os.pathsep.join(filter(None, [str(TOP), os.environ.get("PYTHONPATH")]))
    ended = subprocess.run(
        [*sphinx, *map(str, folders)],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    if not ended.returncode:
        print(f"The site is in {into / 'site'}: open index.html")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
