"""
The responses of one connection.

At most one response in the conversation is active; any number of out-of-band responses
may run at the same time.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from .._wire import preview as _preview
from .._wire.errors import ServiceError
from .._wire.ga_shapes import GA_RESPONSE
from .._wire.preview_shapes import PREVIEW_RESPONSE
from .connection import Connection
from .conversation import Conversation, Item, parse_item
from .conversation_session import (
    ConversationSession,
    check_capabilities,
    check_modalities,
)
from .generation import Generation
from .mcp import McpServers
from .response_spec import ResponseSpec
from .script import Reply, Script
from .timers import Timer
from .usage import TokenCounter

__all__ = ["Responses"]

Json = dict[str, Any]


class Responses:
    """
    Creates, cancels and interrupts responses. The connection's lock guards it.

    Args:
        connection: The connection to send the events on.
        session: The configuration of the session.
        conversation: The conversation of the session.
        servers: The MCP servers of the session.
        script: The script that has the replies.
        on_idle: Called ``idle_timeout_ms`` after a response, unless another is active.
            Timer thread, under the connection's lock.
    """

    def __init__(
        self,
        connection: Connection,
        session: ConversationSession,
        conversation: Conversation,
        servers: McpServers,
        script: Script,
        on_idle: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._session = session
        self._conversation = conversation
        self._servers = servers
        self._script = script
        self._on_idle = on_idle
        self._tokens = TokenCounter(connection)
        self._running: dict[str, Generation] = {}
        self._active: Generation | None = None
        # A response that waits for the active one to end, as a tuple with its reply:
        # (None,) takes the reply from the script. None: no response waits.
        self._queued_turn: tuple[Reply | None] | None = None
        self._idle_timer: Timer | None = None
        self._deferred: list[Callable[[], None]] = []

    # ------------------------------------------------ commands

    def create(self, given: Any) -> None:
        """
        Start a response that the client requests, or raise the service's error.
        """
        if self._session.transcription:
            raise ServiceError(
                "invalid_value",
                "Responses cannot be created in a transcription session.",
                "type",
            )
        given = {} if given is None else given
        protocol = self._connection.protocol
        preview = protocol == "preview"
        (PREVIEW_RESPONSE if preview else GA_RESPONSE).check(given, "response")
        check_modalities(given, protocol, "response")
        check_capabilities(given, self._session.model)
        key = "input_items" if "input_items" in given else "input"
        chosen = [
            self._input_item(item, f"response.{key}[{index}]")
            for index, item in enumerate(given.get(key) or [])
        ]
        params = _preview.response_in(given) if preview else given
        in_conversation = params.get("conversation", "auto") == "auto"
        if in_conversation and self._active is not None:
            raise ServiceError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self._active.id}. Wait until the response is finished before "
                "creating a new one.",
            )
        context = list(self._conversation.items) if key not in given else chosen
        params = self._effective(params)
        self._start(ResponseSpec(params, given, context, in_conversation))

    def _input_item(self, item: Any, path: str) -> Item:
        if isinstance(item, dict) and item.get("type") == "item_reference":
            found = self._conversation.find(item["id"])
            if found is None:
                raise ServiceError(
                    "invalid_value",
                    f"Item with item_id '{item['id']}' not found.",
                    f"{path}.id",
                )
            return found
        fmt = self._session.input_format
        return parse_item(item, path, self._connection.protocol, fmt)

    def create_after_turn(self, reply: Reply | None = None) -> None:
        """
        Start a response that the service creates itself, after the active response.

        Args:
            reply: The reply to send; None takes the next reply of the script.
        """
        if self._active is not None:
            self._queued_turn = (reply,)
            return
        context = list(self._conversation.items)
        self._start(ResponseSpec(self._effective({}), {}, context, True, reply))

    def _start(self, spec: ResponseSpec) -> None:
        self._stop_idle()
        generation = Generation(
            self._connection,
            self._conversation,
            self._script,
            self._servers,
            self._tokens,
            spec,
            self._on_done,
        )
        self._running[generation.id] = generation
        if spec.in_conversation:
            self._active = generation
        self._connection.add_thread(generation.thread)
        generation.start()

    def _effective(self, params: Json) -> Json:
        state = copy.deepcopy(self._session.state)
        names = (
            "output_modalities",
            "instructions",
            "tools",
            "tool_choice",
            "max_output_tokens",
            "temperature",
        )
        result = {name: params.get(name, state[name]) for name in names}
        audio_output = params.get("audio", {}).get("output", {})
        result["audio"] = {"output": {**state["audio"]["output"], **audio_output}}
        result["metadata"] = params.get("metadata")
        return result

    def cancel(self, response_id: Any) -> None:
        """
        Cancel the response with this id, or the active one if the id is None.
        """
        generation = self._active
        if response_id is not None:
            generation = self._running.get(response_id)
        if generation is None:
            raise ServiceError(
                "response_cancel_not_active",
                "Cancellation failed: no active response found",
            )
        generation.finish("cancelled", "client_cancelled")

    # ------------------------------------------------ events

    def on_speech_started(self, *, interrupt: bool) -> None:
        """
        Stop the idle timer, and cancel the active response if *interrupt* is true.
        """
        self._stop_idle()
        if interrupt and self._active is not None:
            self._queued_turn = None
            self._active.finish("cancelled", "turn_detected")

    def when_idle(self, action: Callable[[], None]) -> None:
        """
        Call *action* at once, or after the active response.
        """
        if self._active is None:
            action()
        else:
            self._deferred.append(action)

    def _on_done(self, generation: Generation) -> None:
        self._running.pop(generation.id, None)
        if generation is not self._active:
            return
        self._active = None
        deferred, self._deferred = self._deferred, []
        for action in deferred:
            action()
        if self._queued_turn is not None and self._active is None:
            (reply,), self._queued_turn = self._queued_turn, None
            self.create_after_turn(reply)
        if self._active is None:
            self._start_idle(generation)

    def stop(self) -> None:
        """
        End all responses, after the connection has ended.
        """
        self._deferred.clear()
        self._queued_turn = None
        for generation in list(self._running.values()):
            generation.finish("cancelled", "client_cancelled")
        self._stop_idle()

    # ------------------------------------------------ idle timeout

    def _stop_idle(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _start_idle(self, generation: Generation) -> None:
        vad = self._session.input["turn_detection"] or {}
        timeout_ms = vad.get("idle_timeout_ms")
        if timeout_ms is None:
            return
        output = generation.output
        # The service counts from the end of the client's playback.
        playback_end = output.first_audio_at + output.audio_ms / 1000
        remaining = max(0.0, playback_end - time.monotonic())
        seconds = (remaining + timeout_ms / 1000) * self._connection.settings.idle_scale
        self._idle_timer = self._connection.timers.after(seconds, self._on_idle_timer)

    def _on_idle_timer(self) -> None:
        with self._connection.lock:
            if self._active is None:
                self._on_idle()
