"""
The virtual sound device.
"""

from helpers.virtual_fixtures import virtual_audio

__all__ = ["virtual_audio"]
