"""Alignment with forgiven silences, against brute force over all ways to align."""

from __future__ import annotations

import random

import pytest

from asr.scoring.counts import AlignedToken, count_places
from asr.scoring.forgiving import align_forgiving
from tests.scoring.levenshtein import least_errors, plain_levenshtein

NUM_PAIRS = 10_000


@pytest.mark.parametrize("free_insertions", [True, False])
def test_equals_brute_force_on_random_pairs(free_insertions: bool) -> None:
    generator = random.Random(free_insertions)
    for _ in range(NUM_PAIRS // 2):
        ref, hyp = (generator.choices(["sil", "a", "b"], k=generator.randrange(7)) for _ in range(2))
        places = align_forgiving(ref, hyp, free_insertions=free_insertions)
        counts = count_places(places)
        assert [place.ref for place in places if place.ref is not None] == ref
        assert [place.hyp for place in places if place.hyp is not None] == hyp
        assert counts.errors == least_errors(tuple(ref), tuple(hyp), free_insertions)
        assert counts.num_ref == len(ref)
        for place in places:
            what = {place.ref, place.hyp}
            assert not place.is_forgiven or (what == {"sil", None} and (free_insertions or place.hyp is None))


def test_silence_that_comes_and_goes_at_no_cost_gives_the_errors_of_no_silence_at_all() -> None:
    generator = random.Random(7)
    for _ in range(NUM_PAIRS // 5):
        ref, hyp = (generator.choices(["sil", "a", "b", "c"], k=generator.randrange(9)) for _ in range(2))
        spoken, heard = ([token for token in side if token != "sil"] for side in (ref, hyp))
        errors = count_places(align_forgiving(ref, hyp, free_insertions=True)).errors
        assert errors == plain_levenshtein(spoken, heard)


def test_a_forgiven_silence_and_one_that_is_taken_for_a_phone() -> None:
    places = align_forgiving(["sil", "a", "sil", "b"], ["a", "d", "b", "sil"], free_insertions=True)
    assert places == [
        AlignedToken("sil", None, True),
        AlignedToken("a", "a"),
        AlignedToken("sil", "d"),
        AlignedToken("b", "b"),
        AlignedToken(None, "sil", True),
    ]
    assert [place.kind for place in places] == ["", "", "S", "", ""]
    counts = count_places(places)
    assert (counts.hits, counts.substitutions, counts.deletions, counts.insertions) == (3, 1, 0, 0)
    inserted = count_places(align_forgiving(["a", "b"], ["a", "sil", "b"], free_insertions=False))
    assert (inserted.hits, inserted.insertions) == (2, 1)
