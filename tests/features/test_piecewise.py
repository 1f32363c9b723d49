from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from asr.features import stretches
from asr.features.frontend import FrontEnd
from asr.features.piecewise import PiecewiseFeatures, static_by_piece


class Held:
    """Rows in memory."""

    def __init__(self, rows: Tensor) -> None:
        self.width, self.rows = rows.shape[1], rows

    def read(self, first: int, last: int) -> Tensor:
        return self.rows[first:last]

    def write(self, first: int, rows: Tensor) -> None:
        self.rows[first : first + len(rows)] = rows


def speech(seconds: float, pauses: float = 1.5) -> Tensor:
    """Returns bursts of noise with pauses between them, at 8 kHz."""
    generator = torch.Generator().manual_seed(0)
    times = torch.arange(round(8000 * seconds)) / 8000
    loudness = (torch.sin(20 * times).clamp(min=0) * (times % (2 + pauses) < 2)) + 1e-3
    return 0.3 * loudness * torch.randn(len(times), generator=generator)


@pytest.mark.parametrize("length", [0, 1, 39, 40, 41, 100, 300, 8000, 9999])
@pytest.mark.parametrize("block", [37, 400, 4000])
def test_static_values_are_those_of_the_whole(length: int, block: int) -> None:
    frontend = FrontEnd(sample_rate=8000, num_mels=20, use_energy=True).eval()
    waveform = speech(2)[:length]
    whole, _ = frontend.static(waveform.unsqueeze(0), torch.tensor([length]))
    parts = list(static_by_piece(frontend, waveform.split(block)))
    assert torch.allclose(torch.cat([whole[0, :0], *parts]), whole[0], atol=1e-5)


@pytest.mark.parametrize("cmvn", ["none", "global", "utterance", "speech"])
@pytest.mark.parametrize(
    "options", [{}, {"delta_order": 2, "use_energy": True}, {"kind": "mfcc", "num_ceps": 13, "delta_order": 1}]
)
@pytest.mark.parametrize("is_dense", [True, False])
def test_features_are_those_of_the_whole(
    cmvn: Any, options: dict[str, Any], is_dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = FrontEnd(sample_rate=8000, num_mels=20, cmvn=cmvn, **options).eval()
    frontend.set_statistics(torch.randn(frontend.feature_dim), torch.rand(frontend.feature_dim) + 0.5)
    waveform = speech(12.3)
    lengths = torch.tensor([len(waveform)])
    whole, (num_frames,) = frontend(waveform.unsqueeze(0), lengths)
    monkeypatch.setattr(stretches, "_MOST_MEMBERS", 1 << 24 if is_dense else 0)
    static, _ = frontend.static(waveform.unsqueeze(0), lengths)
    features = PiecewiseFeatures(frontend, Held(static[0]), int(num_frames), piece=100)
    parts = torch.cat([features(first, min(first + 33, int(num_frames))) for first in range(0, int(num_frames), 33)])
    assert torch.allclose(parts, whole[0], atol=1e-4)


def test_nothing_has_no_features() -> None:
    frontend = FrontEnd(cmvn="speech").eval()
    assert PiecewiseFeatures(frontend, Held(torch.zeros(0, 80)), 0)(0, 0).shape == (0, 80)
