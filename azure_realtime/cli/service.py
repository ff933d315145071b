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
        try:
            return options_for(arguments.env_file, session_config=config)
        except ValueError as error:
            missing, is_missing, _ = str(error).partition(". Set them, or pass ")
            if not is_missing:
                raise
            raise ValueError(
                f"{missing}. Set them, name a file that does with --env-file, or try "
                "the local service with --local"
            ) from None
    from ..simulator import Simulator

    service = stack.enter_context(Simulator())
    return AzureRealTimeOptions(
        service.url, "gpt-realtime", "local", session_config=config
    )
