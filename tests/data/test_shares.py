from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.data.batch import Share
from asr.data.plan import padding_waste, plan_epoch
from asr.data.shares import divide, share

SECONDS = np.random.default_rng(0).gamma(4.0, 0.8, 1000).tolist()
PLAN = plan_epoch(SECONDS, max_padded=40.0, max_batch_size=24, epoch=1)


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 8, 40])
def test_each_utterance_counts_once_and_every_rank_takes_every_step(num_ranks: int) -> None:
    for batch in PLAN:
        parts = [share(batch, SECONDS, rank, num_ranks) for rank in range(num_ranks)]
        assert Counter(i for part in parts if part.counts for i in part.indices) == Counter(batch.indices)
        assert all(part.indices and part.speed == batch.speed and part.epoch == 1 for part in parts)
        assert {part.of_step or part.indices for part in parts} == {batch.indices}
        assert sum(part.counts for part in parts) == min(num_ranks, len(batch.indices))


def cost(lengths: list[float]) -> float:
    return max(lengths) * (len(lengths) + 1)


@given(st.lists(st.floats(0.1, 20.0), min_size=1, max_size=9), st.integers(1, 4))
def test_stretches_are_those_whose_costliest_costs_least(lengths: list[float], num_parts: int) -> None:
    lengths = sorted(lengths)
    ends = divide(lengths, num_parts)
    assert len(ends) == num_parts
    assert ends == sorted(ends)
    assert ends[-1] == len(lengths)
    stretches = [lengths[start:end] for start, end in itertools.pairwise([0, *ends]) if end > start]
    assert len(stretches) == min(num_parts, len(lengths))
    cuts = itertools.combinations(range(1, len(lengths)), len(stretches) - 1)
    every = [itertools.pairwise([0, *cut, len(lengths)]) for cut in cuts]
    least = min(max(cost(lengths[start:end]) for start, end in pairs) for pairs in every)
    assert max(map(cost, stretches)) <= least * (1 + 1e-5)


def test_ranks_pad_less_than_one_and_have_like_work() -> None:
    parts = [share(batch, SECONDS, rank, 2) for batch in PLAN for rank in range(2)]
    assert padding_waste(SECONDS, parts) < padding_waste(SECONDS, PLAN)
    costs = np.array([cost([SECONDS[i] for i in part.indices]) for part in parts]).reshape(-1, 2)
    assert costs.max(axis=1).sum() < 1.1 * costs.mean(axis=1).sum()


def test_occurrences_go_with_their_utterances() -> None:
    from asr.data.mixing import Mixture

    mixture = Mixture(SECONDS, [len(SECONDS)], [2.0], seed=1)
    plan = plan_epoch(SECONDS, max_padded=40.0, max_batch_size=24, mixture=mixture)
    for batch in plan[:20]:
        parts = [share(batch, SECONDS, rank, 3) for rank in range(3)]
        pairs = [pair for part in parts for pair in zip(part.indices, part.occurrences, strict=True)]
        assert pairs == list(zip(batch.indices, batch.occurrences, strict=True))


def test_parts_of_a_mean_average_to_the_mean_and_fillers_add_nothing() -> None:
    parts = [(Share(3, 4, 10), 6.0), (Share(3, 4, 10), 4.0), (Share(3, 4, 10, counts=False), 6.0)]
    of_tokens = [each.part(torch.tensor(total), each.num_targets) for each, total in parts]
    assert torch.stack(of_tokens).mean().item() == pytest.approx(10.0 / 10)
    assert of_tokens[2] == 0
