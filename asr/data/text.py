"""Sentences in, batches of like lengths out: the Lightning data module of language models."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asr.data.batch import Moving, Share
from asr.data.loader import PlannedSet
from asr.data.plan import PlannedBatch
from asr.data.planned import PlannedData
from asr.errors import ConfigError, DataError
from asr.lm.sentences import SentenceReader
from asr.lm.vocabulary import BEGIN, END, UNKNOWN, Vocabulary
from asr.text.policy import get_policy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SentenceBatch(Moving):
    """Sentences padded to one length, and what is to be predicted in them.

    Attributes:
        inputs: ``<s>`` and the words of each sentence, padded with ``</s>``, shape (B, L).
        targets: the words and ``</s>`` of all sentences, concatenated, M in all, shape (M,).
        places: where in the flattened ``inputs`` the word before each target stands, shape (M,).
        share: what the batch is of a step that several ranks take together.
    """

    inputs: Tensor
    targets: Tensor
    places: Tensor
    share: Share

    def __len__(self) -> int:
        """Returns the number of sentences, B."""
        return len(self.inputs)


def make_batch(sentences: Sequence[npt.NDArray[np.int32]], share: Share | None = None) -> SentenceBatch:
    """Returns sentences as a batch.

    Args:
        sentences: word ids of B sentences, shapes (L_b,); L is one more than the longest.
        share: what the batch is of a step; None is all of it.

    Example:
        >>> batch = make_batch([np.array([3, 4]), np.array([5])])
        >>> batch.inputs.tolist(), batch.targets.tolist(), batch.places.tolist()
        ([[1, 3, 4], [1, 5, 2]], [3, 4, 2, 5, 2], [0, 1, 2, 3, 4])
    """
    lengths = np.array([len(sentence) + 1 for sentence in sentences])
    words = np.full((len(sentences), lengths.max() + 1), END, dtype=np.int64)
    words[:, 0] = BEGIN
    for row, sentence in enumerate(sentences):
        words[row, 1 : 1 + len(sentence)] = sentence
    valid = np.arange(lengths.max()) < lengths[:, None]
    places = np.flatnonzero(valid)
    inputs, targets = np.ascontiguousarray(words[:, :-1]), words[:, 1:][valid]
    share = share or Share(1, len(sentences), len(targets))
    return SentenceBatch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(places), share)


class SentenceDataset(PlannedSet[SentenceBatch]):
    """Sentences as word ids, four bytes a word; returns a batch for a planned batch.

    Args:
        word_ids: of all sentences, concatenated.
        ends: where each sentence ends in them.
    """

    def __init__(self, word_ids: array[int], ends: array[int]) -> None:
        self.word_ids = np.asarray(word_ids, dtype=np.int32)
        self.offsets = np.concatenate([[0], np.asarray(ends, dtype=np.int64)])

    def __len__(self) -> int:
        """Returns the number of sentences."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> list[float]:
        """The words of each sentence and its end, as the lengths that batches are planned by."""
        lengths: list[float] = (np.diff(self.offsets) + 1).astype(np.float64).tolist()
        return lengths

    @property
    def num_unknown(self) -> int:
        """The words that are not in the vocabulary."""
        return int((self.word_ids == UNKNOWN).sum())

    def sentence(self, index: int) -> npt.NDArray[np.int32]:
        """Returns the word ids of a sentence, shape (L,)."""
        return self.word_ids[self.offsets[index] : self.offsets[index + 1]]

    def __getitem__(self, planned: PlannedBatch) -> SentenceBatch:
        share = Share.of(planned, lambda index: len(self.sentence(index)) + 1)
        return make_batch([self.sentence(index) for index in planned.indices], share)


def encode_sentences(
    sentences: Iterable[Sequence[str]], vocabulary: Vocabulary, held_out_every: int = 0
) -> tuple[SentenceDataset, SentenceDataset]:
    """Returns sentences as word ids, and those that are held out.

    Args:
        sentences: the words of each, read once.
        vocabulary: returns the ids; words that it lacks become ``<unk>``.
        held_out_every: the last of every so many sentences is held out; 0 holds out none.
    """
    parts = [(array("i"), array("q")) for _ in range(2)]
    ids = vocabulary.ids
    for number, words in enumerate(sentences, start=1):
        word_ids, ends = parts[held_out_every > 0 and number % held_out_every == 0]
        word_ids.extend(ids.get(word, UNKNOWN) for word in words)
        ends.append(len(word_ids))
    kept, held_out = (SentenceDataset(*part) for part in parts)
    return kept, held_out


class SentenceLearner(Protocol):
    """What :class:`TextData` asks of the module that trains on them: words, and the name of a text policy."""

    words: Vocabulary
    text_policy: str


class TextData(PlannedData):
    """Training and validation sentences.

    Args besides those of :class:`PlannedData`:
        train_text: text files, one sentence a line, compressed or not.
        val_text: text files that choose the best checkpoint; none where sentences are held out.
        batch_words: most words of a padded batch, over all ranks, ends of sentences included.
        max_batch_size: most sentences of a batch.
        held_out_every: without ``val_text``, one of so many training sentences is held out.
    """

    train_set: SentenceDataset
    val_set: SentenceDataset

    def __init__(
        self,
        train_text: list[str],
        val_text: list[str],
        batch_words: int,
        max_batch_size: int,
        held_out_every: int = 0,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        """Reads no file: :meth:`setup` does."""
        super().__init__(num_workers, max_padded=batch_words, max_batch_size=max_batch_size, seed=seed)
        self.train_text, self.val_text, self.held_out_every = train_text, val_text, held_out_every

    def setup(self, stage: str) -> None:
        """Reads the sentences."""
        if bool(self.val_text) == (self.held_out_every > 1):
            remedy = "give val_text, or held_out_every of 2 or more, and not both"
            raise ConfigError("data.val_text, data.held_out_every", "both or none choose the validation set", remedy)
        learner = cast(SentenceLearner, self.learner)
        self.train_set, self.val_set = self._read(learner, self.train_text, self.held_out_every)
        if self.val_text:
            self.val_set, _ = self._read(learner, self.val_text)
        for name, sentences in (("training", self.train_set), ("validation", self.val_set)):
            self._report(name, sentences)
        if stage != "fit":
            return
        self.report_plan(self.train_set.lengths)

    @staticmethod
    def _read(
        learner: SentenceLearner, files: Sequence[str], held_out_every: int = 0
    ) -> tuple[SentenceDataset, SentenceDataset]:
        sentences = SentenceReader(files, get_policy(learner.text_policy))
        found = encode_sentences(sentences, learner.words, held_out_every)
        if sentences.num_empty:
            logger.warning("%s: %s lines without words are no sentences", ", ".join(files), f"{sentences.num_empty:,}")
        return found

    def _report(self, name: str, sentences: SentenceDataset) -> None:
        if not len(sentences):
            raise DataError(f"{name} text", "has no sentences", "give more text")
        num_words = len(sentences.word_ids)
        unknown = 100 * sentences.num_unknown / num_words
        logger.info(
            "%s: %s sentences, %s words, %.2f %% unknown", name, f"{len(sentences):,}", f"{num_words:,}", unknown
        )
