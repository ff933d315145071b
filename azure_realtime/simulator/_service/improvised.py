"""
Makes up an answer for a response without a scripted reply.
"""

from __future__ import annotations

import re
from typing import Any

from .mcp import tool_names
from .script import Reply, Request, ToolCall

__all__ = ["made_up_arguments", "placeholder_transcript", "reply"]

Json = dict[str, Any]

_LONG = re.compile(
    r"\b(long(er)?|story|stories|poem|essay|lecture|in detail|everything|"
    r"tell me about)\b|\bcount (up )?to\b",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\bcount (?:up )?to (\d+)", re.IGNORECASE)
# If words match more tools than this, the matches are accidental.
_MAX_CALLS = 4
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and at by call do find for from function get give have in is it look "
        "make me my of on or please run set the this to tool up use what with you your",
    )
)
# A few phrases, repeated: the audio of each is synthesized once and then cached.
_STORY = (
    "Once upon a time there was a small server that lived on a quiet machine.",
    "It had never been asked a real question so it practised its answers alone.",
    "One day a client knocked on its door and asked for a very long answer.",
    "The little server was delighted because long answers were what it did best.",
    "It spoke of cables that run under the sea and of the ships that lay them.",
    "It spoke of clocks that disagree and of the engineers who adjust them.",
    "The client did not interrupt it although that is possible at any moment.",
)
_STORY_TIMES = 4
_SPEECH_LENGTH = "I received about {seconds:.1f} seconds of speech, and then a pause."


def reply(request: Request) -> Reply:
    """
    Return a tool call, a sentence about a tool's output, a long text, or a short one.
    """
    calls = [] if _answers_tool_output(request) else _choose_calls(request)
    if calls:
        return Reply(calls=calls)
    return Reply(text=_answer(request))


def placeholder_transcript(audio_ms: int) -> str:
    """
    Return the transcript of speech for which the script has no transcript.
    """
    return f"This is a placeholder for {audio_ms / 1000:.1f} seconds of speech."


def _answers_tool_output(request: Request) -> bool:
    return bool(request.items) and request.items[-1]["type"] in (
        "function_call_output",
        "mcp_call",
    )


def _answer(request: Request) -> str:
    if _answers_tool_output(request):
        output = str(request.items[-1].get("output"))
        return f"The tool has answered. It says: {_shorten(output)}."
    prompt = f"{request.text} {request.response.get('instructions', '')}"
    if match := _COUNT.search(prompt):
        return (
            ", ".join(str(n) for n in range(1, min(int(match[1][:4]), 500) + 1)) + "."
        )
    if _LONG.search(prompt):
        return " ".join(_STORY * _STORY_TIMES)
    if request.audio_ms and not request.text:
        sentence = _SPEECH_LENGTH.format(seconds=request.audio_ms / 1000)
        return f"{sentence} I am a local practice service, so I cannot recognize words."
    if not request.text:
        return "Hello! I am a local practice service. What would you like to try?"
    return (
        f"You said: {_shorten(request.text)} "
        "I am a local practice service, so I have no better answer than this."
    )


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "..."


# ---------------------------------------------------------------- tools


def _choose_calls(request: Request) -> list[ToolCall]:
    choice = request.tool_choice
    candidates = [
        (call, is_match)
        for tool in request.tools
        for call, is_match in _candidates(tool, request.text)
    ]
    if choice == "none":
        return []
    if isinstance(choice, dict):
        calls = [
            call
            for call, _ in candidates
            if call.server_label == choice.get("server_label")
            and call.name == (choice.get("name") or call.name)
        ]
        return calls[:1]
    calls = [call for call, is_match in candidates if is_match]
    if choice == "required" and not calls:
        calls = [call for call, _ in candidates[:1]]
    return calls[:_MAX_CALLS]


def _candidates(tool: Json, text: str) -> list[tuple[ToolCall, bool]]:
    """
    Return possible calls of a tool, each with whether the text mentions the tool.
    """
    if tool["type"] == "mcp":
        label = tool["server_label"]
        is_match = bool(_words(text) & _words(label))
        return [
            (ToolCall(name, {"query": _shorten(text)}, server_label=label), is_match)
            for name in tool_names(tool)[:1]
        ]
    arguments = made_up_arguments(tool.get("parameters") or {}, text)
    return [(ToolCall(tool["name"], arguments), _mentions_tool(text, tool))]


def _words(text: str) -> set[str]:
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    words = {word.lower() for word in re.findall(r"[^\W\d_]+", split)}
    return {re.sub(r"s$", "", word) for word in words - _STOP_WORDS}


def _mentions_tool(text: str, tool: Json) -> bool:
    """
    Return whether a text has words in common with a tool's name or description.
    """
    words = _words(text)
    if words & _words(tool["name"]):
        return True
    # A description has many words, so one match may be accidental.
    return len(words & _words(str(tool.get("description", "")))) >= 2


def made_up_arguments(schema: Json, text: str = "") -> Json:
    """
    Return arguments that fit a function's JSON schema.

    Capitalized words of *text* are taken for the names of places and people.
    """
    value = _made_up(schema, "", text, 0)
    return value if isinstance(value, dict) else {}


def _made_up(schema: Any, name: str, text: str, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > 5:
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        mentioned = [option for option in schema["enum"] if str(option) in text]
        return mentioned[0] if mentioned else schema["enum"][0]
    for key in ("const", "default", "example"):
        if key in schema:
            return schema[key]
    for key in ("examples", "anyOf", "oneOf"):
        options = schema.get(key)
        if isinstance(options, list) and options:
            if key == "examples":
                return options[0]
            return _made_up(options[0], name, text, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((option for option in kind if option != "null"), "null")
    if kind == "object":
        members = schema.get("properties")
        if not isinstance(members, dict):
            return {}
        return {
            key: _made_up(member, key, text, depth + 1)
            for key, member in members.items()
        }
    if kind == "array":
        return [_made_up(schema.get("items", {}), name, text, depth + 1)]
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        if numbers := re.findall(r"\d+", text):
            return int(numbers[0][:9])
        return schema.get("minimum", 1)
    return None if kind == "null" else _made_up_text(name, schema, text)


def _made_up_text(name: str, schema: Json, text: str) -> str:
    fmt = schema.get("format")
    if fmt == "date":
        return "2026-01-31"
    if fmt == "date-time":
        return "2026-01-31T12:00:00Z"
    if fmt == "email" or "email" in name.lower():
        return "someone@example.com"
    if fmt in ("uri", "url") or name.lower() in ("url", "uri"):
        return "https://example.com/"
    # Skips the first word of a sentence, which is always capitalized.
    names = re.findall(r"(?<=[a-z,] )([A-Z][\w-]+)", text)
    if names:
        return str(names[0])
    if re.search(r"city|place|location|where", name, re.IGNORECASE):
        return "Paris"
    return _shorten(text) or f"some {name or 'text'}"
