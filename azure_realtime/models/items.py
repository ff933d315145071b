"""
The items of a conversation.

The same classes are sent and received. A field that is None is not sent. The client may
choose the ``id``; otherwise the service does.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from .._redaction import redacted_repr
from .._spelling import checks_names
from ._base import JSON_TEXT, Model
from ._coerce import as_list, as_model, as_part_of
from .content import Part, as_content, part_text
from .enums import ItemStatus, Phase, Role

__all__ = [
    "FunctionCallItem",
    "FunctionCallOutputItem",
    "Item",
    "ItemReference",
    "McpApprovalRequestItem",
    "McpApprovalResponseItem",
    "McpCallItem",
    "McpError",
    "McpListToolsItem",
    "McpListedTool",
    "MessageItem",
    "UnknownItem",
]


@checks_names
@attrs.frozen(init=False, eq=False, repr=False)
class MessageItem(Model):
    """
    A message of the user, the assistant or the system.

    ``MessageItem("user", "Hello")`` is the short form: a str becomes the text part that
    fits the role.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        content: The content parts.
        status: ``in_progress``, ``completed`` or ``incomplete``.
        phase: ``commentary`` or ``final_answer``, from reasoning models.
    """

    type: ClassVar[str] = "message"

    role: Role | str
    content: tuple[Part, ...]
    id: str | None = None
    status: ItemStatus | str | None = None
    phase: Phase | str | None = None
    object: str | None = attrs.field(default=None, repr=False)

    def __init__(
        self,
        role: Role | str,
        content: str | Iterable[Part | Mapping[str, Any]],
        *,
        id: str | None = None,  # the wire's name
        status: ItemStatus | str | None = None,
        phase: Phase | str | None = None,
        object: str | None = None,  # the wire's name
        raw: Mapping[str, Any] | None = None,
        problems: tuple[str, ...] = (),
    ) -> None:
        parts = as_content(content, role)
        self.__attrs_init__(
            role, parts, id, status, phase, object, raw=raw or {}, problems=problems
        )

    @property
    def text(self) -> str:
        """
        The texts and transcripts of all parts.
        """
        return "".join(part_text(part) for part in self.content)


@checks_names
@attrs.frozen(eq=False, repr=False)
class FunctionCallItem(Model):
    """
    A call of a function by the model.

    Attributes:
        name: The name of the function.
        arguments: JSON text as the model wrote it; it may be invalid.
        call_id: The id to use in the `FunctionCallOutputItem`.
    """

    type: ClassVar[str] = "function_call"

    name: str
    arguments: str = attrs.field(metadata=JSON_TEXT)
    call_id: str | None = None
    id: str | None = attrs.field(default=None, kw_only=True)
    status: ItemStatus | str | None = attrs.field(default=None, kw_only=True)
    object: str | None = attrs.field(default=None, kw_only=True, repr=False)


@checks_names
@attrs.frozen(eq=False, repr=False)
class FunctionCallOutputItem(Model):
    """
    The output of a function as text. It does not start a response.
    """

    type: ClassVar[str] = "function_call_output"

    call_id: str
    output: str
    id: str | None = attrs.field(default=None, kw_only=True)
    status: ItemStatus | str | None = attrs.field(default=None, kw_only=True)
    object: str | None = attrs.field(default=None, kw_only=True, repr=False)


@attrs.frozen(eq=False, repr=False)
class McpListedTool(Model):
    """
    A tool that an MCP server offers.
    """

    name: str
    input_schema: Mapping[str, Any]
    description: str | None = None
    annotations: Mapping[str, Any] | None = None


def _as_listed_tools(tools: Any) -> tuple[McpListedTool, ...]:
    made = (
        as_part_of(tool, McpListedTool, "tools") for tool in as_list(tools, "tools")
    )
    return tuple(tool for tool in made if isinstance(tool, McpListedTool))


@attrs.frozen(eq=False, repr=False)
class McpListToolsItem(Model):
    """
    The tools that an MCP server offers.
    """

    type: ClassVar[str] = "mcp_list_tools"

    server_label: str
    tools: tuple[McpListedTool, ...] = attrs.field(converter=_as_listed_tools)
    id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class McpError(Model):
    """
    The error of an MCP call.

    Attributes:
        type: ``protocol_error``, ``tool_execution_error`` or ``http_error``.
    """

    type: str
    message: str = attrs.field(repr=redacted_repr)
    code: int | None = None


def _as_error(error: Any) -> McpError | None:
    made = as_part_of(error, McpError, "error")
    return made if isinstance(made, McpError) else None


@attrs.frozen(eq=False, repr=False)
class McpCallItem(Model):
    """
    A call that the service made to an MCP server.
    """

    type: ClassVar[str] = "mcp_call"

    id: str
    server_label: str
    name: str
    arguments: str = attrs.field(metadata=JSON_TEXT)
    approval_request_id: str | None = None
    output: str | None = None
    error: McpError | None = attrs.field(
        default=None,
        converter=_as_error,
    )


@attrs.frozen(eq=False, repr=False)
class McpApprovalRequestItem(Model):
    """
    A request of the service to approve an MCP call.
    """

    type: ClassVar[str] = "mcp_approval_request"

    id: str
    server_label: str
    name: str
    arguments: str = attrs.field(metadata=JSON_TEXT)


@checks_names
@attrs.frozen(eq=False, repr=False)
class McpApprovalResponseItem(Model):
    """
    The answer to an `McpApprovalRequestItem`.
    """

    type: ClassVar[str] = "mcp_approval_response"

    approval_request_id: str
    approve: bool
    id: str | None = attrs.field(default=None, kw_only=True)
    reason: str | None = attrs.field(default=None, kw_only=True)


@checks_names
@attrs.frozen(eq=False, repr=False)
class ItemReference(Model):
    """
    A reference to an item of the conversation, for the ``input`` of a response.

    Attributes:
        id: The present id, ``client.conversation[item_id].id``: a service may give an
            item another id when it is restored.
    """

    type: ClassVar[str] = "item_reference"

    id: str


@attrs.frozen(eq=False, repr=False)
class UnknownItem(Model):
    """
    An item of a type that this library does not know; `raw` has its fields.
    """

    type: str
    id: str | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


#: An item of a conversation: one of these classes. `isinstance` and ``match`` show type
#: checkers which one. A comparison of `type` does not: an `UnknownItem` may have any.
Item = (
    MessageItem
    | FunctionCallItem
    | FunctionCallOutputItem
    | McpListToolsItem
    | McpCallItem
    | McpApprovalRequestItem
    | McpApprovalResponseItem
    | ItemReference
    | UnknownItem
)

_ITEMS: dict[str, type[Model]] = {
    cls.type: cls
    for cls in (
        MessageItem,
        FunctionCallItem,
        FunctionCallOutputItem,
        McpListToolsItem,
        McpCallItem,
        McpApprovalRequestItem,
        McpApprovalResponseItem,
        ItemReference,
    )
}


def as_item(item: Item | Mapping[str, Any] | str, what: str = "item") -> Item:
    """
    Return *item* as a model; a str is the text of a user message.

    Args:
        item: A model, a mapping of the protocol's shape, or text.
        what: The name of the argument in error messages.

    Raises:
        ValueError: A type or field is misspelled.
        TypeError: *item* has another type.
    """
    if isinstance(item, str):
        return MessageItem("user", item)
    made: Item = as_model(item, _ITEMS, UnknownItem, what)
    return made


def looks_like(known: Any, found: Any) -> bool:
    """
    Whether two items with different ids may be the same.

    These are messages of one role with equal text, and calls or outputs with one
    ``call_id``.
    """
    if type(known) is not type(found):
        return False
    if not isinstance(known, MessageItem):
        call_id = getattr(known, "call_id", None)
        return call_id is not None and call_id == found.call_id
    if known.role != found.role:
        return False
    texts = [
        [text for part in item.content if (text := part_text(part))]
        for item in (known, found)
    ]
    return texts[0] == texts[1]


def with_id(item: Any) -> Any:
    """
    Return *item* with an id, which identifies its acknowledgement.
    """
    if getattr(item, "id", "") is None:
        kind = "msg" if isinstance(item, MessageItem) else "item"
        return attrs.evolve(item, id=f"{kind}_{os.urandom(10).hex()}")
    return item
