"""
What is written runs: every Python block of the README and of the docs, and the examples
of the docstrings.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import azure_realtime
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, RealtimeError
from azure_realtime.simulator import Reply, Simulator, ToolCall

ROOT = Path(__file__).parents[1]
PACKAGE = Path(azure_realtime.__file__).parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks() -> Iterator[Any]:
    """
    Yield every fenced block, named after where it begins.
    """
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            yield pytest.param(match[1], id=f"{path.name}:{line}")


def examples() -> Iterator[Any]:
    """
    Yield what is indented in docstrings of the package and is Python that uses it.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                continue
            text = ast.get_docstring(node) or ""
            for match in re.finditer(r"(?:^ {4}.*\n?|^\n(?= {4}))+", text, re.M):
                before = text[: match.start()].rstrip().rpartition("\n")[2]
                code = textwrap.dedent(match[0])
                if before.rstrip().endswith(":") and before.strip() in SECTIONS:
                    continue
                if re.search(r"client\b|Simulator\(", code) and _is_python(code):
                    name = getattr(node, "name", "module")
                    yield pytest.param(code, id=f"{path.stem}.{name}")


SECTIONS = {"Args:", "Attributes:", "Raises:", "Returns:", "Yields:", "VARIABLES:"}


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


class Absent(types.ModuleType):
    """
    Stands in for azure-identity, which the tests do not install.
    """

    class DefaultAzureCredential:
        """
        A credential.
        """

    @staticmethod
    def get_bearer_token_provider(_credential: object, _scope: str) -> Any:
        """
        Return a provider of a token.
        """
        return lambda: "a-token"


class Anything:
    """
    A loudspeaker, a window: what an example may have around it.
    """

    def __getattr__(self, name: str) -> Any:
        return lambda *_arguments, **_named: None


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """
    What the reader of an example has: a service in the environment, and a client.
    """
    with Simulator(pace=0, replies=_answer) as service:
        for name, value in (
            ("ENDPOINT", service.url),
            ("DEPLOYMENT", "gpt-realtime"),
            ("API_KEY", "a-key"),
            ("API_VERSION", ""),
        ):
            monkeypatch.setenv(f"AZURE_OPENAI_{name}", value)
        monkeypatch.setitem(sys.modules, "azure.identity", Absent("azure.identity"))
        question = ROOT / "samples" / "question.wav"
        (tmp_path / "question.wav").write_bytes(question.read_bytes())
        monkeypatch.chdir(tmp_path)
        with AzureRealTimeAudio(
            AzureRealTimeOptions.from_env(), dispatch="manual"
        ) as client:
            client.create_conversation_item(
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Good evening"}],
                    "id": "item_123",
                }
            ).result(timeout=10)
            names = {name: getattr(azure_realtime, name) for name in PUBLIC}
            yield {
                **names,
                "client": client,
                "pcm": bytes(48_000),
                "play": lambda _event: None,
                "speaker": Anything(),
                "window": Anything(),
                "Simulator": Simulator,
                "__name__": "example",
            }


PUBLIC = [name for name in azure_realtime.__all__ if not name.startswith("_")]


def _answer(request: Any) -> Reply | str | None:
    """
    Answer as a model would that knows the README's tool.
    """
    if "weather" in request.text and request.items[-1]["type"] == "message":
        return Reply(calls=[ToolCall("get_weather", {"city": "Paris"})])
    return None


@pytest.mark.parametrize("code", list(blocks()))
def test_a_block_of_the_documents_runs(code: str, reader: dict[str, Any]) -> None:
    """
    Whoever copies a block from the README or the docs has something that works.
    """
    _run(code, reader)


@pytest.mark.parametrize("code", list(examples()))
def test_an_example_of_a_docstring_runs(code: str, reader: dict[str, Any]) -> None:
    """
    Whoever copies an example from ``help()`` has something that works.
    """
    _run(code, reader)


def _run(code: str, names: dict[str, Any]) -> None:
    errors: list[BaseException] = []
    client = names["client"]
    client.on("listener_error", lambda event: errors.append(event.error))
    exec(compile(code, "example", "exec"), names)
    client.pump()
    assert [] == errors


def test_the_readme_names_every_method() -> None:
    """
    The table of the surface leaves out no public method, and makes none up.
    """
    table = (ROOT / "README.md").read_text("utf-8").partition("## The surface")[2]
    named = set(re.findall(r"`(\w+)", table))
    public = {name for name in dir(AzureRealTimeAudio) if not name.startswith("_")}
    assert set() == public - named
    unknown = {
        name
        for name in named
        if not hasattr(AzureRealTimeAudio, name) and not hasattr(azure_realtime, name)
    }
    assert {"azure_realtime"} == unknown


def test_the_readme_tells_what_to_do_about_every_error() -> None:
    """
    Whoever gets an error finds its name in the README, with what to do.
    """
    text = (ROOT / "README.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.M))

    def leaves(cls: type) -> Iterator[type]:
        yield cls
        for each in cls.__subclasses__():
            yield from leaves(each)

    public = {cls.__name__ for cls in leaves(RealtimeError) if cls.__module__ == MODULE}
    assert public - {"RealtimeError", "ResponseError"} == documented


MODULE = "azure_realtime"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """
    No link of a document leads to a file that is not there.
    """
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8"))
    assert [] == [link for link in links if not (path.parent / link).exists()]
