"""The Lightning module of language models: a recurrent network with its loss and perplexity."""

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
    """Trains a :class:`RecurrentLM` on sentences, each read from its beginning.

    Logs ``train/loss_step``, ``train/loss_epoch`` and ``val/loss`` in nats per word over all ranks, where the end of a
    sentence counts as a word; ``val/perplexity``, the exponential of the last; and ``train/gradient_norm``.
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
            vocabulary: the words, one per line; on the command line, the path of their file.
            num_unknown_types: distinct words of the training text outside the vocabulary, which share ``<unk>``.
            text_policy: name of the policy applied to sentences.
            embedding_dim: size of the word embedding, for input and output.
            hidden_dim: units of each layer.
            num_layers: number of layers.
            dropout: share of values dropped before, between and after the layers.
            tie_weights: whether input and output share the weights of the word embedding.
            optimizer: called with the parameters.
            schedule: called with the optimiser and the number of steps of the whole run.
            seed: seed of dropout.
        """
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters(logger=False)  # TensorBoard has no use for thousands of words
        self.hparams["text_policy"] = get_policy(
            text_policy
        ).reference  # this version, even if the policy changes later
        self.words, self.text_policy = Vocabulary.of(vocabulary.split("\n")), text_policy
        self.model = RecurrentLM(len(self.words), embedding_dim, hidden_dim, num_layers, dropout, tie_weights)

    def losses(self, batch: SentenceBatch) -> Tensor:
        """Returns the loss of each target in nats, shape (M,)."""
        hidden, _ = self.model.read(batch.inputs)
        logits = self.model.logits(hidden.flatten(0, 1).index_select(0, batch.places))  # (B L, E) -> (M, V)
        return F.cross_entropy(logits.float(), batch.targets, reduction="none")

    def training_step(self, batch: SentenceBatch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss, in nats per word."""
        losses = self.losses(batch)
        total = losses.sum()
        self.check_later(total[None], ["the sum of its words"])
        self.sum_up({"loss_step": (total, total.new_tensor(len(losses)))}, batch.share.counts)
        return batch.share.part(total, batch.share.num_targets)

    def on_validation_epoch_start(self) -> None:
        """Resets the sums."""
        self._loss_and_words = torch.zeros(2, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: SentenceBatch, batch_idx: int) -> None:
        """Adds up the losses of a batch."""
        if not batch.share.counts:
            return
        losses = self.losses(batch).double()
        self._loss_and_words += torch.stack([losses.sum(), losses.new_tensor(len(losses))])

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the perplexity over all ranks."""
        loss = self.share(self._loss_and_words)
        self.log("val/loss", loss)
        self.log("val/perplexity", loss.exp())
