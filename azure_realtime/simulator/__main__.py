"""
``python -m azure_realtime.simulator``: serves a local Realtime service until Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import ssl
import sys
from collections.abc import Sequence

from ._server import Simulator

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Serve until Ctrl-C or SIGTERM; return the exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m azure_realtime.simulator",
        description="A local Realtime service for the GA and the preview protocol. It "
        "does not recognize speech; it answers with made-up sentences.",
    )
    parser.add_argument("--port", type=int, default=8123, help="0 selects a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--certfile", help="PEM certificate chain; enables wss://")
    parser.add_argument("--keyfile", help="private key, if --certfile has none")
    parser.add_argument(
        "--key", action="append", help="accept only this credential; repeatable"
    )
    options = parser.parse_args(arguments)
    context = None
    try:
        if options.certfile:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(options.certfile, options.keyfile)
        service = Simulator(
            options.port,
            host=options.host,
            ssl_context=context,
            credentials=options.key,
            record=False,
        ).start()
    except ImportError:
        print(
            "The package websockets is not installed. Install it with "
            "pip install '.[simulator]' in a checkout of this library.",
            file=sys.stderr,
        )
        return 1
    except (OSError, OverflowError) as error:
        print(
            f"Cannot serve on {options.host}:{options.port}: {error}\n"
            "Check --host, --port (0 selects a free port), --certfile and --keyfile.",
            file=sys.stderr,
        )
        return 1
    credential = "a key given by --key" if options.key else "any non-empty key"
    print(
        f"Serving Realtime (GA and preview) on {service.url}\n"
        f"Pass this address as host_name, with {credential}. Press Ctrl-C to stop.",
        flush=True,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    service.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
