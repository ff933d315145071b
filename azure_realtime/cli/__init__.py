"""
The command line: ``azure-realtime`` and ``python -m azure_realtime``.
"""

from .main import main

__all__ = ["main"]
