"""
Audio as bytes: WAV files, PCM samples, G.711 and resampling.
"""

from .g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from .resample import Resampler, resample
from .wav import WavAudio, read_wav, wav_bytes, write_wav

__all__ = [
    "Resampler",
    "WavAudio",
    "decode_alaw",
    "decode_ulaw",
    "encode_alaw",
    "encode_ulaw",
    "read_wav",
    "resample",
    "wav_bytes",
    "write_wav",
]
