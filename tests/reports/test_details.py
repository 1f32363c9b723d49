"""Errors by utterance, read from score files, and put together by speaker and by length."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.errors import DataError
from asr.reports.details import Details, UtteranceErrors, by_length, by_speaker, choose_details, read_details
from asr.scoring.counts import ErrorCounts
from asr.scoring.rules import RuleId

RULE = RuleId("policy", "verbatim", "12345678", "word")


def details(label: str, split: str, errors: int, *utterances: UtteranceErrors) -> Details:
    named = {str(number): each for number, each in enumerate(utterances)}
    return Details(Path("x.json"), label, split, RULE, ErrorCounts(10 - errors, errors), named)


def utterance(speaker: str | None, num_ref: int, errors: int) -> UtteranceErrors:
    return UtteranceErrors(speaker, ErrorCounts(num_ref - errors, errors))


def test_speakers_are_put_together_the_worst_first() -> None:
    found = details("greedy", "test", 1, utterance("a", 10, 1), utterance("b", 10, 5), utterance("a", 10, 3))
    parts = by_speaker(found)
    assert [(part.name, part.num_utterances, part.counts.errors) for part in parts] == [("b", 1, 5), ("a", 2, 4)]
    assert parts[0].interval is None
    assert parts[1].interval == pytest.approx((0.1, 0.3))
    assert by_speaker(details("greedy", "test", 1, utterance("a", 10, 1), utterance(None, 10, 1))) == []


def test_lengths_are_put_together_the_shortest_first() -> None:
    found = details("greedy", "test", 1, *(utterance(None, length, 1) for length in (300, 6, 5, 10, 0 + 1)))
    assert [(part.name, part.num_utterances) for part in by_length(found)] == [
        ("0 to 5", 2),
        ("6 to 10", 2),
        ("121 and more", 1),
    ]


def test_the_best_of_the_last_test_set_is_chosen() -> None:
    found = [details("a", "dev", 1), details("b", "test", 5), details("c", "test", 3)]
    where = Path("exp")
    assert choose_details(found, None, None, where).label == "c"
    assert choose_details(found, "dev", None, where).label == "a"
    assert choose_details(found, "test", "b", where).label == "b"
    with pytest.raises(DataError, match=r"exp: no scores of b of dev are in its \*_scores.json; score them"):
        choose_details(found, "dev", "b", where)


def test_scores_without_utterances_are_passed_by(tmp_path: Path) -> None:
    text = '{"policy": {"name": "verbatim", "hash": "1"}, "scores": [{"label": "x", "unit": "word"}]}'
    (tmp_path / "test_scores.json").write_text(text)
    assert read_details(tmp_path) == []
