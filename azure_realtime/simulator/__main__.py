"""
``python -m azure_realtime.simulator``: a local Realtime service until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import ssl
import sys
from collections.abc import Sequence

from .._command import ended_by_signals, usable_streams
from .._version import INSTALL_HINT
from ._server import Simulator

__all__ = ["main"]


def main(
    arguments: Sequence[str] | None = None,
    prog: str = "python -m azure_realtime.simulator",
) -> int:
    """
    Serve until Ctrl-C, SIGTERM or SIGHUP; return the exit status.

    Args:
        arguments: The arguments; None means those of the process.
        prog: The name of the command in its help.
    """
    with usable_streams():
        return _serve(_make_parser(prog).parse_args(arguments))


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A local Realtime service, GA and preview on one port. It "
        "understands no speech: it answers with made-up sentences.",
    )
    parser.add_argument("--port", type=int, default=8123, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--certfile", help="PEM certificate chain, for wss://")
    parser.add_argument("--keyfile", help="its private key, if not in the same file")
    parser.add_argument(
        "--key", action="append", help="accept only this credential (repeatable)"
    )
    parser.add_argument(
        "--recording", help="replay this recording (client.record) instead"
    )
    parser.add_argument(
        "--pace", type=float, default=1.0, help="factor for pauses; 0: no pauses"
    )
    return parser


def _serve(options: argparse.Namespace) -> int:
    context = None
    try:
        if options.certfile:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(options.certfile, options.keyfile)
        try:
            service = Simulator(
                options.port,
                host=options.host,
                ssl_context=context,
                credentials=options.key,
                record=False,
                pace=options.pace,
                recording=options.recording,
            )
        except (OSError, ValueError) as error:  # it loads the recording
            what = "replay" if options.recording else "serve"
            print(f"Cannot {what}: {error}", file=sys.stderr)
            return 1
        service.start()
    except ImportError:
        hint = INSTALL_HINT.format("simulator")
        print(f"The simulator needs websockets. {hint}", file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        print(
            f"Cannot serve on {options.host}:{options.port}: {error}", file=sys.stderr
        )
        return 1
    credential = "the given key" if options.key else "any non-empty key"
    # a shell without job control starts what is in the background with SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), ended_by_signals():
        with contextlib.suppress(OSError):  # it serves, though nothing reads its output
            print(
                f"Serving Realtime (GA and preview) on {service.url} - use it as "
                f"host_name, with {credential}. Ctrl-C stops.",
                flush=True,
            )
        service.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
