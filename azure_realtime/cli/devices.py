"""
The command ``devices``.
"""

from __future__ import annotations

import sys

from ..audio import list_devices
from .text import plain


def devices() -> int:
    """
    Run the command; return the exit status.
    """
    found = list_devices()
    for device in found:
        kinds = [
            word
            for word, channels in (
                ("microphone", device.inputs),
                ("loudspeaker", device.outputs),
            )
            if channels
        ]
        mark = "*" if device.is_default else " "
        print(
            f"{mark} {device.index:3}  {plain(device.name)}  ({plain(device.host)}, "
            f"{device.rate} Hz): {' and '.join(kinds)}"
        )
    if not found:
        print("There is no sound device.", file=sys.stderr)
    return 0 if found else 1
