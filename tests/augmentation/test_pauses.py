"""Pauses: where they go, what they are made of, and that nothing else changes."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from asr.augmentation.base import Step
from asr.augmentation.pauses import PAUSE_KINDS, InsertPauses
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed

STEP = 1 / 32768


def make_static(frontend: FrontEnd, lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Returns a batch of static values that are random and all different, with padding that must not be looked at."""
    generator = torch.Generator().manual_seed(seed)
    static = torch.randn(len(lengths), max(lengths), frontend.static_dim, generator=generator) - 5.0
    for row, length in enumerate(lengths):
        static[row, length:] = torch.nan
    return static, torch.tensor(lengths)


def find_rows(static: Tensor, result: Tensor) -> list[int]:
    """Returns for each frame of a result its place among frames of an utterance, -1 for one that is not among them."""
    is_equal = (result.unsqueeze(1) == static.unsqueeze(0)).all(2)
    return [int(row.nonzero()[0]) if row.any() else -1 for row in is_equal]


@pytest.mark.parametrize(
    "settings", [{"num_mels": 40}, {"num_mels": 23, "use_energy": True}, {"kind": "mfcc"}], ids=str
)
@pytest.mark.parametrize("kind", PAUSE_KINDS)
def test_all_frames_stay_in_order_and_the_others_are_of_the_kind(kind: str, settings: dict[str, object]) -> None:
    frontend = FrontEnd(**settings)  # type: ignore[arg-type]
    pauses = InsertPauses(frontend, 1.0, (1.2, 1.2), (kind,))
    static, lengths = make_static(frontend, [150, 90, 40, 7, 1])
    result, new_lengths = pauses(static, lengths, torch.arange(5))
    assert new_lengths.tolist() == [270, 210, 160, 127, 121]
    assert result.shape[1] == 270
    zeros, _ = frontend.static(torch.zeros(1, 1600), torch.tensor([1600]))
    for row, (length, new) in enumerate(zip(lengths.tolist(), new_lengths.tolist(), strict=True)):
        assert (result[row, new:] == 0).all()
        places = find_rows(static[row, :length], result[row, :new])
        added = new - length
        if kind == "room":
            levels = frontend.levels(static[row, :length]).mean(1)
            width = min(20, length)
            quietest = min(range(length - width + 1), key=lambda first: float(levels[first : first + width].mean()))
            assert set(places) == set(range(length))
            repeated = [place for place in places if places.count(place) > 1]
            assert set(repeated) <= set(range(quietest, quietest + width))
        elif kind == "start":
            assert set(places) == set(range(length))
            after = places[places.index(length - 1) + 1 :] if length > 10 else []
            assert after == [number % 10 for number in range(len(after))]
            assert {place for place in places if places.count(place) > 1} <= set(range(10))
        else:
            assert [place for place in places if place >= 0] == list(range(length))
            others = result[row, :new][torch.tensor(places) < 0]
            assert len(others) == added
            assert bool((others == zeros[0, 3]).all()) == (kind == "zeros")
            levels = frontend.levels(others).mean(1) - frontend.levels(zeros[0, 3:4]).mean()
            if kind == "dither":
                assert 0.3 < levels.mean() < 2.5
            if kind == "hiss":
                room = frontend.levels(static[row, :length]).mean(1).min()
                assert levels.max() + frontend.levels(zeros[0, 3:4]).mean() < room + 3.0


def test_dither_is_what_the_front_end_makes_of_it() -> None:
    frontend = FrontEnd(num_mels=40)
    static, lengths = make_static(frontend, [60])
    result, _ = InsertPauses(frontend, 1.0, (3.0, 3.0), ("dither",))(static, lengths, torch.tensor([3]))
    generator = torch.Generator().manual_seed(5)
    steps = torch.randint(-1, 2, (1, 48000), generator=generator) * STEP
    expected = frontend.static(steps, torch.tensor([48000]))[0][0]
    made = result[0][torch.tensor(find_rows(static[0], result[0])) < 0]
    assert len(made) == 300
    assert torch.allclose(made.mean(0), expected.mean(0), atol=0.2)
    assert torch.allclose(made.std(0), expected.std(0), atol=0.25)


def test_the_pause_inside_lies_where_it_is_quiet() -> None:
    frontend = FrontEnd(num_mels=40)
    static, lengths = make_static(frontend, [200])
    static[0, 95:105] -= 6.0
    static[0, 30:36] -= 3.0
    found = []
    pauses = InsertPauses(frontend, 1.0, (0.5, 0.5), ("zeros",))
    for seed in range(120):
        result, _ = pauses(static, lengths, torch.tensor([seed]))
        places = find_rows(static[0], result[0])
        found += [after for before, after in itertools.pairwise(places) if before < 0 < after]
    assert sum(95 <= place <= 105 for place in found) >= 15
    assert len(set(found)) > 5


@pytest.mark.parametrize("settings", [{"num_mels": 40}, {"kind": "mfcc", "use_energy": True}], ids=str)
def test_an_utterance_gets_the_same_pauses_in_any_batch(settings: dict[str, object]) -> None:
    frontend = FrontEnd(**settings)  # type: ignore[arg-type]
    pauses = InsertPauses(frontend, 1.0, (0.1, 2.0))
    static, lengths = make_static(frontend, [120, 30, 250, 5, 90])
    seeds = torch.tensor([11, 12, 13, 14, 15])
    together, new_lengths = pauses(static, lengths, seeds, Step(7))
    for row in range(5):
        length = int(lengths[row])
        own = static[row : row + 1, :length], lengths[row : row + 1], seeds[row : row + 1]
        alone, new = pauses(*own, Step(7))
        assert int(new) == int(new_lengths[row])
        assert torch.equal(alone[0], together[row, : int(new)])
    again, _ = pauses(static, lengths, seeds, Step(7))
    assert torch.equal(again, together)
    assert not torch.equal(pauses(static, lengths, seeds + 100, Step(7))[0], together)
    assert not torch.equal(pauses(static, lengths, seeds, Step(2**30))[1], new_lengths)


def test_how_many_steps_and_how_long() -> None:
    frontend = FrontEnd(num_mels=23)
    static, lengths = make_static(frontend, [10, 8])
    pauses = InsertPauses(frontend, 0.25, (0.1, 2.0), ("zeros",))
    seeds = [utterance_seed(0, step, "pauses") for step in range(2000)]
    found = [int((pauses(static, lengths, torch.arange(2), Step(seed))[1] - lengths)[0]) for seed in seeds]
    inserted = sorted(frames for frames in found if frames)
    assert len(inserted) / 2000 == pytest.approx(0.25, abs=0.04)
    assert (inserted[0], inserted[-1]) == (pytest.approx(10, abs=1), pytest.approx(200, abs=5))
    assert inserted[len(inserted) // 2] == pytest.approx(45, abs=7)  # the middle in their logarithm


def test_each_place_gets_pauses() -> None:
    frontend = FrontEnd(num_mels=23)
    static, lengths = make_static(frontend, [50])
    static, lengths = static.expand(300, -1, -1), lengths.expand(300)
    result, _ = InsertPauses(frontend, 1.0, (1.0, 1.0), ("zeros",))(static, lengths, torch.arange(300))
    zeros = frontend.static(torch.zeros(1, 1600), torch.tensor([1600]))[0][0, 3]
    is_zero = (result == zeros).all(2)
    before, after = is_zero.cumprod(1).sum(1), is_zero.flip(1).cumprod(1).sum(1)
    inside = is_zero.sum(1) - before - after
    for frames in (before, inside, after):
        assert frames.float().mean() == pytest.approx(100 / 3, abs=6)
        assert (frames > 60).float().mean() > 0.15
        assert (frames < 5).float().mean() > 0.2


def test_nothing_happens_outside_training_or_without_probability() -> None:
    frontend = FrontEnd(num_mels=23)
    static, lengths = make_static(frontend, [20, 10])
    for pauses in (InsertPauses(frontend, 1.0).eval(), InsertPauses(frontend, 0.0)):
        same, same_lengths = pauses(static, lengths, torch.arange(2))
        assert same is static
        assert same_lengths is lengths
    empty, _ = InsertPauses(frontend, 1.0)(torch.zeros(1, 0, 23), torch.tensor([0]), torch.tensor([0]))
    assert empty.shape == (1, 0, 23)


def test_the_pause_inside_lies_where_utterances_are_joined() -> None:
    frontend = FrontEnd(num_mels=23)
    static, lengths = make_static(frontend, [80] * 8)
    joined = Step(0, torch.tensor([33] * 8))
    pauses = InsertPauses(frontend, 0.0, (2.0, 2.0), ("zeros",), joint_probability=1.0)
    given = static, lengths, torch.arange(8)
    assert pauses(*given)[0] is static
    result, new_lengths = pauses(*given, joined)
    assert new_lengths.tolist() == [280] * 8
    inside = []
    for row in range(8):
        places = find_rows(static[row], result[row])
        inside.append(places.index(33) - places.index(32) - 1)
        assert places.index(0) + inside[-1] + 279 - places.index(79) == 200
    assert max(inside) > 50
    assert InsertPauses(frontend, 1.0, joint_probability=0.0)(*given, joined)[0] is static


def test_dither_of_the_front_end_needs_no_seeds_here() -> None:
    frontend = FrontEnd(num_mels=23, dither=1.0).train()
    static, lengths = make_static(frontend, [20])
    assert InsertPauses(frontend, 1.0)(static, lengths, torch.tensor([1]))[0].isfinite().all()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"probability": 1.1},
            "InsertPauses: seconds is [0.3, 4.0], probabilities (1.1, 0.5); seconds is least and most",
        ),
        ({"probability": 0.5, "seconds": (2.0, 1.0)}, "seconds is [2.0, 1.0]"),
        ({"probability": 0.5, "seconds": (0.0, 1.0)}, "seconds is [0.0, 1.0]"),
        ({"probability": 0.5, "kinds": ("music",)}, "InsertPauses, kinds: is ['music']; take some of zeros, dither"),
        ({"probability": 0.5, "kinds": ()}, "InsertPauses, kinds: is []"),
    ],
)
def test_impossible_settings(settings: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        InsertPauses(FrontEnd(), **settings)  # type: ignore[arg-type]
    assert line in str(caught.value)
