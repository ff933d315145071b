"""
The method of a client for a voice call: `talk`.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, cast

from .recordable import Recordable
from .turns import Asking

if TYPE_CHECKING:
    from ..audio import Sink, Source
    from ..voice import EchoCanceller, VoiceCall
    from ..voice.interfaces import CallClient


_HAS_CALL = (
    "this client has a voice call already: stop that call first, or make another client"
)


class Talking(Asking, Recordable):
    """
    Method of a client: `talk`.
    """

    _call: weakref.ref[VoiceCall] | None = None  # the newest
    _starting_thread: int  # id of the thread that starts a call, while it does

    def talk(
        self,
        source: Source | Iterable[bytes] | str | os.PathLike[str] | None = None,
        sink: Sink | str | os.PathLike[str] | None = None,
        *,
        half_duplex: bool = False,
        echo_canceller: EchoCanceller | None = None,
        muted: bool = False,
        interruptible: bool = True,
    ) -> VoiceCall:
        """
        Start a voice call: send a microphone, play the answers, stop when interrupted.

            with client.talk("question.wav", "reply.wav") as call:
                call.wait()

        When the user speaks, the answer falls silent, its generation is cancelled, and
        what was not heard of it is removed from the conversation. Without turn
        detection (``turn_detection=None``) the call is push-to-talk: `VoiceCall.mute`
        ends an utterance, `VoiceCall.unmute` begins the next one. A client has one call
        at a time. Any thread.

        Args:
            source: A `Source` such as `Microphone` or `WavSource`; the path of a WAV
                file; or an iterable of PCM16, mono, at the rate of the session (24,000
                Hz; G.711: 8,000 Hz). None is the default microphone. The call closes
                it.
            sink: A `Sink` such as `Speaker` or `WavSink`; or the path of a WAV file,
                which is replaced. None is the default loudspeaker. The call closes it.
            half_duplex: Whether the microphone is silent while the loudspeaker plays:
                no echo, but also no interruption by voice.
            echo_canceller: Removes the loudspeaker's sound from the microphone's, such
                as `WebRtcEchoCanceller`. The default devices are opened with its rate.
            muted: Whether the call begins muted.
            interruptible: Whether speech interrupts the playback. If not, set
                ``interrupt_response=False`` in the turn detection as well.

        Raises:
            AudioDeviceError: A device, or the extra ``audio``, is missing.
            OSError: A file cannot be read or written.
            RealtimeError: The client has ended; this is the error that ended it.
            RuntimeError: Another call of this client has not ended; or the caller is a
                forked child.
            TypeError: *source* or *sink* is something else.
            ValueError: A file has another format; or the source or the sink was
                closed and cannot be opened again.
        """
        self._lifecycle.check_open()
        if not self._claim_start():
            raise RuntimeError(_HAS_CALL)
        call: VoiceCall | None = None
        try:
            earlier = None if self._call is None else self._call()
            if earlier is not None and not earlier.has_ended:
                raise RuntimeError(_HAS_CALL)
            # Imported here: a client that does not talk does not pay for it.
            from ..voice import VoiceCall
            from ..voice.arguments import as_sink, as_source
            from .call_commands import CallCommands

            rate: int | None = getattr(echo_canceller, "rate", None)
            call = VoiceCall(
                cast("CallClient", self),  # what it lacks is its subclass's
                CallCommands(
                    partial(self._command, bounded=False),
                    self._input,
                    self._conversation,
                    self._lifecycle,
                ),
                self._follower,
                self._lifecycle,
                self._tools.busy,
                self._mark,
                as_source(source, rate),
                as_sink(sink, rate),
                half_duplex=half_duplex,
                echo_canceller=echo_canceller,
                muted=muted,
                interruptible=interruptible,
            )
            self._call = weakref.ref(call)
            call.start()
            del self._starting_thread  # in the block: Ctrl-C ends the call
            return call
        except BaseException:
            vars(self).pop("_starting_thread", None)
            if call is not None:
                call.stop()
            raise

    def _claim_start(self) -> bool:
        """
        Return whether this thread may start a call: no other thread starts one.

        Ctrl-C may leave the claim of this thread; then it may start a call again.
        """
        thread_id = threading.get_ident()
        # one C call: no other thread can come between the look and the change
        holder: int = vars(self).setdefault("_starting_thread", thread_id)
        return holder == thread_id
