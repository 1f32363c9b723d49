"""The Lightning module of acoustic models: the CTC loss, the optimiser, and error rates on the dev set."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from asr.augmentation.base import Augmentation, Stage, Step
from asr.augmentation.chain import Chain
from asr.checkpoints.acoustic import ACOUSTIC
from asr.data.batch import Batch
from asr.data.module import SpeechData
from asr.decoding.greedy import GreedyDecoder
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed
from asr.models.acoustic import AcousticModel
from asr.models.lengths import valid_frames
from asr.scoring.counts import ErrorCounts, Unit, count_errors
from asr.text.policy import get_policy
from asr.text.tokens import BLANK, TokenTable
from asr.training.losses import CTCObjective
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule

logger = logging.getLogger(__name__)

NUM_SAMPLES = 3
_RATES: dict[Unit, str] = {"char": "val/cer", "word": "val/wer", "phone": "val/per"}


class CTCModule(SteppedModule):
    """Trains an :class:`AcousticModel` with CTC or CTC-CRF.

    Logs ``train/loss_step`` and ``train/loss_epoch``, means over all ranks in nats per token, ``train/blank_ratio``
    (share of frames whose best token is blank), ``train/gradient_norm`` (before clipping), ``val/loss``, and
    ``val/cer``, ``val/wer`` or ``val/per`` of greedy decoding as fractions. With CTC-CRF the losses are its own, and
    ``train/ctc_loss`` is beside them.

    Args besides those of :class:`SteppedModule`:
        frontend: turns waveforms into features.
        encoder: called with the number of values in a feature frame.
        tokens: state of the token table; on the command line, the path of its file.
        text_policy: name of the policy applied to transcripts.
        augmentation: what changes training utterances, under names of any kind; each is called with the front end,
            and None is skipped.
        objective: what training minimises; None is CTC alone, as a mean over tokens.

    Raises:
        ConfigError: an augmentation does not fit the front end.
    """

    kind = ACOUSTIC

    def __init__(
        self,
        frontend: FrontEnd,
        encoder: Callable[[int], nn.Module],
        tokens: dict[str, Any],
        text_policy: str,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        augmentation: dict[str, Callable[[FrontEnd], Augmentation] | None] | None = None,
        objective: CTCObjective | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters()
        self.hparams["text_policy"] = get_policy(text_policy).reference  # this version, even if policies change later
        self.tokens, self.text_policy = tokens, text_policy
        self.table = TokenTable.from_state(tokens)
        self.model = AcousticModel(frontend, encoder(frontend.feature_dim), len(self.table))
        self.augmentation = Chain(make(frontend) for make in (augmentation or {}).values() if make)
        self.objective = objective or CTCObjective()
        self._decoder = GreedyDecoder(self.table, self.model.frame_seconds)
        self._units: tuple[Unit, ...] = ("phone",) if self.table.unit == "phone" else ("char", "word")
        self._counts: dict[Unit, ErrorCounts] = {}
        self._samples: list[tuple[str, str]] = []

    @property
    def augments_waveforms(self) -> bool:
        """Whether training changes waveforms, which rules out cached features."""
        return self.augmentation.changes_waveforms or self.model.frontend.dither > 0

    def setup(self, stage: str) -> None:
        """Reads what augmentation and objective need, so that what is missing stops the run before its first step."""
        if stage != "fit":
            return
        self.augmentation.read()
        data = getattr(self.trainer, "datamodule", None)
        if self.objective.crf is not None and isinstance(data, SpeechData):
            self.objective.crf.learn((each.token_ids for each in data.train_set.utterances), self.table)

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Returns the complete features of a batch, shape (B, T, F), and their lengths; in training, augmented.

        With a consistency loss, training gets two views of each utterance: all first views, then all second views,
        shape (2 B, T, F).
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
        if self.training and self.objective.consistency is not None:
            features, lengths = features.repeat(2, 1, 1), lengths.repeat(2)
            seeds = torch.cat([seeds, seeds ^ 1])  # neighbouring seeds draw independently
        features, lengths = chain(Stage.FEATURES, features, lengths, seeds)
        return features, lengths

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss, in nats per token or per utterance."""
        log_probs, lengths = self.model.classify_layers(*self.features(batch), self.objective.layers)
        total_steps = int(self.trainer.estimated_stepping_batches)
        step = self.objective(log_probs, lengths, batch, self.global_step, total_steps)
        self.check_later(step.losses, batch.utterance_ids)
        valid = valid_frames(lengths, log_probs[-1].size(1))
        blanks = (log_probs[-1].detach().argmax(dim=2) == BLANK) & valid
        self.sum_up(step.sums | {"blank_ratio": (blanks.sum(), valid.sum())}, batch.share.counts)
        return step.loss

    def on_validation_epoch_start(self) -> None:
        """Resets the counts."""
        self._counts = {unit: ErrorCounts() for unit in self._units}
        self._loss_and_tokens = torch.zeros(2, dtype=torch.float64, device=self.device)
        self._samples = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Counts the errors of greedy decoding on a batch."""
        if not batch.share.counts:
            return
        log_probs, lengths = self.model.classify(*self.features(batch))
        losses = self.objective.utterance_losses(log_probs, lengths, batch)
        self._loss_and_tokens += torch.stack([losses.double().sum(), batch.target_lengths.sum().double()])
        hyps = [nbest[0].text for nbest in self._decoder(log_probs, lengths)]
        for unit in self._units:
            self._counts[unit] = sum(count_errors(batch.texts, hyps, unit), self._counts[unit])
        self._samples += zip(batch.texts, hyps, strict=True)

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the error rates over all ranks, and a few hypotheses."""
        self.log("val/loss", self.share(self._loss_and_tokens))
        for unit, counts in self._counts.items():
            local = torch.tensor([counts.errors, counts.num_ref], dtype=torch.float64, device=self.device)
            self.log(_RATES[unit], self.share(local))
        if self.trainer.is_global_zero and not self.trainer.sanity_checking:
            self._show_samples()

    def _show_samples(self) -> None:
        step = max(1, len(self._samples) // NUM_SAMPLES)
        chosen = self._samples[::step][:NUM_SAMPLES]
        for ref, hyp in chosen:
            logger.info("  ref %s", ref)
            logger.info("  hyp %s", hyp)
        board = getattr(self.logger, "experiment", None)
        if board is not None and hasattr(board, "add_text"):
            text = "\n\n".join(f"ref: {ref}\n\nhyp: {hyp}" for ref, hyp in chosen)
            board.add_text("val/hypotheses", text, self.global_step)
