"""
An error of this package as a notebook shows it: what happened, what to do, and where.

Imported when a notebook shows an error.
"""

import linecache
import traceback
from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).parent)
_STANDARD = str(Path(linecache.__file__).parent)  # and installed packages below it

#: What to do by the name of the class, or of its nearest base class in this table.
REMEDIES = {
    "ConnectError": "Check the address, network, proxy and firewall.",
    "AuthenticationError": "Correct the key or token, or the role of its owner.",
    "DeploymentNotFound": "Correct the deployment's name, the host or the protocol.",
    "RateLimited": "Try again later.",
    "ConnectionClosed": "Make a new client.",
    "ServerError": "Correct the command; the session continues.",
    "ResponseError": "Ask again; the partial answer is in `response`.",
    "ResponseIncomplete": "Raise max_output_tokens, or change the question.",
    "QueueFull": "Send less, or drop audio.",
    "SlowConsumer": "Take events faster, or name fewer event types.",
    "RealtimeError": "See the section Errors of the documentation.",
}


def three_lines(error: BaseException, happened: str) -> list[str]:
    """
    Return the lines; the last one names the line of the user's code.
    """
    user_line = _user_line(error.__traceback__) or "no line of yours"
    lines = (
        f"{type(error).__name__}: {happened}",
        f"What to do: {_remedy(error)}",
        f"Raised at {user_line}",
    )
    return [" ".join(line.split()) for line in lines]


def _remedy(error: BaseException) -> str:
    if getattr(error, "reconnecting", False):
        return "Ask again."
    remedies = (REMEDIES.get(base.__name__) for base in type(error).__mro__)
    remedy = getattr(error, "hint", "") or next(filter(None, remedies), "")
    request = getattr(error, "request_id", None)
    return f"{remedy} (request id {request})" if request else remedy


def _user_line(trace: TracebackType | None) -> str:
    """
    Return the innermost line outside this package and outside installed ones.
    """
    for frame, line in reversed(list(traceback.walk_tb(trace))):
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, _STANDARD)):
            path = Path(name)
            # the source of a cell has a file name, but there is no such file
            file = f"{path.name}, " if path.is_file() else ""
            return f"{file}line {line}: {linecache.getline(name, line).strip()}"
    return ""
