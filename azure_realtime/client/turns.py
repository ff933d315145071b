"""
The methods of a client for a whole turn, tool calls included: `ask`, `stream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._concurrency.deadline import Deadline
from .._dispatch.mailbox import Mailboxes
from .._spelling import closest
from ..audio.pcm import Audio
from ..events import ResponseCreate
from ..models.fields import ResponseFields, Unpack, WhenBusy, check_when_busy
from ..models.responses import as_response_config
from ..models.turn import Turn
from .open_turns import OpenTurns
from .tools import Tooling
from .turn_order import TurnLock, TurnTicket
from .turn_stream import TurnStream
from .user_turn import Image, check_text

if TYPE_CHECKING:
    from .._state.conversation_state import ConversationState
    from .._state.turn_recorder import TurnRecorder
    from .._tools.loop import ToolLoop


_ARGUMENTS = ("text", "audio", "image", "timeout", "when_busy")


class Asking(Tooling):
    """
    Methods of a client: `ask`, `stream`.
    """

    _mailboxes: Mailboxes
    _conversation: ConversationState
    _tools: ToolLoop
    _order: TurnLock
    _turns: OpenTurns
    _new_recorder: type[TurnRecorder]

    def ask(
        self,
        text: str | None = None,
        *,
        audio: Audio | None = None,
        image: Image | None = None,
        timeout: float = 60.0,
        when_busy: WhenBusy = "wait",
        **response: Unpack[ResponseFields],
    ) -> Turn:
        """
        Send a question and wait for the complete answer, tool calls included.

        Turns of several threads run one after the other. A turn that fails with the
        connection, or that the service refuses or fails to answer, is removed from the
        conversation, so that the question can be asked again. Any thread except the
        reader thread (``dispatch="reader"``); also a listener.

        Args:
            text: The question as text.
            audio: The question as speech: the path of a WAV file of any sample rate, or
                what `append_audio` takes, at least 100 ms. The pieces of an iterable
                are one recording. The audio is converted to the session's format, with
                `soxr` if installed. VAD is switched off while the audio is sent. A
                `Source` such as `Microphone` is sent until VAD finds the end of the
                speech, or the source ends; it is closed then.
            image: A picture that belongs to the question: a path, a URL, the bytes of a
                PNG, JPEG, GIF or WebP file, or an open file. GA protocol only.
            timeout: Seconds for the whole turn; then the response is cancelled.
            when_busy: What to do while another response is not done; see
                `create_response`.
            response: Fields of `ResponseConfig`, such as ``modalities=["text"]``. With
                ``conversation="none"`` the model gets the question, and ``input`` if
                that is given, and nothing else; the conversation stays as it is.

        Returns:
            The turn: text, transcript, audio and tool calls of the answer.

        Raises:
            ResponseError: The response failed, is incomplete or was cancelled;
                ``response`` of the exception has the partial output.
            ServerError: The service refused a command of the turn.
            TimeoutError: The turn was not done in time.
            ConnectionClosed: The connection ended first.
            ValueError: There is no question, less than 100 ms of audio, or a file that
                is not in one of the formats above.
            RuntimeError: The caller is the reader thread, or a forked child.
        """
        with self.stream(
            text,
            audio=audio,
            image=image,
            timeout=timeout,
            when_busy=when_busy,
            **response,
        ) as stream:
            for _ in stream:
                pass
        return stream.turn

    def stream(
        self,
        text: str | None = None,
        *,
        audio: Audio | None = None,
        image: Image | None = None,
        timeout: float = 60.0,
        when_busy: WhenBusy = "wait",
        **response: Unpack[ResponseFields],
    ) -> TurnStream:
        """
        Send a question like `ask`, and iterate over the deltas of the answer.

            for event in client.stream("Tell me a story", modalities=["text"]):
                print(event.delta, end="")

        The events are text, transcript and audio deltas. After the last one
        ``stream.turn`` is the turn that `ask` would have returned. Leaving the
        iteration early by `TurnStream.close` or a ``with`` block cancels the response.

        Arguments and errors are those of `ask`; errors of the answer are raised by the
        iteration.
        """
        if text is None and audio is None and image is None:
            raise ValueError("nothing to ask: give text, audio or image")
        check_text(text)
        check_when_busy(when_busy)
        for name in response:
            if guess := closest(name, _ARGUMENTS, near=0.85):
                raise TypeError(
                    f"ask and stream have no argument {name!r}. Did you mean {guess!r}?"
                )
        self._lifecycle.check_may_wait()
        config = as_response_config(response)  # once: a field may be an iterator
        if response:  # raises now, not when the question is sent already
            self._sender.codec.encode(ResponseCreate(response=config))
        deadline, ticket = Deadline(timeout), TurnTicket()
        stream: TurnStream | None = None
        out_of_band = config.conversation == "none"
        try:
            if not out_of_band and not self._tools.is_current:
                # Nothing of this turn is sent before it has the ticket, so a connection
                # that is lost during the wait does not fail it.
                ticket = self._order.enter(deadline)
            stream = TurnStream(
                self._lifecycle,
                self._mailboxes,
                self._follower,
                self._conversation,
                self._tools,
                self._turns,
                self._new_recorder,
                timeout,
                deadline,
                ticket,
            )
            question = {"text": text, "audio": audio, "image": image}
            stream._begin(self, question, config, when_busy)
        except BaseException:
            # the traceback may keep both alive
            end = ticket.leave if stream is None else stream.close
            try:
                end()
            except BaseException:  # a second Ctrl-C
                end()
            raise
        return stream
