"""What the automaton of hot phrases adds to sequences is what their occurrences are worth, whatever was credited."""

from __future__ import annotations

import itertools

import pytest

from asr.decoding import phrase_automaton
from asr.decoding.boosted_scorer import token_automaton
from asr.decoding.phrase_automaton import Pattern, PhraseAutomaton
from asr.decoding.phrases import find_phrases
from asr.errors import ConfigError
from asr.text.hotwords import HotPhrase, Hotwords
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable
from tests.decoding.enumeration import letters
from tests.decoding.occurrences import paid


def total(automaton: PhraseAutomaton, sequence) -> float:
    state, score = automaton.start_state, 0.0
    for symbol in sequence:
        score += float(automaton.scores[state, symbol])
        state = int(automaton.next_states[state, symbol])
    return score + float(automaton.endings[state])


def test_patterns_pay_at_each_occurrence_overlapping_ones_too() -> None:
    patterns = [Pattern((1, 2), (0.5, 2.0)), Pattern((2, 1, 2), (1.0, 3.0, 5.0)), Pattern((2,), (7.0,))]
    automaton = PhraseAutomaton(patterns, 3)
    assert automaton.highest == 5 + 2 + 7 - 3 + 1, "three end, their credit is taken back, and one may begin"
    for length in range(6):
        for sequence in itertools.product(range(3), repeat=length):
            expected = sum(
                pattern.credits[-1]
                for pattern in patterns
                for at in range(length)
                if sequence[at : at + len(pattern.symbols)] == pattern.symbols
            )
            assert total(automaton, sequence) == pytest.approx(expected, abs=1e-9)


def test_credit_is_given_for_each_symbol_and_taken_back() -> None:
    automaton = PhraseAutomaton([Pattern((1, 2, 2), (1.0, 2.0, 3.0))], 4)
    assert automaton.scores[0].tolist() == [0, 1, 0, 0]
    middle = int(automaton.next_states[int(automaton.next_states[0, 1]), 2])
    assert automaton.scores[middle].tolist() == [-2, -1, 1, -2]
    assert float(automaton.endings[middle]) == -2
    assert int(automaton.next_states[middle, 2]) == 0, "what no phrase continues is like nothing at all"


@pytest.mark.parametrize("unit", ["char", "bpe"])
def test_token_sequences_are_worth_the_whole_words_of_their_text(unit: str) -> None:
    if unit == "char":
        tokens = letters(4)
        texts, sequences = ["a", "ab", "ab a", "a ab", "b b b"], itertools.product((1, 2, 3), repeat=6)
    else:
        corpus = ["low lower slow", "slow low"] * 20
        tokens = TokenTable.build(corpus, "bpe", size=14)
        texts = ["low", "slow low", "lower", "low slow"]
        words = ["low", "slow", "lower", "wol"]
        sequences = (tokens.encode(" ".join(chosen)) for chosen in itertools.product(words, repeat=3))
    phrases = find_phrases(Hotwords(tuple(map(HotPhrase, texts))), tokens, get_policy("verbatim"))
    automaton = token_automaton(phrases, tokens)
    scores = [(total(automaton, sequence), paid(tokens.decode(sequence), phrases)) for sequence in sequences]
    assert any(score > 1 for score, _ in scores)
    for score, expected in scores:
        assert score == pytest.approx(expected, abs=1e-9)


def test_a_list_that_memory_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrase_automaton, "_MOST_CELLS", 10)
    with pytest.raises(ConfigError, match=r"hotwords: 3 beginnings of phrases times 4 symbols .* give a shorter list"):
        PhraseAutomaton([Pattern((1, 2), (1.0, 2.0))], 4)
