import pytest
import torch

from asr.models.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.35, 0.9])
def test_the_share_is_dropped_and_the_mean_stays(p: float) -> None:
    torch.manual_seed(0)
    values = torch.ones(7, 501, 301, requires_grad=True)
    dropped = Dropout(p)(values)
    share = float((dropped == 0).double().mean())
    assert share == pytest.approx(p, abs=4 * (p * (1 - p) / values.numel()) ** 0.5 + 1e-5)
    assert dropped.detach().max() == pytest.approx(1 / (1 - p), rel=1e-3)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())
    flat = (dropped.detach() == 0).flatten()
    for place in range(4):  # of the four values of a draw
        assert float(flat[place::4].double().mean()) == pytest.approx(p, abs=0.005)
    assert float((flat[:-1] & flat[1:]).double().mean()) == pytest.approx(p * p, abs=0.005), (
        "neighbours are independent"
    )


def test_the_seed_decides_and_evaluation_drops_nothing() -> None:
    values, module = torch.randn(3, 5, 7), Dropout(0.5)
    torch.manual_seed(1)
    first = module(values)
    torch.manual_seed(1)
    assert torch.equal(module(values), first)
    assert not torch.equal(module(values), first)
    assert torch.equal(module.eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)
    assert module.train()(values.bfloat16()).dtype == torch.bfloat16
