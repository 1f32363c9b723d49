"""An aligner that hears letters and phones as tones, and recordings of them."""

from __future__ import annotations

from pathlib import Path

import torch

from asr.audio.waveforms import write_wav
from asr.decoding.forced.boundaries import BoundaryRule
from asr.decoding.forced.viterbi import Penalties
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable
from asr.transcription.aligner import Aligner, AlignerSettings
from tests.transcription.tiny_models import SAMPLE_RATE, ToneModel, silence, tone

LETTERS = TokenTable.build(["ABCD"], "char")
A, B, C, D, SPACE = (LETTERS.ids[token] for token in "ABCD|")
PLAIN = AlignerSettings(Penalties(6.0, 2.0, 2.0), BoundaryRule(0.0, 0.0, 0.0))


def aligner(tokens: TokenTable = LETTERS, **options) -> Aligner:
    policy = get_policy("upper-no-punctuation")
    return Aligner(ToneModel(len(tokens)), tokens, policy, settings=PLAIN, **options)  # type: ignore[arg-type]


def record(path: Path, *said: int | float, seconds: float = 0.2) -> Path:
    """Writes a recording of tokens, 0.2 s each, and of silences of so many seconds."""
    write_wav(path, torch.cat([tone(s, seconds) if isinstance(s, int) else silence(s) for s in said]), SAMPLE_RATE)
    return path
