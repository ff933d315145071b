"""
The source and the sink of a call, which are objects of the program.

What they return is checked. An exception that they raise gets a note with the class and
the method (Python 3.11 and later; it is part of the traceback).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from types import GeneratorType
from typing import Any, NamedTuple, TypeVar

from .._foreign import suppress_foreign
from .._logging import logger
from ..audio.formats import checked_rate
from ..audio.pcm import read_audio

R = TypeVar("R")

_END = object()


def add_note(error: BaseException, note: str) -> None:
    """
    Add a note to an exception; on Python 3.10, which has no notes, do nothing.
    """
    with suppress_foreign:
        getattr(error, "add_note")(note)  # noqa: B009


class _End:
    """
    A source or a sink.

    Attributes:
        name: The name of its class, or of the generator function.
    """

    def __init__(self, end: Any) -> None:
        self._end = end
        of = end if isinstance(end, GeneratorType) else type(end)
        self.name = str(of.__name__)
        self._running: tuple[str, float] | None = None

    def open(self) -> None:
        """
        Open it, if it can be opened. The thread that makes the call.
        """
        if (open_ := getattr(self._end, "open", None)) is not None:
            self._run("open", open_)

    def close(self) -> None:
        """
        Close it; an error is logged. It may be called more than once. Any thread.
        """
        if self._running is not None or getattr(self._end, "gi_running", False):
            return  # it blocks; a generator that runs refuses to be closed
        with suppress_foreign:
            try:
                if (close := getattr(self._end, "close", None)) is not None:
                    self._run("close", close)
            except Exception as error:
                logger.warning("%s.close() has failed: %r", self.name, error)

    def blocked(self, seconds: float) -> str | None:
        """
        Return the name of the method that has not returned for so long, if any.

        Any thread.
        """
        running = self._running
        if running is None or time.monotonic() - running[1] < seconds:
            return None
        return running[0]

    def _run(self, member: str, function: Callable[..., R], *args: Any) -> R:
        """
        Call a method. One thread at a time.
        """
        self._running = f"{self.name}.{member}()", time.monotonic()
        try:
            return function(*args)
        except BaseException as error:
            self._note(error, member)
            raise
        finally:
            self._running = None

    def _note(self, error: BaseException, member: str) -> None:
        add_note(error, f"raised by {self.name}.{member}()")


class Block(NamedTuple):
    """
    A block of a source.

    Attributes:
        pcm: PCM16, mono.
        rate: The sample rate in Hz; None is the session's.
    """

    pcm: bytes
    rate: int | None


class SourceEnd(_End):
    """
    A source.
    """

    @property
    def live(self) -> bool:
        """
        Whether its audio is produced at the pace of speech.
        """
        return bool(getattr(self._end, "live", False))

    def blocks(self) -> Iterator[Block]:
        """
        Iterate over the blocks.

        Raises:
            TypeError: The source yields something else, or cannot be iterated over.
            ValueError: Its rate is no sample rate.
        """
        try:
            blocks = iter(self._end)
            while (block := next(blocks, _END)) is not _END:
                pcm = self._pcm(block)
                rate = getattr(self._end, "rate", None)
                yield Block(pcm, None if rate is None else _rate(rate, self.name))
        except GeneratorExit:
            raise
        except BaseException as error:
            self._note(error, "__iter__")
            raise

    def _pcm(self, block: Any) -> bytes:
        if isinstance(block, bytes):
            return block
        try:
            view = memoryview(block)
        except TypeError:
            raise TypeError(
                f"{self.name}.__iter__() must yield blocks of PCM16 as bytes, not "
                f"{type(block).__name__}"
            ) from None
        if view.itemsize == 1:
            return view.tobytes()
        return read_audio(block).data  # an array of samples


class SinkEnd(_End):
    """
    A sink; see `azure_realtime.audio.Sink` for what its methods do.
    """

    def rate(self, default: int) -> int:
        """
        Return the sample rate of the audio that it takes.
        """
        rate = self._run("rate", getattr, self._end, "rate", None)
        return default if rate is None else _rate(rate, self.name)

    def write(self, pcm: bytes, item_id: str, content_index: int) -> None:
        """
        Queue audio.
        """
        self._run("write", self._end.write, pcm, item_id, content_index)

    def end_item(self, item_id: str) -> None:
        """
        Note that an item has all of its audio.
        """
        if (end_item := getattr(self._end, "end_item", None)) is not None:
            self._run("end_item", end_item, item_id)

    def played_ms(self, item_id: str) -> int:
        """
        Return the milliseconds of an item that were played.

        Raises:
            TypeError: The sink returns no number.
        """
        return self._milliseconds(
            "played_ms", self._run("played_ms", self._end.played_ms, item_id)
        )

    def flush(self) -> dict[str, int]:
        """
        Stop the sound; return the milliseconds played of each item that was cut.

        Raises:
            TypeError: The sink returns something else.
        """
        cut = self._run("flush", self._end.flush)
        if not isinstance(cut, Mapping):
            raise TypeError(
                f"{self.name}.flush() must return a dict of item ids and milliseconds, "
                f"not {type(cut).__name__}"
            )
        return {item: self._milliseconds("flush", ms) for item, ms in cut.items()}

    @property
    def drained(self) -> bool:
        """
        Whether all audio has been played.

        Raises:
            TypeError: The sink has a method of that name, which would always be true.
        """
        drained = self._run("drained", getattr, self._end, "drained")
        if callable(drained):
            raise TypeError(f"{self.name}.drained must be a property, not a method")
        return self._run("drained", bool, drained)

    def _milliseconds(self, member: str, value: Any) -> int:
        try:
            milliseconds: int = math.floor(value)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(
                f"{self.name}.{member}() must return milliseconds, not "
                f"{type(value).__name__}"
            ) from None
        return milliseconds


def _rate(rate: Any, name: str) -> int:
    try:
        return checked_rate(rate)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}.rate: {error}") from None
