"""Recurrent language models as models of whole sentences, each beginning read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asr.lm.recurrent import RecurrentLM, State
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

    What sentences have in common from the beginning, as the hypotheses of an N-best list have, is read once.

    Attributes:
        network: in evaluation mode, on any device.
        vocabulary: its V words.
        batch_words: largest number of words after which all V words are scored at a time, which takes V times as many
            floats; sentences of 64 times as many words are read together.
    """

    network: RecurrentLM
    vocabulary: Vocabulary
    batch_words: int = 256

    @torch.inference_mode()
    def word_log_probs(self, sentences: Sequence[npt.NDArray[np.int32]]) -> list[npt.NDArray[np.float64]]:
        """Returns the natural-log probabilities of words; see :meth:`SentenceModel.word_log_probs`."""
        found: list[npt.NDArray[np.float64]] = []
        start, num_words = 0, 0
        for end, sentence in enumerate(sentences, 1):
            num_words += len(sentence) + 1
            if num_words >= 64 * self.batch_words or end == len(sentences):
                found += self._log_probs(sentences[start:end])
                start, num_words = end, 0
        return found

    def _log_probs(self, sentences: Sequence[npt.NDArray[np.int32]]) -> list[npt.NDArray[np.float64]]:
        levels, paths = _beginnings(sentences)
        state: State | None = None
        entering, ending = [], []  # log-probabilities of the last word of each beginning, and of the end after it
        for level, following in zip_longest(levels, levels[1:], fillvalue=_NOTHING):
            parents, words = self._tensors(level)
            if state is not None:
                state = (state[0][:, parents], state[1][:, parents])
            hidden, state = self.network.read(words[:, None], state)
            entered, ended = self._after(hidden[:, 0], *self._tensors(following))
            entering.append(entered)
            ending.append(ended)
        found = []
        for path in paths:
            words_of_path = [row[place] for row, place in zip(entering, path[1:], strict=False)]
            found.append(np.array([*words_of_path, ending[len(path) - 1][path[-1]]]))
        return found

    def _after(
        self, hidden: Tensor, places: Tensor, words: Tensor
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Returns the log-probabilities of words after beginnings, shape (M,), and of the end after each, shape (N,).

        Args:
            hidden: what the network makes of the beginnings, shape (N, embedding_dim).
            places: the beginning before each word, shape (M,).
            words: ids, shape (M,).
        """
        blocks = torch.split(hidden, self.batch_words)
        normaliser = torch.cat([self.network.logits(block).float().logsumexp(dim=-1) for block in blocks])
        weight, bias = self.network.scoring()
        entering = (hidden[places] * weight[words]).sum(dim=-1) + bias[words] - normaliser[places]
        ending = hidden @ weight[END] + bias[END] - normaliser
        return entering.double().cpu().numpy(), ending.double().cpu().numpy()

    def _tensors(self, level: _Level) -> tuple[Tensor, Tensor]:
        """Returns the beginning without its last word, and this word, for each of a level, shapes (N,)."""
        pairs = torch.tensor(list(level), dtype=torch.long, device=self.network.embedding.weight.device).view(-1, 2)
        return pairs[:, 0], pairs[:, 1]


_Level = dict[tuple[int, int], int]
"""Places of all beginnings of some length by the place of each without its last word, and by this word."""

_NOTHING: _Level = {}


def _beginnings(sentences: Sequence[npt.NDArray[np.int32]]) -> tuple[list[_Level], list[list[int]]]:
    """Returns all beginnings by length, the first that of ``<s>`` alone, and the places of those of each sentence."""
    levels: list[_Level] = [{(0, BEGIN): 0}]
    paths = []
    for sentence in sentences:
        path = [0]
        for depth, word in enumerate(sentence.tolist(), 1):
            if depth == len(levels):
                levels.append({})
            path.append(levels[depth].setdefault((path[-1], word), len(levels[depth])))
        paths.append(path)
    return levels, paths
