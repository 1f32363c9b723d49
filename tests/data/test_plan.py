import itertools
from collections import Counter

import numpy as np

from asr.data.plan import batch_sizes, padding_waste, plan_epoch

SECONDS = np.random.default_rng(0).gamma(4.0, 0.8, 1000).tolist()
SETTINGS = {"max_padded": 40.0, "max_batch_size": 24}


def test_each_utterance_once_and_as_many_batches_each_epoch() -> None:
    numbers = set()
    for epoch in range(4):
        plan = plan_epoch(SECONDS, **SETTINGS, seed=3, epoch=epoch, speeds=(0.9, 1.0))
        numbers.add(len(plan))
        assert Counter(index for batch in plan for index in batch.indices) == Counter(range(len(SECONDS)))
        assert {batch.speed for batch in plan} == {0.9, 1.0}
    assert len(numbers) == 1


def test_limits_hold_up_to_the_jitter() -> None:
    for batch in plan_epoch(SECONDS, **SETTINGS, epoch=1):
        assert len(batch.indices) <= 24
        padded = max(SECONDS[index] for index in batch.indices) * len(batch.indices)
        assert padded <= 40.0 * 1.09 or len(batch.indices) == 1


def test_an_utterance_longer_than_a_batch_comes_alone() -> None:
    assert batch_sizes([50.0, 1.0], max_padded=40.0, max_batch_size=8) == [1, 1]


def test_padding_is_small_and_order_changes_with_epoch_and_seed_only() -> None:
    first = plan_epoch(SECONDS, **SETTINGS, seed=1, epoch=0)
    assert padding_waste(SECONDS, first) < 0.05
    assert first == plan_epoch(SECONDS, **SETTINGS, seed=1, epoch=0)
    assert first != plan_epoch(SECONDS, **SETTINGS, seed=1, epoch=1)
    assert first != plan_epoch(SECONDS, **SETTINGS, seed=2, epoch=0)


def test_ascending_epoch_comes_shortest_first() -> None:
    plan = plan_epoch(SECONDS, **SETTINGS, ascending=True)
    longest = [max(SECONDS[index] for index in batch.indices) for batch in plan]
    assert all(later >= earlier * 0.9 for earlier, later in itertools.pairwise(longest))
    assert longest[-1] > 3 * longest[0]


def test_without_shuffling_speed_is_one_and_order_is_by_length() -> None:
    plan = plan_epoch(SECONDS, **SETTINGS, shuffle=False, speeds=(0.9,))
    assert {batch.speed for batch in plan} == {1.0}
    lengths = [SECONDS[index] for batch in plan for index in batch.indices]
    assert lengths == sorted(lengths)
