"""The precision of a training: half of the bits only on processors that compute with them."""

from __future__ import annotations

import logging
from typing import Any

from asr.models.cells.half_lstm import capabilities
from asr.runs.ranks import is_on_cpu

_HALF = frozenset({"16", "16-mixed", "16-true", "bf16", "bf16-mixed", "bf16-true"})
_NEEDED = ("avx512_bf16", "amx_bf16")  # either: with AVX2 alone, torch's LSTM fails, with AVX512 alone it is slow

logger = logging.getLogger(__name__)


def with_precision(trainer: dict[str, Any]) -> dict[str, Any]:
    """Returns the trainer's settings with float32 in place of half precision that its CPU lacks, and says so."""
    wanted = str(trainer.get("precision"))
    if wanted not in _HALF or not is_on_cpu(trainer) or has_half():
        return trainer
    found = "this processor has neither AVX512-BF16 nor AMX for it"
    logger.warning("trainer.precision=%s: %s; trains in float32 (32-true)", wanted, found)
    return trainer | {"precision": "32-true"}


def has_half() -> bool:
    """Returns whether this processor computes with bfloat16 fast enough to pay."""
    found = capabilities()
    return any(found.get(name) for name in _NEEDED)
