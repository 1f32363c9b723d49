"""What a training text shares with a test set: n-grams of words, and whole utterances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from asr.errors import DataError

ORDER = 7
"""Default words of an n-gram: different books of the same kind share a few in a thousand, the same book nearly all."""
MOST_SHARED = 0.02
"""Largest share of n-grams that a text and an independent test set have in common."""
WHOLE = 0.5
"""Share of its n-grams from which on an utterance counts as one of the text."""
_NAMED = 5
_BATCH = 65536  # sentences compared at a time
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Overlap:
    """What a text shares with a test set.

    Attributes:
        order: words of an n-gram.
        num_ngrams: n-grams of the test set, repeats included.
        num_shared: those that the text has as well.
        num_utterances: utterances of the test set.
        num_short: those that have fewer words than an n-gram and are not compared.
        utterances: ids of those that the text has, by :data:`WHOLE`.
    """

    order: int
    num_ngrams: int
    num_shared: int
    num_utterances: int
    num_short: int
    utterances: tuple[str, ...]

    @property
    def share(self) -> float:
        """Shared n-grams as a fraction; 0 where there are none at all."""
        return self.num_shared / max(1, self.num_ngrams)

    @property
    def is_independent(self) -> bool:
        """Whether error rates of the test set mean what they say: no utterance of it is in the text."""
        return not self.utterances and self.share <= MOST_SHARED

    @property
    def verdict(self) -> str:
        """The verdict in one line."""
        if not self.num_ngrams:
            return f"unknown: no utterance has {self.order} words"
        shared = f"{self.num_shared:,} of {self.num_ngrams:,} {self.order}-grams ({100 * self.share:.2f} %)"
        if self.is_independent:
            return f"independent: the text shares {shared} and no utterance"
        named = ", ".join(self.utterances[:_NAMED]) + (", …" if len(self.utterances) > _NAMED else "")
        found = f"{len(self.utterances)} of {self.num_utterances} utterances" + (f" ({named})" if named else "")
        return f"NOT independent: the text shares {shared} and {found}"


def measure_overlap(
    utterances: Mapping[str, Sequence[str]], sentences: Iterable[Sequence[str]], order: int = ORDER
) -> Overlap:
    """Returns what a text shares with the utterances of a test set.

    N-grams are compared by 64-bit sums: of a thousand million of them, less than one in a thousand is wrongly found.

    Args:
        utterances: words by utterance id.
        sentences: of the text, read once and not stored; n-grams do not cross their ends.
        order: words of an n-gram.

    Raises:
        DataError: there are no utterances.

    Example:
        >>> print(measure_overlap({"u": "a b c".split()}, [["x", "a", "b"]], 2).verdict)
        NOT independent: the text shares 1 of 2 2-grams (50.00 %) and 1 of 1 utterances (u)
    """
    if not utterances:
        raise DataError("test set", "has no utterances", "give cuts that are not empty")
    ids = {word: number for number, word in enumerate({w for words in utterances.values() for w in words}, start=1)}
    mixed = np.random.default_rng(0).integers(1, 1 << 63, (order, len(ids) + 1), dtype=np.uint64)
    tested = [_keys([words], ids, mixed) for words in utterances.values()]
    wanted = np.unique(np.concatenate(tested))
    is_shared = np.zeros(len(wanted) + 1, dtype=bool)
    remaining = iter(sentences)
    while batch := list(islice(remaining, _BATCH)):
        keys = _keys(batch, ids, mixed)
        places = np.minimum(np.searchsorted(wanted, keys), max(0, len(wanted) - 1))
        if len(wanted):
            is_shared[places[wanted[places] == keys]] = True
    shares = [is_shared[np.searchsorted(wanted, keys)] for keys in tested]
    found = [name for name, each in zip(utterances, shares, strict=True) if len(each) and each.mean() >= WHOLE]
    num_short = sum(not len(each) for each in shares)
    num_shared = sum(int(each.sum()) for each in shares)
    return Overlap(order, sum(map(len, tested)), num_shared, len(utterances), num_short, tuple(found))


def _keys(sentences: Sequence[Sequence[str]], ids: Mapping[str, int], mixed: Keys) -> Keys:
    """Returns the sums of the n-grams of sentences that have no other words."""
    order = len(mixed)
    get = ids.get
    flat: list[int] = []
    for words in sentences:
        flat.extend(get(word, 0) for word in words)
        flat.append(0)
    numbers = np.array(flat, dtype=np.int64)
    if len(numbers) < order:
        return np.empty(0, dtype=np.uint64)
    size = len(numbers) - order + 1
    is_whole = np.ones(size, dtype=bool)
    keys = np.zeros(size, dtype=np.uint64)
    for place in range(order):
        part = numbers[place : place + size]
        is_whole &= part > 0
        keys += mixed[place][part]
    return keys[is_whole]
