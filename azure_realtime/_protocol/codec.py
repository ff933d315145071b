"""
Encoding of commands and decoding of events.

Decoding never raises because of a message's content; encoding raises on the caller's
thread. A codec is immutable: any thread may use it.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ..audio import encoding
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
from .readers import readers
from .strict import event_readers


class Codec:
    """
    Encodes commands and decodes events of one protocol.

    Args:
        api_version: None or ``v1`` for GA, a date for the preview protocol.

    Raises:
        ValueError: *api_version* has another value.
    """

    def __init__(self, api_version: str | None) -> None:
        self._dialect = dialect_for(api_version)
        # Our threads import no module and create no class: that happens here.
        self._fast_loads = _fast_loads()
        self._readers = readers()
        self._event_readers = event_readers()
        # the readers of messages that need no translation, by their GA names
        self._direct = self._event_readers if self._dialect.name == "ga" else {}
        encoding.load()

    def __repr__(self) -> str:
        return f"<Codec {self._dialect.name}>"

    def encode(self, event: ClientEvent, *, repair: bool = False) -> bytes:
        """
        Return the text of a command, as ASCII.

        Args:
            event: The command.
            repair: Replace lone surrogates, which UTF-8 cannot encode, by U+FFFD
                instead of raising. For content that no caller can correct any more.

        Raises:
            ValueError: The protocol lacks a field, a number is not finite, or a text
                contains a lone surrogate.
            TypeError: A value has no JSON type.
        """
        if isinstance(event, InputAudioBufferAppend):
            return self.append_message(event.audio.encode("ascii"), event.event_id)
        if isinstance(event, RawCommand):
            id_field = {"event_id": event.event_id} if event.event_id else {}
            return _dumps({**event.message, **id_field}, repair)
        wire = self._dialect.to_wire(converter().unstructure(event))
        return _dumps(_with_extra(event, wire), repair)

    @staticmethod
    def append_message(base64: bytes, event_id: str | None) -> bytes:
        """
        Return the text of an `InputAudioBufferAppend` with the given base64 audio.
        """
        # base64 needs no escaping: this takes a third of the time of `json`
        id_field = b"" if event_id is None else b'"event_id":%b,' % _dumps(event_id)
        return b"".join((_APPEND_HEAD, id_field, b'"audio":"', base64, b'"}'))

    def decode(self, text: str | bytes, generation: int = 0) -> tuple[ServerEvent, ...]:
        """
        Return the events of one message, usually one.

        Args:
            text: The message.
            generation: Number of the connection that received the message.

        Raises:
            UnicodeDecodeError: *text* is bytes that are not UTF-8. No other error.
        """
        decoded = self.decode_one(text, generation)
        return decoded if isinstance(decoded, tuple) else (decoded,)

    def decode_one(
        self, text: str | bytes, generation: int
    ) -> ServerEvent | tuple[ServerEvent, ...]:
        """
        Return the event of a message that conforms to the protocol and contains only
        scalars; for any other message, a tuple of its events.

        Raises:
            UnicodeDecodeError: *text* is bytes that are not UTF-8. No other error.
        """
        try:
            try:
                message = self._fast_loads(text)
            except ValueError:
                # orjson differs for big numbers and lone surrogates; `json` decides
                message = _standard_loads(text)
        except UnicodeDecodeError:
            raise
        except (ValueError, RecursionError) as exc:
            return (_invalid(text, str(exc), generation),)
        if not isinstance(message, dict):
            reason = f"expected object, got {type(message).__name__}"
            return (_invalid(text, reason, generation),)
        kind = message.get("type")
        reader = self._readers.get(kind) if isinstance(kind, str) else None
        if reader is not None and (event := reader(message, generation)) is not None:
            return event
        direct = self._direct.get(kind) if isinstance(kind, str) else None
        if direct is not None:
            event = direct(message, generation, message)
            if event is not None:
                return (event,)
        events: list[ServerEvent] = []
        for ga_message in self._dialect.from_wire(message):
            kind = ga_message.get("type")
            read = self._event_readers.get(kind) if isinstance(kind, str) else None
            event = read(ga_message, generation, message) if read else None
            if event is None:
                event = read_event(
                    _class_of(ga_message), ga_message, message, generation
                )
            events.append(event)
        return tuple(events)

    def command(self, message: object) -> ClientEvent:
        """
        Create a command from a mapping, in the shape of either protocol.

        A command is returned unchanged. A mapping with a type that this library does
        not know becomes a `RawCommand`, unless the type looks misspelled.

        Raises:
            ValueError: The type is missing or misspelled, or a field is misspelled.
            TypeError: *message* is not a mapping.
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
    Return *wire* with the user's ``extra`` merged into its session or response.
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


def _dumps(value: Any, repair: bool = False) -> bytes:
    try:
        text = _ENCODER.encode(value).encode("ascii")
    except RecursionError:
        msg = "nested too deeply for JSON"
        raise ValueError(msg) from None
    # one search of the encoded text is faster than a search of each value
    if _SURROGATE.search(text) is None:
        return text
    return _ESCAPE.sub(_repaired if repair else _checked, text)


def _repaired(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[1] else escape[0]


def _checked(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        before = escape.string[max(0, escape.start() - 20) : escape.start()]
        msg = (
            f"after {before.decode()!r} there is {escape[1].decode()}, half a "
            "character (a lone surrogate, as in names of files that are not UTF-8), "
            "which cannot be sent: text.encode('utf-8', 'replace').decode() replaces it"
        )
        raise ValueError(msg)
    return escape[0]


def _plain(value: Any) -> Any:
    """
    Convert a mapping to a dict for `json`; raise for any other type.
    """
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{type(value).__name__} cannot be sent as JSON"
    raise TypeError(msg)


@functools.cache
def _fast_loads() -> Callable[[str | bytes], Any]:
    """
    Return `orjson.loads` if orjson is installed (extra ``speed``), else json's reader.

    They differ in one value: orjson reads integers beyond 64 bits as floats. Versions
    before 3.10 are not used: they crash the process for a deeply nested message.
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
    try:
        value, end = _scan_once(text, 0)
    except StopIteration:
        end = -1
    # white space around the value, or an error: handled as in `json.loads`
    return value if end == len(text) else _DECODER.decode(text)


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


# One instance each: `json.loads` and `json.dumps` with arguments create one per call.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)
_SURROGATE = re.compile(rb"\\ud[89a-f]")
#: An escape sequence in JSON; group 1 is a lone surrogate.
_ESCAPE = re.compile(rb"\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)")
_scan_once: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
_APPEND_HEAD = b'{"type":"%b",' % InputAudioBufferAppend.type.encode("ascii")
