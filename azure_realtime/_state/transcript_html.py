"""
A conversation as HTML.

Pure functions of items. Any thread. Imported when a notebook shows a conversation.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .._html import MAX_AUDIO, card, code, facts, label, muted, player, table, text
from ..audio.formats import as_pcm
from ..audio.wav import wav_bytes
from ..models.items import Item, MessageItem
from .transcript import labelled

#: Maximum number of items that are shown; a page with more is slow.
MAX_SHOWN = 500


class Entry(NamedTuple):
    """
    An item, a remark or "", and the duration and format of its audio.
    """

    item: Item
    remark: str
    audio_ms: int
    audio_format: str


def as_html(
    entries: Sequence[Entry],
    hidden: int = 0,
    audio_of: Callable[[str], bytes] | None = None,
) -> str:
    """
    Return a table with one row for each line of the transcript.

    Args:
        entries: The items in order.
        hidden: Number of items before them.
        audio_of: Returns the audio of an item; None shows no players.
    """
    if not entries:
        return card([muted("no items yet")])
    rows: list[tuple[str, str]] = []
    room = MAX_AUDIO
    for entry in reversed(entries):  # the latest audio is embedded, if not all can be
        audio = audio_of(entry.item.id or "") if audio_of and room > 0 else b""
        room -= len(audio)
        rows[:0] = _rows(entry, audio if room >= 0 else b"")
    note = facts([f"{hidden:,} earlier items are not shown"]) if hidden else ""
    return card([note, table(rows)])


def _rows(entry: Entry, audio: bytes) -> list[tuple[str, str]]:
    item, remark, audio_ms, audio_format = entry
    show = text if isinstance(item, MessageItem) else code
    below = [
        player(wav_bytes(*as_pcm(audio, audio_format))) if audio else "",
        facts(
            [
                f"{audio_ms / 1000:.1f} s of audio" if audio_ms else "",
                remark,
                "in progress" if getattr(item, "status", "") == "in_progress" else "",
            ]
        ),
    ]
    return [
        (label(name), "<br>".join(filter(None, [show(line or ""), *below])))
        for name, line in labelled(item)
    ]
