"""Sentences from text files: one a line, words separated by blanks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.files import numbered_lines
from asr.lm.vocabulary import refuse_ends
from asr.text.policy import TextPolicy
from asr.text.tokens import TokenTable


@dataclass
class SentenceReader:
    """Reads sentences from files, one file after another, without storing them.

    Attributes:
        paths: text files, compressed or not (``.gz``, ``.xz``, ``.bz2``), one sentence a line.
        policy: applied to each line; None leaves it unchanged.
        num_sentences: sentences of the latest reading.
        num_empty: lines without words in the latest reading, which are skipped.
    """

    paths: Iterable[str | Path]
    policy: TextPolicy | None = None
    num_sentences: int = 0
    num_empty: int = 0

    def __iter__(self) -> Iterator[list[str]]:
        """Yields the words of each sentence.

        Raises:
            DataError: a file cannot be read, or a line holds ``<s>`` or ``</s>`` or breaks the policy, with the line.
        """
        self.num_sentences = self.num_empty = 0
        for path in self.paths:
            for number, line in numbered_lines(path):
                text = line if self.policy is None else self.policy.apply(line, where=f"{path}:{number}")
                words = text.split()
                if not words:
                    self.num_empty += 1
                    continue
                if "s>" in text:
                    refuse_ends(words, f"{path}:{number}")
                self.num_sentences += 1
                yield words


def spelled(sentences: SentenceReader, tokens: TokenTable) -> Iterator[list[str]]:
    """Yields the names of the tokens of each sentence.

    Raises:
        DataError: a sentence holds a symbol that is not in the table.
    """
    for words in sentences:
        text = " ".join(words)
        yield [tokens.tokens[token_id] for token_id in tokens.encode(text, where=text[:40])]
