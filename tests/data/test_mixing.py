from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from asr.data.mixing import Mixture

SECONDS = np.random.default_rng(0).gamma(4.0, 0.8, 1300).tolist()
COUNTS = [1000, 299, 1]


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.3, 2.0, 1.0], [0.01, 1.7, 0.2], [0.999, 0.004, 3.5]])
def test_every_epoch_has_as_many_and_none_longer_than_promised(weights: list[float]) -> None:
    mixture = Mixture(SECONDS, COUNTS, weights, seed=2)
    promised = np.sort(mixture.longest)
    for epoch in range(7):
        indices, occurrences = mixture.draw(epoch)
        assert (np.sort(np.asarray(SECONDS)[indices]) <= promised).all()
        assert len(set(zip(indices.tolist(), occurrences.tolist(), strict=True))) == len(indices) == len(promised)
        for first, count, weight in zip((0, 1000, 1299), COUNTS, weights, strict=True):
            drawn = int(((indices >= first) & (indices < first + count)).sum())
            assert drawn == pytest.approx(max(1, weight * count), abs=0.5)


def test_over_the_epochs_all_come_equally_often() -> None:
    mixture = Mixture(SECONDS, COUNTS, [0.3, 0.01, 1.0], seed=2)
    counted = Counter(i for epoch in range(100) for i in mixture.draw(epoch)[0].tolist())
    assert {counted[i] for i in range(1000)} <= {29, 30, 31}
    assert all(counted[i] >= 1 for i in range(1000, 1299))
    assert counted[1299] == 100


def test_follows_from_seed_and_epoch_alone() -> None:
    draw = [Mixture(SECONDS, COUNTS, [0.3, 0.5, 1.0], seed).draw(epoch)[0] for seed, epoch in ((1, 4), (1, 4), (2, 4))]
    assert np.array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


def test_a_corpus_of_which_nothing_is_left() -> None:
    mixture = Mixture(SECONDS[:10], [0, 10], [0.5, 1.0], seed=0)
    assert np.array_equal(mixture.draw(3)[0], np.arange(10))


@pytest.mark.parametrize(("counts", "weights"), [([5], [1.0]), ([10], [0.0]), ([4, 6], [1.0])])
def test_what_does_not_fit(counts: list[int], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="10 lengths"):
        Mixture(SECONDS[:10], counts, weights, seed=0)
