"""
The options of the client, from the environment or from one file.

Rules:

1. A file is read only if it is named with ``--env-file``.
2. Endpoint and credential come from the same place. A file that sets the one without
   the other could send a key of the environment to an address of the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..options import AzureRealTimeOptions

_ENDPOINT, _KEY = "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"
_DEPLOYMENTS = ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME")
_VERSION = "AZURE_OPENAI_API_VERSION"
_VARIABLE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=(?P<value>.*)")
_QUOTED = re.compile(
    r"""(?P<quote>["'])(?P<value>((?!(?P=quote)).)*)(?P=quote)(\s+\#.*)?"""
)


def options_for(env_file: str | None, **fields: Any) -> AzureRealTimeOptions:
    """
    Return the options of the client.

    Args:
        env_file: Path of the file with the variables; None means the environment.
        fields: More fields of the options.

    Raises:
        ValueError: A variable is missing; the message names it.
        OSError: The file cannot be read.
    """
    if env_file is None:
        return AzureRealTimeOptions.from_env(**fields)
    found = read_variables(Path(env_file))
    missing = [name for name in (_ENDPOINT, _KEY) if not found.get(name)]
    deployment = next((found[name] for name in _DEPLOYMENTS if found.get(name)), "")
    if not deployment:
        missing.append(_DEPLOYMENTS[0])
    if missing:
        raise ValueError(
            f"{env_file} does not set {', '.join(missing)}. With --env-file nothing is "
            "taken from the environment, so that no key is sent to an address from "
            "another place."
        )
    return AzureRealTimeOptions(
        found[_ENDPOINT],
        deployment,
        found[_KEY],
        found.get(_VERSION) or None,
        **fields,
    )


def read_variables(path: Path) -> dict[str, str]:
    """
    Return the variables of a file: lines of ``NAME=value``, the last of a name wins.

    ``export`` before a name, quotes around a value, and comments (``#`` at the start of
    a line or after a space) are ignored; nothing is expanded.

    Raises:
        ValueError: A line is something else, or the file is not UTF-8. The message has
            the number of the line only, as it may contain a key.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8: save it as such") from (
            None
        )
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        variable = _VARIABLE.fullmatch(line)
        value = None if variable is None else _value(variable["value"])
        if variable is None or value is None:
            raise ValueError(f"line {number} of {path} is not NAME=value")
        found[variable["name"]] = value
    return found


def _value(text: str) -> str | None:
    """
    Return the value without quotes and comment; None if a quote is in a wrong place.
    """
    if quoted := _QUOTED.fullmatch(text.strip()):
        return quoted["value"]
    bare = re.sub(r"\s+#.*", "", text).strip()
    return None if bare.startswith(("'", '"')) else bare
