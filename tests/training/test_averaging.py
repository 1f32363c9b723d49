from __future__ import annotations

import pytest
import torch

from asr.errors import ConfigError
from asr.training.averaging import ExponentialMovingAverage


def test_the_decay_grows_to_its_final_value() -> None:
    average = ExponentialMovingAverage(0.5)
    for step, decay in ((0, 0.1), (1, 2 / 11), (7, 8 / 17), (8, 0.5), (1000, 0.5)):
        average._latest_update_step = step
        averaged = [torch.zeros(2)]
        average._average(averaged, [torch.ones(2)], torch.tensor(1))
        assert averaged[0].tolist() == pytest.approx([1 - decay] * 2)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_is_no_share_is_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match=r"weight averaging: decay is .*; take one from 0 to below 1"):
        ExponentialMovingAverage(decay)
