"""What every rule keeps to, be it a text policy or a protocol."""

from __future__ import annotations

import json

import pytest

from asr.records import Record
from asr.scoring.counts import count_places
from asr.scoring.protocols import PROTOCOLS
from asr.scoring.rules import PolicyRule, RuleId, ScoringRule
from asr.text.policy import POLICIES

WORDS, PHONES = ("Well-known,  isn't it?", "it is"), ("h# pau sh iy q tcl t h#", "h# sh ix t t pau h#")
RULES = [
    *PROTOCOLS.values(),
    *(PolicyRule(POLICIES[name], "phone") for name in ("timit-61", "timit-39")),
    *(PolicyRule(POLICIES[name], unit) for name in ("verbatim", "upper-no-punctuation") for unit in ("word", "char")),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.id))
def test_a_text_is_compared_as_it_is_applied(rule: ScoringRule) -> None:
    texts = PHONES if rule.id.unit == "phone" else WORDS
    said, heard = (rule.apply(text) for text in texts)
    assert rule.apply(said) == said
    same, other = rule.align([said, said], [said, heard])
    assert count_places(same).errors == 0 < count_places(other).errors
    assert count_places(same).num_ref == count_places(other).num_ref
    between = "" if rule.id.unit == "char" else " "
    assert between.join(place.ref for place in other if place.ref is not None) == said
    assert between.join(place.hyp for place in other if place.hyp is not None) == heard
    labels = rule.check({"u": texts[0]}, {"u": texts[1]}, "cuts", "hyps")
    assert labels == (None if rule.id.kind == "policy" else "61")
    assert len(rule.cells(labels)) == len(rule.columns)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.id))
def test_its_name_is_read_from_a_score(rule: ScoringRule) -> None:
    card = rule.card()
    state = {"unit": rule.id.unit, rule.id.kind: json.loads(json.dumps({"name": card["name"], "hash": card["hash"]}))}
    score, nothing = (Record.of(fields, "x.json", "is no score", "") for fields in (state, {}))
    assert RuleId.read(score, nothing) == rule.id


def test_each_has_a_name_of_its_own() -> None:
    names = [str(rule.id) for rule in RULES]
    assert len(set(names)) == len(names)
    assert names[0].startswith("protocol graves-61-39 (")
    assert names[-1].startswith("text policy upper-no-punctuation (")
    assert names[-1].endswith("), chars")
