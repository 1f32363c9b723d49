"""What the Lightning modules of models that hear have in common: augmented features, and errors on the dev set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from asr.augmentation.base import Augmentation, Stage, Step
from asr.augmentation.chain import Chain
from asr.data.batch import Batch
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed
from asr.models.acoustic import SpeechModel
from asr.text.writing import Writing
from asr.training.dev_errors import DevErrors
from asr.training.fine_tuning import ALL_ALIKE, FineTuning
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule

logger = logging.getLogger(__name__)

NUM_SAMPLES = 3

Augmentations = dict[str, Callable[[FrontEnd], Augmentation] | None]


class SpeechModule(SteppedModule):
    """Makes features of a batch, and counts and shows errors on the dev set.

    Logs ``val/loss`` and the error rates of greedy decoding as fractions, and a few hypotheses.

    Args besides those of :class:`SteppedModule`:
        frontend: turns waveforms into features.
        augmentation: what changes training utterances, under names of any kind; each is called with the front end,
            and None is skipped.
        plan: which layers are trained, and at which rates.

    Raises:
        ConfigError: an augmentation does not fit the front end.

    Attributes:
        model: turns waveforms or features into what the loss takes.
        writings: how each head writes, the main one first.
    """

    model: SpeechModel
    writings: Mapping[str, Writing]
    _errors: Mapping[str, DevErrors]

    def __init__(
        self,
        frontend: FrontEnd,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        augmentation: Augmentations | None,
        seed: int,
        plan: FineTuning = ALL_ALIKE,
    ) -> None:
        super().__init__(optimizer, schedule, seed)
        self.plan = plan
        self.augmentation = Chain(make(frontend) for make in (augmentation or {}).values() if make)

    @property
    def augments_waveforms(self) -> bool:
        """Whether training changes waveforms, which rules out cached features."""
        return self.augmentation.changes_waveforms or self.model.frontend.dither > 0

    @property
    def num_views(self) -> int:
        """How many differently augmented views of each utterance training takes, 1 or 2."""
        return 1

    def setup(self, stage: str) -> None:
        """Reads what augmentation needs, and freezes layers, so that what is wrong stops the run before its first step.

        Raises:
            ConfigError: the plan names what the model does not have.
        """
        if stage == "fit":
            self.augmentation.read()
            self.plan.check(self._network)
            self.plan.freeze(self._network)

    def train(self, mode: bool = True) -> Self:
        """Sets the mode, of frozen layers always that of evaluation."""
        super().train(mode)
        if mode and not self.plan.is_plain:
            self.plan.freeze(self._network)
        return self

    @property
    def _network(self) -> nn.Module:
        return self.get_submodule("model")

    def trained(self) -> Iterable[nn.Parameter] | list[dict[str, Any]]:
        """Returns what the optimiser is given, by the plan."""
        return super().trained() if self.plan.is_plain else self.plan.parameter_groups(self._network)

    def on_train_start(self) -> None:
        """Prints the plan, if there is one."""
        super().on_train_start()
        if self.trainer.is_global_zero and not self.plan.is_plain:
            group = self.trainer.optimizers[0].param_groups[0]
            peak = group["initial_lr"] / self.plan.parameter_groups(self._network)[0]["factor"]
            for line in self.plan.to_table(self._network, peak):
                logger.info("plan: %s", line)

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Returns the complete features of a batch, shape (B, T, F), and their lengths; in training, augmented.

        With two views, training gets all first views, then all second views, shape (2 B, T, F).
        """
        frontend, chain, seeds = self.model.frontend, self.augmentation, batch.seeds
        static, lengths, joints = batch.inputs, batch.lengths, batch.joints
        if batch.kind == "waveforms":
            waveforms, lengths = chain(Stage.WAVEFORMS, static, lengths, seeds)
            static, lengths = frontend.static(waveforms, lengths, seeds)
            joints = joints if joints is None else frontend.frame_lengths(joints)
        step = Step(utterance_seed(self.seed, self.global_step, "pauses"), joints)
        static, lengths = chain(Stage.STATIC, static, lengths, seeds, step)
        features = frontend.complete(static, lengths)
        if self.training and self.num_views == 2:
            features, lengths = features.repeat(2, 1, 1), lengths.repeat(2)
            seeds = torch.cat([seeds, seeds ^ 1])  # neighbouring seeds draw independently
        features, lengths = chain(Stage.FEATURES, features, lengths, seeds)
        return features, lengths

    def on_validation_epoch_start(self) -> None:
        """Resets the counts."""
        for errors in self._errors.values():
            errors.reset(self.device)

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the error rates over all ranks, and a few hypotheses."""
        for errors in self._errors.values():
            for name, fraction in errors.fractions():
                self.log(name, self.share(fraction))
        if self.trainer.is_global_zero and not self.trainer.sanity_checking:
            for errors in self._errors.values():
                self._show_samples(errors)

    def _show_samples(self, errors: DevErrors) -> None:
        step = max(1, len(errors.samples) // NUM_SAMPLES)
        chosen = errors.samples[::step][:NUM_SAMPLES]
        for ref, hyp in chosen:
            logger.info("  ref %s", ref)
            logger.info("  hyp %s", hyp)
        board = getattr(self.logger, "experiment", None)
        if board is not None and hasattr(board, "add_text"):
            text = "\n\n".join(f"ref: {ref}\n\nhyp: {hyp}" for ref, hyp in chosen)
            board.add_text(f"val/{errors.prefix}hypotheses", text, self.global_step)
