"""
The options of the client, from the environment or from one file.

Rules:

1. A file is read only if it is named with ``--env-file``.
2. Endpoint and credential come from the same place. A file that sets the one without
   the other could send a key of the environment to an address of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..options import AzureRealTimeOptions

_ENDPOINT, _KEY = "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"
_DEPLOYMENTS = ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME")
_VERSION = "AZURE_OPENAI_API_VERSION"


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
    Return the variables of a file: lines of ``NAME=value``, comments with ``#``.

    ``export`` before a name and quotes around a value are ignored; nothing is expanded.

    Raises:
        ValueError: A line is something else; the message has its number only, as it may
            contain a key.
    """
    found = {}
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"line {number} of {path} is not NAME=value")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found
