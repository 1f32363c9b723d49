import math

import torch

from asr.features.random import _mix, _signed, normal, uniform, utterance_seed

SEEDS = torch.tensor([utterance_seed(3, 1, f"utterance {i}") for i in range(50)])


def test_mixing_is_splitmix64():
    """The first numbers of seed 1234567, from the reference implementation in C (Vigna, splitmix64.c)."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    gamma = 0x9E3779B97F4A7C15
    states = torch.tensor([_signed(1234567 + step * gamma) for step in range(1, 6)])
    assert [number % 2**64 for number in _mix(states).tolist()] == known


def test_utterance_seed_depends_on_everything():
    seeds = {utterance_seed(seed, epoch, name) for seed in range(5) for epoch in range(5) for name in "abc"}
    assert len(seeds) == 75
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert utterance_seed(1, 23, "a") != utterance_seed(12, 3, "a")
    assert utterance_seed(0, 0, "an4-1") == 5826030920818454332


def test_uniform_is_uniform():
    numbers = uniform(SEEDS, 20000)
    assert numbers.dtype == torch.float32
    assert 0 <= numbers.min() <= numbers.max() < 1
    counts = torch.histc(numbers, 100, 0, 1)
    chi_square = ((counts - 10000).square() / 10000).sum()
    assert 50 < chi_square < 160
    assert abs(torch.corrcoef(numbers)[~torch.eye(50, dtype=torch.bool)]).max() < 0.04
    assert abs(torch.corrcoef(torch.stack((numbers[:, 1:].flatten(), numbers[:, :-1].flatten())))[0, 1]) < 0.005


def test_normal_is_normal():
    numbers = normal(SEEDS, 20001).double()
    assert numbers.shape == (50, 20001)
    assert abs(numbers.mean()) < 0.004
    assert abs(numbers.std() - 1) < 0.003
    assert abs(numbers.pow(4).mean() - 3) < 0.05
    assert abs((numbers.abs() > 3).double().mean() - math.erfc(3 / math.sqrt(2))) < 3e-4
    assert abs(torch.corrcoef(torch.stack((numbers[:, 1:].flatten(), numbers[:, :-1].flatten())))[0, 1]) < 0.005


def test_numbers_depend_on_seed_and_place_alone():
    for draw in (uniform, normal):
        numbers = draw(SEEDS, 101)
        assert torch.equal(numbers, draw(SEEDS, 101))
        assert torch.equal(numbers[:, :7], draw(SEEDS, 7))
        assert torch.equal(numbers[3:4], draw(SEEDS[3:4], 101))
        assert draw(SEEDS, 0).shape == (50, 0)


def test_streams_are_independent():
    first, second = uniform(SEEDS, 1000, 1), uniform(SEEDS, 1000, 2)
    assert abs(torch.corrcoef(torch.stack((first.flatten(), second.flatten())))[0, 1]) < 0.02
    assert not set(first.flatten().tolist()[:20]) & set(second.flatten().tolist()[:20])


def test_extreme_seeds():
    for seed in (0, -1, 2**63 - 1, -(2**63)):
        assert uniform(torch.tensor([seed]), 1000).std() > 0.25
        assert normal(torch.tensor([seed]), 1000).isfinite().all()
