"""
What every test shares: no proxy, no leak, and the same examples in every run.
"""

from __future__ import annotations

import gc
import os
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from helpers import inside
from helpers.clients import Variant
from helpers.timing import SCALE
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what is in the background like that, and every
    # process that a test starts and interrupts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "suite",
    deadline=None,
    derandomize="HYPOTHESIS_MAX_EXAMPLES" not in os.environ,
    database=None,
    max_examples=int(os.environ.get("HYPOTHESIS_MAX_EXAMPLES", "50")),
)
settings.load_profile("suite")

_DESCRIPTORS = Path("/proc/self/fd")
_HAS_DESCRIPTORS = _DESCRIPTORS.is_dir()
_PROTOCOL = Path(__file__).parents[2] / "shared" / "protocol"

for _name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    # A company's shell sets them, and they would divert even the loopback.
    os.environ.pop(_name, None)
    os.environ.pop(_name.upper(), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """
    Add the report of slow tests, which CI's full run asks for.
    """
    parser.addoption(
        "--unmarked",
        type=float,
        metavar="SECONDS",
        help="list the tests without the mark `slow` that took longer than this",
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """
    List the tests that took longer than ``--unmarked`` and are not marked as slow.
    """
    limit = config.getoption("--unmarked")
    if limit is None:
        return
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and "slow" not in report.keywords:
                seconds[report.nodeid] += report.duration
    for name, took in seconds.most_common():
        if took > limit:
            terminalreporter.write_line(f"unmarked: {took:.1f} s {name}")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """
    Collect the tests without the garbage collector, and keep them out of its later runs.

    Thousands of tests are many objects, and none of them is garbage: looking through
    them took a third of the time of the collection, and a sixth of that of the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _descriptors() -> int:
    if not _HAS_DESCRIPTORS:
        return 0
    with os.scandir(_DESCRIPTORS) as entries:
        return sum(1 for _ in entries)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """
    Check that each test leaves no thread and no descriptor, and no credential for the
    redaction to remember: text of other tests would be redacted too.
    """
    inside.forget_credentials()
    threads, descriptors = set(threading.enumerate()), _descriptors()

    def left() -> tuple[list[threading.Thread], int]:
        new = [thread for thread in threading.enumerate() if thread not in threads]
        return new, max(0, _descriptors() - descriptors)

    yield
    deadline = time.monotonic() + 5.0 * SCALE
    while any(left()) and time.monotonic() < deadline:
        gc.collect()
        for thread in left()[0]:
            thread.join(0.02)
        threading.Event().wait(0.01)
    alive, opened = left()
    if alive or opened:
        names = [thread.name for thread in alive]
        pytest.fail(f"left behind: threads {names}, {opened} descriptors")


@pytest.fixture(scope="session")
def protocol_tables() -> Path:
    """
    The folder of the protocol's JSON tables, for those who have it.
    """
    if not _PROTOCOL.is_dir():
        pytest.skip("the protocol tables (../shared/protocol) are not here")
    return _PROTOCOL


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """
    A certificate authority that only `client_tls` trusts.
    """
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """
    What a server at ``localhost`` and 127.0.0.1 proves itself with.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """
    A client's context that trusts the tests' own authority, and nothing else.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def eventually() -> Callable[..., None]:
    """
    A wait for a condition that nothing announces, with an end.
    """

    def wait(condition: Callable[[], object], timeout: float = 5.0) -> None:
        deadline = time.monotonic() + timeout * SCALE
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            threading.Event().wait(0.002)

    return wait


@pytest.fixture(params=["ga-ws", "preview-wss"])
def variant(
    request: pytest.FixtureRequest,
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
) -> Variant:
    """
    Each protocol, one in plain text and one over TLS: the layers know nothing of each
    other. `MATRIX` has all four, for data that is reordered or lost where they meet.
    """
    protocol, scheme = request.param.split("-")
    if scheme == "ws":
        return Variant(protocol)
    return Variant(protocol, server_tls, client_tls)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """
    Replace what UTF-8 cannot carry in captured text: pytest-xdist cannot send it.
    """
    report.sections = [
        (name, text.encode("utf-8", "replace").decode())
        for name, text in report.sections
    ]
