"""What data modules share: planned batches, a position to resume from, ranks."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict

import lightning

from asr.data.loader import Loader, PlannedSet, Position, ResumableLoader
from asr.data.plan import PlannedBatch, padding_waste, plan_epoch
from asr.data.shares import share
from asr.errors import CheckpointError

logger = logging.getLogger(__name__)


class PlannedData(lightning.LightningDataModule):
    """Reads planned batches; the position in the epoch goes into checkpoints, so that a run resumes exactly.

    Args:
        num_workers: loader processes; 0 makes batches in the training process.
        max_padded: most of a set's ``lengths`` that a batch holds with its padding, over all ranks.
        max_batch_size: most utterances, sentences or words of a batch, over all ranks.
        seed: of the order.

    Attributes:
        train_set: what training batches are read from, once it is set up.
        val_set: what validation batches are read from.
        position: the epoch, and the batches done in it.
    """

    train_set: PlannedSet[object]
    val_set: PlannedSet[object]

    def __init__(self, num_workers: int, max_padded: float, max_batch_size: int, seed: int) -> None:
        super().__init__()
        self.num_workers, self.seed = num_workers, seed
        self.max_padded, self.max_batch_size = max_padded, max_batch_size
        self.position = Position()
        self._endings: list[Callable[[], None]] = []

    def plan_training(self, epoch: int) -> list[PlannedBatch]:
        """Returns the batches of an epoch, each what one optimiser step sees over all ranks."""
        return plan_epoch(
            self.train_set.lengths,
            max_padded=self.max_padded,
            max_batch_size=self.max_batch_size,
            seed=self.seed,
            epoch=epoch,
        )

    def plan_validation(self) -> list[PlannedBatch]:
        """Returns the validation batches over all ranks, always the same."""
        return plan_epoch(
            self.val_set.lengths, max_padded=self.max_padded, max_batch_size=self.max_batch_size, shuffle=False
        )

    @property
    def learner(self) -> lightning.LightningModule:
        """The module that trains on the data; each kind of data says what it asks of it."""
        return self._attached.lightning_module

    @property
    def world_size(self) -> int:
        """The number of processes that train."""
        return self._attached.world_size

    @property
    def pins_memory(self) -> bool:
        """Whether batches go to pinned memory, for a GPU."""
        return self._attached.strategy.root_device.type == "cuda"

    @property
    def _attached(self) -> lightning.Trainer:
        assert self.trainer is not None
        return self.trainer

    def report_plan(self, lengths: Sequence[float]) -> None:
        """Logs how many steps an epoch has, and which share of their batches is padding."""
        plan = self.plan_training(0)
        waste = padding_waste(lengths, list(map(self._part(lengths), plan)))
        ranks = f" shared by {self.world_size} ranks" if self.world_size > 1 else ""
        logger.info("%d steps an epoch%s, %.1f %% of their batches padding", len(plan), ranks, 100 * waste)

    def _part(self, lengths: Sequence[float]) -> functools.partial[PlannedBatch]:
        """Returns the function from a step's batch to what this rank takes of it."""
        return functools.partial(share, lengths=lengths, rank=self._attached.global_rank, num_ranks=self.world_size)

    def train_dataloader(self) -> ResumableLoader[object]:
        """Returns the batches of this rank, from the position on."""
        part = self._part(self.train_set.lengths)
        loader = ResumableLoader(
            self.train_set, self.plan_training, self.position, self.num_workers, self.pins_memory, part
        )
        self._endings.append(loader.end_workers)
        return loader

    def val_dataloader(self) -> Loader[object]:
        """Returns the validation batches of this rank, always the same."""
        plan = list(map(self._part(self.val_set.lengths), self.plan_validation()))
        loader = Loader(self.val_set, plan, self.num_workers, self.pins_memory, keep_workers=True)
        self._endings.append(loader.end_workers)
        return loader

    def teardown(self, stage: str) -> None:  # noqa: ARG002 - Lightning's signature
        """Ends the processes that read ahead."""
        for end in self._endings:
            end()
        self._endings = []

    def on_exception(self, exception: BaseException) -> None:  # noqa: ARG002
        """Ends them, too, where training fails or is stopped."""
        self.teardown("fit")

    def check_position(self, global_step: int) -> None:
        """Refuses the place of a run that an earlier version began on several ranks, each with batches of its own.

        Raises:
            CheckpointError: with what to do.
        """
        position = self.position
        if position.plan is None and global_step != position.epoch * len(self.plan_training(0)) + position.batches_done:
            found = f"at step {global_step}, by an earlier version, whose ranks had batches of their own"
            remedy = "start a new run from its weights with init_from, data's batches times the number of ranks"
            raise CheckpointError("ckpt_path", found, remedy)

    def state_dict(self) -> dict[str, int | None]:
        """Returns the position, for the checkpoint."""
        return asdict(self.position)

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Takes the position back from a checkpoint."""
        self.position.epoch, self.position.batches_done = state_dict["epoch"], state_dict["batches_done"]
        self.position.num_batches, self.position.plan = state_dict.get("num_batches", 0), state_dict.get("plan")
