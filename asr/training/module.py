"""The Lightning module of acoustic models: the CTC loss, the optimiser, and error rates on the dev set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from asr.checkpoints.acoustic import ACOUSTIC
from asr.data.batch import Batch
from asr.data.module import SpeechData
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.lengths import valid_frames
from asr.text.policy import get_policy
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN, Writing
from asr.training.attention import NAME, AttentionErrors, AttentionSettings, recorded
from asr.training.dev_errors import AcousticErrors
from asr.training.fine_tuning import ALL_ALIKE, FineTuning
from asr.training.heads import HeadErrors, HeadSettings, loss_weights
from asr.training.losses import CTCObjective, StepLoss
from asr.training.schedules import Schedule
from asr.training.speech_module import Augmentations, SpeechModule

_NO_HEADS: dict[str, HeadSettings] = {}


class CTCModule(SpeechModule):
    """Trains an :class:`AcousticModel` with CTC, CTC-CRF or MWER, and an attention decoder beside it.

    Logs ``train/loss_step`` and ``train/loss_epoch``, means over all ranks in nats per token, ``train/blank_ratio``
    (share of frames whose best token is blank), ``train/gradient_norm`` (before clipping), ``val/loss``, and
    ``val/cer``, ``val/wer`` or ``val/per`` of greedy decoding as fractions; the same of another head under its name,
    such as ``val/char_cer``. With CTC-CRF the losses are its own, and ``train/ctc_loss`` is beside them; with MWER
    they are CTC's, and ``train/expected_errors``, as a fraction of the words or phones said, is beside them. An
    attention decoder has ``train/attention_loss`` (of another head ``train/char_attention_loss``),
    ``val/attention_loss`` without smoothing, and error rates of greedy decoding with it alone, such as
    ``val/attention_cer``.

    Args besides those of :class:`SpeechModule`:
        encoder: called with the number of values in a feature frame.
        tokens: state of the token table; on the command line, the path of its file.
        text_policy: name of the policy applied to transcripts.
        objective: what training minimises, of each head, CTC-CRF of the main one alone; None is CTC alone, as a mean
            over tokens.
        heads: outputs beside the main one, such as letters beside phones, by name.
        attention: an attention decoder beside the CTC of one head; None for none.

    Raises:
        ConfigError: an augmentation does not fit the front end, or settings of the heads or of the attention decoder
            are out of range.
    """

    kind = ACOUSTIC
    model: AcousticModel
    _errors: dict[str, AcousticErrors]

    def __init__(
        self,
        frontend: FrontEnd,
        encoder: Callable[[int], nn.Module],
        tokens: dict[str, Any],
        text_policy: str,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        augmentation: Augmentations | None = None,
        objective: CTCObjective | None = None,
        seed: int = 0,
        heads: dict[str, HeadSettings] = _NO_HEADS,
        attention: AttentionSettings | None = None,
        plan: FineTuning = ALL_ALIKE,
    ) -> None:
        super().__init__(frontend, optimizer, schedule, augmentation, seed, plan)
        self.save_hyperparameters()
        self.hparams["text_policy"] = get_policy(text_policy).reference  # this version, even if policies change later
        self.hparams["plan"] = asdict(plan)
        self.hparams["heads"] = {name: head.recorded() for name, head in heads.items()}
        self.hparams["attention"] = recorded(attention)
        main = Writing(TokenTable.from_state(tokens), get_policy(text_policy))
        self.writings = {MAIN: main, **{name: head.writing for name, head in heads.items()}}
        self._weights = loss_weights(heads)
        sizes = {name: HeadSize(len(self.writings[name].tokens), head.own_layer) for name, head in heads.items()}
        self.attention = None if attention is None else attention.checked(heads)
        attending = None if attention is None else attention.attending
        self.model = AcousticModel(frontend, encoder(frontend.feature_dim), len(main.tokens), sizes, attending)
        self.objective = objective or CTCObjective()
        self._objectives = {
            name: self.objective.of_head(name, writing.tokens) for name, writing in self.writings.items()
        }
        self._errors = {
            name: HeadErrors(name, writing.tokens, self.model.frame_seconds, self._objectives[name])
            for name, writing in self.writings.items()
        }
        if attention is not None:
            self._errors[NAME] = AttentionErrors(attention.head, self.writings[attention.head].tokens)

    @property
    def num_views(self) -> int:
        """Two with a consistency loss, else one."""
        return 1 if self.objective.consistency is None else 2

    def setup(self, stage: str) -> None:
        """Reads what augmentation and objective need, so that what is missing stops the run before its first step."""
        super().setup(stage)
        data = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and self.objective.crf is not None and isinstance(data, SpeechData):
            transcripts = (each.token_ids for each in data.train_set.utterances)
            self.objective.crf.learn(transcripts, self.writings[MAIN].tokens)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss, in nats per token or per utterance."""
        encoded, lengths = self.model.encode_heads(*self.features(batch), self.objective.layers)
        loss, losses = torch.zeros((), device=self.device), torch.zeros(len(batch), device=self.device)
        sums: dict[str, tuple[Tensor, Tensor]] = {}
        for name, frames in encoded.items():
            step, blanks = self._head_loss(name, frames, lengths, batch.of_head(name))
            loss, losses = loss + self._weights[name] * step.loss, losses + step.losses.detach()
            own = step.sums | {"blank_ratio": blanks}
            sums |= own if name == MAIN else {f"{name}_{key}": value for key, value in own.items()}
        self.check_later(losses, batch.utterance_ids)
        self.sum_up(sums, batch.share.counts)
        return loss

    def _head_loss(
        self, name: str, frames: list[Tensor], lengths: Tensor, batch: Batch
    ) -> tuple[StepLoss, tuple[Tensor, Tensor]]:
        """Returns the loss of a head on its batch, and the counts of its blanks; ``frames`` is what the head reads."""
        log_probs = self.model.classify_layers(name, frames)
        total_steps = int(self.trainer.estimated_stepping_batches)
        step = self._objectives[name](log_probs, lengths, batch, self.global_step, total_steps)
        if self.attention is not None and self.model.attention is not None and name == self.attention.head:
            losses = self.attention.losses(self.model.attention, frames[-1], lengths, batch)
            step = self.attention.joined(step, losses, batch, self.objective.loss_per)
        return step, _blanks(log_probs[-1], lengths)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Counts the errors of greedy decoding on a batch."""
        if not batch.share.counts:
            return
        encoded, lengths = self.model.encode_heads(*self.features(batch))
        for errors in self._errors.values():
            errors.count(self.model, encoded, lengths, batch)


def _blanks(log_probs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the number of frames whose best token is blank, and that of all frames."""
    valid = valid_frames(lengths, log_probs.size(1))
    return ((log_probs.detach().argmax(dim=2) == BLANK) & valid).sum(), valid.sum()
