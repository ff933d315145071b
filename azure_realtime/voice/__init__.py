"""
Voice calls: audio of a source to the model, the model's audio to a sink, interruption.

`AzureRealTimeAudio.talk` imports this package; a client that does not talk does not.
"""

from .call import VoiceCall
from .echo import EchoCanceller, WebRtcEchoCanceller
from .stats import CallStats

__all__ = ["CallStats", "EchoCanceller", "VoiceCall", "WebRtcEchoCanceller"]
