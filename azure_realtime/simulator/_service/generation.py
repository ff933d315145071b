"""
One response: takes a reply from the script and streams it on its own thread.

Any thread may call `Generation.finish`, at any time: when the client cancels, when
speech starts, or when the reply ends. It closes the open item. No event of the response
is sent after it.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .._speech import audio as _audio
from .._speech import voice as _voice
from .._wire.ids import new_id
from . import improvised
from .connection import Connection
from .conversation import Conversation
from .mcp import McpServers
from .output import Finished, OutOfTokens, Output
from .response_spec import ResponseSpec
from .script import Reply, Script, ToolCall
from .usage import TokenCounter

__all__ = ["Generation"]

Json = dict[str, Any]

_logger = logging.getLogger(__name__)

_DELTA_MS = 100  # duration of the audio in one delta
# Text is about as fast as that of the real service. Speech is 20 times faster than real
# time, which is slow enough for a test to interrupt a long answer.
_TEXT_SECONDS = 0.007
_SPEECH_SPEED = 20.0
# Held during speech synthesis, so that a second thread with the same text waits and
# then finds the audio in the cache.
_synthesis_lock = threading.Lock()
# Pieces of about the size of a model's tokens; joined, they equal the text.
_TOKEN = re.compile(r"\s*\S{1,6}|\s+")


class Generation:
    """
    A response in progress.

    Args:
        connection: The connection to send the events on.
        conversation: The conversation of the session.
        script: The script that has the reply.
        servers: The MCP servers of the session.
        tokens: Counts the usage.
        spec: The input of the response.
        on_done: Called once, after ``response.done``, under the connection's lock.
    """

    def __init__(
        self,
        connection: Connection,
        conversation: Conversation,
        script: Script,
        servers: McpServers,
        tokens: TokenCounter,
        spec: ResponseSpec,
        on_done: Callable[[Generation], None],
    ) -> None:
        self._connection = connection
        self._script = script
        self._servers = servers
        self._tokens = tokens
        self._spec = spec
        self._on_done = on_done
        self._conversation_id = conversation.id if spec.in_conversation else None
        self._reply: Reply | None = None
        self._usage: Json | None = None
        self._status = "in_progress"
        self._status_details: Json | None = None
        self.id = new_id("resp")
        self.output = Output(
            connection,
            conversation if spec.in_conversation else None,
            self.id,
            spec.audio_format,
            spec.params["max_output_tokens"],
        )
        self.thread = threading.Thread(
            target=self._run, name="simulator-response", daemon=True
        )

    def start(self) -> None:
        """
        Send ``response.created`` and start the thread. Under the connection's lock.
        """
        # not on the thread: a response that is cancelled at once uses up its reply, too
        self._reply = self._spec.reply or self._script.take()
        self._connection.emit("response.created", response=self._describe())
        if self._connection.protocol == "preview":
            self._tokens.send_rate_limits()
        self.thread.start()

    def _describe(self) -> Json:
        params = self._spec.params
        audio_output = params["audio"]["output"]
        response: Json = {
            "object": "realtime.response",
            "id": self.id,
            "status": self._status,
            "status_details": self._status_details,
            "output": [item.wire for item in self.output.items],
            "conversation_id": self._conversation_id,
            "output_modalities": params["output_modalities"],
            "max_output_tokens": params["max_output_tokens"],
            "audio": {
                "output": {
                    "format": audio_output["format"],
                    "voice": audio_output["voice"],
                }
            },
            "usage": self._usage,
            "metadata": params.get("metadata"),
        }
        if self._connection.protocol == "preview":
            response["temperature"] = params["temperature"]
        return response

    def finish(
        self, status: str, reason: str | None = None, error: Json | None = None
    ) -> None:
        """
        Close the open item and send ``response.done``, unless already done. Any thread.
        """
        output = self.output
        with self._connection.lock:
            if output.finished.is_set():
                return
            output.close_item("completed" if status == "completed" else "incomplete")
            output.finished.set()
            self._status = status
            if status != "completed":
                self._status_details = {"type": status}
                if reason is not None:
                    self._status_details["reason"] = reason
                if error is not None:
                    self._status_details["error"] = error
            if self._usage is None:
                self._usage = self._tokens.count(
                    self._spec.context,
                    self._spec.params,
                    output.text_tokens,
                    output.audio_tokens,
                )
            self._connection.emit("response.done", response=self._describe())
            if self._connection.protocol == "ga" and not self._connection.azure:
                self._tokens.send_rate_limits()  # Azure's GA service sends none
            self._on_done(self)

    # ------------------------------------------------ on its own thread

    def _run(self) -> None:
        try:
            reply = self._spec.reply or self._scripted_reply()
            self._sleep(reply.delay)
            if reply.usage is not None:
                self._usage = dict(reply.usage)
            if reply.text:
                self._stream_message(reply)
            for call in reply.calls:
                self._stream_call(call)
            self._finish_reply(reply)
        except Finished:
            pass
        except OutOfTokens:
            self.finish("incomplete", "max_output_tokens")
        except Exception:
            # A script that raises looks to the client like a model that fails.
            _logger.exception("the script of the simulator raised an exception")
            self.finish(
                "failed", error=_server_error("The script of the reply failed.")
            )

    def _scripted_reply(self) -> Reply:
        with self._connection.lock:
            request = self._spec.request(self._connection)
        reply = self._reply or self._script.call(request)
        if reply is None:
            return improvised.reply(request)
        user = self._spec.user_item
        if reply.heard is not None and user is not None and user.audio:
            with self._connection.lock:
                user.wire["content"][0]["transcript"] = reply.heard
        return reply

    def _finish_reply(self, reply: Reply) -> None:
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

    def _sleep(self, seconds: float) -> None:
        if seconds > 0 and self.output.finished.wait(seconds):
            raise Finished

    def _pause(self, seconds: float) -> None:
        if not self._connection.wait_writable():
            raise Finished
        self._sleep(seconds * self._connection.settings.pace)

    def _stream_message(self, reply: Reply) -> None:
        modalities = reply.modalities or self._spec.params["output_modalities"]
        wire: Json = {
            "id": new_id("item"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        if reply.phase is not None:
            wire["phase"] = reply.phase
        self.output.open_item(wire)
        if "audio" in modalities:
            self.output.open_content("audio")
            self._stream_speech(reply.text)
        else:
            self.output.open_content("text")
            for token in _TOKEN.findall(reply.text):
                self.output.write(token)
                self._pause(_TEXT_SECONDS)
        if reply.status in ("completed", "failed"):
            self.output.close_item("completed")

    def _stream_speech(self, text: str) -> None:
        """
        Stream speech phrase by phrase, with the tokens of a phrase among its audio.
        """
        fmt, voice = self._spec.audio_format, self._spec.voice
        encoder = _audio.Encoder(fmt)
        for phrase in _voice.phrases(text):
            tokens = _TOKEN.findall(phrase)
            with _synthesis_lock:
                pcm = _voice.speak(phrase, voice)
            pieces = list(_split_audio(encoder.feed(pcm), fmt))
            sent = 0
            for number, piece in enumerate(pieces, 1):
                end = -(-len(tokens) * number // len(pieces))
                for token in tokens[sent:end]:
                    self.output.write(token)
                sent = end
                self.output.send_audio(piece)
                self._pause(_DELTA_MS / 1000 / _SPEECH_SPEED)
            for token in tokens[sent:]:
                self.output.write(token)

    def _stream_call(self, call: ToolCall) -> None:
        if call.server_label is not None:
            self._stream_mcp_call(call, call.server_label)
            return
        self.output.open_item(
            {
                "id": new_id("item"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": call.call_id or new_id("call"),
                "name": call.name,
                "arguments": "",
            }
        )
        self._send_arguments(call)
        self.output.close_item("completed")

    def _send_arguments(self, call: ToolCall) -> None:
        for token in _TOKEN.findall(call.arguments_text):
            self.output.send_arguments(token)
            self._pause(_TEXT_SECONDS)

    def _stream_mcp_call(self, call: ToolCall, label: str) -> None:
        """
        Stream the call of an MCP server's tool, or a request to approve the call.
        """
        servers = self._servers
        wire: Json = {
            "id": new_id("mcp"),
            "server_label": label,
            "name": call.name,
            "arguments": "",
        }
        with self._connection.lock:
            approval_id = servers.take_approval(call)
            if approval_id is None and servers.needs_approval(label, call.name):
                wire.update(
                    id=new_id("mcpr"),
                    type="mcp_approval_request",
                    arguments=call.arguments_text,
                )
                servers.add_request(wire["id"], call)
                self.output.open_item(wire)
                self.output.close_item("completed")
                return
        wire.update(
            type="mcp_call", approval_request_id=approval_id, output=None, error=None
        )
        self.output.open_item(wire)
        self._send_arguments(call)
        self.output.close_arguments()
        self.output.send_event("response.mcp_call.in_progress")
        with self._connection.lock:
            if call.error is None:
                wire["output"] = call.output or f"Made-up result of {call.name}."
                self.output.send_event("response.mcp_call.completed")
            else:
                wire["error"] = {"type": "tool_execution_error", "message": call.error}
                self.output.send_event("response.mcp_call.failed")
            self.output.close_item("completed")


def _server_error(message: str) -> Json:
    return {"type": "server_error", "code": None, "message": message}


def _split_audio(audio: bytes, fmt: str) -> Iterator[bytes]:
    size = _DELTA_MS * _audio.bytes_per_ms(fmt)
    for start in range(0, len(audio), size):
        yield audio[start : start + size]
