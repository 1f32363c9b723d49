from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from asr.training import word_losses
from asr.training.word_losses import chances, sampled_cross_entropy, summed_cross_entropy

M, E, V = 37, 6, 11


def make() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden, weight, bias = (torch.randn(*shape, generator=generator) for shape in ((M, E), (V, E), (V,)))
    bias[1] = -math.inf
    targets = torch.randint(2, V, (M,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), targets


def whole(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, weight, bias).float(), targets, reduction="sum")


@pytest.mark.parametrize("rows", [1, 5, M, 100])
def test_it_is_the_sum_of_the_whole_with_its_gradients(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(word_losses._MOST_SCORES, "cpu", rows * V)
    inputs = make()
    expected = whole(*inputs)
    found = summed_cross_entropy(*inputs)
    torch.testing.assert_close(found, expected)
    wanted = torch.autograd.grad(0.3 * expected, inputs[:3])
    for one, other in zip(torch.autograd.grad(0.3 * found, inputs[:3]), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_under_autocast_it_is_as_near_to_float32_as_the_whole() -> None:
    inputs = make()
    exact = torch.autograd.grad(whole(*inputs), inputs[:3])
    with torch.autocast("cpu", torch.bfloat16):
        rough = torch.autograd.grad(whole(*inputs), inputs[:3])
        found = summed_cross_entropy(*inputs)
    assert found.dtype == torch.float32
    gradients = torch.autograd.grad(found, inputs[:3])
    for mine, theirs, right in zip(gradients, rough, exact, strict=True):
        assert mine.dtype == torch.float32
        assert float((mine - right).norm()) < 1.5 * float((theirs - right).norm())


def test_a_word_thought_impossible_costs_much_and_not_infinitely_much() -> None:
    hidden, weight, bias, targets = make()
    with torch.no_grad():
        bias[3] = -1e4
    targets[0] = 3
    found = summed_cross_entropy(hidden, weight, bias, targets)
    assert 80 < found.item() < math.inf
    assert all(bool(each.isfinite().all()) for each in torch.autograd.grad(found, (hidden, weight)))


def test_without_gradients_none_are_kept() -> None:
    inputs = make()
    with torch.no_grad():
        found = summed_cross_entropy(*inputs)
    assert not found.requires_grad
    torch.testing.assert_close(found, whole(*inputs).detach())


@pytest.mark.parametrize("num_samples", [1, 2, 5, 10, 11, 50])
def test_as_many_words_are_drawn_as_are_asked_for_frequent_ones_for_sure(num_samples: int) -> None:
    counts = torch.tensor([0, 0, 900, 300, 100, 50, 20, 10, 5, 2, 1])
    found = chances(counts, num_samples)
    assert found.sum().item() == pytest.approx(min(num_samples, len(counts)), abs=1e-5)
    assert bool((found[2:].diff() <= 0).all())
    assert 0 < found.min().item() <= found.max().item() <= 1


def test_samples_of_all_words_are_the_whole() -> None:
    inputs = make()
    found = sampled_cross_entropy(*inputs, chances(torch.ones(V), V))
    torch.testing.assert_close(found, whole(*inputs))
    wanted = torch.autograd.grad(whole(*inputs), inputs[:3])
    for one, other in zip(torch.autograd.grad(found, inputs[:3]), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_what_samples_normalise_by_is_right_in_the_mean() -> None:
    hidden, weight, bias, targets = (each.detach() for each in make())
    chance = chances(torch.arange(1, V + 1), 5)
    scores = F.linear(hidden[:1], weight, bias)
    said = scores[0, targets[0]]
    torch.manual_seed(0)
    losses = [sampled_cross_entropy(hidden[:1], weight, bias, targets[:1], chance) for _ in range(4000)]
    sums = (torch.stack(losses) + said).exp()
    expected = scores.exp().sum()
    assert abs(float(sums.mean() - expected)) < 4 * float(sums.std()) / 4000**0.5
    assert float(sums.std()) > 0.05 * float(expected)
