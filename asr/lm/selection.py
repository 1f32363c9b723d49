"""Sentences of a large text that are like those of a small one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from asr.lm.vocabulary import choose_vocabulary

Item = TypeVar("Item")

_BATCH = 4096  # sentences scored together
_LEAST_COUNT = 2  # of a word that the models know


def train_pair(
    like: Iterable[Sequence[str]], text: Iterable[Sequence[str]], order: int, num_sentences: int
) -> tuple[NGramModel, NGramModel]:
    """Returns the models of a small text, and of as many words from all over a large one, with the same words.

    Both know the words that the small text has twice or more.

    Args:
        like: the sentences of the small text; they are read twice.
        text: those of the large text.
        order: length of the n-grams.
        num_sentences: of the large text.
    """
    vocabulary, _ = choose_vocabulary(like, _LEAST_COUNT)
    num_words, num_like = 0, 0
    for words in like:
        num_words, num_like = num_words + len(words), num_like + 1
    if not num_words:
        raise DataError("text to be like", "holds no words", "give text with one sentence a line")
    every = max(1, num_sentences // num_like)
    return estimate(like, order, vocabulary), estimate(_some(text, every, num_words), order, vocabulary)


def _some(text: Iterable[Sequence[str]], every: int, num_words: int) -> Iterator[Sequence[str]]:
    """Yields every so many-th sentence, until there are so many words."""
    for words in islice(text, 0, None, every):
        yield words
        num_words -= len(words)
        if num_words <= 0:
            return


def score_sentences(
    models: tuple[NGramModel, NGramModel], sentences: Iterable[Sequence[str]]
) -> npt.NDArray[np.float32]:
    """Returns for each sentence how much more likely the second model finds it, in nats a word; the end counts as one.

    **Source**: Moore & Lewis 2010, "Intelligent selection of language model training data": the difference of the
    cross-entropies in the small and in the large text.

    Args:
        models: of the small text and of the large one, with the same vocabulary.
        sentences: read once.
    """
    remaining, found = iter(sentences), [np.empty(0, dtype=np.float32)]
    first, second = models
    while batch := list(islice(remaining, _BATCH)):
        encoded = [first.vocabulary.encode(words) for words in batch]
        pairs = zip(first.word_log_probs(encoded), second.word_log_probs(encoded), strict=True)
        found.append(np.array([(other - own).mean() for own, other in pairs], dtype=np.float32))
    return np.concatenate(found)


def selected(
    items: Iterable[Item], lengths: npt.NDArray[np.int32], scores: npt.NDArray[np.float32], share: float
) -> Iterator[Item]:
    """Yields the items with the lowest scores, in their order, until they have a share of all words.

    Args:
        items: the sentences.
        lengths: words of each.
        scores: of each.
        share: of the words, from 0 to 1.

    Example:
        >>> scores = np.array([0.5, -1.0, 0.0, 2.0], dtype=np.float32)
        >>> "".join(selected("abcd", np.array([5, 1, 2, 2], dtype=np.int32), scores, 0.3))
        'bc'
    """
    best = np.argsort(scores, kind="stable")
    keep = np.zeros(len(scores), dtype=bool)
    keep[best[np.cumsum(lengths[best]) <= share * lengths.sum() + 0.5]] = True
    for item, is_kept in zip(items, keep.tolist(), strict=True):
        if is_kept:
            yield item
