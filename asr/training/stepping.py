"""What every Lightning module of the house does in a step: seeded dropout, clipping, a schedule, sums over ranks."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import lightning
import torch
import torch.distributed
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from asr.checkpoints.kind import Kind, LoadedModel
from asr.data.planned import PlannedData
from asr.errors import AsrError
from asr.features.random import utterance_seed
from asr.interruption import wanted
from asr.training.schedules import Schedule

_NOTHING: tuple[Sequence[str], Tensor] = ((), torch.empty(0))


class SteppedModule(lightning.LightningModule):
    """Logs ``train/gradient_norm`` (before clipping); a resumed run draws the same masks of dropout.

    What is logged of a step is over all ranks, whose sums go round while gradients are computed. So is
    ``train/loss_epoch``, the mean over all that an epoch learns, before and after a resumption.

    Attributes:
        kind: what its checkpoints are.
        has_begun: whether this process has got past its first batch.
    """

    kind: ClassVar[Kind[LoadedModel]]
    has_begun = False

    def __init__(self, optimizer: OptimizerCallable, schedule: Schedule, seed: int) -> None:
        """Keeps the settings.

        Args:
            optimizer: called with the parameters.
            schedule: called with the optimiser and the steps of the whole run.
            seed: of dropout.
        """
        super().__init__()
        self.seed = seed
        self._optimizer, self._schedule = optimizer, schedule
        self._unchecked = _NOTHING
        self._names: list[str] = []
        self._sums = torch.zeros(1, dtype=torch.float64)
        self._summing: torch.distributed.Work | None = None
        self._stop_flags = torch.zeros(()), torch.zeros(())  # of the last two steps, summed over the ranks
        self._epoch_sums = torch.zeros(2, dtype=torch.float64)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copies the weights, for averaging; what builds the optimiser is shared, for it may hold locks."""
        memo |= {id(shared): shared for shared in (self._optimizer, self._schedule)}
        other = memo[id(self)] = type(self).__new__(type(self))
        other.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        return other

    def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
        """Seeds dropout from the seed, the rank and the batch, so that a resumed run draws the same masks."""
        torch.manual_seed(utterance_seed(self.seed, self.trainer.fit_loop.total_batch_idx, f"rank {self.global_rank}"))
        if batch_idx == 0:
            self._epoch_sums = torch.zeros(2, dtype=torch.float64)

    def on_train_start(self) -> None:
        """Checks that a run which goes on stands where its steps say."""
        data = getattr(self.trainer, "datamodule", None)
        assert isinstance(data, PlannedData)
        data.check_position(self.trainer.global_step)

    def sum_up(self, sums: dict[str, tuple[Tensor, Tensor]], counts: bool) -> None:
        """Begins to sum over all ranks what a step logs; :meth:`on_after_backward` logs it.

        Args:
            sums: by name, the first being that of the loss: numerator and denominator of a mean, each summed over this
                rank's batch.
            counts: whether this rank's batch counts; see :class:`asr.data.batch.Share`.
        """
        own = torch.stack([each.detach().double() for pair in sums.values() for each in pair]) * counts
        self._names, self._sums = list(sums), torch.cat([own, own.new_full((1,), float(wanted()))])
        if self.trainer.world_size > 1:
            self._summing = torch.distributed.all_reduce(self._sums, async_op=True)

    def on_after_backward(self) -> None:
        """Logs the means of the step over all ranks."""
        if self._summing is not None:
            self._summing.wait()
            self._summing = None
        self._stop_flags = self._stop_flags[1], self._sums[-1]
        pairs = self._sums[:-1].view(-1, 2)
        for name, (total, count) in zip(self._names, pairs.unbind(), strict=True):
            self.log(f"train/{name}", (total / count).float())
        self._epoch_sums = self._epoch_sums.to(self._sums.device) + pairs[0]

    @property
    def is_stop_agreed(self) -> bool:
        """Whether a rank has been told to stop: all ranks say the same; on GPUs a step late, to wait for nothing."""
        if self.trainer.world_size == 1:
            return bool(wanted())
        return bool(self._stop_flags[0 if self._sums.is_cuda else 1] > 0)

    @property
    def epoch_loss(self) -> float:
        """The mean loss of the epoch so far, over all ranks; NaN before the first step."""
        return float(self._epoch_sums[0] / self._epoch_sums[1])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the sums of the epoch, so that its mean loss is right after a resumption."""
        checkpoint["epoch_sums"] = self._epoch_sums.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes them back."""
        self._epoch_sums = torch.tensor(checkpoint.get("epoch_sums", [0.0, 0.0]), dtype=torch.float64)

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """Notes that a step has been made."""
        self.has_begun = True

    def check_later(self, losses: Tensor, names: Sequence[str]) -> None:
        """Looks at a step's losses in the next step, when they are there without waiting for a GPU.

        Args:
            losses: of each utterance or word, shape (B,).
            names: of these, B.

        Raises:
            AsrError: losses of the step before were not finite; some are named.
        """
        self._check_losses()
        self._unchecked = names, losses.detach()

    def _check_losses(self) -> None:
        names, losses = self._unchecked
        self._unchecked = _NOTHING
        bad = [name for name, loss in zip(names, losses.tolist(), strict=True) if not math.isfinite(loss)]
        if bad:
            step = self.trainer.fit_loop.total_batch_idx - 1
            raise AsrError(
                f"batch {step} of training",
                f"{len(bad)} of {len(names)} losses are not finite: {', '.join(bad[:5])}",
                "lower the learning rate or clip gradients more, then resume with ckpt_path= and the last checkpoint",
            )

    def on_train_epoch_end(self) -> None:
        """Looks at the losses of the last step too, and logs the mean over the epoch."""
        self._check_losses()
        self.log("train/loss_epoch", self.epoch_loss)  # of all ranks already

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips, and logs the norm that was found before."""
        if gradient_clip_val and gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        norm = nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val or float("inf"))
        self.log("train/gradient_norm", norm)

    def share(self, local: Tensor) -> Tensor:
        """Gives the quotient of two numbers that are first summed over all ranks, a float32 scalar."""
        total = self.trainer.strategy.reduce(local, reduce_op="sum")
        assert isinstance(total, Tensor)
        return (total[0] / total[1]).float()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Gives the optimiser and its schedule, counted in steps; on a CPU Adam's passes over the weights are one."""
        optimizer = self._optimizer(self.parameters())
        if isinstance(optimizer, torch.optim.Adam) and self.trainer.strategy.root_device.type == "cpu":
            for group in optimizer.param_groups:  # told in its constructor, Lightning would not clip in half precision
                group["fused"] = True if group["fused"] is None and group["foreach"] is None else group["fused"]
        scheduler = self._schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
