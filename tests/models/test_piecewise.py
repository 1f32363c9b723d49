from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.attentive import AttentiveRecurrentEncoder
from asr.models.cells.choice import Cell
from asr.models.conformer import ConformerEncoder
from asr.models.encoder import RecurrentEncoder
from asr.models.feedforward import FeedForwardEncoder
from asr.models.piecewise import check_piecewise, log_probs_by_piece
from asr.models.transformer import TransformerEncoder

FRONTEND = {"num_mels": 8, "cmvn": "none"}


class Held:
    """Rows in memory."""

    def __init__(self, width: int) -> None:
        self.width, self.rows = width, torch.full((100, width), torch.nan)

    def read(self, first: int, last: int) -> Tensor:
        return self.rows[first:last].clone()

    def write(self, first: int, rows: Tensor) -> None:
        self.rows[first : first + len(rows)] = rows


def largest_difference(encoder: nn.Module, num_frames: int, piece: int) -> float:
    model = AcousticModel(FrontEnd(**FRONTEND), encoder, 5).eval()
    features = torch.randn(num_frames, 8)
    with torch.inference_mode():
        whole, _ = model.classify(features.unsqueeze(0), torch.tensor([num_frames]))
    parts = list(log_probs_by_piece(model, lambda first, last: features[first:last], num_frames, Held, piece))
    assert max(map(len, parts)) <= piece
    return float((torch.cat(parts) - whole[0]).abs().max())


@pytest.mark.parametrize("cell", get_args(Cell))
@pytest.mark.parametrize("zoneout", [0.0, 0.2])
def test_every_cell_equals_one_tensor(cell: Cell, zoneout: float) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        8, 8, 2, cell, conv_channels=4, time_stride=2, layer_norm=True, residual=True, zoneout=zoneout, init_range=0.5
    )
    assert largest_difference(encoder, 61, 7) < 1e-5


@pytest.mark.parametrize("options", [{"time_stride": 3}, {"bidirectional": False}, {"front_cell": "lstm_peephole"}])
def test_other_stacks_equal_one_tensor(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    assert largest_difference(RecurrentEncoder(8, 6, 3, **options), 40, 5) < 1e-5


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("num_frames", [1, 2, 9, 29, 30, 31, 32])
def test_subsampling_and_windows_equal_one_tensor(stride: int, num_frames: int) -> None:
    torch.manual_seed(0)
    encoder = FeedForwardEncoder(8, 6, 2, context=3, feedforward_dim=8, time_stride=stride, conv_channels=2)
    assert largest_difference(encoder, num_frames, 4) < 1e-5
    recurrent = RecurrentEncoder(8, 6, 1, time_stride=stride, conv_channels=2)
    assert largest_difference(recurrent, num_frames, 4) < 1e-5


@pytest.mark.parametrize(
    "encoder",
    [
        AttentiveRecurrentEncoder(8, 8, 1, num_heads=2, feedforward_dim=8),
        ConformerEncoder(8, 8, 1, num_heads=2, feedforward_dim=8),
        TransformerEncoder(8, 8, 1, num_heads=2, feedforward_dim=8),
    ],
)
def test_attention_is_refused(encoder: nn.Module) -> None:
    with pytest.raises(ConfigError, match="sees all others, so it cannot be run piece by piece"):
        check_piecewise(AcousticModel(FrontEnd(**FRONTEND), encoder, 5))
