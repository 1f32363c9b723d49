"""The Lightning module of pronunciation models: letters to phones with CTC, and error rates on held-out words."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from asr.checkpoints.pronunciation import PRONUNCIATION
from asr.data.dictionary import WordBatch
from asr.decoding.greedy import GreedyDecoder
from asr.models.pronouncer import Pronouncer
from asr.scoring.counts import ErrorCounts, count_errors
from asr.text.tokens import BLANK, TokenTable
from asr.training.losses import ctc_losses
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule


class PronunciationModule(SteppedModule):
    """Trains a :class:`Pronouncer` on the words of a lexicon.

    Logs ``train/loss_step``, ``train/loss_epoch`` and ``val/loss`` in nats per phone, ``train/gradient_norm``, and for
    greedy decoding ``val/per`` and ``val/wer``, the share of words that do not match their first pronunciation.
    """

    kind = PRONUNCIATION

    def __init__(
        self,
        letters: dict[str, Any],
        phones: dict[str, Any],
        letter_dim: int,
        hidden_dim: int,
        num_layers: int,
        frames_per_letter: int,
        dropout: float,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        seed: int = 0,
    ) -> None:
        """Builds the model.

        Args:
            letters: state of the letter table, of unit "char".
            phones: state of the phone table.
            letter_dim: size of the letter embedding.
            hidden_dim: units in each direction of each layer.
            num_layers: number of layers.
            frames_per_letter: frames for each letter, which is the most phones that it can have.
            dropout: share of values dropped after each layer.
            optimizer: called with the parameters.
            schedule: called with the optimiser and the number of steps of the whole run.
            seed: seed of dropout.
        """
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters(logger=False)  # the tables are not settings
        self.letters, self.phones = TokenTable.from_state(letters), TokenTable.from_state(phones)
        self.frames_per_letter = frames_per_letter
        sizes = (letter_dim, hidden_dim, num_layers, frames_per_letter, dropout)
        self.model = Pronouncer(len(self.letters), len(self.phones), *sizes)
        self._decoder = GreedyDecoder(self.phones, frame_seconds=1.0)

    def losses(self, batch: WordBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the loss of each word in nats, shape (B,), with the log-posteriors and their lengths in frames."""
        log_probs, lengths = self.model(batch.letters, batch.letter_lengths)
        return ctc_losses(log_probs, lengths, batch.targets, batch.target_lengths, BLANK), log_probs, lengths

    def training_step(self, batch: WordBatch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss, in nats per phone."""
        losses, _, _ = self.losses(batch)
        self.check_later(losses, batch.words)
        total = losses.sum()
        self.sum_up({"loss_step": (total, batch.target_lengths.sum())}, batch.share.counts)
        return batch.share.part(total, batch.share.num_targets)

    def on_validation_epoch_start(self) -> None:
        """Resets the counts."""
        self._loss_and_phones, self._wrong_and_words = torch.zeros(2, 2, dtype=torch.float64, device=self.device)
        self._counts = ErrorCounts()

    def validation_step(self, batch: WordBatch, batch_idx: int) -> None:
        """Counts the errors of greedy decoding on a batch."""
        if not batch.share.counts:
            return
        losses, log_probs, lengths = self.losses(batch)
        hyps = [nbest[0].text for nbest in self._decoder(log_probs, lengths)]
        counts = count_errors(batch.texts, hyps, "phone")
        self._counts = sum(counts, self._counts)
        self._loss_and_phones += torch.stack([losses.double().sum(), batch.target_lengths.sum().double()])
        self._wrong_and_words += losses.new_tensor([sum(each.errors > 0 for each in counts), len(batch)]).double()

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the error rates over all ranks."""
        errors = self._loss_and_phones.new_tensor([self._counts.errors, self._counts.num_ref])
        for name, local in (("loss", self._loss_and_phones), ("per", errors), ("wer", self._wrong_and_words)):
            self.log(f"val/{name}", self.share(local))
