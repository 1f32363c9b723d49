"""The Lightning module of language models: a recurrent network, its loss and its perplexity."""

from __future__ import annotations

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.nn import functional as F

from asr.checkpoints.language import LANGUAGE
from asr.data.text import SentenceBatch
from asr.lm.recurrent import RecurrentLM
from asr.lm.vocabulary import Vocabulary
from asr.text.policy import get_policy
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule


class LanguageModule(SteppedModule):
    """Trains a :class:`RecurrentLM` on sentences, each from its beginning.

    Logs ``train/loss_step``, ``train/loss_epoch``, the mean over all ranks, and ``val/loss`` in nats a word, ends of
    sentences being words too, ``val/perplexity``, which is exp of the latter, and ``train/gradient_norm``.
    """

    kind = LANGUAGE

    def __init__(
        self,
        vocabulary: str,
        num_unknown_types: int,
        text_policy: str,
        embedding_dim: int,
        hidden_dim: int,
        num_layers: int,
        dropout: float,
        tie_weights: bool,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        seed: int = 0,
    ) -> None:
        """Builds the model.

        Args:
            vocabulary: the words, one a line; on the command line the path of their file.
            num_unknown_types: different words of the training text that are not among them; they share ``<unk>``.
            text_policy: name of the policy that sentences go through.
            embedding_dim: width of a word on its way in and out.
            hidden_dim: units of a layer.
            num_layers: layers.
            dropout: share of values dropped in front of, between and behind the layers.
            tie_weights: whether a word has the same weights on its way in and out.
            optimizer: called with the parameters.
            schedule: called with the optimiser and the steps of the whole run.
            seed: of dropout.
        """
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters(logger=False)  # a board has no use for thousands of words
        self.hparams["text_policy"] = get_policy(text_policy).reference  # this version of it, whatever becomes of it
        self.words, self.text_policy = Vocabulary.of(vocabulary.split("\n")), text_policy
        self.model = RecurrentLM(len(self.words), embedding_dim, hidden_dim, num_layers, dropout, tie_weights)

    def losses(self, batch: SentenceBatch) -> Tensor:
        """Gives the loss of each target in nats, shape (M,)."""
        hidden, _ = self.model.read(batch.inputs)
        logits = self.model.logits(hidden.flatten(0, 1).index_select(0, batch.places))  # (B L, E) -> (M, V)
        return F.cross_entropy(logits.float(), batch.targets, reduction="none")

    def training_step(self, batch: SentenceBatch, batch_idx: int) -> Tensor:
        """Returns this rank's part of the loss of the step, in nats a word."""
        losses = self.losses(batch)
        total = losses.sum()
        self.check_later(total[None], ["the sum of its words"])
        self.sum_up({"loss_step": (total, total.new_tensor(len(losses)))}, batch.share.counts)
        return batch.share.part(total, batch.share.num_targets)

    def on_validation_epoch_start(self) -> None:
        """Begins the sums."""
        self._loss_and_words = torch.zeros(2, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: SentenceBatch, batch_idx: int) -> None:
        """Sums the losses."""
        if not batch.share.counts:
            return
        losses = self.losses(batch).double()
        self._loss_and_words += torch.stack([losses.sum(), losses.new_tensor(len(losses))])

    def on_validation_epoch_end(self) -> None:
        """Logs loss and perplexity over all ranks."""
        loss = self.share(self._loss_and_words)
        self.log("val/loss", loss)
        self.log("val/perplexity", loss.exp())
