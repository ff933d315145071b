"""
One call of a tool: from the JSON that the model wrote to the text that it gets back.

Strictly private.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._logging import logger, text_of, utf8_text
from .._redaction import redacted
from .tool import Tool


class Outcome(NamedTuple):
    """
    What the model gets to read.

    Attributes:
        output: The result, or JSON that tells the error.
        error: Why there is no result; None if there is one.
    """

    output: str
    error: BaseException | None = None

    @classmethod
    def failure(cls, error: BaseException, text: str) -> Outcome:
        """
        Return the outcome of a call that came to nothing.
        """
        answer = {"error": utf8_text(redacted(text))}
        return cls(json.dumps(answer, ensure_ascii=False), error)


def call_tool(tool: Tool[..., Any], arguments: str) -> Outcome:
    """
    Call *tool*. Worker thread; never raises, whatever the user's code does.
    """
    try:
        values = tool.structure(_parse(arguments))
    except ValueError as exc:
        return Outcome.failure(exc, text_of(exc))
    except BaseException as exc:  # of the classes that arguments are made into
        return Outcome.failure(exc, _in_short(exc))
    try:
        result = tool.function(**values)
    except BaseException as exc:  # sys.exit() in a tool must not end us
        logger.exception("The tool %r raised", tool.name)
        return Outcome.failure(exc, _in_short(exc))
    try:
        return Outcome(_as_output(result))
    except BaseException as exc:  # of the result's own methods
        msg = (
            f"The function '{tool.name}' returned {type(result).__name__} that is no "
            f"JSON: {text_of(exc)}"
        )
        logger.exception("%s", msg)
        return Outcome.failure(exc, msg)


def timed_out(name: str, seconds: float) -> Outcome:
    """
    Return the outcome of a call that takes too long. Any thread.
    """
    msg = f"the function '{name}' gave no result within {seconds:g} s"
    return Outcome.failure(TimeoutError(msg), msg)


def unknown_tool(name: str, known: Iterable[str]) -> Outcome:
    """
    Return the outcome of a call to a function that does not exist. Any thread.
    """
    msg = f"there is no function '{name}'; the functions are: {', '.join(known)}"
    return Outcome.failure(LookupError(msg), msg)


def too_many_rounds(rounds: int) -> Outcome:
    """
    Return the outcome of a call beyond the rounds that a turn may have. Any thread.
    """
    msg = (
        f"it was not called: {rounds} responses in a row have called functions, which "
        "is the limit"
    )
    return Outcome.failure(RuntimeError(msg), msg)


def _parse(arguments: str) -> Any:
    """
    Return the JSON value; "" is what some models write when there are no arguments.
    """
    if not arguments.strip():
        return {}
    try:
        return json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        msg = f"the arguments are not valid JSON: {exc}"
        raise ValueError(msg) from exc


def _refuse(constant: str) -> Any:
    msg = f"{constant} is no number"
    raise ValueError(msg)


def _as_output(result: Any) -> str:
    if result is None:
        return "done"  # to a model, "null" looks like a failure
    if isinstance(result, str):
        return utf8_text(result)
    from .schema.to_json import to_json  # loaded when the tool was made

    return to_json(result)


def _in_short(error: BaseException) -> str:
    name, text = type(error).__name__, text_of(error)
    return name if text == name else f"{name}: {text}"
