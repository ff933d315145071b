"""
Runs the chosen command, and turns its errors into a sentence and an exit status.

Exit statuses: 0 it worked; 1 it did not; 2 the arguments are wrong; 130 it was
interrupted by Ctrl-C, SIGTERM or SIGHUP; 141 the reader of its output has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .._command import (
    INTERRUPTED,
    OUTPUT_CLOSED,
    ended_by_signals,
    flushed_output,
    usable_streams,
)
from .arguments import make_parser
from .standard_error import REPORTED, standard_error

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line; return the exit status.

    Args:
        arguments: The arguments; None means those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["serve"]:  # its own arguments, --help included
        from ..simulator.__main__ import main as serve

        return serve(given[1:], "azure-realtime serve")
    with usable_streams(), ended_by_signals(), standard_error() as errors:
        try:
            with flushed_output():
                options = make_parser().parse_args(given)
                return int(options.run(options))
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:  # a lost connection is a RealtimeError
            return OUTPUT_CLOSED
        except REPORTED as error:
            errors.report(error)
            return 1
