"""
Runs the chosen command, and turns its errors into a sentence and an exit status.

Exit statuses: 0 it worked; 1 it did not; 2 the arguments are wrong; 130 it was
interrupted by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from .._redaction import redacted
from ..errors import RealtimeError
from .arguments import make_parser
from .text import plain

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
    options = make_parser().parse_args(given)
    # Ends like Ctrl-C, so that the terminal is restored and the devices are closed.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except (RealtimeError, OSError, ValueError, ImportError) as error:
        print(redacted(plain(str(error))), file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous)
