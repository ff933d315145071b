"""
What is read from the docstrings people write.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._tools.schema.docstrings import Docstring, parse_docstring

GOOGLE = """
Tell the weather.

In any place on Earth.

Args:
    city (str): As people call it,
        such as "Paris": never a code.
    days (dict[str, int], optional): How many.

    unit: Of the temperature.
    **more: Anything else.

Returns:
    text: It is not an argument.
"""

NUMPY = """
Tell the weather.

In any place on Earth.

Parameters
----------
city : str
    As people call it,
    such as "Paris": never a code.
days, hours : int, optional
    How many.
unit
    Of the temperature.
**more
    Anything else.

Returns
-------
text : str
    It is not an argument.
"""

REST = """
Tell the weather.

In any place on Earth.

:param city: As people call it,
    such as "Paris": never a code.
:type city: str
:param int days: How many.
:keyword unit: Of the temperature.

:param more: Anything else.
:returns: It is not an argument.
:raises ValueError: Neither.
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_usual_styles_give_description_and_arguments(text: str) -> None:
    """
    The description is what comes first; each argument has its text, on one line.
    """
    read = parse_docstring(text)

    assert read.description == "Tell the weather.\n\nIn any place on Earth."
    expected = {
        "city": 'As people call it, such as "Paris": never a code.',
        "days": "How many.",
        "unit": "Of the temperature.",
        "more": "Anything else.",
    }
    if text is NUMPY:
        expected["hours"] = "How many."
    assert read.arguments == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Docstring()),
        ("", Docstring()),
        ("Just this.", Docstring("Just this.")),
        ("\nArgs:\n    a: First.", Docstring(None, {"a": "First."})),
        ("Note: see\nthis.", Docstring("Note: see\nthis.")),
        ("X.\n\nReturns:\n    It.", Docstring("X.")),
        ("X.\n\nArgs:\n    a:\n        Below.", Docstring("X.", {"a": "Below."})),
        ("X.\n\nArgs:\n\nMore.", Docstring("X.")),
        ("X.\n\n:param: what?", Docstring("X.")),
        ("X.\n\nParameters\n----------", Docstring("X.")),
    ],
)
def test_unusual_docstrings_give_what_there_is(
    text: str | None, expected: Docstring
) -> None:
    """
    A docstring that is empty, short or half a section gives what there is.
    """
    assert parse_docstring(text) == expected


@pytest.mark.slow
@given(
    st.lists(
        st.one_of(
            st.sampled_from([*GOOGLE.splitlines(), *NUMPY.splitlines()]),
            st.sampled_from(REST.splitlines()),
            st.text(max_size=20),
        )
    ).map("\n".join)
)
def test_no_docstring_breaks_the_description(text: str) -> None:
    """
    Whatever a docstring says, the function can become a tool.
    """
    read = parse_docstring(text)

    assert all(read.arguments.values())
