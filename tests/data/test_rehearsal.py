from __future__ import annotations

import numpy as np
import pytest

from asr.data.mixing import Mixture, Rehearsal
from asr.data.plan import plan_epoch
from asr.errors import ConfigError

SECONDS = np.random.default_rng(0).gamma(4.0, 0.8, 1200).tolist()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_an_epoch_has_its_share_of_old_utterances_in_batches_throughout(share: float) -> None:
    weight = Rehearsal(["old"], share).weight(num_new=400, num_old=800)
    mixture = Mixture(SECONDS, [400, 800], [1.0, weight], seed=1)
    plans = [
        plan_epoch(SECONDS, max_padded=60.0, max_batch_size=32, seed=1, epoch=epoch, mixture=mixture)
        for epoch in range(2)
    ]
    drawn = [[index for batch in plan for index in batch.indices] for plan in plans]
    for indices in drawn:
        assert sorted(index for index in indices if index < 400) == list(range(400))
        assert np.mean([index >= 400 for index in indices]) == pytest.approx(share, abs=0.005)
    halves = np.array_split(np.array(drawn[0]) >= 400, 2)
    assert halves[0].mean() == pytest.approx(halves[1].mean(), abs=0.12)
    assert {index for index in drawn[0] if index >= 400} != {index for index in drawn[1] if index >= 400}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_out_of_range_is_one_line(share: float) -> None:
    with pytest.raises(ConfigError, match=r"data\.rehearsal\.share: is .*; give a share between 0 and 1"):
        Rehearsal([], share).check()
