"""
What the commands are given: the variables of the environment, and a question.
"""

from __future__ import annotations

from pathlib import Path

from helpers.clients import KEY

QUESTION = Path(__file__).parents[2] / "samples" / "question.wav"
"""A spoken question."""


def azure_variables(url: str) -> dict[str, str]:
    """
    Return the variables of the environment that name a service.
    """
    return {
        "AZURE_OPENAI_ENDPOINT": url,
        "AZURE_OPENAI_DEPLOYMENT": "gpt-realtime",
        "AZURE_OPENAI_API_KEY": KEY,
    }
