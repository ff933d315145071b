"""
One wire text <-> one event.

Decoding never raises for what is in a message; encoding raises on the caller's
thread, where the mistake was made. A codec holds nothing but its dialect: any
thread may use it.
"""

import functools
import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

from ..events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    ClientEvent,
    InputAudioBufferAppend,
    InvalidMessage,
    RawCommand,
    ResponseCreate,
    ServerEvent,
    SessionUpdate,
    UnknownEvent,
)
from ..models._coerce import build, kind_of
from ..models._shape import merge
from .converter import converter, read_event
from .dialects import dialect_for, ga_command


class Codec:
    """
    Encodes commands and decodes events of one protocol.

    Args:
        api_version: None or ``v1`` for GA, a date for the preview protocol.

    Raises:
        ValueError: *api_version* is neither.
    """

    def __init__(self, api_version: str | None) -> None:
        self._dialect = dialect_for(api_version)

    def __repr__(self) -> str:
        return f"<Codec {self._dialect.name}>"

    def encode(self, event: ClientEvent) -> bytes:
        """
        Return the message of a command.

        Raises:
            ValueError: The protocol cannot say it, or a number is not finite.
            TypeError: A value that JSON does not have.
        """
        if isinstance(event, InputAudioBufferAppend) and event.event_id is not None:
            return self.append_message(event.audio.encode(), event.event_id)
        if isinstance(event, RawCommand):
            named = {"event_id": event.event_id} if event.event_id else {}
            return _dumps({**event.message, **named}).encode()
        wire = self._dialect.to_wire(converter().unstructure(event))
        return _dumps(_with_extra(event, wire)).encode()

    def append_message(self, base64: bytes, event_id: str) -> bytes:
        """
        Return the message that appends audio.
        """
        name = encode_basestring_ascii(event_id).encode()
        return b"".join(
            (
                b'{"type":"input_audio_buffer.append","event_id":',
                name,
                b',"audio":"',
                base64,
                b'"}',
            )
        )

    def decode(self, text: str | bytes, generation: int = 0) -> tuple[ServerEvent, ...]:
        """
        Return the events that one message amounts to, mostly one.

        Args:
            text: The message.
            generation: Number of the connection it came by.

        Raises:
            UnicodeDecodeError: *text* is bytes that are not UTF-8. Nothing else.
        """
        try:
            message = _loads(text)
        except UnicodeDecodeError:
            raise
        except (ValueError, RecursionError) as exc:
            return (_invalid(text, str(exc), generation),)
        if not isinstance(message, dict):
            found = type(message).__name__
            return (_invalid(text, f"expected object, got {found}", generation),)
        return tuple(
            read_event(_class_of(event), event, message, generation)
            for event in self._dialect.from_wire(message)
        )

    def command(self, message: object) -> ClientEvent:
        """
        Make a command of a mapping, in the shape of either protocol.

        A command is returned as it is.

        A type that this library does not know is passed on as it is given
        (`RawCommand`), unless it looks like a slip of the pen.

        Raises:
            ValueError: No type, a misspelled one, or a misspelled field.
            TypeError: Not a mapping.
        """
        if isinstance(message, ClientEvent):
            return message
        if not isinstance(message, Mapping):
            msg = f"expected a command or a mapping, got {type(message).__name__}"
            raise TypeError(msg)
        message = ga_command(message)
        kind = kind_of(message, CLIENT_EVENTS, "a command")
        if kind in CLIENT_EVENTS:
            return build(CLIENT_EVENTS[kind], message, f"command {kind!r}")
        event_id = message.get("event_id")
        return RawCommand(type=kind, event_id=event_id, message=message)


def _with_extra(event: ClientEvent, wire: dict[str, Any]) -> dict[str, Any]:
    """
    Return *wire* with the user's ``extra`` laid over its session or response.
    """
    if isinstance(event, SessionUpdate):
        return merge(wire, {"session": event.session.extra})
    if isinstance(event, ResponseCreate) and event.response is not None:
        return merge(wire, {"response": event.response.extra})
    return wire


def _class_of(event: Mapping[str, Any]) -> type[ServerEvent]:
    kind = event.get("type")
    if not isinstance(kind, str):
        return UnknownEvent
    return SERVER_EVENTS.get(kind, UnknownEvent)


def _invalid(data: str | bytes, reason: str, generation: int) -> InvalidMessage:
    return InvalidMessage(data=data, reason=reason, generation=generation)


def _dumps(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)
    except RecursionError:
        msg = "nested too deeply for JSON"
        raise ValueError(msg) from None


def _plain(value: Any) -> Any:
    """
    Say what `json` cannot: mappings that are no dict, and what else is no JSON.
    """
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{type(value).__name__} cannot be sent as JSON"
    raise TypeError(msg)


def _loads(text: str | bytes) -> Any:
    try:
        return _fast_loads()(text)
    except ValueError:
        # The strict readers differ at the edges (big numbers, lone surrogates);
        # what the standard one makes of it holds.
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return json.loads(text, parse_constant=_no_constant)


@functools.cache
def _fast_loads() -> Callable[[str | bytes], Any]:
    """
    Return orjson's reader where it is installed (extra ``speed``), else json's.

    The one difference: orjson reads integers beyond 64 bits as floats. Old versions
    crash the process when a message is nested deeply.
    """
    try:
        import orjson

        major, minor, *_ = orjson.__version__.split(".")
        if (int(major), int(minor)) < (3, 10):
            return _standard_loads
    except (ImportError, AttributeError, ValueError):
        return _standard_loads
    return orjson.loads  # type: ignore[no-any-return,unused-ignore]


def _standard_loads(text: str | bytes) -> Any:
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)
