"""The chain: stages and turns, nothing outside training, and as many seeds as utterances."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from asr.augmentation.base import Augmentation, Stage, Step, WaveformAugmentation
from asr.augmentation.chain import Chain
from asr.augmentation.noise import AddNoise
from asr.augmentation.pauses import InsertPauses
from asr.augmentation.recorded_noise import AddRecordedNoise
from asr.augmentation.reverb import Reverberate
from asr.augmentation.spec_augment import SpecAugment
from asr.augmentation.vocal_tract import VocalTractPerturbation
from asr.errors import DataError
from asr.features.frontend import FrontEnd

LENGTHS, SEEDS = torch.tensor([3, 2]), torch.tensor([5, 6])


class Marked(Augmentation):
    """Writes its mark and what it is told."""

    stage = Stage.FEATURES

    def __init__(self, mark: float, turn: int = 0) -> None:
        super().__init__()
        self.mark, self.turn = mark, turn  # type: ignore[misc]
        self.steps: list[Step] = []

    def change(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        self.steps.append(step)
        assert not torch.is_autocast_enabled("cpu")
        return 10 * values + self.mark, lengths + 1


def test_turns_come_in_order_and_others_as_they_are_listed() -> None:
    first, second, last = Marked(1), Marked(2), Marked(3, turn=1)
    chain = Chain([last, first, second])
    with torch.autocast("cpu", torch.bfloat16):
        values, lengths = chain(Stage.FEATURES, torch.zeros(2, 3), LENGTHS, SEEDS, Step(7))
    assert values.tolist() == [[123.0] * 3] * 2
    assert lengths.tolist() == [6, 5]
    assert first.steps == [Step(7)]
    for stage, other in ((Stage.WAVEFORMS, chain), (Stage.FEATURES, chain.eval()), (Stage.FEATURES, Chain())):
        given = torch.zeros(2, 3)
        same, same_lengths = other(stage, given, LENGTHS, SEEDS)
        assert same is given
        assert same_lengths is LENGTHS


def test_what_there_is_lies_in_its_stage_and_leaves_nothing_in_checkpoints() -> None:
    frontend = FrontEnd(num_mels=40)
    chain = Chain(
        [
            SpecAugment(frontend, 2, 25, 0.2, 2, 8),
            AddNoise(frontend, (0.0, 10.0)),
            InsertPauses(frontend, 0.5),
            Reverberate(frontend, (0.2, 0.5), (0.0, 10.0)),
            VocalTractPerturbation(frontend, 1.1),
        ]
    )
    by_stage = {stage: [type(link) for link in chain if link.stage is stage] for stage in Stage}
    assert by_stage == {
        Stage.WAVEFORMS: [Reverberate, AddNoise],
        Stage.STATIC: [InsertPauses],
        Stage.FEATURES: [VocalTractPerturbation, SpecAugment],
    }
    assert not chain.state_dict()
    assert chain.changes_waveforms
    assert not Chain([SpecAugment(frontend, 2, 25, 0.2, 2, 8)]).changes_waveforms


class Louder(WaveformAugmentation):
    choice = (5, 1)

    def change_all(self, waveforms: Tensor, lengths: Tensor, is_own: Tensor, seeds: Tensor) -> Tensor:
        return waveforms + 1.0


def test_a_share_of_the_utterances_is_changed_and_their_padding_is_not() -> None:
    lengths = torch.randint(1, 9, (2000,))
    changed, same = Louder(0.3)(torch.zeros(2000, 8), lengths, torch.arange(2000))
    assert same is lengths
    counts = changed.sum(1)
    is_chosen = counts > 0
    assert 0.26 < float(is_chosen.float().mean()) < 0.34
    assert torch.equal(counts[is_chosen], lengths[is_chosen].float())
    assert torch.equal(changed.amax(1), is_chosen.float())
    alone, _ = Louder(0.3)(torch.zeros(1, 8), lengths[70:71], torch.tensor([70]))
    assert torch.equal(alone[0], changed[70])


def test_recordings_are_read_before_training() -> None:
    frontend = FrontEnd()
    Chain([InsertPauses(frontend, 0.5)]).read()
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        Chain([AddRecordedNoise(frontend, "nowhere.txt", (0.0, 10.0))]).read()
