"""
``session.*``: how the conversation is to be held.
"""

from typing import ClassVar

import attrs

from ..models.session import Session, SessionConfig, as_session_config
from ._base import ClientEvent, ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionUpdate(ClientEvent):
    """
    Change the session. It is all or nothing: one bad field, and none is applied.

    Attributes:
        session: What to change; a mapping in the flat or the nested shape will do.
    """

    type: ClassVar[str] = "session.update"

    session: SessionConfig = attrs.field(converter=as_session_config)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfSession(ServerEvent):
    session: Session = attrs.field(factory=Session)


class SessionCreated(_OfSession):
    """
    The connection is up; the session runs on the service's defaults.
    """

    __slots__ = ()

    type: ClassVar[str] = "session.created"


class SessionUpdated(_OfSession):
    """
    A ``session.update`` was applied.

    Attributes:
        session: The whole session as it is now.
    """

    __slots__ = ()

    type: ClassVar[str] = "session.updated"
