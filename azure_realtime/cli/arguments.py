"""
The arguments of the command line. Each command is imported when it runs.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

from .._version import __version__

_VARIABLES = (
    "The service is named by the variables AZURE_OPENAI_ENDPOINT, "
    "AZURE_OPENAI_DEPLOYMENT and AZURE_OPENAI_API_KEY of the environment."
)
_STATUSES = (
    "exit status: 0 it worked; 1 it did not, and standard error says why; 2 the "
    "arguments are wrong; 130 Ctrl-C, SIGTERM or SIGHUP; 141 the output was closed"
)


def make_parser() -> argparse.ArgumentParser:
    """
    Return the parser of all commands. ``run`` of its result runs the chosen one.
    """
    parser = argparse.ArgumentParser(
        prog="azure-realtime",
        description="Talk to a realtime model of Azure OpenAI.",
        epilog=_STATUSES,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_doctor(commands)
    _add_ask(commands)
    _add_talk(commands)
    _add_inspect(commands)
    _add_timeline(commands)
    devices = commands.add_parser("devices", help="list microphones and loudspeakers")
    devices.set_defaults(run=_devices)
    commands.add_parser(
        "serve", help="run the local service, or replay a recording"
    )  # see `main`
    return parser


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="find out why there is no connection",
        description="Try the connection step by step: address, proxy, name, TCP, TLS, "
        "credential, handshake, session. Stop at the first step that fails, and say "
        f"what to do. Nothing is billed without --turns. {_VARIABLES} The proxy is "
        "that of https_proxy and no_proxy.",
        epilog="exit status: 0 it works, perhaps with warnings; 1 a step failed; 2 the "
        "arguments are wrong; 130 Ctrl-C, SIGTERM or SIGHUP; 141 the output was closed",
    )
    _add_env_file(doctor)
    doctor.add_argument(
        "--turns",
        type=_count,
        default=0,
        metavar="N",
        help="also ask N short questions, which cost tokens (default: 0)",
    )
    doctor.add_argument(
        "--timeout",
        type=_seconds,
        default=15.0,
        metavar="SECONDS",
        help="limit for each of the two connections (default: 15)",
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(run=_doctor)


def _add_ask(commands: Any) -> None:
    ask = commands.add_parser(
        "ask",
        help="ask one question and print the answer",
        description=f"Ask one question and print the answer. {_VARIABLES}",
        epilog=_STATUSES,
    )
    ask.add_argument("question", nargs="*", type=_text, help="the question as text")
    ask.add_argument("--audio", metavar="IN", help="the question as speech: a WAV file")
    ask.add_argument(
        "--out",
        metavar="OUT",
        help="ask for a spoken answer and write it to this WAV file, which is replaced",
    )
    ask.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="limit for the answer (default: 60)",
    )
    _add_service(ask)
    ask.set_defaults(run=_ask, refuse=ask.error)


def _add_talk(commands: Any) -> None:
    talk = commands.add_parser(
        "talk",
        help="talk to the model with microphone and loudspeaker",
        description="Talk to the model. Keys: space interrupts, m mutes, q quits. "
        + _VARIABLES,
        epilog=_STATUSES,
    )
    _add_service(talk)
    source, sink = (talk.add_mutually_exclusive_group() for _ in range(2))
    source.add_argument("--wav", metavar="IN", help="send this WAV file, then end")
    source.add_argument(
        "--input", metavar="DEVICE", help="name or index of a microphone"
    )
    sink.add_argument(
        "--out",
        metavar="OUT",
        help="write the answers to this WAV file, which is replaced",
    )
    sink.add_argument(
        "--output", metavar="DEVICE", help="name or index of a loudspeaker"
    )
    talk.add_argument(
        "--half-duplex",
        action="store_true",
        help="do not listen while the loudspeaker plays (no headset)",
    )
    talk.add_argument("--plain", action="store_true", help="lines, no live display")
    talk.set_defaults(run=_talk)


def _add_inspect(commands: Any) -> None:
    inspect = commands.add_parser(
        "inspect",
        help="show what is in a recording",
        description="Show the turns, latencies, tokens and cost of a recording "
        "(client.record).",
        epilog=_STATUSES,
    )
    inspect.add_argument("recording", metavar="RECORDING", help="session.jsonl")
    inspect.add_argument(
        "--model",
        metavar="NAME",
        help="count the cost with the published prices of this model",
    )
    inspect.add_argument(
        "--strip",
        metavar="OUT",
        help="write a copy without audio, transcripts, instructions and tool arguments",
    )
    inspect.set_defaults(run=_inspect)


def _add_timeline(commands: Any) -> None:
    timeline = commands.add_parser(
        "timeline",
        help="draw when what happened in a recording",
        description="Write one page with the timeline, the transcript and the audio of "
        "a recording (client.record).",
        epilog=_STATUSES,
    )
    timeline.add_argument("recording", metavar="RECORDING", help="session.jsonl")
    timeline.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the page, or a picture if it ends in .svg; it is replaced (default: the "
        "recording's name with .html, in the current folder)",
    )
    timeline.add_argument("--turn", type=int, metavar="N", help="only turn N, from 0")
    timeline.set_defaults(run=_timeline)


def _add_service(parser: Any) -> None:
    service = parser.add_mutually_exclusive_group()
    service.add_argument(
        "--local", action="store_true", help="start a local service, for a trial"
    )
    _add_env_file(service)
    parser.add_argument("--voice", type=_text, help="the model's voice")
    parser.add_argument("--instructions", type=_text, help="what the model should do")


def _add_env_file(parser: Any) -> None:
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        help="read the variables from this file instead of the environment",
    )


def _text(text: str) -> str:
    """
    Return an argument that is not empty, read as UTF-8 whatever the locale says.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return number


def _doctor(options: Any) -> int:
    from .doctor import doctor

    return doctor(options)


def _ask(options: Any) -> int:
    if not options.question and options.audio is None:
        options.refuse("what? Give a question in quotes, or --audio IN")
    if len(options.question) > 1:
        words = " ".join(options.question)
        options.refuse(f'put the question in quotes: azure-realtime ask "{words}"')
    options.question = next(iter(options.question), None)
    from .ask import ask

    return ask(options)


def _talk(options: Any) -> int:
    from .talk import talk

    return talk(options)


def _inspect(options: Any) -> int:
    from .recordings import inspect

    return inspect(options)


def _timeline(options: Any) -> int:
    from .recordings import timeline

    return timeline(options)


def _devices(_: Any) -> int:
    from .devices import devices

    return devices()
