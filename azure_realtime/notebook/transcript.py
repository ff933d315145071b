"""
The conversation of a client, drawn as it comes, in the output of one notebook cell.

1. A picture is an update of an IPython display. It needs no widget and no event loop.
2. Pictures are drawn where listeners run, and where `TranscriptView.write` is called.
3. Deltas are drawn ten times a second at most. What ends a text is drawn at once.
4. The view does not keep its client alive: a cell that makes the client again closes
   the earlier one.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from .._html import card, code, facts
from .._state.conversation import Conversation
from ..events import (
    Closed,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemTruncated,
    Disconnected,
    Reconnected,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    StatusChanged,
)

__all__ = ["TranscriptView", "show"]

_INTERVAL = 0.1  # seconds between two pictures of a text that grows
_MAX_PRINTED = 10_000  # characters of the latest prints
_DELTAS = (
    ConversationItemInputAudioTranscriptionDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
_EVENTS: tuple[type[ServerEvent], ...] = (
    *_DELTAS,
    Closed,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemTruncated,
    Disconnected,
    Reconnected,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    StatusChanged,
)


class Client(Protocol):
    """
    What a view needs of a client.
    """

    @property
    def conversation(self) -> Conversation:
        """
        The items.
        """

    def on(self, event: Any, listener: Callable[[Any], Any], /) -> Any:
        """
        Call *listener* with each *event*.
        """

    def off(self, event: Any, listener: Callable[[Any], Any] | None, /) -> None:
        """
        Remove *listener*.
        """


class TranscriptView:
    """
    The transcript in the output of one cell, below it what was printed to the view.

    `AzureRealTimeAudio.show_transcript` makes it. ``print("done", file=view)`` in a
    listener shows a line below the transcript. A client has one view: showing it again
    ends the earlier one. Any thread.
    """

    def __init__(self, client: Client, display: Callable[..., Any]) -> None:
        self._conversation = client.conversation
        self._client = weakref.ref(client)
        self._printed: deque[str] = deque(maxlen=1_000)
        self._state = ""
        self._drawn_at = 0.0
        self._latest = object()  # stands for what there is to draw
        self._display_id = f"azure-realtime-{id(self):x}"
        # IPython's function: the threads of a client import nothing
        self._display = display
        self._publish(update=False)
        for event in _EVENTS:
            client.on(event, self._observe)

    def __repr__(self) -> str:
        return f"<TranscriptView of {len(self._conversation)} items>"

    def _ipython_display_(self) -> None:
        """
        Show nothing: the view is in its cell, also if it is the cell's last value.
        """

    def write(self, text: str) -> int:
        """
        Show *text* below the transcript, as ``print(..., file=view)`` does.

        The latest 10,000 characters are shown.
        """
        self._printed.append(text)
        if text.endswith("\n"):
            self._draw()
        return len(text)

    def flush(self) -> None:
        """
        Show what was written without an end of line.
        """
        self._draw()

    def stop(self) -> None:
        """
        Draw no more; the last picture stays.
        """
        client = self._client()
        if client is not None:
            for event in _EVENTS:
                client.off(event, self._observe)

    def _observe(self, event: ServerEvent) -> None:
        if isinstance(event, StatusChanged):
            self._state = event.status.value
        elif isinstance(event, Disconnected):
            self._state = "reconnecting" if event.reconnecting else "disconnected"
        elif isinstance(event, Closed):
            self._state = "closed"
        elif isinstance(event, Reconnected):
            self._state = "reconnected"
        is_early = time.monotonic() - self._drawn_at < _INTERVAL
        if not (is_early and isinstance(event, _DELTAS)):
            self._draw()

    def _draw(self) -> None:
        # Two threads may draw at once, and the older picture may be published last. So
        # a thread draws again if something has changed since it began.
        latest = self._latest = object()
        while True:
            self._drawn_at = time.monotonic()
            self._publish(update=True)
            if latest is self._latest:
                return
            latest = self._latest

    def _publish(self, *, update: bool) -> None:
        printed = "".join(self._printed.copy())[-_MAX_PRINTED:].rstrip("\n")
        parts = [
            self._conversation.to_html(players=False),
            code(printed) if printed else "",
            facts([self._state]) if self._state else "",
        ]
        plain = "\n".join(filter(None, (str(self._conversation), printed)))
        bundle = {"text/html": card(parts), "text/plain": plain}
        self._display(bundle, raw=True, display_id=self._display_id, update=update)


_views: weakref.WeakKeyDictionary[Any, TranscriptView] = weakref.WeakKeyDictionary()


def show(client: Client) -> TranscriptView:
    """
    Show the transcript of *client* in the output of the running cell.

    Raises:
        RuntimeError: No notebook runs this code.
    """
    # no import: a program outside of IPython must not load it to learn that
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        raise RuntimeError(
            "show_transcript() needs a notebook; elsewhere print(client.conversation)"
        )
    if (earlier := _views.pop(client, None)) is not None:
        earlier.stop()
    view = _views[client] = TranscriptView(client, ipython.display.display)
    return view
