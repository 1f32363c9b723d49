"""The words of a language model, and the three symbols that are not words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.errors import DataError
from asr.files import numbered_lines
from asr.text.policy import TextPolicy

UNKNOWN, BEGIN, END = 0, 1, 2
"""Ids of ``<unk>``, ``<s>`` and ``</s>`` in every vocabulary."""
SPECIAL = ("<unk>", "<s>", "</s>")

_VARIANT = re.compile(r"(.+)\([0-9]+\)")


@dataclass(frozen=True)
class Vocabulary:
    """Words (or phones, or pieces of words); the position of each is its id.

    Attributes:
        words: ``<unk>``, ``<s>``, ``</s>``, then the words without repeats, V in total.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises a :class:`DataError` if the symbols are not first, or a word is repeated, empty or has white space."""
        if self.words[: len(SPECIAL)] != SPECIAL:
            raise DataError("vocabulary", f"begins with {self.words[:3]}", f"it must begin with {SPECIAL}")
        if len(self.ids) != len(self.words):
            doubled = next(word for place, word in enumerate(self.words) if self.ids[word] != place)
            raise DataError("vocabulary", f"{doubled!r} occurs in it twice", "leave one out")
        if not all(self.words) or " ".join(self.words).count(" ") != len(self.words) - 1:
            raise DataError("vocabulary", "holds an empty word or one with a blank", "leave it out")

    @classmethod
    def of(cls, words: Iterable[str]) -> Vocabulary:
        """Returns the vocabulary of words in their order; repeats and the three symbols among them are dropped.

        Example:
            >>> Vocabulary.of(["b", "a", "b"]).words
            ('<unk>', '<s>', '</s>', 'b', 'a')
        """
        return cls(tuple(dict.fromkeys((*SPECIAL, *words))))

    def __len__(self) -> int:
        """Returns V, the number of words including the three symbols."""
        return len(self.words)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The id of each word."""
        return dict(zip(self.words, range(len(self.words)), strict=True))

    def encode(self, sentence: Sequence[str]) -> npt.NDArray[np.int32]:
        """Returns the ids of words, shape (L,); that of ``<unk>`` for words that are not in the vocabulary.

        Raises:
            DataError: ``<s>`` or ``</s>`` is among the words.

        Example:
            >>> Vocabulary.of(["a"]).encode(["a", "b"]).tolist()
            [3, 0]
        """
        refuse_ends(sentence)
        return np.array([self.ids.get(word, UNKNOWN) for word in sentence], dtype=np.int32)


def refuse_ends(sentence: Sequence[str], where: str = "") -> None:
    """Raises a :class:`DataError` if ``<s>`` or ``</s>``, which the model itself adds, is among the words."""
    for symbol in (SPECIAL[BEGIN], SPECIAL[END]):
        if symbol in sentence:
            where = where or f"sentence {' '.join(sentence)[:40]!r}"
            raise DataError(where, f"{symbol!r} is among the words", "remove it: the model adds the ends of sentences")


def read_words(path: str | Path, policy: TextPolicy | None = None) -> tuple[list[str], int]:
    """Reads a list of words or a lexicon: the first field of each line, ``WORD(2)`` being WORD.

    Lines that begin with ``;;;`` or ``#`` are comments.

    Args:
        path: the file, compressed or not (``.gz``).
        policy: applied to each word; results of no word or several words are left out and counted.

    Returns:
        The words without repeats, in the order of the file; and how many entries were left out.

    Raises:
        DataError: the file cannot be read or holds no words.
    """
    words: dict[str, None] = {}
    num_left_out = 0
    for number, line in numbered_lines(path):
        field = next(iter(line.split()), "")
        if not field or field.startswith((";;;", "#")) or field in SPECIAL:
            continue
        variant = _VARIANT.fullmatch(field)
        word = variant[1] if variant else field
        if policy is not None:
            word = policy.apply(word, where=f"{path}:{number}")
        if not word or " " in word:
            num_left_out += 1
        else:
            words[word] = None
    if not words:
        raise DataError(path, "holds no words", "write one word a line; phones may follow it")
    return list(words), num_left_out


def choose_vocabulary(
    sentences: Iterable[Sequence[str]],
    min_count: int,
    words: Collection[str] | None = None,
    max_words: int | None = None,
) -> tuple[Vocabulary, int]:
    """Returns the vocabulary of a text, the most frequent words first, and how many distinct words it leaves out.

    Args:
        sentences: the words of each, read once and not stored.
        min_count: least number of occurrences of a word; ignored if ``words`` are given.
        words: the vocabulary, if it is already chosen.
        max_words: greatest number of words, of equally frequent ones the first by name; ignored if ``words`` are given.

    Example:
        >>> vocabulary, num_unknown = choose_vocabulary([["b", "a"], ["b", "c"], ["c", "b"]], min_count=2)
        >>> vocabulary.words[3:], num_unknown
        (('b', 'c'), 1)
    """
    counts = Counter(word for sentence in sentences for word in sentence)
    for symbol in SPECIAL:  # a word written <unk> is not one
        counts.pop(symbol, None)
    if words is not None:
        vocabulary = Vocabulary.of(words)
    else:
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        vocabulary = Vocabulary.of(word for word, count in by_count[:max_words] if count >= min_count)
    return vocabulary, sum(word not in vocabulary.ids for word in counts)
