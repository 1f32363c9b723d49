from __future__ import annotations

import math
import random

import pytest

from asr.scoring.counts import AlignedToken, ErrorCounts, align_texts, count_errors, split
from tests.scoring.levenshtein import plain_levenshtein


@pytest.mark.parametrize("unit", ["word", "char", "phone"])
def test_equals_plain_levenshtein_on_random_pairs(unit):
    generator = random.Random(unit)
    alphabet = ["a", "b", "I", "ab", "é", "ق", "語"]

    def text() -> str:
        return " ".join(generator.choices(alphabet, k=generator.choice([0, 1, 2, 5, 9])))

    refs, hyps = [text() for _ in range(2000)], [text() for _ in range(2000)]
    for ref, hyp, counts in zip(refs, hyps, count_errors(refs, hyps, unit), strict=True):
        tokens, others = split(ref, unit), split(hyp, unit)
        assert counts.errors == plain_levenshtein(tokens, others)
        assert counts.num_ref == len(tokens)
        assert counts.hits + counts.substitutions + counts.insertions == len(others)


@pytest.mark.parametrize(
    ("ref", "hyp", "unit", "expected"),
    [
        ("the cat sat", "the cat sat", "word", (3, 0, 0, 0)),
        ("the cat sat", "the cut", "word", (1, 1, 1, 0)),
        ("a", "a b", "word", (1, 0, 0, 1)),
        ("a i", "i", "word", (1, 0, 1, 0)),  # one-letter words count
        ("", "", "word", (0, 0, 0, 0)),
        ("", "a b", "word", (0, 0, 0, 2)),
        ("a b", "", "word", (0, 0, 2, 0)),
        (" a   b ", "a b", "char", (3, 0, 0, 0)),
        ("ab cd", "abcd", "char", (4, 0, 1, 0)),  # the blank between words is a character
        ("", "ab", "char", (0, 0, 0, 2)),
        ("Straße", "Strasse", "char", (5, 1, 0, 1)),
        ("नमस्ते", "नमस्त", "char", (5, 0, 1, 0)),  # a vowel sign is a code point of its own
        ("sh ix hv", "sh ih", "phone", (1, 1, 1, 0)),
    ],
)
def test_counts(ref, hyp, unit, expected):
    (counts,) = count_errors([ref], [hyp], unit)
    assert (counts.hits, counts.substitutions, counts.deletions, counts.insertions) == expected


def test_nothing_to_count():
    assert count_errors([], [], "word") == []
    with pytest.raises(ValueError, match="as many"):
        count_errors(["a"], [], "word")


def test_counts_add_up_and_give_a_rate():
    total = sum([ErrorCounts(1, 2, 3, 4), ErrorCounts(10, 20, 30, 40)], ErrorCounts())
    assert total == ErrorCounts(11, 22, 33, 44)
    assert (total.num_ref, total.errors, total.rate) == (66, 99, 1.5)
    assert ErrorCounts().rate == 0.0
    assert ErrorCounts(insertions=1).rate == math.inf


def test_alignment_names_every_error():
    (places,) = align_texts(["a b c d"], ["a x c d e"], "word")
    assert places == [
        AlignedToken("a", "a"),
        AlignedToken("b", "x"),
        AlignedToken("c", "c"),
        AlignedToken("d", "d"),
        AlignedToken(None, "e"),
    ]
    assert [place.kind for place in places] == ["", "S", "", "", "I"]
    assert [place.kind for place in align_texts(["a b"], ["b"], "word")[0]] == ["D", ""]
