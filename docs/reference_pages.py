"""
The pages of the reference: every name of every public module, in groups.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable

import azure_realtime

#: The names of `azure_realtime` by what they are for. A name in no group is an error.
GROUPS = {
    "Client": ["AzureRealTimeAudio"],
    "Options": ["AzureRealTimeOptions", "WebSocketOptions", "Endpoint"],
    "Session": [
        *("SessionConfig", "DEFAULT_SESSION_CONFIG", "Session", "ServerVad"),
        *("SemanticVad", "Transcription", "NoiseReduction", "Prompt", "Reasoning"),
        *("RetentionRatioTruncation", "Tracing", "UNSET", "Unset"),
    ],
    "Turns and responses": [
        *("Turn", "Latency", "ToolCall", "ResponseConfig", "Response", "Usage"),
        *("UsageTotals", "Prices"),
    ],
    "Conversation": [
        *("Conversation", "Item", "MessageItem", "InputText", "InputAudio"),
        *("InputImage", "OutputText", "OutputAudio", "FunctionCallItem"),
        *("FunctionCallOutputItem", "ItemReference", "McpApprovalResponseItem"),
    ],
    "Tools": [
        *("Tool", "FunctionTool", "McpTool", "ToolChoiceFunction", "ToolChoiceMcp"),
    ],
    "Status": ["ModelStatusEnum", "WebSocketState", "Stats", "__version__"],
    "Errors": [
        *("RealtimeError", "ConnectError", "AuthenticationError"),
        *("DeploymentNotFound", "RateLimited", "ConnectTimeout", "ConnectionClosed"),
        *("ServerError", "ResponseError", "ResponseFailed", "ResponseIncomplete"),
        *("ResponseCancelled", "QueueFull", "SlowConsumer", "ProtocolWarning"),
        "AudioDeviceError",
    ],
}
#: Classes that methods of the client return and no program has to import.
RETURNED = {
    "azure_realtime.client.turn_stream": ["TurnStream"],
    "azure_realtime.client.waiting": ["EventStream", "Expectation"],
}
#: Classes with methods of base classes that have no entry of their own.
INHERITING = {
    "azure_realtime.AzureRealTimeAudio",
    "azure_realtime.audio.Microphone",
    "azure_realtime.audio.Speaker",
    "azure_realtime.audio.WavSink",
    "azure_realtime.notebook.NotebookMicrophone",
    "azure_realtime.notebook.NotebookSpeaker",
    "azure_realtime.recording.Timeline",
    "azure_realtime.simulator.Connection",
    "azure_realtime.simulator.Simulator",
}
#: Classes whose instances the package makes: the reference has no constructor of them.
NOT_CONSTRUCTED = {
    *("azure_realtime.Conversation", "azure_realtime.notebook.TranscriptView"),
    *("azure_realtime.recording.Exchange", "azure_realtime.recording.Recordable"),
    *("azure_realtime.recording.Recorder", "azure_realtime.recording.Recording"),
    *("azure_realtime.recording.Timeline", "azure_realtime.simulator.Connection"),
    "azure_realtime.voice.VoiceCall",
    *(f"{module}.{name}" for module, names in RETURNED.items() for name in names),
}


def public_modules() -> list[str]:
    """
    Return the packages with ``__all__`` whose path has no underscore, sorted.
    """
    found = ["azure_realtime"]
    for info in pkgutil.iter_modules(azure_realtime.__path__, "azure_realtime."):
        is_public = info.ispkg and "._" not in info.name and info.name != CLIENT
        if is_public and hasattr(importlib.import_module(info.name), "__all__"):
            found.append(info.name)
    return sorted(found)


#: Its one name is one of `azure_realtime`.
CLIENT = "azure_realtime.client"


def pages() -> dict[str, str]:
    """
    Return the text of each page of the reference by its name.
    """
    missing = set(azure_realtime.__all__) - {n for g in GROUPS.values() for n in g}
    missing -= {"events"}
    if missing:
        raise SystemExit(f"docs/reference_pages.py has no group for {sorted(missing)}")
    made: dict[str, str] = {}
    for title, names in GROUPS.items():
        made[_file(title)] = _page(title, "azure_realtime", names)
    returned = "".join(_entries(m, names) for m, names in RETURNED.items())
    made["client"] += f"\n## What its methods return\n\n{returned}"
    for module in public_modules()[1:]:
        made[module.rpartition(".")[2]] = _module_page(module)
    return made


def _file(title: str) -> str:
    return title.lower().replace(" ", "-")


def _module_page(module: str) -> str:
    """
    Return the page of a module; names that `azure_realtime` has are described there.
    """
    loaded = importlib.import_module(module)
    known = {id(getattr(azure_realtime, name)) for name in azure_realtime.__all__}
    names = [n for n in loaded.__all__ if id(getattr(loaded, n)) not in known]
    if module != "azure_realtime.events":
        return _page(module, module, names)
    page = f"# {module}\n\n{_rst(f'.. automodule:: {module}')}"
    parts = pkgutil.iter_modules(loaded.__path__, f"{module}.")
    groups = {part.name: importlib.import_module(part.name) for part in parts}
    listed = {
        name.rpartition(".")[2].replace("_", " "): list(part.__all__)
        for name, part in groups.items()
        if "._" not in name
    }
    grouped = {name for members in listed.values() for name in members}
    listed["base classes and tables"] = [n for n in names if n not in grouped]
    for group, members in listed.items():
        page += f"\n## {group}\n\n{_entries(module, members)}"
    return page


def _page(title: str, module: str, names: Iterable[str]) -> str:
    about = "" if module == "azure_realtime" else _rst(f".. automodule:: {module}")
    return f"# {title}\n\n{about}{_entries(module, names)}"


def _entries(module: str, names: Iterable[str]) -> str:
    """
    Return the directives for *names* of *module*.
    """
    loaded = importlib.import_module(module)
    lines = []
    for name in names:
        value = getattr(loaded, name)
        full = f"{module}.{name}"
        if inspect.isclass(value):
            kind = "exception" if issubclass(value, BaseException) else "class"
            more = ":inherited-members:" if full in INHERITING else ""
            lines.append(f".. auto{kind}:: {full}\n   :members:\n   {more}\n")
        elif inspect.isfunction(value):
            lines.append(f".. autofunction:: {full}\n")
        else:
            text = _description(name, value)
            lines.append(f".. py:data:: {name}\n   :module: {module}\n\n   {text}\n")
    return _rst("\n".join(lines))


def _description(name: str, value: object) -> str:
    """
    Return what is written at the assignment of a public value that is no class.

    autodoc would show the docstring of its type.
    """
    from sphinx.pycode import ModuleAnalyzer  # the groups are read without Sphinx, too

    for module in sorted(name for name in sys.modules if name.startswith("azure_")):
        if vars(sys.modules[module]).get(name) is value:
            found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name))
            if found:
                return " ".join(found).strip()
    raise SystemExit(f"{name} has no comment '#:' at its assignment")


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n\n"
