"""
``ask`` and ``stream``: one whole turn, with its tools, as a blocking call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._concurrency.deadline import Deadline
from .._dispatch.mailbox import Mailboxes
from .tools import Tooling
from .turn_order import TurnLock, TurnTicket

if TYPE_CHECKING:
    from .._engine.engine import Engine
    from .._state.conversation import Conversation
    from .._tools.loop import ToolLoop
    from ..models.turn import Turn
    from .turn_stream import TurnStream


class Asking(Tooling):
    """
    What a client offers to those who think in turns.
    """

    _engine: Engine
    _mailboxes: Mailboxes
    _conversation: Conversation
    _tools: ToolLoop
    _order: TurnLock
    _new_stream: type[TurnStream]

    def ask(
        self,
        text: str | None = None,
        *,
        audio: Any = None,
        image: Any = None,
        timeout: float = 60.0,
        **response: Any,
    ) -> Turn:
        """
        Say something and wait for the whole answer, tools included.

        Any thread but the reader's; also a listener. Where several ask at once, one
        turn follows the other.

        Args:
            text: What to say in writing.
            audio: What to say aloud: the path of a WAV file of any sample rate, or
                anything that `append_audio` takes; of an iterable, all pieces are one
                recording. It is converted for the session's format, with `soxr` where
                that is installed (soxr on PyPI). Turn detection is off while
                it is sent.
            image: A picture to show: a path, a URL, or the bytes of a PNG, JPEG, GIF or
                WebP file (GA only).
            timeout: Seconds for the whole turn; after that the response is cancelled.
            response: Fields of `ResponseConfig`, such as ``modalities=["text"]``. With
                ``conversation="none"`` the model gets the question, and ``input`` if
                that is given, and nothing else; the conversation stays as it is.

        Raises:
            ResponseError: The answer failed, is incomplete or was cancelled; the
                exception has what there is of it.
            ServerError: The service refused the question.
            TimeoutError: The turn was not done in time.
            ConnectionClosed: The connection ended first.
            ValueError: There is nothing to ask, less than 100 ms of sound, or a file
                that is no WAV file.
        """
        with self.stream(
            text, audio=audio, image=image, timeout=timeout, **response
        ) as stream:
            for _ in stream:
                pass
        assert stream.turn is not None
        return stream.turn

    def stream(
        self,
        text: str | None = None,
        *,
        audio: Any = None,
        image: Any = None,
        timeout: float = 60.0,
        **response: Any,
    ) -> TurnStream:
        """
        Like `ask`, but iterate over the deltas as they come.

            for event in client.stream("Tell me a story", modalities=["text"]):
                print(event.delta, end="")

        The events are those of text, transcript and audio deltas; afterwards
        ``stream.turn`` is what `ask` would have returned. The errors are its, too.
        """
        if text is None and audio is None and image is None:
            raise ValueError("nothing to ask: give text, audio or image")
        self._lifecycle.check_may_wait()
        deadline, ticket = Deadline(timeout), TurnTicket()
        beside = response.get("conversation") == "none"
        if not beside and not self._tools.is_current:
            # nothing of it is under way before: a drop meanwhile is none of its own
            ticket = self._order.enter(deadline)
        stream = self._new_stream(
            self._lifecycle,
            self._mailboxes,
            self._follower,
            self._conversation,
            self._tools,
            timeout,
            deadline,
            ticket,
            lasting=self._engine.retry_response,
        )
        question = {"text": text, "audio": audio, "image": image}
        try:
            stream.begin(self, question, response)
        except BaseException:
            stream.close()
            raise
        return stream
