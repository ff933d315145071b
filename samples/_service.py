"""
What the samples connect to: your Azure resource where the environment names it, else
a local service that is started here and knows nothing, but speaks the same protocol.

VARIABLES (all or none; for Azure):
    AZURE_OPENAI_ENDPOINT      your resource's address, as the portal shows it
    AZURE_OPENAI_API_KEY       its key
    AZURE_OPENAI_DEPLOYMENT    the name of your realtime deployment
    AZURE_OPENAI_API_VERSION   only for the preview protocol, e.g. 2024-10-01-preview
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from azure_realtime import AzureRealTimeOptions


@contextmanager
def service(
    replies: Callable[[], Any] | None = None, **options: Any
) -> Iterator[AzureRealTimeOptions]:
    """
    Yield the options of a service to talk to, and say which it is.

    Args:
        replies: A function that returns what the local service shall answer, see its
            README. Azure thinks for itself.
        options: More fields of `AzureRealTimeOptions`.
    """
    if os.environ.get("AZURE_OPENAI_ENDPOINT"):
        azure = AzureRealTimeOptions.from_env(**options)
        print(f"Service: {azure.endpoint.host}, {azure.deployment}", file=sys.stderr)
        yield azure
        return
    try:
        from azure_realtime.simulator import Simulator

        simulator = Simulator(replies=replies and replies()).start()
    except ImportError:
        sys.exit(
            "Nothing to talk to: set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and "
            'AZURE_OPENAI_DEPLOYMENT, or: pip install "azure-realtime[simulator]"'
        )
    try:
        print(
            f"Service: a local one at {simulator.url} that understands nothing "
            "(AZURE_OPENAI_ENDPOINT is not set)",
            file=sys.stderr,
        )
        fields = {"api_version": os.environ.get("AZURE_OPENAI_API_VERSION") or None}
        yield AzureRealTimeOptions(
            simulator.url, "gpt-realtime", "any-key", **(fields | options)
        )
    finally:
        simulator.stop()
