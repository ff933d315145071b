"""
Which service a command uses: that of the environment or a file, or a local one.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ..models._shape import overlaid
from ..models.session import DEFAULT_SESSION_CONFIG, SessionConfig
from ..options import AzureRealTimeOptions
from .configuration import options_for


def service_options(
    arguments: Any, stack: contextlib.ExitStack
) -> AzureRealTimeOptions:
    """
    Return the options of the client; start the local service if it is wanted.

    Args:
        arguments: The arguments of the command.
        stack: Stops the local service.

    Raises:
        ValueError: A variable is missing; the message names it.
        OSError: The file with the variables cannot be read.
    """
    config = overlaid(
        DEFAULT_SESSION_CONFIG,
        SessionConfig.from_mapping(
            {
                name: value
                for name in ("voice", "instructions")
                if (value := getattr(arguments, name)) is not None
            }
        ),
    )
    if not arguments.local:
        return options_for(arguments.env_file, session_config=config)
    from ..simulator import Simulator

    service = stack.enter_context(Simulator())
    return AzureRealTimeOptions(
        service.url, "gpt-realtime", "local", session_config=config
    )
