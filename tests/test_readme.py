"""
Every Python block of the documents and every example of a docstring runs against the
local service, and the blocks of the documents pass the type checkers.

A block that needs a package of Azure is marked by a comment before it (`MARK`); it is
compiled and not run.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import azure_realtime
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, RealtimeError
from azure_realtime.audio import decode_ulaw, read_wav, resample
from azure_realtime.simulator import Reply, Simulator, ToolCall

pytestmark = pytest.mark.documents

ROOT = Path(__file__).parents[1]
PACKAGE = Path(azure_realtime.__file__).parent
MARK = r"<!-- compiled only: needs (?:azure-identity|a sound device|a notebook) -->"
BLOCK = re.compile(rf"({MARK}\n)?^```python\n(.*?)^```", re.M | re.S)
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "azure_realtime" / "simulator" / "README.md",
]


class Block(NamedTuple):
    """
    A fenced block of Python, the line at which it begins, and whether it has `MARK`.
    """

    path: Path
    line: int
    code: str
    marked: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def blocks() -> Iterator[Block]:
    """
    Yield every block of the documents.
    """
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        if path.name == "tutorial.md":  # each of its steps continues the one before
            code = "\n".join(match[2] for match in BLOCK.finditer(text))
            yield Block(path, 1, code, False)
            continue
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            yield Block(path, line, match[2], match[1] is not None)


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
                    yield pytest.param(
                        code, id=f"{path.stem}.{name}", marks=_marks(code)
                    )


def _marks(code: str) -> Any:
    """
    A voice call takes a second, and at the pace of speech several.
    """
    return pytest.mark.slow if '.talk("' in code or "realtime=True" in code else ()


SECTIONS = {"Args:", "Attributes:", "Raises:", "Returns:", "Yields:", "VARIABLES:"}


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


class Anything:
    """
    A loudspeaker or a window: an object of the application that an example uses.
    """

    def __getattr__(self, name: str) -> Any:
        return lambda *_arguments, **_named: None


class Phone:
    """
    A phone call: the caller speaks mu-law, and hangs up after half a second of answer.
    """

    def __init__(self) -> None:
        self.played = 0

    def __iter__(self) -> Iterator[bytes]:
        question = read_wav(ROOT / "samples" / "question.wav")
        pcm = resample(question.pcm, question.rate, 8_000)
        levels = memoryview(decode_ulaw(bytes(range(256)))).cast("h")
        nearest = [
            min(
                range(256), key=lambda code, level=level << 6: abs(levels[code] - level)
            )
            for level in range(-512, 512)
        ]
        mulaw = bytes(nearest[(at >> 6) + 512] for at in memoryview(pcm).cast("h"))
        for start in range(0, len(mulaw), 160):
            yield mulaw[start : start + 160]
        for _ in range(3_000):
            if self.played > 4_000:
                return
            yield b"\xff" * 160
            threading.Event().wait(0.002)
        raise AssertionError("the service did not answer the call")

    def play(self, audio: bytes) -> None:
        """
        Take samples of the answer.
        """
        self.played += len(audio)

    def stop_playing(self) -> None:
        """
        Forget the samples that have not been played.
        """


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
                "phone": Phone(),
                "window": Anything(),
                "Simulator": Simulator,
                "__name__": "example",
            }


PUBLIC = [name for name in azure_realtime.__all__ if not name.startswith("_")]


def _answer(request: Any) -> Reply | str:
    """
    Answer briefly, and call the README's tool when it fits.
    """
    if "weather" in request.text and request.items[-1]["type"] == "message":
        return Reply(calls=[ToolCall("get_weather", {"city": "Paris"})])
    return "This is a short answer."


@pytest.mark.parametrize(
    "block", [pytest.param(b, marks=_marks(b.code), id=str(b)) for b in blocks()]
)
def test_block_of_a_document_runs(block: Block, reader: dict[str, Any]) -> None:
    """
    A block that is copied from a document works.
    """
    if block.marked:
        # the reason that the mark gives must be true
        assert re.search(
            r"from azure\.identity import|\b(Notebook)?Microphone\b|\.talk\(\)|"
            r"\.talk\(muted",
            block.code,
        )
        compile(block.code, str(block), "exec")
    else:
        _run(block.code, reader)


NAMES = """
from typing import Any
from azure_realtime import AzureRealTimeAudio
from azure_realtime.simulator import Simulator as Simulator
client: AzureRealTimeAudio
pcm: bytes
phone: Any
speaker: Any
window: Any
"""
"""The module of the objects that blocks use and do not make."""


def with_imports(code: str) -> str:
    """
    Return a block after the imports of the names that it uses and does not define.
    """
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    made |= {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.alias)
    }
    imports = [
        f"from {'azure_realtime' if name in PUBLIC else 'names'} import {name}"
        for name in sorted(used - made)
        if name in PUBLIC or re.search(rf"\b{name}\b", NAMES)
    ]
    return "\n".join([*imports, code])


CHECKERS = {
    "mypy": "-m mypy --config-file= --check-untyped-defs --follow-imports=silent "
    "--no-incremental --no-error-summary",
    "pyright": "-m pyright --project .",
}


@pytest.mark.slow
@pytest.mark.timeout(240)  # a checker reads the whole package
@pytest.mark.parametrize("checker", CHECKERS)
def test_blocks_pass_a_type_checker(checker: str, tmp_path: Path) -> None:
    """
    A block that is copied from a document has no type error in the user's editor.
    """
    pytest.importorskip(checker, reason=f"{checker} is in the extra 'dev'")
    config = f'{{"typeCheckingMode": "standard", "extraPaths": ["{ROOT}"]}}'
    (tmp_path / "pyrightconfig.json").write_text(config)
    (tmp_path / "names.py").write_text(NAMES)
    for block in blocks():
        if not block.marked:
            name = re.sub(r"\W", "_", str(block))
            (tmp_path / f"{name}.py").write_text(with_imports(block.code), "utf-8")
    ended = subprocess.run(
        [sys.executable, *CHECKERS[checker].split(), "."],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


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


def test_the_readme_explains_every_error() -> None:
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
