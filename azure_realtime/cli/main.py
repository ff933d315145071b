"""
The arguments of the command line, and which command they choose.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..errors import RealtimeError
from .text import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line; return the exit status.

    Args:
        arguments: The arguments; None means those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["serve"]:  # its own arguments, --help included
        from ..simulator.__main__ import main as serve

        return serve(given[1:])
    options = _parser().parse_args(given)
    # Ends like Ctrl-C, so that the terminal is restored and the devices are closed.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except (RealtimeError, OSError, ValueError, ImportError) as error:
        print(plain(str(error)), file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="azure-realtime",
        description="Talk to a realtime model of Azure OpenAI.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    talk = commands.add_parser(
        "talk",
        help="talk to the model with microphone and loudspeaker",
        description="Talk to the model. Keys: space interrupts, m mutes, q quits. The "
        "service is named by the variables AZURE_OPENAI_ENDPOINT, "
        "AZURE_OPENAI_DEPLOYMENT and AZURE_OPENAI_API_KEY of the environment.",
    )
    service = talk.add_mutually_exclusive_group()
    service.add_argument(
        "--local", action="store_true", help="start a local service, for a trial"
    )
    service.add_argument(
        "--env-file",
        metavar="FILE",
        help="read the variables from this file instead of the environment",
    )
    talk.add_argument("--wav", metavar="IN", help="send this WAV file, then end")
    talk.add_argument("--out", metavar="OUT", help="write the answers to a WAV file")
    talk.add_argument("--input", metavar="DEVICE", help="name or index of a microphone")
    talk.add_argument(
        "--output", metavar="DEVICE", help="name or index of a loudspeaker"
    )
    talk.add_argument("--voice", help="the model's voice")
    talk.add_argument("--instructions", help="what the model should do")
    talk.add_argument(
        "--half-duplex",
        action="store_true",
        help="do not listen while the loudspeaker plays (no headset)",
    )
    talk.add_argument("--plain", action="store_true", help="lines, no live display")
    talk.set_defaults(run=_talk)

    devices = commands.add_parser("devices", help="list microphones and loudspeakers")
    devices.set_defaults(run=_devices)

    commands.add_parser("serve", help="run the local service")  # see `main`
    return parser


def _talk(options: Any) -> int:
    from .talk import talk

    return talk(options)


def _devices(_: Any) -> int:
    from ..audio import list_devices

    found = list_devices()
    for device in found:
        kinds = [
            word
            for word, channels in (
                ("microphone", device.inputs),
                ("loudspeaker", device.outputs),
            )
            if channels
        ]
        mark = "*" if device.is_default else " "
        print(
            f"{mark} {device.index:3}  {plain(device.name)}  ({plain(device.host)}, "
            f"{device.rate} Hz): {' and '.join(kinds)}"
        )
    if not found:
        print("There is no sound device.", file=sys.stderr)
    return 0 if found else 1
