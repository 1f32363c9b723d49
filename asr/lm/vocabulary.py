"""The words that a language model knows, and the three symbols that are no words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
    """Words (or phones, or pieces of words); the place of one is its id.

    Attributes:
        words: ``<unk>``, ``<s>``, ``</s>`` and then the words, each one once, V in all.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        """Checks the words.

        Raises:
            DataError: the three symbols are not first, or a word is there twice, is empty or holds white space.
        """
        if self.words[: len(SPECIAL)] != SPECIAL:
            raise DataError("vocabulary", f"begins with {self.words[:3]}", f"it must begin with {SPECIAL}")
        if len(self.ids) != len(self.words):
            doubled = next(word for place, word in enumerate(self.words) if self.ids[word] != place)
            raise DataError("vocabulary", f"{doubled!r} stands in it twice", "leave one out")
        if not all(self.words) or len(" ".join(self.words).split(" ")) != len(self.words):
            raise DataError("vocabulary", "holds an empty word or one with a blank", "leave it out")

    @classmethod
    def of(cls, words: Iterable[str]) -> Vocabulary:
        """Gives the vocabulary of these words in their order; repeats and the three symbols among them are dropped.

        Example:
            >>> Vocabulary.of(["b", "a", "b"]).words
            ('<unk>', '<s>', '</s>', 'b', 'a')
        """
        return cls(tuple(dict.fromkeys((*SPECIAL, *words))))

    def __len__(self) -> int:
        """Gives V, the number of words with the three symbols."""
        return len(self.words)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The id of each word."""
        return {word: word_id for word_id, word in enumerate(self.words)}

    def encode(self, sentence: Sequence[str]) -> npt.NDArray[np.int32]:
        """Gives the ids of words, shape (L,); that of ``<unk>`` for words that are not in the vocabulary.

        Raises:
            DataError: ``<s>`` or ``</s>`` stands among the words.

        Example:
            >>> Vocabulary.of(["a"]).encode(["a", "b"]).tolist()
            [3, 0]
        """
        refuse_ends(sentence)
        return np.array([self.ids.get(word, UNKNOWN) for word in sentence], dtype=np.int32)


def refuse_ends(sentence: Sequence[str], where: str = "") -> None:
    """Refuses words that are written like the ends of a sentence, which the model sets itself.

    Raises:
        DataError: ``<s>`` or ``</s>`` stands among the words.
    """
    for symbol in (SPECIAL[BEGIN], SPECIAL[END]):
        if symbol in sentence:
            where = where or f"sentence {' '.join(sentence)[:40]!r}"
            raise DataError(where, f"{symbol!r} stands among the words", "take it out: every sentence has its ends")


def read_words(path: str | Path, policy: TextPolicy | None = None) -> tuple[list[str], int]:
    """Reads a list of words or a lexicon: the first field of each line, ``WORD(2)`` being WORD.

    Lines that begin with ``;;;`` or ``#`` are comments.

    Args:
        path: the file, compressed or not (``.gz``).
        policy: what is done to each word; what becomes no word or several is left out and counted.

    Returns:
        The words, each one once, in the order of the file; and how many entries the policy left out.

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
