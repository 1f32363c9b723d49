"""Sentences for language models: those of text files, or the transcripts of cuts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from asr.lm.sentences import SentenceReader
from asr.lm.vocabulary import refuse_ends

if TYPE_CHECKING:
    from asr.text.policy import TextPolicy
    from asr.text.tokens import TokenTable


class TranscriptReader(SentenceReader):
    """Reads the transcripts of cuts as sentences; where tokens are phones, those of the cuts.

    Attributes:
        unit: of the transcripts, "char" for words, "phone" for phones.
    """

    unit = "char"

    def __iter__(self) -> Iterator[list[str]]:
        """Yields the words of each transcript.

        Raises:
            DataError: a file cannot be read, or a transcript is missing, holds ``<s>`` or breaks the policy.
        """
        from asr.corpora.manifests import read_cuts
        from asr.corpora.targets import target_text

        self.num_sentences = self.num_empty = 0
        for path in self.paths:
            for cut in read_cuts(path):
                text = target_text(cut, "phone" if self.unit == "phone" else "char")
                words = (text if self.policy is None else self.policy.apply(text, where=cut.id)).split()
                if not words:
                    self.num_empty += 1
                    continue
                refuse_ends(words, cut.id)
                self.num_sentences += 1
                yield words


def open_sentences(
    texts: list[Path] | None, cuts: list[Path] | None, policy: TextPolicy | None, tokens: TokenTable | None
) -> SentenceReader:
    """Returns the reader of text files or, without any, of the transcripts of cuts."""
    if texts:
        return SentenceReader(texts, policy)
    reader = TranscriptReader(cuts or [], policy)
    reader.unit = "phone" if tokens is not None and tokens.unit == "phone" else "char"
    return reader
