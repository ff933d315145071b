"""
FILE: tools.py

DESCRIPTION:
    Two functions that the model may call: a clock and a phone book. The model gets
    their docstrings and type hints. They run on threads of the client; an exception is
    reported to the model, and to this program as `tool_error`.

USAGE:
    python samples/tools.py [QUESTION ...]

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys
from datetime import datetime, timezone
from typing import Literal

from _service import service

from azure_realtime import AzureRealTimeAudio

# The kitchen has no number: the model gets the KeyError as the result, and apologises.
NUMBERS = {"reception": "0", "workshop": "17"}


def current_time(zone: Literal["utc", "local"] = "local") -> str:
    """
    Return the current time.
    """
    now = datetime.now(timezone.utc)
    return (now if zone == "utc" else now.astimezone()).isoformat(timespec="minutes")


def extension_number(department: Literal["reception", "workshop", "kitchen"]) -> str:
    """
    Look up the extension number of a department.

    Args:
        department: The department to call.
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
