"""The sessions of ``.ci/run``, in their order; one alone: ``bash .ci/run -s lint``."""

import configparser
import os
import re
import sys
import time
from pathlib import Path

import nox

ROOT, SCRATCH = Path(__file__).resolve().parents[1], Path(os.environ["CI_SCRATCH"])
MAIN = f"{sys.version_info[0]}.{sys.version_info[1]}"
OLDEST, *NEWER = "3.10", "3.11", "3.12", "3.13"
PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
# What touches threads, sockets, TLS and type hints, where Pythons differ; notebooks.
PATHS = "client concurrency dispatch engine protocol requests tools transport notebook"
BENCH = "receive send latency sessions footprint lifecycle record barge_in mouth_to_ear"
CORE_ALONE = """import sys, azure_realtime
extras = {"asyncio", "websockets", "numpy", "orjson", "pybase64", "azure.identity"}
assert not extras & set(sys.modules), extras & set(sys.modules)"""


def run(session: nox.Session, seconds: int, *command: object, **env: str) -> list[str]:
    """Run a command from the root, at most so long; return the lines of its output."""
    session.chdir(ROOT)
    began = time.monotonic()
    limited = ["timeout", "--kill-after=10", seconds, *command]
    output = session.run(*map(str, limited), silent=True, external=True, env=env)
    lines = str(output).strip().splitlines() or ["done"]
    session.log(f"{lines[-1]} ({time.monotonic() - began:.0f} s)")
    return lines


def install(session: nox.Session, *what: object) -> None:
    """Install into the session's own environment."""
    run(session, 600, "python", "-m", "pip", "install", "-qq", *what)


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Check style, format, and the types of the package."""
    run(session, 60, "ruff", "check", ".")
    run(session, 60, "ruff", "format", "--check", ".")
    run(session, 300, "mypy", "--cache-dir", SCRATCH / "mypy")


@nox.session(python=MAIN)
def packages(session: nox.Session) -> None:
    """Build the wheel from the sdist, compare both with git, use the wheel alone."""
    dist, build = SCRATCH / "dist", SCRATCH / "dev" / "bin" / "python"
    run(session, 300, build, "-m", "build", "--outdir", dist)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    held = {name.partition("/")[2] for name in run(session, 60, "tar", "-tzf", sdist)}
    tracked = set(run(session, 60, "git", "ls-files"))
    missing = tracked - held - {".gitignore", ".git-blame-ignore-revs"}
    assert not missing, f"the sdist lacks {missing}"
    listing = run(session, 60, "python", "-m", "zipfile", "-l", wheel)
    held = {line.split()[0] for line in listing}
    missing = {name for name in tracked - held if name.startswith("azure_realtime/")}
    assert not missing, f"the wheel lacks {missing}"
    install(session, wheel)
    alone = ["env", "-C", SCRATCH, "python", "-W", "error"]  # not from the checkout
    run(session, 60, *alone, "-c", CORE_ALONE)
    install(session, f"{wheel}[simulator]")
    run(session, 60, *alone, ROOT / "samples" / "ask.py")


@nox.session(python=False)
def full(session: nox.Session) -> None:
    """Run the tests of no other session; measure coverage; list unmarked slow ones."""
    options = ["-n", 3, "--cov", "--unmarked", 1, "--junitxml", SCRATCH / "full.xml"]
    marks = "not soak and not sound and not documents"
    lines = run(session, 900, *PYTEST, "-m", marks, *options)
    shown = re.compile("TOTAL|Required test coverage|unmarked|SKIPPED")
    session.log("\n".join(["", *filter(shown.match, lines)]))
    (SCRATCH / "closing").write_text(lines[-1])


@nox.session(python=False)
def documents(session: nox.Session) -> None:
    """Build the site; run documents, samples and notebooks; check types of programs."""
    run(session, 480, *PYTEST, "-n", 2, "-m", "documents")


@nox.session(python=False)
def readme(session: nox.Session) -> None:
    """Run the README's two commands as they stand there, but for the folder .venv."""
    text = (ROOT / "README.md").read_text("utf-8")
    first, tests = re.findall(r"^python3( -m venv \.venv && .*)", text, re.M)
    python = getattr(sys, "_base_executable", sys.executable)  # not that of the tools
    for name, command in (("first", first), ("tests", tests)):
        command = command.replace(".venv", str(SCRATCH / name))
        run(session, 600, "bash", "-c", python + command)


@nox.session(python=[OLDEST, *(version for version in NEWER if version != MAIN)])
def others(session: nox.Session) -> None:
    """Test the wheel on another Python; on the oldest with the oldest dependencies."""
    (wheel,), lowest = (SCRATCH / "dist").glob("*.whl"), SCRATCH / "lowest.txt"
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    needs = re.findall(r"([\w-]+)\s*>=([\d.]+)", setup["options"]["install_requires"])
    bounds = [*(f"{name}=={least}" for name, least in needs), "ipykernel<7"]
    lowest.write_text("\n".join(bounds if session.python == OLDEST else []))
    extras = {OLDEST: "test,docs"}.get(session.python, "test")
    install(session, "-c", lowest, f"{wheel}[{extras}]")
    options = ["-n", 2, "-m", "not slow or processes"]
    options += ["tests/test_locks.py", *(f"tests/{name}" for name in PATHS.split())]
    lines = run(session, 480, *PYTEST, *options)
    assert "'docs'" not in "".join(lines) or session.python != OLDEST, lines


@nox.session(python=False)
def soaks(session: nox.Session) -> None:
    """Look for losses at voice rates, and with faults, in the long form."""
    marks = "soak and not sound"
    run(session, 400, *PYTEST, "-m", marks, AZURE_REALTIME_SOAK="1")


@nox.session(python=False)
def sound(session: nox.Session) -> None:
    """Test microphone and loudspeaker on virtual devices."""
    run(session, 400, *PYTEST, "-m", "sound")


@nox.session(python=False)
def benchmarks(session: nox.Session) -> None:
    """Start each: it must work; a noisy machine cannot tell how fast it is."""
    for name in BENCH.split():
        run(session, 120, "python", f"benchmarks/{name}.py", "--quick")


@nox.session(python=MAIN)
def interop(session: nox.Session) -> None:
    """Run LiveKit's client against the simulator; it must not be skipped."""
    (wheel,) = (SCRATCH / "dist").glob("*.whl")
    install(session, f"{wheel}[interop]")
    lines = run(session, 300, *PYTEST, "-m", "", "tests/interop/test_livekit.py")
    assert re.match(r"\d+ passed in ", lines[-1]), lines[-1]
