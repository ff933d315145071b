"""
Functions of yours that the model may call: a clock and a small phone book.

The docstring and the type hints are what the model is told. Functions run on threads of
their own; what one raises is told to the model, and here as ``tool_error``.

USAGE:
    python samples/tools.py [what to ask ...]

VARIABLES: those of _service.py; without them a local service is used.
"""

import sys
from datetime import datetime, timezone
from typing import Literal

from _service import service

from azure_realtime import AzureRealTimeAudio

# There is none for the kitchen: the model is told of the KeyError, and apologises.
NUMBERS = {"reception": "0", "workshop": "17"}


def current_time(zone: Literal["utc", "local"] = "local") -> str:
    """
    Tell what time it is.
    """
    now = datetime.now(timezone.utc)
    return (now if zone == "utc" else now.astimezone()).isoformat(timespec="minutes")


def extension_number(department: Literal["reception", "workshop", "kitchen"]) -> str:
    """
    Look up the extension number of a department.

    Args:
        department: Whom to call.
    """
    return NUMBERS[department]


def main() -> None:
    question = " ".join(sys.argv[1:]) or "What is the current time?"
    with service() as options, AzureRealTimeAudio(options) as client:
        client.tool(current_time)
        client.tool(extension_number, timeout=5)
        client.on("tool_error", lambda event: print("Failed:", repr(event.error)))

        for asked in (question, "What is the extension number of the workshop?"):
            print(">", asked)
            turn = client.ask(asked, modalities=["text"], timeout=60)
            for call in turn.tool_calls:
                print(f"  {call.name}({call.arguments}) -> {call.output}")
            print(turn.text)


if __name__ == "__main__":
    main()
