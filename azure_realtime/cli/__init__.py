"""
The command line: ``azure-realtime`` and ``python -m azure_realtime``.
"""

from .program import main

__all__ = ["main"]
