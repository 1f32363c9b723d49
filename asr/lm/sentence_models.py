"""Recurrent language models as models of whole sentences, evaluated in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from asr.lm.recurrent import RecurrentLM
from asr.lm.vocabulary import BEGIN, END, Vocabulary


class SentenceModel(Protocol):
    """A language model of words, n-gram or recurrent."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that it knows."""

    def word_log_probs(self, sentences: Sequence[npt.NDArray[np.int32]]) -> list[npt.NDArray[np.float64]]:
        """Returns the natural-log probability of each word and of the end, given the words before.

        Args:
            sentences: word ids of B sentences, shape (L,) each.

        Returns:
            B arrays, shape (L + 1,) each.
        """


@dataclass(frozen=True, eq=False)
class RecurrentSentenceModel:
    """A recurrent model that starts each sentence in its initial state.

    Attributes:
        network: in evaluation mode, on any device.
        vocabulary: its V words.
        batch_words: largest number of words in a padded batch, which takes V times as many floats.
    """

    network: RecurrentLM
    vocabulary: Vocabulary
    batch_words: int = 1024

    @torch.inference_mode()
    def word_log_probs(self, sentences: Sequence[npt.NDArray[np.int32]]) -> list[npt.NDArray[np.float64]]:
        """Returns the natural-log probabilities of words; see :meth:`SentenceModel.word_log_probs`."""
        found: dict[int, npt.NDArray[np.float64]] = {}
        for indices in self._batches([len(sentence) + 1 for sentence in sentences]):
            log_probs = self._log_probs([sentences[index] for index in indices])
            for index, row in zip(indices, log_probs, strict=True):
                found[index] = row[: len(sentences[index]) + 1]
        return [found[index] for index in range(len(sentences))]

    def _batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """Returns batches of sentences of similar lengths."""
        batches: list[list[int]] = []
        for index in sorted(range(len(lengths)), key=lengths.__getitem__):
            if not batches or lengths[index] * (len(batches[-1]) + 1) > self.batch_words:
                batches.append([])
            batches[-1].append(index)
        return batches

    def _log_probs(self, sentences: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.float64]:
        words = np.full((len(sentences), max(map(len, sentences)) + 2), END, dtype=np.int64)
        words[:, 0] = BEGIN
        for row, sentence in enumerate(sentences):
            words[row, 1 : 1 + len(sentence)] = sentence
        device = self.network.embedding.weight.device
        inputs, targets = (torch.from_numpy(part).to(device) for part in (words[:, :-1], words[:, 1:]))
        logits: Tensor = self.network.logits(self.network.read(inputs)[0]).float()
        negative = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        found: npt.NDArray[np.float64] = (-negative.double()).view(targets.shape).cpu().numpy()
        return found
