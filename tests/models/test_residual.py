import pytest
import torch
from torch import Tensor, nn

from asr.models.residual import Residual


class Twice(nn.Module):
    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        return 2 * frames


def test_adds_the_scaled_branch() -> None:
    frames, mask = torch.randn(3, 4, 2), torch.ones(3, 4, dtype=torch.bool)
    assert torch.equal(Residual(Twice(), scale=0.5)(frames, mask), 2 * frames)


def test_whole_utterances_skip_the_branch_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    layer, frames = Residual(Twice(), skip_rate=0.25), torch.ones(4000, 3, 2)
    mask = torch.ones(4000, 3, dtype=torch.bool)
    output = layer(frames, mask)
    assert torch.equal(output, output[:, :1, :1].expand_as(output))
    skipped = output[:, 0, 0] == 1
    assert torch.allclose(output[~skipped], torch.tensor(1 + 2 / 0.75))
    assert float(skipped.float().mean()) == pytest.approx(0.25, abs=0.03)
    assert float(output.mean()) == pytest.approx(3, abs=0.1)
    assert torch.equal(layer.eval()(frames, mask), 3 * frames)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rates_that_cannot_be(rate: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
        Residual(Twice(), skip_rate=rate)
