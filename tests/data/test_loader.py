from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from torch.utils.data import Dataset

from asr.data.batch import Batch, Share, pad
from asr.data.loader import Position, ResumableLoader
from asr.data.plan import PlannedBatch
from asr.data.planned import PlannedData
from asr.errors import CheckpointError, ConfigError, DataError


class Named(Dataset[Batch]):
    def __getitem__(self, planned: PlannedBatch) -> Batch:
        rows, lengths = pad([torch.full((index + 1,), float(index)) for index in planned.indices])
        names = [f"{planned.epoch}:{index}" for index in planned.indices]
        ones = torch.ones(len(names), dtype=torch.long)
        return Batch(names, names, "waveforms", rows, lengths, ones, ones, ones, Share(1, len(names), len(names)))


def plan(epoch: int) -> list[PlannedBatch]:
    return [PlannedBatch((number, number + epoch), 1.0, epoch) for number in range(5)]


def names(loader: ResumableLoader, limit: int = 99) -> list[str]:
    return [batch.utterance_ids[0] for batch, _ in zip(loader, range(limit), strict=False)]


def test_counts_and_goes_on_where_it_stood() -> None:
    for workers in (0, 2):
        position = Position()
        loader = ResumableLoader(Named(), plan, position, workers, pin_memory=False)
        assert len(loader) == 5
        iterator = iter(loader)
        loader.set_epoch(0)
        assert [next(iterator).utterance_ids[0] for _ in range(3)] == ["0:0", "0:1", "0:2"]
        assert position == Position(0, 3)
        resumed = ResumableLoader(Named(), plan, Position(0, 3), workers, pin_memory=False)
        resumed.set_epoch(0)
        assert names(resumed) == ["0:3", "0:4"]
        resumed.set_epoch(1)
        assert names(resumed) == ["1:0", "1:1", "1:2", "1:3", "1:4"]


class Signed(Named):
    def __getitem__(self, planned: PlannedBatch) -> Batch:
        return replace(super().__getitem__(planned), seeds=torch.tensor([os.getpid()]))


def test_the_same_processes_read_every_epoch_also_after_one_that_was_left_early() -> None:
    loader = ResumableLoader(Signed(), plan, Position(), 2, pin_memory=False)
    found = []
    for epoch, limit in ((0, 99), (1, 2), (2, 99)):
        loader.set_epoch(epoch)
        batches = [batch for batch, _ in zip(loader, range(limit), strict=False)]
        assert [batch.utterance_ids[0] for batch in batches] == [f"{epoch}:{number}" for number in range(5)][:limit]
        found.append({int(batch.seeds) for batch in batches})
    assert os.getpid() not in found[0]
    assert len(found[0]) == 2
    assert found[0] == found[1] == found[2]


class Failing(Named):
    def __getitem__(self, planned: PlannedBatch) -> Batch:
        if planned.indices[0] == 2:
            raise DataError("u2", "no such file", "check the path")
        return super().__getitem__(planned)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_process_that_reads_ahead_stays_one_line(workers: int) -> None:
    iterator = iter(ResumableLoader(Failing(), plan, Position(), workers, pin_memory=False))
    assert [next(iterator).utterance_ids[0] for _ in range(2)] == ["0:0", "0:1"]
    with pytest.raises(DataError) as caught:
        next(iterator)
    assert str(caught.value) == "u2: no such file; check the path"


def test_batch_moves_to_another_type_and_keeps_its_names() -> None:
    batch = Named()[PlannedBatch((1, 2), 1.0, 0)]
    moved = batch.to("meta")
    assert moved.inputs.is_meta
    assert moved.utterance_ids == batch.utterance_ids == ["0:1", "0:2"]
    assert len(batch) == 2


def test_another_plan_in_mid_epoch_is_refused() -> None:
    position = Position()
    loader = ResumableLoader(Named(), plan, position, 0, pin_memory=False)
    assert names(loader, 2) == ["0:0", "0:1"]
    other = lambda epoch: plan(epoch)[::-1]  # noqa: E731
    with pytest.raises(ConfigError, match="3 batches of epoch 0 are done, but these settings plan others"):
        ResumableLoader(Named(), other, position, 0, pin_memory=False)
    ResumableLoader(
        Named(), other, Position(0, 5, 5, position.plan), 0, pin_memory=False
    )  # between epochs one may change
    ResumableLoader(Named(), other, Position(0, 2), 0, pin_memory=False)  # earlier versions wrote no checksum


class Planned(PlannedData):
    def plan_training(self, epoch: int) -> list[PlannedBatch]:
        return plan(epoch)

    def plan_validation(self) -> list[PlannedBatch]:
        return []


def test_runs_of_earlier_versions_go_on_if_they_had_one_rank() -> None:
    data = Planned(num_workers=0, max_padded=1.0, max_batch_size=1, seed=0)
    data.load_state_dict({"epoch": 3, "batches_done": 2})
    data.check_position(17)
    with pytest.raises(CheckpointError, match="at step 9, by an earlier version, whose ranks had batches of their own"):
        data.check_position(9)
    data.load_state_dict({"epoch": 3, "batches_done": 2, "plan": 1})
    data.check_position(9)
