"""
The service that the samples connect to.

It is your Azure resource where the environment names one. Otherwise it is a local
service that is started here: it speaks the same protocol and understands nothing.

    AZURE_OPENAI_ENDPOINT      the address of your resource, as the portal shows it
    AZURE_OPENAI_API_KEY       its key
    AZURE_OPENAI_DEPLOYMENT    the name of your realtime deployment
    AZURE_OPENAI_API_VERSION   only for the preview protocol, such as 2024-10-01-preview

A program of your own needs none of this file: `AzureRealTimeOptions.from_env()` reads
the same variables.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from azure_realtime import AzureRealTimeOptions, RealtimeError

_NO_SERVICE = (
    "There is no service to connect to. Set AZURE_OPENAI_ENDPOINT, "
    "AZURE_OPENAI_API_KEY, AZURE_OPENAI_DEPLOYMENT; or install the local service, in "
    "the folder of this project: pip install '.[simulator]'"
)
_AZURE = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_DEPLOYMENT")


@contextmanager
def service(
    replies: Callable[[], Any] | None = None,
    *,
    own_process: bool = False,
    **options: Any,
) -> Iterator[AzureRealTimeOptions]:
    """
    Yield the options of the service, and print which service it is.

    An error of the service or the network ends the program with a sentence, Ctrl-C
    with exit code 130.

    Args:
        replies: A function that returns the replies of the local service, see its
            README. Azure does not need them.
        own_process: Whether the local service runs in a process of its own, for many
            connections; it then has no *replies*.
        options: More fields of `AzureRealTimeOptions`.
    """
    try:
        if any(os.environ.get(name) for name in _AZURE):
            yield _azure(options)
        else:
            start = _started() if own_process else _in_this_process(replies)
            with start as url:
                yield _local(url, options)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(130)
    except RealtimeError as error:
        sys.exit(str(error))
    except TimeoutError as error:
        sys.exit(str(error) or "The service did not answer in time.")


def _azure(options: dict[str, Any]) -> AzureRealTimeOptions:
    try:
        azure = AzureRealTimeOptions.from_env(**options)
    except ValueError as error:
        sys.exit(f"The AZURE_OPENAI_ variables do not fit: {error}")
    print(f"Service: {azure.endpoint.host}, {azure.deployment}", file=sys.stderr)
    return azure


def _local(url: str, options: dict[str, Any]) -> AzureRealTimeOptions:
    print(
        f"Service: a local one at {url} that understands nothing "
        "(AZURE_OPENAI_ENDPOINT is not set)",
        file=sys.stderr,
    )
    version = os.environ.get("AZURE_OPENAI_API_VERSION") or None
    try:
        return AzureRealTimeOptions(
            url, "gpt-realtime", "any-key", **({"api_version": version} | options)
        )
    except ValueError as error:
        sys.exit(f"AZURE_OPENAI_API_VERSION does not fit: {error}")


@contextmanager
def _in_this_process(replies: Callable[[], Any] | None) -> Iterator[str]:
    from azure_realtime.simulator import Simulator

    try:
        simulator = Simulator(replies=replies and replies()).start()
    except ImportError:
        sys.exit(_NO_SERVICE)
    try:
        yield simulator.url
    finally:
        simulator.stop()


@contextmanager
def _started() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "azure_realtime.simulator", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which ends the other
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"ws://[\d.:]+", process.stdout.readline())
            if found is None:  # it has printed why
                sys.exit(_NO_SERVICE)
            yield found[0]
        finally:
            process.terminate()
            process.wait()
