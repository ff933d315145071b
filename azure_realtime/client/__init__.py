"""
The client: `AzureRealTimeAudio`, and one module for each group of its methods.
"""

from .client import AzureRealTimeAudio

__all__ = ["AzureRealTimeAudio"]
