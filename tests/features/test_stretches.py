"""Stretches between long pauses: where utterances are divided, and what is counted over each part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.features import stretches as stretches_module
from asr.features.stretches import Stretches, find_stretches
from tests.features.levels import make_levels


def divide(levels: Tensor) -> tuple[list[int], Tensor]:
    """Returns the first frames of all stretches but the first, and which frames lie in long pauses."""
    stretches, is_pause = find_stretches(levels, torch.ones(levels.shape[:2], dtype=torch.bool))
    assert int(stretches.numbers.max()) < stretches.count
    return (stretches.numbers[0].diff() > 0).nonzero().flatten().add(1).tolist(), is_pause[0]


@pytest.mark.parametrize("kind", ["zeros", "noise", "hum"])
def test_a_long_pause_is_divided_in_the_middle(kind: str) -> None:
    found, is_pause = divide(make_levels(("sound", 200), (kind, 300), ("sound", 200)))
    assert found == [pytest.approx(350, abs=6)]
    assert not is_pause[:205].any()
    assert not is_pause[-205:].any()
    assert is_pause[216:484].all()


def test_other_pauses_are_not_divided() -> None:
    for parts in (
        [("sound", 200), ("zeros", 80), ("sound", 200)],
        [("zeros", 300), ("sound", 200)],
        [("sound", 200), ("zeros", 300)],
        [("zeros", 300)],
        [("sound", 900)],
    ):
        assert divide(make_levels(*parts))[0] == []


def test_silence_at_the_ends_is_a_long_pause_too() -> None:
    _, is_pause = divide(make_levels(("noise", 300), ("sound", 200), ("zeros", 150)))
    assert is_pause[:280].all()
    assert is_pause[520:].all()
    assert not is_pause[295:505].any()


def test_clicks_do_not_end_a_pause() -> None:
    levels = make_levels(("sound", 200), ("noise", 300), ("sound", 200), ("noise", 200))
    levels[0, 300:312] += 8.0
    levels[0, 800:805] += 8.0
    found, _ = divide(levels)
    assert found == [pytest.approx(350, abs=6)]


def test_many_pauses() -> None:
    found, _ = divide(make_levels(*[("sound", 150), ("zeros", 150)] * 6, ("sound", 60)))
    assert found == [pytest.approx(225 + 300 * number, abs=6) for number in range(6)]


def test_padding_changes_nothing() -> None:
    rows = [make_levels(("sound", 90), ("noise", 250), ("sound", 70), seed=3), make_levels(("sound", 220), seed=4)]
    rows += [make_levels(("sound", 40), ("zeros", 160)), make_levels(("sound", 9))]
    lengths = torch.tensor([row.shape[1] for row in rows])
    batch = torch.nn.utils.rnn.pad_sequence([row[0] for row in rows], batch_first=True, padding_value=50.0)
    together, is_pause = find_stretches(batch, torch.arange(batch.shape[1]) < lengths.unsqueeze(1))
    for number, (row, length) in enumerate(zip(rows, lengths.tolist(), strict=True)):
        alone, alone_pause = find_stretches(row, torch.ones(1, length, dtype=torch.bool))
        assert torch.equal(alone.numbers[0], together.numbers[number, :length])
        assert torch.equal(alone_pause[0], is_pause[number, :length])
    assert not is_pause[1, 220:].any()


@pytest.mark.parametrize("most_members", [1 << 24, 0])
def test_sums_quantiles_and_the_largest_are_those_of_each_stretch(
    most_members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches_module, "_MOST_MEMBERS", most_members)
    generator = torch.Generator().manual_seed(0)
    values = 5 * torch.randn(3, 40, 4, generator=generator) - 8
    is_counted = torch.rand(3, 40, generator=generator) < 0.7
    numbers = (torch.rand(3, 40, generator=generator) < 0.1).cumsum(1)
    is_counted[1] &= numbers[1] != 1
    count = int(numbers.max()) + 3
    stretches = Stretches(numbers, count)
    sums, spread = stretches.sum(values), stretches.spread(torch.arange(float(count)).view(1, -1, 1).expand(3, -1, 2))
    assert torch.equal(spread[..., 0].long(), numbers)
    tenth, third = stretches.quantile(values, is_counted, 0.1), stretches.nth_largest(values, is_counted, 3)
    num_checked = 0
    for row in range(3):
        for number in range(count):
            assert torch.allclose(sums[row, number], values[row][numbers[row] == number].sum(0), atol=1e-4)
            own = values[row][(numbers[row] == number) & is_counted[row]].numpy()
            if not len(own):
                assert (third[row, number] == 0).all()
                continue
            num_checked += 1
            assert np.allclose(tenth[row, number].numpy(), np.quantile(own, 0.1, axis=0), atol=1e-5)
            assert np.allclose(third[row, number].numpy(), np.sort(own, axis=0)[-min(3, len(own))], atol=1e-5)
    assert num_checked > 8
