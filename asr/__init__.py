"""Carousel: CTC speech recognition with deep bidirectional LSTMs.

What programs need is here by name and imported when it is asked for: ``import asr`` alone imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asr.decoding.settings import DecoderSettings
    from asr.text.hotwords import Hotwords
    from asr.transcription.aligner import Aligner
    from asr.transcription.formats import FORMATS
    from asr.transcription.recognizer import Recognizer
    from asr.transcription.transcript import Transcript

__version__ = "0.1.0"
__all__ = ["FORMATS", "Aligner", "DecoderSettings", "Hotwords", "Recognizer", "Transcript"]

_MODULES = {
    "Aligner": "asr.transcription.aligner",
    "DecoderSettings": "asr.decoding.settings",
    "FORMATS": "asr.transcription.formats",
    "Hotwords": "asr.text.hotwords",
    "Recognizer": "asr.transcription.recognizer",
    "Transcript": "asr.transcription.transcript",
}


def __getattr__(name: str) -> object:
    """Imports what programs need when they first ask for it."""
    if name not in _MODULES:
        raise AttributeError(f"module 'asr' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
