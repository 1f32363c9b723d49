from __future__ import annotations

from typing import Any

import pytest
import torch

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.streaming import is_streamed_exactly, streamed_features


def frontend(cmvn: str, **options: Any) -> FrontEnd:
    made = FrontEnd(num_mels=8, cmvn=cmvn, **options).eval()
    if cmvn == "global":
        made.set_statistics(torch.randn(made.feature_dim), torch.rand(made.feature_dim) + 0.5)
    return made


def noise(seconds: float) -> torch.Tensor:
    times = torch.arange(round(16000 * seconds)) / 16000
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(len(times), generator=generator) * (1e-2 + torch.sin(5 * times).clamp(min=0))


@pytest.mark.parametrize("cmvn", ["none", "global"])
@pytest.mark.parametrize("options", [{}, {"delta_order": 2, "use_energy": True}, {"frame_shift_ms": 12.5}], ids=str)
def test_streams_equal_whole_recordings(cmvn: str, options: dict[str, Any]) -> None:
    made, waveform = frontend(cmvn, **options), noise(1.37)
    whole, _ = made(waveform.unsqueeze(0), torch.tensor([len(waveform)]))
    for size in (160, 1237, 50000):
        parts = list(streamed_features(made, waveform.split(size)))
        assert torch.allclose(torch.cat(parts), whole[0], atol=1e-4)
    assert len(list(streamed_features(made, waveform.split(160)))) > 100  # as they come
    assert list(streamed_features(made, iter(()))) == []
    assert is_streamed_exactly(made)


@pytest.mark.parametrize("cmvn", ["utterance", "speech"])
def test_running_statistics_are_those_of_what_has_come_and_of_15_seconds_at_most(cmvn: str) -> None:
    made, waveform = frontend(cmvn, delta_order=1), noise(18.0)
    parts = list(streamed_features(made, waveform.split(3200)))
    assert len(parts[0]) > 95  # the first ones wait for a second
    assert sum(map(len, parts)) == 1800
    begin, _ = made(waveform[: 16000 * 10].unsqueeze(0), torch.tensor([16000 * 10]))
    streamed = torch.cat(parts)
    assert torch.allclose(streamed[985:990], begin[0, 985:990], atol=0.2)
    late, _ = made(waveform[16000 * 3 :].unsqueeze(0), torch.tensor([16000 * 15]))
    assert torch.allclose(streamed[-5:], late[0, -5:], atol=0.2)
    assert not is_streamed_exactly(made)


def test_missing_statistics_are_named() -> None:
    with pytest.raises(ConfigError, match="cmvn: is global, but the front end has no statistics"):
        next(streamed_features(FrontEnd(num_mels=8, cmvn="global"), iter(())))
