"""A corpus with the layout of TIMIT, spoken by espeak-ng: free, small, and the same every time."""

from asr.corpora.synth.generation import generate

__all__ = ["generate"]
