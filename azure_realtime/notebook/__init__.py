"""
Notebook support: the transcript of a client, drawn as it comes.

`AzureRealTimeAudio.show_transcript` makes a `TranscriptView`. Turns, conversations,
responses, sessions and token totals need nothing from here: a notebook shows them as
HTML by itself.
"""

from .transcript import TranscriptView

__all__ = ["TranscriptView"]

TranscriptView.__module__ = __name__
