"""
``session.*``: the session and its configuration.
"""

from typing import ClassVar, Literal

import attrs

from ..models.session import Session, SessionConfig, as_session_config
from ._base import ClientEvent, ServerEvent

__all__ = ["SessionCreated", "SessionUpdate", "SessionUpdated"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionUpdate(ClientEvent):
    """
    Change the session configuration. If one field is refused, no field is changed.

    Attributes:
        session: The fields to change, or a mapping in the flat or the nested shape.
    """

    type: "ClassVar[Literal['session.update']]" = "session.update"

    session: SessionConfig = attrs.field(converter=as_session_config)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfSession(ServerEvent):
    session: Session = attrs.field(factory=Session)


class SessionCreated(_OfSession):
    """
    The session was created with the service's default configuration.
    """

    __slots__ = ()

    type: "ClassVar[Literal['session.created']]" = "session.created"


class SessionUpdated(_OfSession):
    """
    A ``session.update`` was applied.

    Attributes:
        session: The complete session after the change.
    """

    __slots__ = ()

    type: "ClassVar[Literal['session.updated']]" = "session.updated"
