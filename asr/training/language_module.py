"""The Lightning module of language models: a recurrent network with its loss and perplexity."""

from __future__ import annotations

import numpy as np
import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from asr.checkpoints.language import LANGUAGE
from asr.data.text import SentenceBatch, TextData
from asr.errors import ConfigError
from asr.lm.recurrent import RecurrentLM
from asr.lm.vocabulary import END, Vocabulary
from asr.text.policy import get_policy
from asr.training.schedules import Schedule
from asr.training.stepping import SteppedModule
from asr.training.word_losses import chances, sampled_cross_entropy, summed_cross_entropy


class LanguageModule(SteppedModule):
    """Trains a :class:`RecurrentLM` on sentences, each read from its beginning.

    Logs ``train/loss_step``, ``train/loss_epoch`` and ``val/loss`` in nats per word over all ranks, where the end of a
    sentence counts as a word; ``val/perplexity``, the exponential of the last; and ``train/gradient_norm``.

    Args besides those of :class:`SteppedModule`:
        vocabulary: the words, one per line; on the command line, the path of their file.
        num_unknown_types: distinct words of the training text outside the vocabulary, which share ``<unk>``.
        text_policy: name of the policy applied to sentences.
        embedding_dim: size of the word embedding, for input and output.
        hidden_dim: units of each layer.
        num_layers: number of layers.
        dropout: share of values dropped before, between and after the layers.
        tie_weights: whether input and output share the weights of the word embedding.
        num_samples: in training, words that each word is told apart from, drawn at random for each step, on average so
            many; null takes all words. Validation always does.

    Raises:
        ConfigError: ``num_samples`` is below 1.
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
        num_samples: int | None = None,
        seed: int = 0,
    ) -> None:
        if num_samples is not None and num_samples < 1:
            raise ConfigError("model.num_samples", f"{num_samples}", "give 1 or more, or null for all words")
        super().__init__(optimizer, schedule, seed)
        self.save_hyperparameters(logger=False)  # TensorBoard has no use for thousands of words
        self.hparams["text_policy"] = get_policy(text_policy).reference  # this version, even if policies change later
        self.num_samples = num_samples
        self.words, self.text_policy = Vocabulary.of(vocabulary.split("\n")), text_policy
        self.model = RecurrentLM(len(self.words), embedding_dim, hidden_dim, num_layers, dropout, tie_weights)

    def on_fit_start(self) -> None:
        """Counts the words of the training set, by which words are drawn."""
        if self.num_samples is None:
            return
        data = getattr(self.trainer, "datamodule", None)
        assert isinstance(data, TextData)
        counts = np.bincount(data.train_set.word_ids, minlength=len(self.words))
        counts[END] = len(data.train_set)
        self.chances = chances(torch.from_numpy(counts), self.num_samples).to(self.device)

    def loss(self, batch: SentenceBatch) -> Tensor:
        """Returns the loss of all targets together in nats, in training as ``num_samples`` says, shape ()."""
        hidden, _ = self.model.read(batch.inputs)
        before = hidden.flatten(0, 1).index_select(0, batch.places)  # (B, L, E) -> (M, E)
        if self.training and self.num_samples is not None:
            return sampled_cross_entropy(before, *self.model.scoring(), batch.targets, self.chances)
        return summed_cross_entropy(before, *self.model.scoring(), batch.targets)

    def training_step(self, batch: SentenceBatch, batch_idx: int) -> Tensor:
        """Returns this rank's share of the step's loss, in nats per word."""
        total = self.loss(batch)
        self.check_later(total[None], ["the sum of its words"])
        self.sum_up({"loss_step": (total, total.new_tensor(len(batch.targets)))}, batch.share.counts)
        return batch.share.part(total, batch.share.num_targets)

    def on_validation_epoch_start(self) -> None:
        """Resets the sums."""
        self._loss_and_words = torch.zeros(2, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: SentenceBatch, batch_idx: int) -> None:
        """Adds up the losses of a batch."""
        if not batch.share.counts:
            return
        total = self.loss(batch).double()
        self._loss_and_words += torch.stack([total, total.new_tensor(len(batch.targets))])

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the perplexity over all ranks."""
        loss = self.share(self._loss_and_words)
        self.log("val/loss", loss)
        self.log("val/perplexity", loss.exp())
