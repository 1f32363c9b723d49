"""How well a language model predicts a text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from asr.errors import DataError
from asr.lm.sentence_models import SentenceModel
from asr.lm.vocabulary import UNKNOWN

_BATCH = 4096  # sentences scored together


@dataclass(frozen=True)
class Perplexity:
    """How well a model predicts a text: the words of every sentence and its end.

    Attributes:
        num_sentences: sentences.
        num_words: words, without the ends of sentences.
        log_prob: natural-log probability of all words and ends.
        oov_log_prob: the part of ``log_prob`` due to unknown words, as ``<unk>``.
        oovs: how often each unknown word occurs.
    """

    num_sentences: int
    num_words: int
    log_prob: float
    oov_log_prob: float
    oovs: Counter[str]

    @property
    def num_oovs(self) -> int:
        """The number of unknown words."""
        return self.oovs.total()

    @property
    def oov_rate(self) -> float:
        """Unknown words as a fraction of the words."""
        return self.num_oovs / self.num_words

    @property
    def log10_prob(self) -> float:
        """The base-10 logarithm that other programs print."""
        return self.log_prob / math.log(10)

    @property
    def with_oovs(self) -> float:
        """The perplexity of all words and ends: exp(-log_prob / (words + sentences))."""
        return _perplexity(self.log_prob, self.num_words + self.num_sentences)

    @property
    def without_oovs(self) -> float:
        """The perplexity of the known words and the ends; unknown words count only as context."""
        num_known = self.num_words + self.num_sentences - self.num_oovs
        return _perplexity(self.log_prob - self.oov_log_prob, num_known)

    def to_text(self, num_listed: int = 0) -> str:
        """Returns the figures for people to read, with so many of the most frequent unknown words."""
        unknown = f"{self.num_oovs} ({100 * self.oov_rate:.2f} %), {len(self.oovs)} different ones"
        lines = [
            f"sentences                {self.num_sentences}",
            f"words                    {self.num_words}",
            f"unknown words            {unknown}",
            f"log10 probability        {self.log10_prob:.4f}",
            f"perplexity               {self.with_oovs:.4f}",
            f"perplexity without OOVs  {self.without_oovs:.4f}",
            *(f"{count}\t{word}" for word, count in self.oovs.most_common(num_listed)),
        ]
        return "\n".join(lines)


def measure_perplexity(model: SentenceModel, sentences: Iterable[Sequence[str]]) -> Perplexity:
    """Returns the perplexity of sentences, which are read once and not stored.

    **Source**: KenLM's ``query``, which predicts the ends of sentences but not their beginnings.

    Args:
        model: the model.
        sentences: the words of each.

    Raises:
        DataError: there are no sentences, one holds ``<s>`` or ``</s>``, or a probability is not finite.

    Example:
        >>> from asr.lm.kneser_ney import estimate
        >>> found = measure_perplexity(estimate([["a"]], order=1), [["a", "b"]])
        >>> found.num_words, found.num_oovs, found.oov_rate
        (2, 1, 0.5)
    """
    remaining = iter(sentences)
    num_sentences = num_words = 0
    log_prob = oov_log_prob = 0.0
    oovs: Counter[str] = Counter()
    while batch := list(islice(remaining, _BATCH)):
        encoded = [model.vocabulary.encode(words) for words in batch]
        for words, ids, log_probs in zip(batch, encoded, model.word_log_probs(encoded), strict=True):
            num_sentences, num_words = num_sentences + 1, num_words + len(words)
            log_prob += float(log_probs.sum())
            unknown = ids == UNKNOWN
            if unknown.any():
                oov_log_prob += float(log_probs[:-1][unknown].sum())
                oovs.update(word for word, is_unknown in zip(words, unknown, strict=True) if is_unknown)
    if not num_words:
        raise DataError("text", "holds no words", "give text with one sentence a line")
    if not math.isfinite(log_prob):
        found = f"assigns the text the natural-log probability {log_prob}"
        raise DataError("language model", found, "check the model: its numbers are damaged, or far too large")
    return Perplexity(num_sentences, num_words, log_prob, oov_log_prob, oovs)


def _perplexity(log_prob: float, count: int) -> float:
    """Returns exp(-log_prob / count); infinity if that overflows."""
    try:
        return math.exp(-log_prob / count)
    except OverflowError:
        return math.inf
