"""A corpus with the layout of TIMIT that espeak-ng speaks: free, small, and the same every time."""

from asr.corpora.synth.generation import generate

__all__ = ["generate"]
