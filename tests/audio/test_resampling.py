from __future__ import annotations

import numpy as np
import pytest

from asr.audio.resampling import resample, resample_blocks


@pytest.mark.parametrize("rates", [(44100, 16000), (8000, 16000), (48000, 16000), (16000, 16000), (22050, 16000)])
@pytest.mark.parametrize("size", [77, 1600, 100_000])
def test_blocks_are_resampled_as_the_whole(rates: tuple[int, int], size: int) -> None:
    waveform = np.random.default_rng(0).standard_normal(9001).astype(np.float32)
    blocks = list(resample_blocks(np.split(waveform, range(size, 9001, size)), *rates))
    assert np.allclose(np.concatenate(blocks), resample(waveform, *rates), atol=1e-5)
    assert len(blocks) > 5 or size > 100
    assert list(resample_blocks([], *rates)) == []
