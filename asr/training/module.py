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
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.lengths import valid_frames
from asr.text.policy import get_policy
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN, Writing
from asr.training.heads import HeadErrors, HeadSettings, loss_weights
from asr.training.losses import CTCObjective
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule

logger = logging.getLogger(__name__)

NUM_SAMPLES = 3
_NO_HEADS: dict[str, HeadSettings] = {}


class CTCModule(SteppedModule):
    """Trains an :class:`AcousticModel` with CTC or CTC-CRF.

    Logs ``train/loss_step`` and ``train/loss_epoch``, means over all ranks in nats per token, ``train/blank_ratio``
    (share of frames whose best token is blank), ``train/gradient_norm`` (before clipping), ``val/loss``, and
    ``val/cer``, ``val/wer`` or ``val/per`` of greedy decoding as fractions; the same of another head under its name,
    such as ``val/char_cer``. With CTC-CRF the losses are its own, and ``train/ctc_loss`` is beside them.

    Args besides those of :class:`SteppedModule`:
        frontend: turns waveforms into features.
        encoder: called with the number of values in a feature frame.
        tokens: state of the token table; on the command line, the path of its file.
        text_policy: name of the policy applied to transcripts.
        augmentation: what changes training utterances, under names of any kind; each is called with the front end,
            and None is skipped.
        objective: what training minimises, of each head, CTC-CRF of the main one alone; None is CTC alone, as a mean
            over tokens.
        heads: outputs beside the main one, such as letters beside phones, by name.

    Raises:
        ConfigError: an augmentation does not fit the front end, or the heads' settings are out of range.

    Attributes:
        writings: how each head writes, the main one first.
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
        heads: dict[str, HeadSettings] = _NO_HEADS,
    ) -> None:
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters()
        self.hparams["text_policy"] = get_policy(text_policy).reference  # this version, even if policies change later
        self.hparams["heads"] = {name: head.recorded() for name, head in heads.items()}
        main = Writing(TokenTable.from_state(tokens), get_policy(text_policy))
        self.writings = {MAIN: main, **{name: head.writing for name, head in heads.items()}}
        self._weights = loss_weights(heads)
        sizes = {name: HeadSize(len(self.writings[name].tokens), head.own_layer) for name, head in heads.items()}
        self.model = AcousticModel(frontend, encoder(frontend.feature_dim), len(main.tokens), sizes)
        self.augmentation = Chain(make(frontend) for make in (augmentation or {}).values() if make)
        self.objective = objective or CTCObjective()
        self._objectives = {MAIN: self.objective, **dict.fromkeys(heads, self.objective.without_crf())}
        self._errors = {
            name: HeadErrors(name, writing.tokens, self.model.frame_seconds, self._objectives[name])
            for name, writing in self.writings.items()
        }

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
            transcripts = (each.token_ids for each in data.train_set.utterances)
            self.objective.crf.learn(transcripts, self.writings[MAIN].tokens)

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
        heads, lengths = self.model.classify_heads(*self.features(batch), self.objective.layers)
        total_steps = int(self.trainer.estimated_stepping_batches)
        loss, losses = torch.zeros((), device=self.device), torch.zeros(len(batch), device=self.device)
        sums: dict[str, tuple[Tensor, Tensor]] = {}
        for name, log_probs in heads.items():
            step = self._objectives[name](log_probs, lengths, batch.of_head(name), self.global_step, total_steps)
            loss, losses = loss + self._weights[name] * step.loss, losses + step.losses.detach()
            own = step.sums | {"blank_ratio": _blanks(log_probs[-1], lengths)}
            sums |= own if name == MAIN else {f"{name}_{key}": value for key, value in own.items()}
        self.check_later(losses, batch.utterance_ids)
        self.sum_up(sums, batch.share.counts)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Resets the counts."""
        for errors in self._errors.values():
            errors.reset(self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Counts the errors of greedy decoding on a batch."""
        if not batch.share.counts:
            return
        heads, lengths = self.model.classify_heads(*self.features(batch))
        for name, errors in self._errors.items():
            errors.count(heads[name][-1], lengths, batch.of_head(name))

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the error rates over all ranks, and a few hypotheses."""
        for errors in self._errors.values():
            for name, fraction in errors.fractions():
                self.log(name, self.share(fraction))
        if self.trainer.is_global_zero and not self.trainer.sanity_checking:
            for errors in self._errors.values():
                self._show_samples(errors)

    def _show_samples(self, errors: HeadErrors) -> None:
        step = max(1, len(errors.samples) // NUM_SAMPLES)
        chosen = errors.samples[::step][:NUM_SAMPLES]
        for ref, hyp in chosen:
            logger.info("  ref %s", ref)
            logger.info("  hyp %s", hyp)
        board = getattr(self.logger, "experiment", None)
        if board is not None and hasattr(board, "add_text"):
            text = "\n\n".join(f"ref: {ref}\n\nhyp: {hyp}" for ref, hyp in chosen)
            board.add_text(f"val/{errors.prefix}hypotheses", text, self.global_step)


def _blanks(log_probs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the number of frames whose best token is blank, and that of all frames."""
    valid = valid_frames(lengths, log_probs.size(1))
    return ((log_probs.detach().argmax(dim=2) == BLANK) & valid).sum(), valid.sum()
