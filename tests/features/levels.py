"""Levels of filterbanks with pauses, for tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def make_levels(*parts: tuple[str, int], seed: int = 0) -> Tensor:
    """Returns levels of ten bands: "sound", which changes all the time, or a pause of zeros or noise, by frames."""
    generator, pieces = np.random.default_rng(seed), []
    for kind, frames in parts:
        if kind == "sound":
            steps = np.repeat(generator.normal(-4, 3, (frames // 8 + 1, 10)), 8, axis=0)[:frames]
            pieces.append(steps + generator.normal(0, 0.3, (frames, 10)))
        else:
            level = {"zeros": -15.0, "noise": -10.0, "hum": -3.0}[kind]
            pieces.append(level + (kind != "zeros") * generator.normal(0, 0.3, (frames, 10)))
    return torch.from_numpy(np.concatenate(pieces)).float()[None]
