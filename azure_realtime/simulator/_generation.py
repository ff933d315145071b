"""
One response: planned by the script, streamed by its own thread, ended once.

Everything that is sent is sent under the connection's lock and only while the response
is unfinished, so `finish` may come at any time and from any thread (a cancel, speech,
the end of the script): it closes what is open and nothing of the response follows.
"""

from __future__ import annotations

import base64
import logging
import re
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _audio, _brain, _voice
from ._conversation import Item
from ._ids import new_id
from ._script import Reply, Request, ToolCall
from ._transcription import obfuscation
from ._usage import count_input, count_output

if TYPE_CHECKING:
    from ._connection import Connection

__all__ = ["Generation"]

Json = dict[str, Any]

_logger = logging.getLogger(__name__)

_DELTA_MS = 100  # audio in one delta
_AUDIO_TOKEN_MS = 50
# Text comes about as fast as from the real service, speech twenty times as fast as it
# is spoken: quick, but slow enough that a long answer can be interrupted.
_TEXT_SECONDS = 0.007
_SPEECH_SPEED = 20.0
# Roughly what a model's tokens look like; joined they are the text again.
_TOKEN = re.compile(r"\s*\S{1,6}|\s+")


class _Finished(Exception):
    """
    The response has ended; its thread has nothing left to do.
    """


class _OutOfTokens(Exception):
    """
    ``max_output_tokens`` are used up.
    """


class Generation:
    """
    A response on its way.

    Args:
        connection: Where it goes.
        params: The effective parameters, in GA's shape, session defaults filled in.
        given: What the client gave in ``response.create``.
        context: The items it answers.
        conversation_id: None for an out-of-band response.
    """

    def __init__(
        self,
        connection: Connection,
        params: Json,
        given: Json,
        context: list[Item],
        conversation_id: str | None,
    ) -> None:
        self._connection = connection
        self._params = params
        self._given = given
        self._context = context
        self._over = threading.Event()
        self._output: list[Item] = []
        self._open_item: Item | None = None
        self._open_part: Json | None = None
        self._text_tokens = 0
        self._audio_tokens = 0
        self.id = new_id("resp")
        self.conversation_id = conversation_id
        self.usage: Json | None = None
        self.status = "in_progress"
        self.status_details: Json | None = None
        self.audio_ms = 0
        self.first_audio_at = 0.0
        self.thread = threading.Thread(
            target=self._run, name="simulator-response", daemon=True
        )

    @property
    def finished(self) -> bool:
        """
        Whether ``response.done`` has been sent.
        """
        return self._over.is_set()

    def start(self) -> None:
        """
        Announce the response and start streaming. Holds the connection's lock.
        """
        self._connection.emit("response.created", response=self._describe())
        self._connection.send_rate_limits()
        self.thread.start()

    def _describe(self) -> Json:
        params = self._params
        response: Json = {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.status_details,
            "output": [item.wire for item in self._output],
            "conversation_id": self.conversation_id,
            "output_modalities": params["output_modalities"],
            "max_output_tokens": params["max_output_tokens"],
            "audio": {
                "output": {
                    "format": params["audio"]["output"]["format"],
                    "voice": params["audio"]["output"]["voice"],
                }
            },
            "usage": self.usage,
            "metadata": params.get("metadata"),
        }
        if self._connection.protocol == "preview":
            response["temperature"] = params.get("temperature", 0.8)
        return response

    # ------------------------------------------------ ending

    def finish(
        self, status: str, reason: str | None = None, error: Json | None = None
    ) -> bool:
        """
        Close what is open and send ``response.done``; False if that was done before.

        Any thread.
        """
        connection = self._connection
        with connection.lock:
            if self._over.is_set():
                return False
            self._close_item("completed" if status == "completed" else "incomplete")
            self._over.set()
            self.status = status
            if status != "completed":
                self.status_details = {"type": status}
                if reason is not None:
                    self.status_details["reason"] = reason
                if error is not None:
                    self.status_details["error"] = error
            if self.usage is None:
                self.usage = count_output(
                    count_input(connection, self._context, self._params),
                    self._text_tokens,
                    self._audio_tokens,
                )
            connection.emit("response.done", response=self._describe())
            connection.responses.finished(self)
            return True

    # ------------------------------------------------ streaming (own thread)

    def _run(self) -> None:
        try:
            reply = self._plan()
            self._wait(reply.delay)
            if reply.usage is not None:
                self.usage = dict(reply.usage)
            if reply.text:
                self._say(reply)
            for call in reply.calls:
                self._call(call)
            self._conclude(reply)
        except _Finished:
            pass
        except _OutOfTokens:
            self.finish("incomplete", "max_output_tokens")
        except Exception:
            # A script of the user's that raises is a failing model to the client.
            _logger.exception("the simulator's script failed")
            self.finish("failed", error=_server_error("The script of the reply failed."))

    def _plan(self) -> Reply:
        connection = self._connection
        request = self._request()
        reply = connection.service.script.take(request)
        if reply is None:
            return _brain.improvise(request)
        user = _last_user_item(self._context)
        if reply.heard is not None and user is not None and user.audio:
            with connection.lock:
                user.wire["content"][0]["transcript"] = reply.heard
        return reply

    def _request(self) -> Request:
        params = self._params
        with self._connection.lock:
            user = _last_user_item(self._context)
            return Request(
                text=user.text if user is not None else "",
                items=[item.retrieved() for item in self._context],
                tools=list(params["tools"]),
                tool_choice=params["tool_choice"],
                instructions=params["instructions"],
                modalities=list(params["output_modalities"]),
                response=self._given,
                audio_ms=user.audio_ms if user is not None else 0,
                connection=self._connection,
            )

    def _conclude(self, reply: Reply) -> None:
        error = None
        if reply.status == "failed":
            error = _server_error(reply.error_message or "The model failed.")
            if reply.error_code is not None:
                error.update(type="invalid_request_error", code=reply.error_code)
        reason = reply.reason
        if reason is None and reply.status == "incomplete":
            reason = "max_output_tokens"
        elif reason is None and reply.status == "cancelled":
            reason = "client_cancelled"
        self.finish(reply.status, reason, error)

    def _wait(self, seconds: float) -> None:
        if seconds > 0 and self._over.wait(seconds):
            raise _Finished

    def _pause(self, seconds: float) -> None:
        if not self._connection.transport.wait_writable(self._connection.send_limit):
            raise _Finished
        self._wait(seconds * self._connection.service.pace)

    def _emit(self, kind: str, **fields: Any) -> None:
        with self._connection.lock:
            if self._over.is_set():
                raise _Finished
            self._connection.emit(kind, response_id=self.id, **fields)

    def _spend(self, *, text: int = 0, audio: int = 0) -> None:
        limit = self._params["max_output_tokens"]
        if limit != "inf":
            spent = self._text_tokens + self._audio_tokens
            if spent + text + audio > limit:
                raise _OutOfTokens
        self._text_tokens += text
        self._audio_tokens += audio

    def _open(self, wire: Json) -> None:
        connection = self._connection
        with connection.lock:
            if self._over.is_set():
                raise _Finished
            fmt = self._params["audio"]["output"]["format"]["type"]
            item = Item(wire, format=fmt)
            index = len(self._output)
            self._output.append(item)
            self._open_item = item
            connection.emit(
                "response.output_item.added",
                response_id=self.id,
                output_index=index,
                item=wire,
            )
            if self.conversation_id is not None:
                previous = connection.conversation.insert(item)
                connection.emit(
                    "conversation.item.added", previous_item_id=previous, item=wire
                )

    def _place(self) -> Json:
        assert self._open_item is not None
        return {"item_id": self._open_item.id, "output_index": len(self._output) - 1}

    def _say(self, reply: Reply) -> None:
        modalities = reply.modalities
        audible = "audio" in (modalities or self._params["output_modalities"])
        wire: Json = {
            "id": new_id("item"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        if reply.phase is not None:
            wire["phase"] = reply.phase
        self._open(wire)
        self._open_content("audio" if audible else "text")
        if audible:
            self._speak(reply.text)
        else:
            for token in _TOKEN.findall(reply.text):
                self._write(token, "response.output_text.delta", "text")
                self._pause(_TEXT_SECONDS)
        with self._connection.lock:
            if not self._over.is_set():
                self._close_item("completed")

    def _open_content(self, kind: str) -> None:
        part: Json = {"type": kind, "transcript" if kind == "audio" else "text": ""}
        with self._connection.lock:
            if self._over.is_set():
                raise _Finished
            assert self._open_item is not None
            self._open_part = part
            self._open_item.wire["content"].append(
                {**part, "type": "output_audio" if kind == "audio" else "output_text"}
            )
            if kind == "audio":
                self._open_item.audio[0] = b""
            self._emit(
                "response.content_part.added",
                **self._place(),
                content_index=0,
                part=part,
                content=part,
            )

    def _write(self, token: str, event: str, key: str) -> None:
        self._spend(text=1)
        with self._connection.lock:
            if self._over.is_set() or self._open_part is None:
                raise _Finished
            assert self._open_item is not None
            self._open_part[key] += token
            self._open_item.wire["content"][0][key] = self._open_part[key]
            self._emit(
                event,
                **self._place(),
                content_index=0,
                delta=token,
                obfuscation=obfuscation(token),
            )

    def _speak(self, text: str) -> None:
        """
        Stream speech phrase by phrase, each phrase's words spread over its audio.
        """
        speaking = self._params["audio"]["output"]
        voice = speaking["voice"]
        voice = voice["id"] if isinstance(voice, dict) else voice
        encoder = _audio.Encoder(speaking["format"]["type"])
        for phrase in _voice.phrases(text):
            tokens = iter(_TOKEN.findall(phrase))
            total = max(1, len(_TOKEN.findall(phrase)))
            audio = encoder.feed(_voice.speak(phrase, voice))
            pieces = list(_cut(audio, speaking["format"]["type"]))
            shown = 0
            for number, piece in enumerate(pieces, 1):
                while shown * len(pieces) < total * number:
                    token = next(tokens, None)
                    if token is None:
                        break
                    self._write(
                        token, "response.output_audio_transcript.delta", "transcript"
                    )
                    shown += 1
                self._sound(piece)
            for token in tokens:
                self._write(
                    token, "response.output_audio_transcript.delta", "transcript"
                )

    def _sound(self, piece: bytes) -> None:
        fmt = self._params["audio"]["output"]["format"]["type"]
        length_ms = len(piece) // _audio.bytes_per_ms(fmt)
        self._spend(audio=max(1, length_ms // _AUDIO_TOKEN_MS))
        connection = self._connection
        with connection.lock:
            if self._over.is_set():
                raise _Finished
            assert self._open_item is not None
            if not self.audio_ms:
                self.first_audio_at = time.monotonic()
            if self.conversation_id is not None:
                connection.conversation.has_assistant_audio = True
            self.audio_ms += length_ms
            self._open_item.audio[0] += piece
            self._emit(
                "response.output_audio.delta",
                **self._place(),
                content_index=0,
                delta=base64.b64encode(piece).decode(),
            )
        self._pause(length_ms / 1000 / _SPEECH_SPEED)

    def _call(self, call: ToolCall) -> None:
        arguments = _brain.arguments_text(call)
        call_id = call.call_id or new_id("call")
        wire: Json = {
            "id": new_id("item"),
            "type": "function_call",
            "status": "in_progress",
            "call_id": call_id,
            "name": call.name,
            "arguments": "",
        }
        self._open(wire)
        for token in _TOKEN.findall(arguments):
            self._spend(text=1)
            with self._connection.lock:
                if self._over.is_set():
                    raise _Finished
                wire["arguments"] += token
                self._emit(
                    "response.function_call_arguments.delta",
                    **self._place(),
                    call_id=call_id,
                    delta=token,
                    obfuscation=obfuscation(token),
                )
            self._pause(_TEXT_SECONDS)
        with self._connection.lock:
            if not self._over.is_set():
                self._close_item("completed")

    # ------------------------------------------------ closing (under the lock)

    def _close_item(self, status: str) -> None:
        """
        Send the ``done`` events of the open part and item, if any.
        """
        item = self._open_item
        if item is None:
            return
        if self._open_part is not None:
            self._close_content(self._open_part)
        elif item.wire["type"] == "function_call":
            self._emit(
                "response.function_call_arguments.done",
                **self._place(),
                call_id=item.wire["call_id"],
                name=item.wire["name"],
                arguments=item.wire["arguments"],
            )
        item.wire["status"] = status
        connection = self._connection
        if self.conversation_id is not None:
            connection.emit(
                "conversation.item.done",
                previous_item_id=connection.conversation.previous_id(item),
                item=item.wire,
            )
        self._emit(
            "response.output_item.done",
            output_index=len(self._output) - 1,
            item=item.wire,
        )
        self._open_item = None

    def _close_content(self, part: Json) -> None:
        place = {**self._place(), "content_index": 0}
        if part["type"] == "audio":
            self._emit("response.output_audio.done", **place)
            self._emit(
                "response.output_audio_transcript.done",
                **place,
                transcript=part["transcript"],
            )
        else:
            self._emit("response.output_text.done", **place, text=part["text"])
        self._emit("response.content_part.done", **place, part=part, content=part)
        self._open_part = None


def _server_error(message: str) -> Json:
    return {"type": "server_error", "code": None, "message": message}


def _last_user_item(items: list[Item]) -> Item | None:
    """
    Return the last user message, or None.
    """
    for item in reversed(items):
        if item.wire.get("role") == "user":
            return item
    return None


def _cut(audio: bytes, fmt: str) -> Iterator[bytes]:
    size = _DELTA_MS * _audio.bytes_per_ms(fmt)
    for start in range(0, len(audio), size):
        yield audio[start : start + size]
