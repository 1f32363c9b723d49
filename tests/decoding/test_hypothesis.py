from __future__ import annotations

import json

from asr.decoding.hypothesis import Hypothesis, Span, hypothesis_of
from asr.records import Record
from asr.text.tokens import TokenTable

HYPOTHESIS = Hypothesis(
    "ab", (Span("a", 0.0, 0.5, 0.9), Span("b", 0.5, 1.0, 0.8)), (Span("ab", 0.0, 1.0, 0.8),), -1.5, 0.8
)


def test_survives_json_with_other_keys_beside_it():
    line = json.dumps({"utterance_id": "u1", **HYPOTHESIS.to_dict()})
    assert Hypothesis.from_record(Record.of(json.loads(line), "a.jsonl", "", "")) == HYPOTHESIS


def test_shift_moves_tokens_and_words():
    shifted = HYPOTHESIS.shift(10.0)
    assert [(span.start, span.end) for span in shifted.tokens] == [(10.0, 10.5), (10.5, 11.0)]
    assert [(span.start, span.end) for span in shifted.words] == [(10.0, 11.0)]
    assert (shifted.text, shifted.score, shifted.confidence) == (HYPOTHESIS.text, -1.5, 0.8)


def test_phones_are_words_and_stay_one_object():
    table = TokenTable.build(["AA B"], "phone")
    made = hypothesis_of([1, 2], [0, 3], [1, 3], [0.5, 0.75], -1.0, table, 0.5).shift(10.0)
    assert made.words is made.tokens
    assert made.words == (Span("AA", 10.0, 11.0, 0.5), Span("B", 11.5, 12.0, 0.75))
    assert (made.text, made.confidence) == ("AA B", 0.5)
