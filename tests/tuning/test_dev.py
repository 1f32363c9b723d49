"""Tuning keeps what has the least error, and halves are read with the weights of the other half."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.parts import DecoderParts
from asr.decoding.settings import DecoderSettings
from asr.errors import DataError
from asr.scoring.counts import ErrorCounts
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable, Unit
from asr.tuning.dev import Dev, Lists, crosswise, halve, pooled
from asr.tuning.search import Grid, Weights
from asr.tuning.sources import Posteriors, rule_of

WORDS = PolicyRule(get_policy("upper-no-punctuation"), "word")
TOKENS = TokenTable.build(["AB A"], "char")  # <blank> A B |


def hypotheses(*texts: str) -> list[Hypothesis]:
    return [Hypothesis(text, (), (), -float(place), 1.0) for place, text in enumerate(texts)]


class Words:
    """A source that reads the same words with each of its weights."""

    choices = None

    def __init__(self, texts: Mapping[float, str], names: tuple[str, ...] = ("u",), greedy: str = "") -> None:
        self.texts, self.names, self.greedy = texts, names, greedy

    @property
    def grid(self) -> Grid:
        return Grid((tuple(self.texts),))

    def attempt(self, weights: Weights) -> Lists:
        return {name: hypotheses(self.texts[weights[0]]) for name in self.names}

    def read(self, weights: Weights | None) -> Lists:
        texts = [self.greedy] if weights is None else [self.texts[weights[0]], "other"]
        return {name: hypotheses(*texts) for name in self.names}

    def name(self, weights: Weights | None) -> str:
        return "greedy decoding" if weights is None else f"weight {weights[0]:g}"


def untold(_name: str, _rate: float) -> None:
    """Is told of trials."""


def test_the_best_weights_are_kept_and_each_trial_is_told() -> None:
    told: list[tuple[str, float]] = []
    source = Words({0.0: "x y", 1.0: "a y", 2.0: "a, b!"}, greedy="A")
    dev = Dev(source, {"u": "a b"}, WORDS, has_greedy=True)
    best = dev.tune(lambda *trial: told.append(trial))
    assert told == [("greedy", 0.5), ("weight 0", 1.0), ("weight 1", 0.5), ("weight 2", 0.0)]
    assert (best.weights, best.tried) == ((2.0,), ((0.0, 1.0), (1.0, 0.5), (2.0, 0.0)))
    assert (best.outcome.counts, best.outcome.without) == (ErrorCounts(hits=2), ErrorCounts(substitutions=2))
    assert best.outcome.greedy == ErrorCounts(hits=1, deletions=1)
    assert best.outcome.oracle is None


@pytest.mark.parametrize(("heard", "weights"), [("a b", None), ("a y", (1.0,)), ("x", (1.0,))])
def test_greedy_decoding_is_taken_where_nothing_is_as_good(heard: str, weights: Weights | None) -> None:
    dev = Dev(Words({0.0: "x y", 1.0: "a y"}, greedy=heard), {"u": "a b"}, WORDS, has_greedy=True)
    best = dev.tune(untold)
    assert best.weights == weights
    assert best.outcome.counts == (ErrorCounts(hits=2) if weights is None else ErrorCounts(hits=1, substitutions=1))


def test_without_anything_better_weights_are_0() -> None:
    assert Dev(Words({0.0: "a y", 1.0: "x b"}), {"u": "a b"}, WORDS).tune(untold).weights == (0.0,)


def test_each_half_is_read_with_the_weights_of_the_other() -> None:
    here = Dev(Words({0.0: "x y", 1.0: "a b"}, ("u", "v")), {"u": "a b", "v": "a b"}, WORDS)
    there = Dev(Words({0.0: "c d", 1.0: "x d"}, ("w",)), {"w": "c d"}, WORDS)
    halves = list(crosswise((here, there), untold))
    assert [(half.tuned.weights, half.num_tuned_on, list(half.lists)) for half in halves] == [
        ((1.0,), 2, ["w"]),
        ((0.0,), 1, ["u", "v"]),
    ]
    assert [nbest[0].text for half in halves for nbest in half.lists.values()] == ["x d", "x y", "x y"]
    both = pooled(halves)
    assert both.counts == ErrorCounts(hits=1, substitutions=5)
    assert both.without == ErrorCounts(hits=2, substitutions=4)
    assert (both.greedy, both.oracle) == (None, None)


def test_halves_need_two_speakers() -> None:
    speakers = {"a": "Eva", "b": "Ada", "c": "Eva", "d": "Zoe"}
    assert halve(speakers, "dev") == (["b", "d"], ["a", "c"])
    with pytest.raises(DataError, match=r"dev: has 1 speaker; halves need two"):
        halve({"a": "Eva", "b": "Eva"}, "dev")


def test_weights_are_tried_on_first_hypotheses_with_a_beam_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[DecoderSettings] = []
    monkeypatch.setattr(Posteriors, "_decode", lambda _, settings: searched.append(settings) or {})
    settings = DecoderSettings(beam_size=16, nbest=9, lm="words.arpa", lexicon=("words.txt",))
    source = Posteriors((), DecoderParts(TOKENS, 0.02), settings, tuning_beam_size=8)
    source.attempt((0.5, 1.0, 2.0))
    source.read((0.5, 1.0, 2.0))
    assert [(each.beam_size, each.nbest) for each in searched] == [(8, 1), (16, 9)]
    assert {(each.lm_weight, each.word_score, each.blank_penalty) for each in searched} == {(0.5, 1.0, 2.0)}


def test_posteriors_are_decoded_whole() -> None:
    settings = DecoderSettings(beam_size=4)
    log_probs = torch.full((2, 2, len(TOKENS)), -9.0)
    log_probs[0, :, 1] = log_probs[1, 0, 2] = log_probs[1, 1, 1] = -0.1
    source = Posteriors([(["u", "v"], log_probs, torch.tensor([2, 2]))], DecoderParts(TOKENS, 0.02), settings)
    assert {name: nbest[0].text for name, nbest in source.read((0.0, 0.0, 0.0)).items()} == {"u": "A", "v": "BA"}
    assert {name: nbest[0].text for name, nbest in source.read(None).items()} == {"u": "A", "v": "BA"}


@pytest.mark.parametrize(
    ("unit", "lexicon", "counted"),
    [
        ("char", (), ("word", "verbatim")),
        ("phone", (), ("phone", "verbatim")),
        ("phone", ("all.dict",), ("word", "upper-no-punctuation")),
    ],
)
def test_words_are_counted_where_they_are_searched(
    unit: Unit, lexicon: tuple[str, ...], counted: tuple[str, str]
) -> None:
    tokens = TokenTable.build(["A B"], unit)
    found = rule_of(DecoderSettings(beam_size=4, lexicon=lexicon), tokens, get_policy("verbatim"))
    assert (found.unit, found.policy.name) == counted
