"""Steps come in opposite pairs, and only the ranks of losses count."""

from __future__ import annotations

import math

import pytest
import torch

from asr.evolution import antithetic_noise, rank_utilities


def test_every_step_has_its_opposite() -> None:
    noise = antithetic_noise(500, 3, torch.Generator().manual_seed(0))
    assert noise.shape == (1000, 3)
    assert torch.equal(noise[:500], -noise[500:])
    assert torch.allclose(noise[:500].std(dim=0), torch.ones(3), atol=0.1)
    assert noise[:500].mean(dim=0).abs().max() < 0.1
    assert torch.equal(noise, antithetic_noise(500, 3, torch.Generator().manual_seed(0)))


def test_only_ranks_count() -> None:
    losses = torch.tensor([0.3, 0.1, 0.7, 0.2])
    utilities = rank_utilities(losses)
    assert utilities.tolist() == pytest.approx([-1 / 6, 0.5, -0.5, 1 / 6])
    assert torch.equal(utilities, rank_utilities(losses.exp() * 1e6))


def test_equal_losses_are_worth_the_same_and_a_flat_stretch_nothing() -> None:
    assert rank_utilities(torch.full((6,), 0.5)).tolist() == [0.0] * 6
    assert rank_utilities(torch.tensor([1.0, 0.0, 1.0])).tolist() == [-0.25, 0.5, -0.25]


def test_what_is_no_number_is_the_worst() -> None:
    utilities = rank_utilities(torch.tensor([math.nan, 1.0, math.inf, -math.inf]))
    assert utilities.tolist() == pytest.approx([-1 / 3, 1 / 6, -1 / 3, 0.5])
