import pytest
import torch

from asr.errors import ConfigError
from asr.training.schedules import Constant, OneCycle, Schedule, WarmupInverseSquareRoot


def rates(schedule: Schedule, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    scheduler = schedule(optimizer, steps)
    seen = []
    for _ in range(steps + 2):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_one_cycle_rises_to_the_peak_and_falls_to_the_end_and_stays_there() -> None:
    seen = rates(OneCycle(warmup_fraction=0.2, start=0.1, end=0.01), 100)
    assert seen[0] == pytest.approx(0.2)
    assert max(seen) == seen[20] == pytest.approx(2.0)
    assert seen[:21] == sorted(seen[:21])
    assert seen[20:] == sorted(seen[20:], reverse=True)
    assert seen[100] == seen[101] == pytest.approx(0.02)


def test_warmup_then_inverse_square_root() -> None:
    seen = rates(WarmupInverseSquareRoot(warmup_steps=4), 16)
    assert seen[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert seen[15] == pytest.approx(1.0)


def test_constant() -> None:
    assert set(rates(Constant(), 5)) == {2.0}


def test_settings_that_are_no_schedule_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.schedule: warmup_steps is 0; give 1 or more, or take another"):
        WarmupInverseSquareRoot(0)
    for shares in ({"warmup_fraction": -0.1}, {"start": 1.5}, {"end": float("nan")}):
        with pytest.raises(ConfigError, match=r"model\.schedule: warmup_fraction is .*; give shares in 0\.\.1"):
            OneCycle(**shares)
