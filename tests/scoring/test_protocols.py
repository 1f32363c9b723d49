"""Protocols: what each does to both sides, by hand and against plain Levenshtein, and what it refuses."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from asr.errors import ConfigError, DataError
from asr.scoring.counts import count_places
from asr.scoring.protocols import PROTOCOLS, find_labels, get_protocol, refuse_sa
from asr.scoring.references import Reference
from asr.scoring.score import score
from asr.text.phones import TIMIT_61
from tests.scoring.levenshtein import least_errors, plain_levenshtein

REF = "h# sh ix hv eh dcl jh ih dcl d ah kcl k s ux q en gcl g epi h#"
HYP = "h# pau sh ih eh jh ih dcl d ax k kcl s uw n g tcl pau h#"


@pytest.mark.parametrize(
    ("name", "ref", "hyp"),
    [
        (
            "graves-61-39",
            "sil sh ih hh eh sil jh ih sil d ah sil k s uw n sil g sil sil",
            "sil sil sh ih eh jh ih sil d ah k sil s uw n g sil sil sil",
        ),
        (
            "39-merged",
            "sil sh ih hh eh sil jh ih sil d ah sil k s uw n sil g sil",
            "sil sh ih eh jh ih sil d ah k sil s uw n g sil",
        ),
        ("39-no-silence", "sh ih hh eh jh ih d ah k s uw n g", "sh ih eh jh ih d ah k s uw n g"),
        ("61", REF, HYP),
    ],
)
def test_what_is_compared(name: str, ref: str, hyp: str) -> None:
    protocol = get_protocol(name)
    assert protocol.apply(REF) == ref
    assert protocol.apply(HYP) == hyp


@pytest.mark.parametrize(
    ("name", "num_ref", "errors"),
    [
        # the silence before k comes after it (2), one more at the beginning (1) and at the end (1), the closures of jh
        # and g are missed (2), and so is hh (1)
        ("graves-61-39", 20, 7),
        ("39-merged", 19, 5),  # without the second silence at the beginning, and the last
        ("39-optional-silence", 19, 1),  # hh alone
        ("39-deletable-silence", 19, 2),  # and the silence after k
        ("39-no-silence", 13, 1),
    ],
)
def test_counts_worked_out_by_hand(name: str, num_ref: int, errors: int) -> None:
    references = (Reference("u1", REF, "anna", 1.0),)
    counts = score("x", references, {"u1": HYP}, get_protocol(name), "x.jsonl").counts
    assert (counts.num_ref, counts.errors) == (num_ref, errors)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_equals_an_independent_levenshtein_on_random_pairs(name: str) -> None:
    protocol = get_protocol(name)
    generator = random.Random(name)
    phones = [*generator.sample(TIMIT_61, 8), "h#", "pau", "tcl", "q"]
    texts = [[" ".join(generator.choices(phones, k=generator.randrange(9))) for _ in range(2000)] for _ in range(2)]
    references = [Reference(f"u{number}", text, "anna", 1.0) for number, text in enumerate(texts[0])]
    hyps = {f"u{number}": text for number, text in enumerate(texts[1])}
    scored = score("x", references, hyps, protocol, "x.jsonl")
    for utterance, places in zip(scored.utterances, scored.align(scored.utterances), strict=True):
        ref, hyp = utterance.ref.split(), utterance.hyp.split()
        expected = plain_levenshtein(ref, hyp)
        if protocol.silence in ("optional", "deletable"):
            expected = least_errors(tuple(ref), tuple(hyp), protocol.silence == "optional")
        assert utterance.counts.errors == expected
        assert utterance.counts.num_ref == len(ref)
        assert count_places(places) == utterance.counts


def test_one_file_of_any_labels_gives_the_same_rate_under_coarser_protocols() -> None:
    references = (Reference("u1", REF, "anna", 1.0),)
    for name in ("39-merged", "39-optional-silence", "39-deletable-silence", "39-no-silence"):
        protocol = get_protocol(name)
        texts = [HYP, get_protocol("39-merged").apply(HYP)]
        counts = [score("x", references, {"u1": text}, protocol, "x").counts for text in texts]
        assert counts[0] == counts[1], name


@pytest.mark.parametrize("text", ["sil sh iy sil", "sil sh iy tcl cl t"])
def test_folded_labels_are_refused_where_61_are_needed(text: str) -> None:
    references = (Reference("u1", REF, "anna", 1.0),)
    with pytest.raises(DataError, match=r"x\.jsonl: ") as caught:
        score("x", references, {"u1": text}, get_protocol("graves-61-39"), "x.jsonl")
    assert "\n" not in str(caught.value)


def test_the_line_about_folded_labels() -> None:
    with pytest.raises(DataError) as caught:
        get_protocol("graves-61-39").check_labels({"u1": "", "u2": "sil sh iy"}, "x.jsonl")
    assert str(caught.value) == (
        "x.jsonl: holds 39-phone labels, protocol graves-61-39 needs 61; choose from 39-merged, 39-optional-silence, "
        "39-deletable-silence, 39-no-silence, or train on 61"
    )


def test_references_need_the_labels_too() -> None:
    references = (Reference("u1", "sil sh iy sil", "anna", 1.0),)
    with pytest.raises(DataError, match=r"test_cuts\.jsonl\.gz: holds 39-phone labels"):
        score("x", references, {"u1": "h#"}, get_protocol("61"), "x.jsonl", "test_cuts.jsonl.gz")


def test_labels_are_recognised() -> None:
    assert find_labels({"u1": "sh iy", "u2": ""}, "x") == ["61", "48", "39"]
    assert find_labels({"u1": "sh ax cl vcl epi"}, "x") == ["48"]
    assert find_labels({"u1": "sh ax"}, "x") == ["61", "48"]
    merged = get_protocol("39-merged")
    assert [merged.check_labels({"u": text}, "x") for text in ("h# ix", "cl ix", "sil ih")] == ["61", "48", "39"]
    with pytest.raises(DataError, match="x: 'AA' in u2 is no phone of TIMIT"):
        find_labels({"u1": "aa", "u2": "AA"}, "x")
    with pytest.raises(DataError, match="'h#' in u1 is of the 61 labels, 'sil' in u2 is of the 48 or 39"):
        find_labels({"u1": "h# ix", "u2": "sil"}, "x")


def test_sa_sentences_are_refused() -> None:
    refuse_sa(["FADG0_SX379", "FADG0_SI1279", "sarah-sa12"], "x")
    found = "dev.jsonl: holds 4 SA sentences, which the protocol leaves out: FADG0_SA1, faks0-sa2, SA1, …"
    with pytest.raises(DataError, match=found):
        refuse_sa(["FADG0_SA1", "faks0-sa2", "FADG0_SI1279", "SA1", "DR1/FAKS0/SA2"], "dev.jsonl")


def test_hashes_change_with_what_is_measured_alone() -> None:
    protocols = list(PROTOCOLS.values())
    assert len({protocol.hash for protocol in protocols}) == len(protocols)
    base = protocols[0]
    assert replace(base, name="other", source="hearsay").hash == base.hash
    assert replace(base, silence="merged").hash != base.hash
    assert replace(base, phones="48").hash != base.hash
    cards = [protocol.card() for protocol in protocols]
    assert {card["sa"]["hash"] for card in cards} == {cards[0]["sa"]["hash"]}
    assert len({card["silence"]["hash"] for card in cards}) == 5
    assert len({card["phone_map"]["hash"] for card in cards}) == 3


def test_the_hashes_of_protocols_in_use_stay() -> None:
    """A change here makes old score files incomparable: it must be meant."""
    assert {name: protocol.hash for name, protocol in PROTOCOLS.items()} == {
        "graves-61-39": "0a8a4d35",
        "39-merged": "04dd8185",
        "39-optional-silence": "91b5d353",
        "39-deletable-silence": "e5b0d3ea",
        "39-no-silence": "c33d1bff",
        "61": "b0e7cfec",
    }


def test_an_unknown_protocol_is_told_the_names() -> None:
    with pytest.raises(ConfigError, match="protocol 'graves': there is none of that name; choose from graves-61-39"):
        get_protocol("graves")
