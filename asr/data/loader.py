"""A loader that knows its position in the epoch, so that training resumes with the very next batch."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from asr.data.plan import PlannedBatch
from asr.errors import AsrError, ConfigError

PREFETCHED_BATCHES = 8

Read = TypeVar("Read")
Read_co = TypeVar("Read_co", covariant=True)


class PlannedSet(Dataset[Read_co]):
    """A set that planned batches are read from."""

    @property
    @abstractmethod
    def lengths(self) -> list[float]:
        """What batches are planned by: the length of everything in the set."""

    @abstractmethod
    def __getitem__(self, planned: PlannedBatch) -> Read_co:
        """Reads one batch."""


@dataclass
class Position:
    """How far training has come.

    Attributes:
        epoch: the epoch that is being read, counted from 0.
        batches_done: batches of it that have been yielded.
        num_batches: of the whole epoch; 0 before they are planned.
        plan: checksum of all batches; None before they are planned, and in checkpoints of earlier versions.
    """

    epoch: int = 0
    batches_done: int = 0
    num_batches: int = field(default=0, compare=False)
    plan: int | None = field(default=None, compare=False)


class Remaining:
    """The batches that remain of an epoch; a loader that is read again asks again which these are."""

    def __init__(self) -> None:
        self.batches: Sequence[PlannedBatch] = ()

    def __iter__(self) -> Iterator[PlannedBatch]:
        """Yields them in order."""
        return iter(self.batches)

    def __len__(self) -> int:
        """Counts them."""
        return len(self.batches)


class Loader(Generic[Read]):
    """Yields planned batches, in their order.

    Args:
        dataset: returns a batch for a planned batch.
        plan: the batches.
        num_workers: processes that read ahead; 0 reads in this one.
        pin_memory: whether batches go to pinned memory, for a GPU.
        keep_workers: whether the processes wait for the loader to be read again, until :meth:`end_workers`: to start
            them again costs a large training process seconds.
    """

    def __init__(
        self,
        dataset: Dataset[Read],
        plan: Sequence[PlannedBatch] | Remaining,
        num_workers: int,
        pin_memory: bool,
        *,
        keep_workers: bool = False,
    ) -> None:
        keeps = keep_workers and num_workers > 0
        if keeps:  # else Python would send them SIGTERM at its end, and wait for ever
            Finalize(None, _kill_readers, exitpriority=1)
        self._batches = DataLoader(
            _Telling(dataset),
            sampler=plan,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=pin_memory,
            prefetch_factor=PREFETCHED_BATCHES if num_workers else None,
            persistent_workers=keeps,
            worker_init_fn=_leave_signals_to_the_main_process if keeps else None,
        )

    def __len__(self) -> int:
        """Returns the number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Read]:
        """Yields the batches, and raises the errors that are handed over."""
        for batch in self._batches:
            if isinstance(batch, AsrError):
                raise batch
            yield batch

    def end_workers(self) -> None:
        """Ends the processes, if they have been kept."""
        if isinstance(self._batches._iterator, _MultiProcessingDataLoaderIter):
            self._batches._iterator._shutdown_workers()
        self._batches._iterator = None


class _Telling(Dataset[Read | AsrError]):
    """Hands over an error as if it were a batch: raised in a worker process, torch would make it pages long."""

    def __init__(self, dataset: Dataset[Read]) -> None:
        self._dataset = dataset

    def __getitem__(self, planned: PlannedBatch) -> Read | AsrError:
        try:
            return self._dataset[planned]
        except AsrError as error:
            return error


def _kill_readers() -> None:
    """Ends what :meth:`Loader.end_workers` was not called for, when this process ends."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would raise an error
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


def _leave_signals_to_the_main_process(_number: int) -> None:
    """Ignores what Ctrl-C and schedulers send to all processes: training may still want a batch, and ends this one."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)


class ResumableLoader(Generic[Read]):
    """Yields the batches of an epoch, from the position on.

    It is its own ``sampler``, so that Lightning tells it the epoch. ``__iter__`` is a generator because Lightning
    asks for the iterator before it tells the epoch: the plan is made when the first batch is wanted.

    Args:
        dataset: returns a batch for a planned batch.
        plan: returns the batches of an epoch; always the same number.
        position: read for where to start, kept up to date.
        num_workers: processes that read ahead; 0 reads in this one.
        pin_memory: whether batches go to pinned memory, for a GPU.
        part: what this rank reads of a batch.

    Raises:
        ConfigError: the position is in the middle of an epoch that had other batches.
    """

    def __init__(
        self,
        dataset: Dataset[Read],
        plan: Callable[[int], list[PlannedBatch]],
        position: Position,
        num_workers: int,
        pin_memory: bool,
        part: Callable[[PlannedBatch], PlannedBatch] = lambda batch: batch,
    ) -> None:
        self.plan, self.position, self.part = plan, position, part
        self._remaining = Remaining()
        self._batches = Loader(dataset, self._remaining, num_workers, pin_memory, keep_workers=True)
        self.sampler = self
        planned = plan(position.epoch)
        self._length = len(planned)
        is_within = 0 < position.batches_done < position.num_batches
        if is_within and position.plan != _checksum(planned):
            found = (
                f"{position.batches_done} batches of epoch {position.epoch} are done, but these settings plan others"
            )
            remedy = "resume with the cuts and settings of data that the run had, or start another run with init_from"
            raise ConfigError("data", found, remedy)

    def __len__(self) -> int:
        """Returns the batches of a whole epoch."""
        return self._length

    def end_workers(self) -> None:
        """Ends the processes that read ahead."""
        self._batches.end_workers()

    def set_epoch(self, epoch: int) -> None:
        """Begins an epoch; the same epoch again continues where it was."""
        if epoch != self.position.epoch:
            self.position.epoch, self.position.batches_done = epoch, 0

    def __iter__(self) -> Iterator[Read]:
        """Yields the batches that remain of the epoch."""
        planned = self.plan(self.position.epoch)
        self.position.num_batches, self.position.plan = len(planned), _checksum(planned)
        self._remaining.batches = [self.part(batch) for batch in planned[self.position.batches_done :]]
        for batch in self._batches:
            self.position.batches_done += 1
            yield batch


def _checksum(batches: Sequence[PlannedBatch]) -> int:
    return zlib.crc32(repr([(batch.indices, batch.speed, *("joined",) * batch.joined) for batch in batches]).encode())
