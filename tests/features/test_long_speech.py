"""Hours are rated as short recordings are."""

from __future__ import annotations

import pytest
import torch

from asr.features.long_speech import LongSpeech
from asr.features.normalisation import rate_frames
from tests.features.levels import make_levels

RECORDINGS = {
    "one stretch": [("sound", 700)],
    "pauses": [("noise", 300), ("sound", 170), ("noise", 250), ("sound", 90), ("zeros", 400), ("sound", 800)],
    "many pauses": [("sound", 150), ("zeros", 150)] * 6,
    "clicks": [("noise", 130), ("sound", 12), ("noise", 190), ("sound", 100), ("hum", 100), ("sound", 25)],
    "noise": [("noise", 600)],
    "inaudible": [("zeros", 400)],
    "short": [("sound", 3)],
}


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("piece", [64, 5000])
def test_frames_are_rated_as_in_one_tensor(name: str, piece: int) -> None:
    bands = make_levels(*RECORDINGS[name])[..., :6]
    is_audible = bands.mean(2) > -14
    weights, noisiness, stretches = rate_frames(bands, is_audible, torch.ones_like(is_audible))
    parts = zip(bands.split(97, dim=1), is_audible.split(97, dim=1), strict=True)
    speech, num_frames = LongSpeech(parts, bands.shape[1], piece), bands.shape[1]
    assert speech.count == int(stretches.numbers.max()) + 1
    pieces = [(first, min(first + 111, num_frames)) for first in range(0, num_frames, 111)]
    assert torch.equal(torch.cat([speech.numbers(*piece) for piece in pieces]), stretches.numbers[0])
    rated = [speech.rate(*piece) for piece in pieces]
    assert torch.allclose(torch.cat([each[0] for each in rated]), weights[0].unsqueeze(1), atol=1e-5)
    assert torch.allclose(torch.cat([each[1] for each in rated]), noisiness[0], atol=1e-5)
