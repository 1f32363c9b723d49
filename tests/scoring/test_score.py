"""Hypotheses under a rule: the same is done to both sides, and what it refuses is named."""

from __future__ import annotations

import pytest

from asr.errors import DataError
from asr.scoring.counts import count_errors
from asr.scoring.frequency import WordFrequencies
from asr.scoring.protocols import get_protocol
from asr.scoring.references import Reference
from asr.scoring.rules import PolicyRule
from asr.scoring.score import score
from asr.text.policy import get_policy

REFERENCES = (Reference("u1", "The cat sat.", "anna", 1.0), Reference("u2", "on the mat", "bert", 1.0))
PHONES = (Reference("FAAA0_SI1", "h# sh iy pau h#", "FAAA0", 2.0), Reference("MBBB0_SX2", "h# m aa", "MBBB0", 1.0))


def test_the_rule_is_applied_to_both_sides_and_names_what_it_refuses():
    phones = (Reference("u1", "h# sh ix bcl b", "anna", 1.0),)
    rule = PolicyRule(get_policy("timit-39"), "phone")
    assert score("x", phones, {"u1": "sil sh ih sil b"}, rule).counts.errors == 0
    with pytest.raises(DataError, match="hypothesis u1"):
        score("x", phones, {"u1": "sil xx"}, rule)


def test_what_does_not_join_names_the_file():
    rule = PolicyRule(get_policy("upper-no-punctuation"), "word")
    with pytest.raises(DataError, match=r"h\.jsonl: 1 utterance is without a hypothesis: u2"):
        score("greedy", REFERENCES, {"u1": ""}, rule, "h.jsonl")


def test_sa_sentences_and_missing_hypotheses_are_refused():
    references = (Reference("FAAA0_SA1", "h# sh", "FAAA0", 1.0),)
    with pytest.raises(DataError, match=r"test_cuts\.jsonl\.gz: holds 1 SA sentences"):
        score("x", references, {"FAAA0_SA1": "h#"}, get_protocol("61"), "x.jsonl", "test_cuts.jsonl.gz")
    with pytest.raises(DataError, match=r"x\.jsonl: 1 utterance is without a hypothesis: MBBB0_SX2"):
        score("x", PHONES, {"FAAA0_SI1": "h#"}, get_protocol("61"), "x.jsonl")


@pytest.mark.parametrize("unit", ["word", "char"])
def test_errors_are_those_of_the_texts_and_words_are_counted_by_frequency(unit):
    rule = PolicyRule(get_policy("upper-no-punctuation"), unit)
    hyps = {"u1": "a cat sat sat", "u2": "on mat"}
    scored = score("x", REFERENCES, hyps, rule, frequencies=WordFrequencies(("book.txt",), {"CAT": 2}))
    texts = [["THE CAT SAT", "ON THE MAT"], ["A CAT SAT SAT", "ON MAT"]]
    assert [each.counts for each in scored.utterances] == count_errors(*texts, unit)
    assert (scored.frequency is None) == (unit == "char")
