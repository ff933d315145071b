"""
Voice calls: audio of a source to the model, the model's audio to a sink, interruption.

The modules are imported when they are used first: by `AzureRealTimeAudio.talk`.
"""

import sys
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


if not TYPE_CHECKING:  # with it, checkers accept any name

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=sys.modules[__name__])
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
