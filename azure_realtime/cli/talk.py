"""
The command ``talk``.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ..audio.sinks import NullSink, Sink, WavSink
from ..audio.sources import Source, WavSource
from ..client.client import AzureRealTimeAudio
from .conversation import EVENTS, Conversation
from .display import display_for
from .keys import Keys
from .service import service_options
from .terminal import StopKey

_TICK = 0.05  # seconds between two looks at the keys
_LAST_WORDS = 3.0  # seconds in which the transcript of the last question may come


def talk(arguments: Any) -> int:
    """
    Run the command; return the exit status.
    """
    with contextlib.ExitStack() as stack:
        options = service_options(arguments, stack)
        source, sink = _ends(arguments)
        client = stack.enter_context(AzureRealTimeAudio(options))
        events = stack.enter_context(client.events(*EVENTS, timeout=_TICK))
        call = stack.enter_context(
            client.talk(source, sink, half_duplex=arguments.half_duplex)
        )
        display, keys = display_for(arguments.plain), Keys()
        stop_key = stack.enter_context(StopKey())
        for changes_terminal in (display, keys):
            # Before it is entered: Ctrl-C in `__enter__` restores the terminal, too.
            stack.push(changes_terminal)
            changes_terminal.__enter__()
        conversation = Conversation()
        end: float | None = None  # once the call has ended
        while end is None or (
            conversation.awaits_transcript and time.monotonic() < end
        ):
            if end is None and call.wait(0):
                end = time.monotonic() + _LAST_WORDS
            if not _follow(events, conversation):
                break
            if not _apply_keys(keys.pressed(), call):
                break
            display.show(conversation, call)
            if stop_key.pressed:
                for changes_terminal in (keys, display):
                    changes_terminal.__exit__(None, None, None)
                stop_key.stop()  # then `show` and `pressed` take the terminal again
        display.finish(conversation, call)
        if call.error is not None:
            raise call.error
    return 0


def _ends(arguments: Any) -> tuple[Source, Sink]:
    """
    Return source and sink. Devices are imported only if they are used.
    """
    source: Source
    sink: Sink
    if arguments.wav is not None:
        source = WavSource(arguments.wav, realtime=True)
    else:
        from ..audio.microphone import Microphone

        source = Microphone(_device(arguments.input))
    if arguments.out is not None:
        sink = WavSink(arguments.out, realtime=arguments.wav is None)
    elif arguments.wav is not None and arguments.output is None:
        sink = NullSink()
    else:
        from ..audio.speaker import Speaker

        sink = Speaker(_device(arguments.output))
    return source, sink


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


def _follow(events: Any, conversation: Conversation) -> bool:
    """
    Apply the events of the next moment. Return False after the last one.
    """
    deadline = time.monotonic() + _TICK
    while time.monotonic() < deadline:
        try:
            event = next(events)
        except TimeoutError:
            return True
        except StopIteration:
            return False
        conversation.observe(event)
    return True


def _apply_keys(keys: str, call: Any) -> bool:
    """
    Execute the commands of pressed keys. Return False to quit.
    """
    for key in keys:
        if key in "qQ":
            return False
        if key == " ":
            call.interrupt()
        elif key in "mM":
            (call.unmute if call.muted else call.mute)()
    return True
