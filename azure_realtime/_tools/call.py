"""
One call of a tool: from the JSON arguments to the output text for the model.

Strictly private.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._logging import logger, text_of, utf8_text
from .._redaction import redacted
from .tool import Tool

# In bytes of JSON. No model reads more, and a larger message ends the session.
_LARGEST_RESULT = 10 << 20


class Outcome(NamedTuple):
    """
    The outcome of a tool call.

    Attributes:
        output: The text for the model: the result, or JSON with the error message.
        error: The error; None if there is a result.
    """

    output: str
    error: BaseException | None = None

    @classmethod
    def failure(cls, error: BaseException, text: str) -> Outcome:
        """
        Return the outcome of a failed call.
        """
        answer = {"error": utf8_text(redacted(text))}
        return cls(json.dumps(answer, ensure_ascii=False), error)


def call_tool(tool: Tool[..., Any], arguments: str) -> Outcome:
    """
    Call *tool*; never raises, whatever the user's code does. Worker thread.
    """
    try:
        values = tool.structure(_parse(arguments))
    except ValueError as exc:
        return Outcome.failure(exc, text_of(exc))
    except BaseException as exc:  # from constructors of the user's classes
        return Outcome.failure(exc, _in_short(exc))
    try:
        result = tool.function(**values)
    except BaseException as exc:  # sys.exit() in a tool must not end the thread
        logger.exception("The tool %r raised", tool.name)
        return Outcome.failure(exc, _in_short(exc))
    try:
        output = _as_output(result)
    except BaseException as exc:  # from methods of the result
        msg = (
            f"The function '{tool.name}' returned {type(result).__name__} that is no "
            f"JSON: {text_of(exc)}"
        )
        logger.exception("%s", msg)
        return Outcome.failure(exc, msg)
    size = _size_of(output)
    if size > _LARGEST_RESULT:
        msg = (
            f"The function '{tool.name}' returned {size:,} bytes; a result may have "
            f"{_LARGEST_RESULT:,}"
        )
        logger.error("%s", msg)
        return Outcome.failure(ValueError(msg), msg)
    return Outcome(output)


def timed_out(name: str, seconds: float) -> Outcome:
    """
    Return the outcome of a call that exceeded its timeout. Any thread.
    """
    msg = f"the function '{name}' gave no result within {seconds:g} s"
    return Outcome.failure(TimeoutError(msg), msg)


def unknown_tool(name: str, known: Iterable[str]) -> Outcome:
    """
    Return the outcome of a call of an unknown function. Any thread.
    """
    msg = f"there is no function '{name}'; the functions are: {', '.join(known)}"
    return Outcome.failure(LookupError(msg), msg)


def too_many_rounds(rounds: int) -> Outcome:
    """
    Return the outcome of a call beyond the limit of tool rounds. Any thread.
    """
    msg = (
        f"it was not called: {rounds} responses in a row have called functions, which "
        "is the limit"
    )
    return Outcome.failure(RuntimeError(msg), msg)


def _parse(arguments: str) -> Any:
    """
    Parse the arguments; some models write "" when there are none.
    """
    if not arguments.strip():
        return {}
    try:
        return json.loads(arguments, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        msg = f"the arguments are not valid JSON: {exc}"
        raise ValueError(msg) from exc


def _refuse(constant: str) -> Any:
    msg = f"{constant} is no number"
    raise ValueError(msg)


def _finite(number: str) -> float:
    made = float(number)
    if math.isfinite(made):
        return made
    msg = f"{number:.20} is too large for a 64-bit float"
    raise ValueError(msg)


def _as_output(result: Any) -> str:
    if result is None:
        return "done"  # models take "null" for a failure
    if isinstance(result, str):
        return utf8_text(result)
    from .schema.to_json import to_json  # loaded when the tool was made

    return to_json(result)


def _size_of(output: str) -> int:
    """
    Return the size of *output* in a message.
    """
    return len(json.dumps(output, ensure_ascii=False).encode())


def _in_short(error: BaseException) -> str:
    name, text = type(error).__name__, text_of(error)
    return name if text == name else f"{name}: {text}"
