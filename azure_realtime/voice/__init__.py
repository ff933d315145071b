"""
Voice calls: audio of a source to the model, the model's audio to a sink, interruption.

The modules are imported when they are used first: by `AzureRealTimeAudio.talk`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import VoiceCall
    from .echo import EchoCanceller, WebRtcEchoCanceller
    from .stats import CallStats

__all__ = ["CallStats", "EchoCanceller", "VoiceCall", "WebRtcEchoCanceller"]

_LATER = {
    "CallStats": "stats",
    "EchoCanceller": "echo",
    "VoiceCall": "call",
    "WebRtcEchoCanceller": "echo",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
