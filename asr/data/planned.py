"""What data modules share: planned batches, a position to resume from, ranks."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import lightning
from torch.utils.data import DataLoader, Dataset

from asr.data.loader import Position, ResumableLoader, read_batches
from asr.data.plan import PlannedBatch, padding_waste


class PlannedData(lightning.LightningDataModule, ABC):
    """Reads planned batches; the place in the epoch is in the checkpoint, so that a run resumes exactly.

    Attributes:
        num_workers: loader processes.
        train_set: what training batches are read from, once it is set up.
        val_set: what validation batches are read from.
        position: the epoch, and the batches done in it.
    """

    num_workers: int
    train_set: Any
    val_set: Any

    def __init__(self, num_workers: int) -> None:
        """Starts at the beginning.

        Args:
            num_workers: loader processes; 0 makes batches in the training process.
        """
        super().__init__()
        self.num_workers, self.position = num_workers, Position()

    @abstractmethod
    def plan_training(self, epoch: int, rank: int) -> list[PlannedBatch]:
        """Gives the training batches of one rank in one epoch."""

    @abstractmethod
    def plan_validation(self, rank: int) -> list[PlannedBatch]:
        """Gives the validation batches of one rank, always the same."""

    @property
    def rank(self) -> int:
        """The number of this process among those that train."""
        return self.trainer.global_rank  # type: ignore[union-attr]

    @property
    def world_size(self) -> int:
        """The number of processes that train."""
        return self.trainer.world_size  # type: ignore[union-attr]

    @property
    def pins_memory(self) -> bool:
        """Whether batches go to pinned memory, for a GPU."""
        return self.trainer.strategy.root_device.type == "cuda"  # type: ignore[union-attr]

    def size_and_waste(self, lengths: Sequence[float]) -> tuple[int, float]:
        """Gives the training batches of an epoch and rank, and the share of them that is padding.

        Args:
            lengths: of everything in the training set.
        """
        plans = [self.plan_training(0, rank) for rank in range(self.world_size)]
        return len(plans[0]), padding_waste(lengths, [batch for plan in plans for batch in plan])

    def train_dataloader(self) -> ResumableLoader:
        """Gives the batches of this rank, from the position on."""
        plan = functools.partial(self.plan_training, rank=self.rank)
        return ResumableLoader(self.train_set, plan, self.position, self.num_workers, self.pins_memory)

    def val_dataloader(self) -> DataLoader[Any]:
        """Gives the validation batches of this rank, always the same."""
        dataset: Dataset[Any] = self.val_set
        plan = self.plan_validation(self.rank)
        return read_batches(dataset, plan, self.num_workers, self.pins_memory, keep_workers=True)

    def state_dict(self) -> dict[str, int]:
        """Gives the position, for the checkpoint."""
        return {"epoch": self.position.epoch, "batches_done": self.position.batches_done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Takes the position back from a checkpoint."""
        self.position.epoch, self.position.batches_done = state_dict["epoch"], state_dict["batches_done"]
