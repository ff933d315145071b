"""
Recordings of sessions: `AzureRealTimeAudio.record` writes them, `Recording` reads them.

    with client.record("session.jsonl"):
        client.ask("How are you?", timeout=60)

`docs/recordings.md` has the format of the files. The local service replays them:
``Simulator(recording="session.jsonl")``.
"""

from .._public import set_module as _set_module
from .exchanges import Exchange
from .follower import Happened, Span
from .message import Mark, Message
from .recorder import RecordableClient, Recorder
from .recording import Recording
from .stages import TurnTimes
from .timeline import Timeline

__all__ = [
    "Exchange",
    "Happened",
    "Mark",
    "Message",
    "RecordableClient",
    "Recorder",
    "Recording",
    "Span",
    "Timeline",
    "TurnTimes",
]

_set_module(__name__, __all__, globals())
