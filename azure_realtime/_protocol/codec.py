"""
Encoding of commands, which raises on the caller's thread; decoding is in `decoder`.

A codec is immutable: any thread may use it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from ..audio import encoding
from ..events import (
    CLIENT_EVENTS,
    ClientEvent,
    InputAudioBufferAppend,
    RawCommand,
    ResponseCreate,
    SessionUpdate,
)
from ..models._coerce import build, kind_of
from ..models._shape import merge
from .converter import converter
from .decoder import Decoder
from .dialects import dialect_for, ga_command
from .json_paths import path_to_invalid


class Codec(Decoder):
    """
    Encodes commands and decodes events of one protocol.

    Args:
        api_version: None or ``v1`` for GA, a date for the preview protocol.

    Raises:
        ValueError: *api_version* has another value.
    """

    def __init__(self, api_version: str | None) -> None:
        super().__init__(dialect_for(api_version))
        # Our threads import no module: that happens here.
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
            event_id = event.event_id
            id_json = None if event_id is None else _dumps(event_id)
            return self.append_message(event.audio.encode("ascii"), id_json)
        if isinstance(event, RawCommand):
            id_field = {"event_id": event.event_id} if event.event_id else {}
            return _dumps({**event.message, **id_field}, repair)
        wire = self._dialect.to_wire(converter().unstructure(event))
        return _dumps(_with_extra(event, wire), repair)

    @staticmethod
    def append_message(base64: bytes, event_id: bytes | None) -> bytes:
        """
        Return the text of an `InputAudioBufferAppend`.

        Args:
            base64: The audio. It needs no escaping, which saves two thirds of the time.
            event_id: The id as JSON text, with its quotes.
        """
        id_field = b"" if event_id is None else b'"event_id":%b,' % event_id
        return b"".join((_APPEND_HEAD, id_field, b'"audio":"', base64, b'"}'))

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


def _dumps(value: Any, repair: bool = False) -> bytes:
    try:
        text = _ENCODER.encode(value).encode("ascii")
    except RecursionError:
        msg = "nested too deeply for JSON"
        raise ValueError(msg) from None
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        path = path_to_invalid(value)
        raise kind(f"{path}: {error}" if path else str(error)) from None
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


# One instance: `json.dumps` with arguments creates one per call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)
_SURROGATE = re.compile(rb"\\ud[89a-f]")
#: An escape sequence in JSON; group 1 is a lone surrogate.
_ESCAPE = re.compile(rb"\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)")
_APPEND_HEAD = b'{"type":"%b",' % InputAudioBufferAppend.type.encode("ascii")
