"""
Models and plain JSON values.
"""

import threading
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from azure_realtime._protocol.converter import make_converter
from azure_realtime._protocol.fields import Partial
from azure_realtime.models._base import LENIENT, Model
from azure_realtime.models._unset import UNSET, Unset
from azure_realtime.models.content import Part, UnknownPart
from azure_realtime.models.items import Item, UnknownItem
from azure_realtime.models.turn_detection import ServerVad


@attrs.frozen
class Leaf(Model):
    """
    A model in a model.
    """

    name: str
    weight: float | None = None


@attrs.frozen
class Tree(Model):
    """
    One field of each kind.
    """

    count: int
    label: str | None = "none"
    flag: bool = False
    leaf: Leaf = attrs.field(factory=lambda: Leaf("default"))
    leaves: tuple[Leaf, ...] = ()
    words: tuple[str, ...] | None = None
    notes: Mapping[str, Any] | None = None
    limit: int | str | None = None
    late: int = attrs.field(default=7, metadata=LENIENT)
    choice: int | None | Unset = UNSET


@pytest.fixture(name="read", scope="module")
def _read() -> Any:
    converter = make_converter()
    return lambda value, tp: converter.structure(value, tp)


@pytest.mark.parametrize(
    ("tp", "value"),
    [
        (str, 5),
        (str, None),
        (int, "5"),
        (int, True),
        (int, 1.5),
        (int, float("inf")),
        (float, "1"),
        (float, False),
        (float, 10**400),
        (bool, "false"),
        (bool, 0),
        (tuple[str, ...], "abc"),
        (dict[str, Any], [1]),
        (Leaf, "leaf"),
        (int | str, [1]),
    ],
)
def test_values_of_other_types_are_not_converted(
    read: Any, tp: Any, value: Any
) -> None:
    """
    ``"false"`` is not True, and ``"abc"`` is not a list.
    """
    with pytest.raises(TypeError, match="expected"):
        read(value, tp)


@pytest.mark.parametrize(
    ("tp", "value", "expected"),
    [
        (int, 24000.0, 24000),
        (float, 1, 1.0),
        (tuple[int, ...], [1, 2.0], (1, 2)),
        (int | str, "inf", "inf"),
        (int | str, 5, 5),
    ],
)
def test_equivalent_values_are_converted(
    read: Any, tp: Any, value: Any, expected: Any
) -> None:
    """
    JSON has one kind of number.
    """
    found = read(value, tp)

    assert expected == found
    assert type(expected) is type(found)


def test_a_list_keeps_what_fits(read: Any) -> None:
    """
    And says what did not.
    """
    with pytest.raises(Partial) as caught:
        read(["a", 5, "b"], tuple[str, ...])

    assert ("a", "b") == caught.value.value
    assert ["[1]: expected str, got int"] == caught.value.problems


def test_a_model_is_made_of_whatever_comes(read: Any) -> None:
    """
    Each field has its type, and each disappointment its line.
    """
    raw = {
        "count": "many",
        "label": None,
        "flag": 1,
        "leaf": {"name": 3},
        "leaves": [{"name": "a"}, 5, {"name": "b", "weight": "heavy"}],
        "words": ["x", 1],
        "notes": "none",
        "limit": 1.5,
        "late": None,
        "choice": None,
        "unheard": "of",
    }

    tree = read(raw, Tree)

    assert (
        Tree(
            0,
            label=None,
            leaf=Leaf(""),
            leaves=(Leaf("a"), Leaf(""), Leaf("b")),
            words=("x",),
            choice=None,
        )
        == tree
    )
    assert raw == tree.raw
    assert (
        "count: expected int, got str",
        "flag: expected bool, got int",
        "leaf.name: expected str, got int",
        "leaves[1]: expected object, got int",
        "leaves[1].name: missing",
        "leaves[2].weight: expected float, got str",
        "words[1]: expected str, got int",
        "notes: expected object, got str",
        "limit: expected int or str, got float",
    ) == tree.problems


def test_missing_fields_have_their_defaults(read: Any) -> None:
    """
    Only what was promised is missed.
    """
    tree = read({}, Tree)

    assert Tree(0) == tree
    assert ("count: missing", "flag: missing", "leaf: missing", "leaves: missing") == (
        tree.problems
    )


def test_models_keep_their_own_raw(read: Any) -> None:
    """
    At every level, the very object that came.
    """
    raw = {"count": 1, "leaf": {"name": "x", "colour": "green"}}

    tree = read(raw, Tree)

    assert raw["leaf"] is tree.leaf.raw


def test_unions_are_open(read: Any) -> None:
    """
    An unknown type is delivered as such, and so is a missing one.
    """
    assert UnknownItem("hologram", "i", raw={"type": "hologram", "id": "i"}) == read(
        {"type": "hologram", "id": "i"}, Item
    )
    assert UnknownPart("", raw={"text": "x"}) == read({"text": "x"}, Part)
    assert UnknownPart("", raw={"type": []}) == read({"type": []}, Part)


def test_unknown_types_leave_no_trace(read: Any) -> None:
    """
    A service that makes up types does not fill our memory.
    """
    converter = make_converter()
    hook = converter.get_structure_hook(Part)
    for number in range(1000):
        hook({"type": f"kind_{number}"}, Part)

    assert UnknownPart("kind_5", raw={"type": "kind_5"}) == hook(
        {"type": "kind_5"}, Part
    )


def test_null_is_sent_where_it_means_something() -> None:
    """
    UNSET is left out, and so is None where it is no more than the default.
    """
    converter = make_converter()

    assert {"type": "server_vad"} == converter.unstructure(ServerVad())
    assert {
        "type": "server_vad",
        "threshold": 0.5,
        "idle_timeout_ms": None,
    } == converter.unstructure(ServerVad(0.5, idle_timeout_ms=None))


def test_concurrent_first_use_is_safe() -> None:
    """
    Hooks are made at first use, on the thread that comes first.
    """
    converter = make_converter()
    start = threading.Barrier(8)
    found: list[Any] = []

    def first() -> None:
        start.wait(10)
        hook = converter.get_structure_hook(Item)
        found.append(hook({"type": "message", "role": "user"}, Item))

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert 8 == len(found)
    assert [found[0]] * 8 == found
