"""Distances and alignments equal those of all alignments, written out."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from asr.decoding.edit_distances import Sequences


def random_lists(count: int) -> list[list[str]]:
    chosen = random.Random(5)
    return [
        ["".join(chosen.choices("abc", k=chosen.randint(0, 6))) for _ in range(chosen.randint(1, 7))]
        for _ in range(count)
    ]


@functools.cache
def distance(first: str, second: str) -> int:
    if not first or not second:
        return len(first) + len(second)
    changed = distance(first[1:], second[1:]) + (first[0] != second[0])
    return min(changed, distance(first[1:], second) + 1, distance(first, second[1:]) + 1)


def alignments(first: int, second: int) -> Iterator[list[tuple[int, int]]]:
    """Yields all sets of pairs of items in order."""
    yield []
    for one in range(first):
        for other in range(second):
            yield from (
                [(one, other), *((a + one + 1, b + other + 1) for a, b in rest)]
                for rest in alignments(first - one - 1, second - other - 1)
            )


def cheapest(first: str, second: str, apart: Sequence[Sequence[float]]) -> list[bool]:
    """Returns which items of the first are matched in the alignment with the fewest errors, then the nearest items."""

    def cost(pairs: list[tuple[int, int]]) -> tuple[int, float]:
        wrong = sum(first[one] != second[other] for one, other in pairs)
        errors = len(first) + len(second) - 2 * len(pairs) + wrong
        return errors, sum(apart[one][other] for one, other in pairs)

    best = min(alignments(len(first), len(second)), key=cost)
    matched = {one for one, other in best if first[one] == second[other]}
    return [place in matched for place in range(len(first))]


def test_distances_equal_the_recursion() -> None:
    for texts in [*random_lists(60), ["", ""], ["abc", "abc"], ["ab", "abab", "ab"]]:
        assert Sequences(texts).distances().tolist() == [[distance(a, b) for b in texts] for a in texts]


@pytest.mark.parametrize("length", [100, 200])
def test_distances_of_long_sequences(length: int) -> None:
    kept = "ab" * (length // 2)
    texts = [kept, "c" * length, "", f"c{kept[:-1]}"]
    expected = [[0, length, length, 2], [length, 0, length, length - 1], [length, length, 0, length]]
    assert Sequences(texts).distances()[:3].tolist() == expected


def test_matches_equal_the_best_of_all_alignments() -> None:
    generator = np.random.default_rng(0)
    for texts in random_lists(25):
        short = [text[:4] for text in texts]
        found = Sequences(short)
        times = np.sort(generator.uniform(0.0, 2.0, found.ids.shape), axis=0)
        for column, other in enumerate(short):
            matched = found.matches(0, times)[:, column].tolist()
            apart = np.minimum(np.abs(times[: len(short[0]), :1] - times[: len(other), column]), 1.0)
            assert matched == cheapest(short[0], other, apart.tolist())
