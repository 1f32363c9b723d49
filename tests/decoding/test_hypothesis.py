from __future__ import annotations

import json

from asr.decoding.hypothesis import Hypothesis, Span
from asr.records import Record

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
