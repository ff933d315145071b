"""
The method of a client for notebooks: `show_transcript`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..notebook.transcript import Client, TranscriptView


class Displaying:
    """
    Method of a client: `show_transcript`.
    """

    def show_transcript(self: Client) -> TranscriptView:
        """
        Show the conversation in the output of this notebook cell, drawn as it comes.

        The output changes while later cells run. It is drawn where listeners run, so
        with ``dispatch="manual"`` in `pump`. Prints of listeners can be shown below it:
        ``print(..., file=view)``.

        Returns:
            The view: `write` shows a text, `stop` ends the drawing.

        Raises:
            RuntimeError: No notebook runs this code.
        """
        from ..notebook.transcript import show  # only for notebooks

        return show(self)
