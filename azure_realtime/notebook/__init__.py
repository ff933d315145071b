"""
Notebook support: the transcript of a client, and the devices of the notebook's page.

`AzureRealTimeAudio.show_transcript` makes a `TranscriptView`. `NotebookMicrophone` and
`NotebookSpeaker` (extra ``jupyter``) are the microphone and the loudspeaker of the
browser, for a kernel on a machine without a sound card; `AzureRealTimeAudio.talk` takes
them, and `AzureRealTimeAudio.ask` takes the microphone.

Turns, conversations, responses, sessions and token totals need nothing from here: a
notebook shows them as HTML by itself.
"""

from .._public import set_module as _set_module
from .microphone import NotebookMicrophone
from .speaker import NotebookSpeaker
from .transcript import TranscriptView

__all__ = ["NotebookMicrophone", "NotebookSpeaker", "TranscriptView"]

_set_module(__name__, __all__, globals())
