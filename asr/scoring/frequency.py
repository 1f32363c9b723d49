"""Errors of words by how often the words come in a text, such as the one that the language model is made from."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

from asr.errors import DataError
from asr.lm.sentences import SentenceReader
from asr.lm.vocabulary import refuse_ends
from asr.scoring.counts import AlignedToken, ErrorCounts, count_places
from asr.scoring.references import read_references
from asr.scoring.tables import table
from asr.text.policy import TextPolicy

STARTS = (0, 1, 10, 100, 1000)
"""The lowest frequency of each bin; the first is for words that the text does not have."""


@dataclass(frozen=True)
class WordFrequencies:
    """How often each word comes in a text.

    Attributes:
        files: where the text comes from.
        counts: how often a word comes.
        num_empty: lines without words.
    """

    files: tuple[str, ...]
    counts: Mapping[str, int] = field(repr=False)
    num_empty: int = 0

    @property
    def num_words(self) -> int:
        """All words of the text."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        return f"{self.num_words:,} words of {', '.join(self.files)}, {len(self.counts):,} different ones"

    def to_dict(self) -> dict[str, object]:
        """Returns files and sizes as plain values, for JSON."""
        return {"files": list(self.files), "num_words": self.num_words, "num_types": len(self.counts)}


def count_words(sentences: Iterable[Sequence[str]], files: Sequence[str]) -> WordFrequencies:
    """Counts the words of sentences, which are read once and not held.

    Args:
        sentences: the words of each, under the text policy that errors are counted under.
        files: where they come from.

    Raises:
        DataError: there are no words.

    Example:
        >>> print(count_words([["a", "b"], ["a"]], ["book.txt"]))
        3 words of book.txt, 2 different ones
    """
    counts: Counter[str] = Counter()
    num_empty = 0
    for words in sentences:
        counts.update(words)
        num_empty += not words
    if not counts:
        raise DataError(", ".join(files), "holds no words to count", "give text with one sentence a line")
    return WordFrequencies(tuple(files), counts, num_empty)


def read_frequencies(files: Sequence[str], policy: TextPolicy) -> WordFrequencies:
    """Counts the words of texts, one sentence a line, and of the transcripts of cuts.

    Args:
        files: texts, and those ending in ``.jsonl`` or ``.jsonl.gz``, which are of cuts.
        policy: the text policy that errors are counted under.

    Raises:
        DataError: a file cannot be read or there are no words, or a sentence holds ``<s>`` or breaks the policy.
    """
    cuts = [file for file in files if file.endswith((".jsonl", ".jsonl.gz"))]
    texts = SentenceReader([file for file in files if file not in cuts], policy)
    found = count_words(chain(texts, _transcripts(cuts, policy)), files)
    return replace(found, num_empty=found.num_empty + texts.num_empty)


def _transcripts(files: Sequence[str], policy: TextPolicy) -> Iterator[list[str]]:
    for file in files:
        for reference in read_references(file, "word"):
            words = policy.apply(reference.text, reference.utterance_id).split()
            refuse_ends(words, reference.utterance_id)
            yield words


@dataclass(frozen=True)
class FrequencyErrors:
    """Errors at the words of references, by frequency; they add up: ``sum(errors, FrequencyErrors())``.

    A substitution is one of the word that was said. What was inserted stands at no word of a reference: it is counted
    apart.

    Attributes:
        bins: hits, substitutions and deletions of each bin, as :data:`STARTS` has them.
        insertions: words that nobody said.
    """

    bins: tuple[ErrorCounts, ...] = (ErrorCounts(),) * len(STARTS)
    insertions: int = 0

    def __add__(self, other: FrequencyErrors) -> FrequencyErrors:
        bins = tuple(one + another for one, another in zip(self.bins, other.bins, strict=True))
        return FrequencyErrors(bins, self.insertions + other.insertions)

    @property
    def total(self) -> ErrorCounts:
        """Hits, substitutions and deletions of all words of the references."""
        return sum(self.bins, ErrorCounts())

    @property
    def num_oovs(self) -> int:
        """Words of the references that the text does not have."""
        return self.bins[0].num_ref

    @property
    def oov_rate(self) -> float:
        """These as a fraction of the words of the references; 0 where there are no words."""
        return self.num_oovs / max(1, self.total.num_ref)

    def to_dict(self) -> dict[str, object]:
        """Returns all of it as plain values, for JSON; rates are fractions, null where a bin has no words."""
        return {
            "num_oovs": self.num_oovs,
            "oov_rate": self.oov_rate,
            "insertions": self.insertions,
            "bins": [
                {"least": least, "most": most, **_plain(counts)}
                for (least, most), counts in zip(_ranges(), self.bins, strict=True)
            ],
        }

    def to_text(self) -> str:
        """Returns a table for a terminal, rates in percent, and a line about all words below it."""
        rows = [["in the text", "ref", "sub", "del", "wrong", "rate %"]]
        rows += [[name, *_cells(counts)] for name, counts in zip(bin_names(), self.bins, strict=True)]
        rows.append(["all", *_cells(self.total)])
        words = f"{self.num_oovs} of {self.total.num_ref} words are not in the text"
        return f"{table(rows, num_left=1)}\nOOV rate {100 * self.oov_rate:.2f} %: {words}; {self.insertions} insertions"


def count_by_frequency(places: Iterable[AlignedToken], frequencies: Mapping[str, int]) -> FrequencyErrors:
    """Counts the errors of an alignment by the frequency of the words of the reference.

    Args:
        places: the alignment, of words.
        frequencies: how often a word comes in the text; 0 for those that are not in it.

    Example:
        >>> places = [AlignedToken("the", "a"), AlignedToken("zebra", None), AlignedToken(None, "uh")]
        >>> found = count_by_frequency(places, {"the": 12})
        >>> found.bins[0].deletions, found.bins[2].substitutions, found.insertions, found.oov_rate
        (1, 1, 1, 0.5)
    """
    binned: list[list[AlignedToken]] = [[] for _ in STARTS]
    inserted: list[AlignedToken] = []
    for place in places:
        if place.ref is None:
            inserted.append(place)
        else:
            binned[bisect_right(STARTS, frequencies.get(place.ref, 0)) - 1].append(place)
    return FrequencyErrors(tuple(count_places(own) for own in binned), count_places(inserted).insertions)


def bin_names() -> list[str]:
    """Returns the names of the bins in tables.

    Example:
        >>> bin_names()
        ['0', '1-9', '10-99', '100-999', '1000+']
    """
    ends = {least: "" if most == least else "+" if most is None else f"-{most}" for least, most in _ranges()}
    return [f"{least}{end}" for least, end in ends.items()]


def _ranges() -> list[tuple[int, int | None]]:
    """Returns the lowest and the highest frequency of each bin; None at the open end."""
    return [*((least, after - 1) for least, after in pairwise(STARTS)), (STARTS[-1], None)]


def _cells(counts: ErrorCounts) -> list[str]:
    rate = f"{100 * counts.rate:.2f}" if counts.num_ref else "-"
    return [*map(str, (counts.num_ref, counts.substitutions, counts.deletions, counts.errors)), rate]


def _plain(counts: ErrorCounts) -> dict[str, object]:
    return {
        "num_ref": counts.num_ref,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "errors": counts.errors,
        "rate": counts.rate if counts.num_ref else None,
    }
