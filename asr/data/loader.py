"""A loader that knows where in the epoch it stands, so that training resumes on the very next batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from torch.utils.data import DataLoader, Dataset

from asr.data.batch import Batch
from asr.data.plan import PlannedBatch
from asr.errors import AsrError

PREFETCHED_BATCHES = 8


@dataclass
class Position:
    """How far training has come.

    Attributes:
        epoch: the epoch that is being read, counted from 0.
        batches_done: batches of it that were handed out.
    """

    epoch: int = 0
    batches_done: int = 0


class Remaining:
    """The batches that remain of an epoch; a loader that is read again asks again which these are."""

    def __init__(self) -> None:
        """Starts with none."""
        self.batches: Sequence[PlannedBatch] = ()

    def __iter__(self) -> Iterator[PlannedBatch]:
        """Gives them in order."""
        return iter(self.batches)

    def __len__(self) -> int:
        """Counts them."""
        return len(self.batches)


def read_batches(
    dataset: Dataset[Batch],
    plan: Sequence[PlannedBatch] | Remaining,
    num_workers: int,
    pin_memory: bool,
    *,
    keep_workers: bool = False,
) -> DataLoader[Batch]:
    """Gives a loader of planned batches, in their order.

    Args:
        dataset: gives a batch for a planned batch.
        plan: the batches.
        num_workers: processes that read ahead; 0 reads in this one.
        pin_memory: whether batches go to pinned memory, for a GPU.
        keep_workers: whether the processes wait for the loader to be read again: to begin them anew costs a large
            training process seconds.
    """
    return _Loader(
        cast("Dataset[Batch]", _Telling(dataset)),
        sampler=plan,
        batch_size=None,
        num_workers=num_workers,
        pin_memory=pin_memory,
        prefetch_factor=PREFETCHED_BATCHES if num_workers else None,
        persistent_workers=keep_workers and num_workers > 0,
    )


class _Telling(Dataset[Batch | AsrError]):
    """Hands over an error as if it were a batch: raised in a worker process, torch would make it pages long."""

    def __init__(self, dataset: Dataset[Batch]) -> None:
        self._dataset = dataset

    def __getitem__(self, planned: PlannedBatch) -> Batch | AsrError:
        try:
            return self._dataset[planned]
        except AsrError as error:
            return error


class _Loader(DataLoader[Batch]):
    """Raises the errors that are handed over."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, AsrError):
                raise batch
            yield batch


class ResumableLoader:
    """Hands out the batches of an epoch, from the position on.

    It is its own ``sampler``, so that Lightning tells it the epoch. ``__iter__`` is a generator because Lightning
    asks for the iterator before it tells the epoch: the plan is made when the first batch is wanted.
    """

    def __init__(
        self,
        dataset: Dataset[Batch],
        plan: Callable[[int], list[PlannedBatch]],
        position: Position,
        num_workers: int,
        pin_memory: bool,
    ) -> None:
        """Builds the loader.

        Args:
            dataset: gives a batch for a planned batch.
            plan: gives the batches of an epoch; always the same number.
            position: read for where to start, kept up to date.
            num_workers: processes that read ahead; 0 reads in this one.
            pin_memory: whether batches go to pinned memory, for a GPU.
        """
        self.plan, self.position = plan, position
        self._remaining = Remaining()
        self._batches = read_batches(dataset, self._remaining, num_workers, pin_memory, keep_workers=True)
        self.sampler = self
        self._length = len(plan(position.epoch))

    def __len__(self) -> int:
        """Gives the batches of a whole epoch."""
        return self._length

    def set_epoch(self, epoch: int) -> None:
        """Begins an epoch; the same epoch again goes on where it stood."""
        if epoch != self.position.epoch:
            self.position.epoch, self.position.batches_done = epoch, 0

    def __iter__(self) -> Iterator[Batch]:
        """Gives the batches that remain of the epoch."""
        self._remaining.batches = self.plan(self.position.epoch)[self.position.batches_done :]
        for batch in self._batches:
            self.position.batches_done += 1
            yield batch
