"""The Lightning module of transducers: the loss over all alignments, and error rates on the dev set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from asr.checkpoints.transducer import TRANSDUCER
from asr.data.batch import Batch
from asr.decoding.transducer.greedy import TransducerGreedyDecoder
from asr.features.frontend import FrontEnd
from asr.models.transducer import Transducer, TransducerSizes
from asr.text.policy import get_policy
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN, Writing
from asr.training.dev_errors import DevErrors
from asr.training.fine_tuning import ALL_ALIKE, FineTuning
from asr.training.lattice_sums import transducer_losses
from asr.training.schedules import Schedule
from asr.training.speech_module import Augmentations, SpeechModule


class TransducerObjective:
    """The transducer loss, as a mean.

    Args:
        loss_per: what the minimised loss is a mean over; logs are in nats per token either way.
    """

    def __init__(self, loss_per: Literal["token", "utterance"] = "token") -> None:
        self.loss_per = loss_per

    def __call__(self, losses: Tensor, batch: Batch) -> Tensor:
        """Returns this rank's share of the loss to minimise, a scalar.

        Args:
            losses: loss of each utterance in nats, shape (B,).
            batch: the batch, for what it is of the step.
        """
        share = batch.share
        return share.part(losses.sum(), share.num_targets if self.loss_per == "token" else share.num_utterances)


class TransducerModule(SpeechModule):
    """Trains a :class:`Transducer`, all of it together.

    Logs ``train/loss_step`` and ``train/loss_epoch``, means over all ranks in nats per token, ``train/gradient_norm``
    (before clipping), ``val/loss``, and ``val/cer``, ``val/wer`` or ``val/per`` of greedy decoding as fractions.

    **Source**: Graves 2012; Graves, Mohamed & Hinton 2013, section 3.3, for beginning from networks that were trained
    with CTC and as a language model, see :mod:`asr.runs.transfer`.

    Args besides those of :class:`SpeechModule`:
        encoder: called with the number of values in a feature frame.
        tokens: state of the token table; on the command line, the path of its file.
        text_policy: name of the policy applied to transcripts.
        transducer: sizes of what is beside the encoder.
        objective: what training minimises.

    Raises:
        ConfigError: an augmentation does not fit the front end.
    """

    kind = TRANSDUCER
    model: Transducer
    _errors: dict[str, DevErrors]

    def __init__(
        self,
        frontend: FrontEnd,
        encoder: Callable[[int], nn.Module],
        tokens: dict[str, Any],
        text_policy: str,
        transducer: TransducerSizes,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        augmentation: Augmentations | None = None,
        objective: TransducerObjective | None = None,
        seed: int = 0,
        plan: FineTuning = ALL_ALIKE,
    ) -> None:
        super().__init__(frontend, optimizer, schedule, augmentation, seed, plan)
        self.save_hyperparameters()
        self.hparams["text_policy"] = get_policy(text_policy).reference  # this version, even if policies change later
        self.hparams["transducer"] = asdict(transducer)
        self.hparams["plan"] = asdict(plan)
        main = Writing(TokenTable.from_state(tokens), get_policy(text_policy))
        self.writings = {MAIN: main}
        self.model = Transducer(frontend, encoder(frontend.feature_dim), len(main.tokens), transducer)
        self.objective = objective or TransducerObjective()
        self._errors = {MAIN: DevErrors(MAIN, main.tokens)}

    def losses(self, heard: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        """Returns the loss of each utterance in nats, shape (B,).

        Args:
            heard: the part of the audio in the joint, shape (B, N, J).
            lengths: encoder frames of each, shape (B,).
            batch: the batch, for its targets.
        """
        targets = padded_targets(batch)
        logits = self.model.join_all(heard, targets)
        return transducer_losses(logits, lengths, targets[:, 1:], batch.target_lengths, BLANK)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss, in nats per token or per utterance."""
        losses = self.losses(*self.model.hear(*self.features(batch)), batch)
        self.check_later(losses, batch.utterance_ids)
        self.sum_up({"loss_step": (losses.sum(), batch.target_lengths.sum())}, batch.share.counts)
        return self.objective(losses, batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Counts the errors of greedy decoding on a batch."""
        if not batch.share.counts:
            return
        heard, lengths = self.model.hear(*self.features(batch))
        search = TransducerGreedyDecoder(self.model, self.writings[MAIN].tokens)
        self._errors[MAIN].add(self.losses(heard, lengths, batch), search(heard, lengths), batch)


def padded_targets(batch: Batch) -> Tensor:
    """Returns the targets of each utterance with blank in front and behind, padded, shape (B, L + 1)."""
    lengths = batch.target_lengths
    places = torch.arange(1 + int(lengths.max()), device=lengths.device)
    padded = batch.targets.new_full((len(lengths), len(places)), BLANK)
    padded[(places > 0) & (places <= lengths[:, None])] = batch.targets
    return padded
