from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from asr.data.mixing import Mixture
from asr.data.plan import padding_waste, plan_epoch
from asr.data.windows import Windows

SECONDS = np.random.default_rng(0).gamma(4.0, 0.8, 2000).tolist()
SHARDS = (np.arange(2000) // 50).tolist()
SETTINGS = {"max_padded": 40.0, "max_batch_size": 24}


@pytest.mark.parametrize("width", [1, 3, 40])
def test_each_utterance_once_and_as_many_batches_each_epoch(width: int) -> None:
    numbers = set()
    windows = Windows(SHARDS, width)
    for epoch in range(4):
        options = {"epoch": epoch, "speeds": (0.9, 1.0), "ascending": epoch == 0, "windows": windows}
        plan = plan_epoch(SECONDS, **SETTINGS, seed=3, **options)
        numbers.add(len(plan))
        assert Counter(i for batch in plan for i in batch.indices) == Counter(range(2000))
        for batch in plan:
            assert len(batch.indices) <= 24
            assert max(SECONDS[i] for i in batch.indices) * len(batch.indices) <= 40.0 * 1.09
            lengths = [SECONDS[i] for i in batch.indices]
            assert all(later >= earlier * 0.92 for earlier, later in itertools.pairwise(lengths)), "shortest first"
    assert len(numbers) == 1


@pytest.mark.parametrize("count", range(1, 40))
def test_few_utterances_all_come(count: int) -> None:
    windows = Windows(list(range(count)), 2)
    plan = plan_epoch(SECONDS[:count], max_padded=9.0, max_batch_size=2, windows=windows)
    assert Counter(i for batch in plan for i in batch.indices) == Counter(range(count))


def test_a_shard_is_read_within_a_few_windows() -> None:
    width = 4
    plan = plan_epoch(SECONDS, **SETTINGS, seed=1, epoch=2, windows=Windows(SHARDS, width))
    reads = [SHARDS[i] for batch in plan for i in batch.indices]
    places: dict[int, list[int]] = {}
    for place, shard in enumerate(reads):
        places.setdefault(shard, []).append(place)
    spans = sorted(float(np.quantile(found, 0.9) - found[0]) for found in places.values())
    assert spans[len(spans) // 2] < 2 * width * 50, "most of a shard comes within its window and the next"
    everywhere = plan_epoch(SECONDS, **SETTINGS, seed=1, epoch=2)
    assert padding_waste(SECONDS, plan) < padding_waste(SECONDS, everywhere) + 0.05


def test_shards_come_in_another_order_in_each_epoch_and_batches_are_mixed() -> None:
    windows = Windows(SHARDS, 4)
    first, again, second = (plan_epoch(SECONDS, **SETTINGS, epoch=epoch, windows=windows) for epoch in (0, 0, 1))
    assert first == again
    assert [SHARDS[batch.indices[0]] for batch in first] != [SHARDS[batch.indices[0]] for batch in second]
    assert np.mean([len({SHARDS[i] for i in batch.indices}) for batch in first]) > 3


def test_ascending_epoch_comes_shortest_first() -> None:
    plan = plan_epoch(SECONDS, **SETTINGS, ascending=True, windows=Windows(SHARDS, 4))
    shortest = [min(SECONDS[i] for i in batch.indices) for batch in plan]
    assert all(later >= earlier * 0.9 for earlier, later in itertools.pairwise(shortest))


@pytest.mark.parametrize("windows", [None, Windows(SHARDS, 4)])
def test_mixed_and_windowed_epochs_have_as_many_batches(windows: Windows | None) -> None:
    mixture = Mixture(SECONDS, [1500, 500], [0.25, 2.5], seed=1)
    plans = [plan_epoch(SECONDS, **SETTINGS, epoch=epoch, mixture=mixture, windows=windows) for epoch in range(5)]
    assert len({len(plan) for plan in plans}) == 1
    for plan in plans:
        counted = Counter(i for batch in plan for i in batch.indices)
        assert sum(counted[i] for i in range(1500)) == 375
        assert {counted[i] for i in range(1500, 2000)} == {2, 3}
        assert sum(counted[i] for i in range(1500, 2000)) == 1250
        pairs = [pair for batch in plan for pair in zip(batch.indices, batch.occurrences, strict=True)]
        assert len(set(pairs)) == len(pairs) == 1625
        for batch in plan:
            assert max(SECONDS[i] for i in batch.indices) * len(batch.indices) <= 40.0 * 1.09
    assert {i for plan in plans for batch in plan for i in batch.indices} == set(range(2000)), "all in five epochs"
