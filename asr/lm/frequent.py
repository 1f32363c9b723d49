"""The words of a text that are frequent enough to be learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from asr.lm.vocabulary import SPECIAL, Vocabulary


def choose_vocabulary(
    sentences: Iterable[Sequence[str]], min_count: int, words: Collection[str] | None = None
) -> tuple[Vocabulary, int]:
    """Gives the vocabulary of a text, the most frequent words first, and how many different words it leaves out.

    Args:
        sentences: the words of each, read once and not held.
        min_count: how often a word has to come; not read where ``words`` are given.
        words: the vocabulary, where it is chosen already.

    Example:
        >>> vocabulary, num_unknown = choose_vocabulary([["b", "a"], ["b", "c"], ["c", "b"]], min_count=2)
        >>> vocabulary.words[3:], num_unknown
        (('b', 'c'), 1)
    """
    counts = Counter(word for sentence in sentences for word in sentence)
    for symbol in SPECIAL:  # a word that is written <unk> is none
        counts.pop(symbol, None)
    if words is not None:
        vocabulary = Vocabulary.of(words)
    else:
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        vocabulary = Vocabulary.of(word for word, count in by_count if count >= min_count)
    return vocabulary, sum(word not in vocabulary.ids for word in counts)
