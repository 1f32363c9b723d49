from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def make_audio() -> Callable[..., Path]:
    """Gives a function that writes noise, the same for the same seed, and makes the folders for it."""

    def make(
        path: Path, seed: int = 0, seconds: float = 0.5, sample_rate: int = 16000, channels: int = 1, **options
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (round(seconds * sample_rate), channels)
        samples = 0.1 * np.random.default_rng(seed).standard_normal(shape)
        soundfile.write(path, samples, sample_rate, **options)
        return path

    return make
