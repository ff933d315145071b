"""
The command ``ask``: one question, its answer on standard output.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from ..audio.files import wav_path
from ..client.client import AzureRealTimeAudio
from ..events import ResponseOutputAudioTranscriptDelta, ResponseOutputTextDelta
from .service import service_options
from .text import plain


def ask(arguments: Any) -> int:
    """
    Run the command; return the exit status.

    The answer is text; with ``--out`` it is speech, and its transcript is printed.
    """
    if arguments.out is not None:
        _check_writable(wav_path(arguments.out))  # an answer costs tokens
    with contextlib.ExitStack() as stack:
        options = service_options(arguments, stack)
        client = stack.enter_context(AzureRealTimeAudio(options))
        kind = "text" if arguments.out is None else "audio"
        stream = stack.enter_context(
            client.stream(
                arguments.question,
                audio=arguments.audio,
                modalities=[kind],
                timeout=arguments.timeout,
            )
        )
        end = ""  # of the line that was begun
        try:
            for event in stream:
                if isinstance(
                    event, (ResponseOutputTextDelta, ResponseOutputAudioTranscriptDelta)
                ):
                    print(_lines(event.delta), end="", flush=True)
                    end = "\n"
        except BaseException:
            print(end=end)
            raise
        print()
        turn = stream.turn
        if turn.heard:
            print(f"Heard: {plain(turn.heard).strip()}", file=sys.stderr)
        if arguments.out is not None:
            path = turn.save(arguments.out)
            print(f"{turn.seconds:.1f} s of speech in {path}", file=sys.stderr)
    return 0


def _check_writable(path: Path) -> None:
    """
    Check that a file can be written, and leave it as it is. A named pipe is not
    checked: to open and close it would end what its reader reads.

    Raises:
        OSError: It cannot be written.
    """
    if path.is_fifo():
        return
    is_new = not path.exists()
    path.open("ab").close()
    if is_new:
        path.resolve().unlink()


def _lines(text: str) -> str:
    """
    Return *text* without what changes a terminal, except for line feeds.
    """
    return "\n".join(plain(line) for line in text.split("\n"))
