from __future__ import annotations

import pytest

from asr.errors import DataError
from asr.scoring.references import Reference, join


def references(*ids: str) -> list[Reference]:
    return [Reference(name, name.upper(), "speaker", 1.0) for name in ids]


def test_joins_by_id_in_the_order_of_the_references():
    pairs = join(references("b", "a"), {"a": "x", "b": "y"}, "h.jsonl")
    assert [(reference.utterance_id, text) for reference, text in pairs] == [("b", "y"), ("a", "x")]


@pytest.mark.parametrize(
    ("refs", "hyps", "line"),
    [
        ("abcde", "", "h.jsonl: 5 utterances are without a hypothesis: a, b, c, …; decode these cuts to the end"),
        ("ab", "a", "h.jsonl: 1 utterance is without a hypothesis: b; decode these cuts to the end"),
        ("a", "abc", "h.jsonl: 2 utterances are not among the references: b, c; score with the cuts decoded"),
        ("aab", "ab", "h.jsonl: 1 utterance is twice among the references: a; give each once"),
        ("", "a", "h.jsonl: there are no references to score against; give cuts that are not empty"),
    ],
)
def test_names_what_does_not_match(refs, hyps, line):
    with pytest.raises(DataError) as caught:
        join(references(*refs), dict.fromkeys(hyps, ""), "h.jsonl")
    assert str(caught.value) == line
