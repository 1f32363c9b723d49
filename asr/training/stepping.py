"""What every Lightning module here does in a step: seeded dropout, clipping, a schedule, sums over ranks."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
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
from asr.training.fine_tuning import scale_rates
from asr.training.schedules import Schedule

_NOTHING: tuple[Sequence[str], Tensor] = ((), torch.empty(0))


class SteppedModule(lightning.LightningModule):
    """Logs ``train/gradient_norm`` (before clipping); a resumed run draws the same dropout masks.

    A step's metrics are taken over all ranks, which sum them while gradients are computed. ``train/loss_epoch`` is the
    mean over the whole epoch and all ranks, also when training was resumed in the middle of the epoch.

    Args:
        optimizer: called with the parameters.
        schedule: called with the optimiser and the number of steps of the whole run.
        seed: seed of dropout.

    Attributes:
        kind: the kind of checkpoint that the module writes.
        has_begun: whether this process has completed a batch.
    """

    kind: ClassVar[Kind[LoadedModel]]
    has_begun = False

    def __init__(self, optimizer: OptimizerCallable, schedule: Schedule, seed: int) -> None:
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
        """Copies the weights, for averaging; what builds the optimiser is shared, because it may hold locks."""
        memo |= {id(shared): shared for shared in (self._optimizer, self._schedule)}
        other = memo[id(self)] = type(self).__new__(type(self))
        other.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        return other

    def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
        """Seeds dropout from the seed, the rank and the batch number, so that a resumed run draws the same masks."""
        torch.manual_seed(utterance_seed(self.seed, self.trainer.fit_loop.total_batch_idx, f"rank {self.global_rank}"))
        if batch_idx == 0:
            self._epoch_sums = torch.zeros(2, dtype=torch.float64)

    def on_train_start(self) -> None:
        """Checks that a resumed run is at the position in planned data that its step number implies."""
        data = getattr(self.trainer, "datamodule", None)
        if isinstance(data, PlannedData):
            data.check_position(self.trainer.global_step)

    def sum_up(self, sums: dict[str, tuple[Tensor, Tensor]], counts: bool) -> None:
        """Starts summing the metrics of a step over all ranks; :meth:`on_after_backward` logs them.

        Args:
            sums: numerator and denominator of a mean by name, each summed over this rank's batch; the loss comes first.
            counts: whether this rank's batch counts; see :class:`asr.data.batch.Share`.
        """
        own = torch.stack([each.detach().double() for pair in sums.values() for each in pair]) * counts
        self._names, self._sums = list(sums), torch.cat([own, own.new_full((1,), float(wanted()))])
        if self.trainer.world_size > 1:
            self._summing = torch.distributed.all_reduce(self._sums, async_op=True)

    def on_after_backward(self) -> None:
        """Logs the means over all ranks."""
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
        """Whether any rank was told to stop; the same on all ranks, and on GPUs one step late, so as not to wait."""
        if self.trainer.world_size == 1:
            return bool(wanted())
        return bool(self._stop_flags[0 if self._sums.is_cuda else 1] > 0)

    @property
    def epoch_loss(self) -> float:
        """The mean loss of the epoch so far, over all ranks; NaN before the first step."""
        return float(self._epoch_sums[0] / self._epoch_sums[1])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Saves the sums of the epoch, so that its mean loss is right after a resumption."""
        checkpoint["epoch_sums"] = self._epoch_sums.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores the sums of the epoch."""
        self._epoch_sums = torch.tensor(checkpoint.get("epoch_sums", [0.0, 0.0]), dtype=torch.float64)

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """Records that a batch was completed."""
        self.has_begun = True

    def check_later(self, losses: Tensor, names: Sequence[str]) -> None:
        """Checks the losses of the previous step, which need no waiting for a GPU, and stores these for the next one.

        Args:
            losses: loss of each utterance or word, shape (B,).
            names: their B names.

        Raises:
            AsrError: losses of the previous step were not finite; the first few are named.
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
        """Checks the losses of the last step, and logs the mean over the epoch."""
        self._check_losses()
        self.log("train/loss_epoch", self.epoch_loss)  # summed over all ranks already

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips gradients, and logs their norm before clipping."""
        if gradient_clip_val and gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        norm = nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val or float("inf"))
        self.log("train/gradient_norm", norm)

    def share(self, local: Tensor) -> Tensor:
        """Returns the quotient of two numbers, each summed over all ranks first, as a float32 scalar."""
        total = self.trainer.strategy.reduce(local, reduce_op="sum")
        assert isinstance(total, Tensor)
        return (total[0] / total[1]).float()

    def trained(self) -> Iterable[nn.Parameter] | list[dict[str, Any]]:
        """Returns what the optimiser is given: all parameters, or groups of them with the factors of their rates."""
        return self.parameters()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Returns the optimiser and its schedule, counted in steps; on CPU, Adam updates all weights in one pass."""
        optimizer = self._optimizer(self.trained())
        if "factor" in optimizer.param_groups[0]:
            scale_rates(optimizer.param_groups)
        if isinstance(optimizer, torch.optim.Adam) and self.trainer.strategy.root_device.type == "cpu":
            for group in optimizer.param_groups:  # set in the constructor, Lightning refuses to clip in half precision
                group["fused"] = True if group["fused"] is None and group["foreach"] is None else group["fused"]
        scheduler = self._schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
