"""Streams equal whole recordings, whatever the pieces that they come in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.attentive import AttentiveRecurrentEncoder
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder
from asr.models.piecewise import log_probs_by_piece
from asr.models.streaming import check_streaming, streamed_log_probs, waiting_frames

CHUNKS = {"chunk_frames": 4, "context_frames": 3}
SUBSAMPLINGS = [{"time_stride": stride, "conv_channels": 2} for stride in (1, 2, 3, 4)] + [{"time_stride": 3}]


def model_of(encoder: nn.Module) -> AcousticModel:
    return AcousticModel(FrontEnd(num_mels=8, cmvn="none"), encoder, 5).eval()


def latency_controlled(**options: Any) -> AcousticModel:
    torch.manual_seed(0)
    return model_of(LatencyControlledEncoder(8, 6, 2, **CHUNKS, layer_norm=True, residual=True, **options))


def one_way(**options: Any) -> AcousticModel:
    torch.manual_seed(0)
    return model_of(RecurrentEncoder(8, 6, 2, bidirectional=False, layer_norm=True, **options))


def pieces(features: Tensor, size: int) -> Iterator[Tensor]:
    yield from features.split(size)


@pytest.mark.parametrize("make", [latency_controlled, one_way])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS, ids=str)
def test_a_stream_equals_the_whole(make: Any, subsampling: dict[str, int]) -> None:
    model = make(**subsampling)
    for num_frames in (1, 2, 13, 61, 64):
        features = torch.randn(num_frames, 8, generator=torch.Generator().manual_seed(num_frames))
        with torch.inference_mode():
            whole, _ = model.classify(features.unsqueeze(0), torch.tensor([num_frames]))
        for size in (1, 7, 100):
            streamed = torch.cat(list(streamed_log_probs(model, pieces(features, size))))
            assert torch.allclose(streamed, whole[0], atol=1e-5)
    assert list(streamed_log_probs(model, iter(()))) == []


@pytest.mark.parametrize("make", [latency_controlled, one_way])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS, ids=str)
def test_outputs_come_when_what_they_wait_for_has_come(make: Any, subsampling: dict[str, int]) -> None:
    model = make(**subsampling)
    features, come, waited = torch.randn(60, 8), 0, []

    def one_by_one() -> Iterator[Tensor]:
        nonlocal come
        for frame in features.split(1):
            come += 1
            yield frame

    done = 0
    for part in streamed_log_probs(model, one_by_one()):
        if come < 60:
            waited += [come - 1 - number * subsampling["time_stride"] for number in range(done, done + len(part))]
        done += len(part)
    assert max(waited) == waiting_frames(model)


def no_rows(width: int) -> Any:
    raise AssertionError(f"activations of width {width} are kept")


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS, ids=str)
def test_chunks_of_a_whole_recording_by_piece(subsampling: dict[str, int]) -> None:
    model, features = latency_controlled(**subsampling), torch.randn(61, 8)
    with torch.inference_mode():
        whole, _ = model.classify(features.unsqueeze(0), torch.tensor([61]))
    told: list[float] = []
    rows = log_probs_by_piece(model, lambda first, last: features[first:last], 61, no_rows, 5, told.append)
    assert torch.allclose(torch.cat(list(rows)), whole[0], atol=1e-5)
    assert sum(told) == pytest.approx(1)


@pytest.mark.parametrize(
    ("encoder", "found"),
    [
        (RecurrentEncoder(8, 6, 2), "reads each recording backwards too"),
        (
            AttentiveRecurrentEncoder(8, 6, 1, 2, 8),
            "AttentiveRecurrentEncoder sees the frames around each one together",
        ),
    ],
)
def test_what_hears_to_the_end_is_refused(encoder: nn.Module, found: str) -> None:
    with pytest.raises(ConfigError, match=f"live: .*{found}.*; train with model=lstm_latency"):
        check_streaming(model_of(encoder))


def test_a_head_with_a_layer_of_its_own_is_refused() -> None:
    encoder = RecurrentEncoder(8, 6, 2, bidirectional=False)
    model = AcousticModel(FrontEnd(num_mels=8, cmvn="none"), encoder, 5, {"char": HeadSize(4, own_layer=True)})
    check_streaming(model.of_head("main"))
    with pytest.raises(ConfigError, match="take the main head"):
        check_streaming(model.of_head("char"))
