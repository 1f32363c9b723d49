"""Utterances whose transcripts are known: weights are tuned on them, and the halves of one set on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import DecoderSettings
from asr.errors import DataError
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.counts import Unit as CountedUnit
from asr.text.policy import TextPolicy, get_policy
from asr.text.tokens import TokenTable
from asr.text.tokens import Unit as TokenUnit
from asr.tuning.search import Grid, Weights

WORD_POLICY = "upper-no-punctuation"
"""What transcripts go through where words are searched by their phones: lexicons are in upper case."""

Lists = Mapping[str, Sequence[Hypothesis]]
"""N-best lists by utterance id."""
OnTrial = Callable[[str, float], None]
"""Is called with the name of what was tried and its error rate."""


@dataclass(frozen=True)
class Measure:
    """What is counted.

    Attributes:
        target: unit of the transcripts that are compared with.
        unit: whose errors are counted.
        policy: what both texts go through.
    """

    target: TokenUnit
    unit: CountedUnit
    policy: TextPolicy

    @classmethod
    def of(cls, settings: DecoderSettings, tokens: TokenTable, policy: TextPolicy) -> Measure:
        """Returns what a decoder is tuned by: words, also where they are searched by their phones, else the phones.

        Args:
            settings: of the decoder.
            tokens: the table of the model's outputs.
            policy: that of the model.
        """
        if tokens.unit == "phone" and settings.lexicon:
            return cls("char", "word", get_policy(WORD_POLICY))
        return cls(tokens.unit, "phone" if tokens.unit == "phone" else "word", policy)


class Source(Protocol):
    """What utterances are read from, with one set of weights or another."""

    @property
    def grid(self) -> Grid:
        """The weights to choose from."""

    @property
    def choices(self) -> Lists | None:
        """The lists that weights put in order; None where with each weights anything may be found."""

    def attempt(self, weights: Weights) -> Lists:
        """Returns lists whose first hypotheses are all that counts, as fast as can be."""

    def read(self, weights: Weights) -> Lists:
        """Returns the lists."""

    def name(self, weights: Weights) -> str:
        """Names weights for people."""


@dataclass(frozen=True)
class Outcome:
    """The errors of several ways to read the same utterances; they add up.

    Attributes:
        counts: errors with the weights that were found.
        without: errors with weights of 0.
        greedy: errors of greedy decoding; None where it is not among the choices.
        oracle: least errors that any order of the lists has; None where there are none.
    """

    counts: ErrorCounts
    without: ErrorCounts
    greedy: ErrorCounts | None = None
    oracle: ErrorCounts | None = None

    def __add__(self, other: Outcome) -> Outcome:
        greedy, oracle = _sum(self.greedy, other.greedy), _sum(self.oracle, other.oracle)
        return Outcome(self.counts + other.counts, self.without + other.without, greedy, oracle)


def _sum(one: ErrorCounts | None, other: ErrorCounts | None) -> ErrorCounts | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True)
class Tuned:
    """The weights of least error.

    Attributes:
        weights: None where greedy decoding is better than any.
        outcome: errors on the utterances that they were tuned on.
        tried: weights, each followed by its error rate, in the order of trying.
    """

    weights: Weights | None
    outcome: Outcome
    tried: tuple[Weights, ...]


class Dev:
    """Utterances whose transcripts are known, on which weights are tried.

    Attributes:
        refs: transcripts by utterance id, after the policy.
        measure: what is counted.
    """

    def __init__(
        self, source: Source, transcripts: Mapping[str, str], measure: Measure, greedy: Lists | None = None
    ) -> None:
        """Takes the transcripts through the policy.

        Args:
            source: what the utterances are read from.
            transcripts: by utterance id, in the unit that the measure says.
            measure: what is counted.
            greedy: what greedy decoding reads, where that is among the choices.

        Raises:
            DataError: a transcript breaks the policy.
        """
        self.source, self.measure, self._greedy = source, measure, greedy
        self.refs = {name: measure.policy.apply(text, name) for name, text in transcripts.items()}
        self._known: dict[tuple[str, str], ErrorCounts] = {}

    def tune(self, on_trial: OnTrial | None = None) -> Tuned:
        """Finds the weights of least error: 0 where none is better, and greedy decoding where that is better still."""
        greedy = None if self._greedy is None else self.count(self._greedy)
        tried: dict[Weights, ErrorCounts] = {}

        def tell(name: str, counts: ErrorCounts) -> None:
            if on_trial is not None:
                on_trial(name, counts.rate)

        def error_rate(weights: Weights) -> float:
            if weights not in tried:
                tried[weights] = self.count(self.source.attempt(weights))
                tell(self.source.name(weights), tried[weights])
            return tried[weights].rate

        if greedy is not None:
            tell("greedy", greedy)
        nothing: Weights = (0.0,) * len(self.source.grid.values)
        without = error_rate(nothing)
        weights: Weights | None = self.source.grid.search(error_rate)
        assert weights is not None
        weights = weights if error_rate(weights) < without else nothing
        counts = tried[weights]
        if greedy is not None and greedy.rate < counts.rate:
            weights, counts = None, greedy
        oracle = None if self.source.choices is None else self._count_best(self.source.choices)
        rows = tuple((*point, each.rate) for point, each in tried.items())
        return Tuned(weights, Outcome(counts, tried[nothing], greedy, oracle), rows)

    def read(self, weights: Weights | None) -> Lists:
        """Returns the lists that weights give; of None, those of greedy decoding."""
        if weights is not None:
            return self.source.read(weights)
        assert self._greedy is not None
        return self._greedy

    def name(self, weights: Weights | None) -> str:
        """Names weights for people."""
        return "greedy decoding" if weights is None else self.source.name(weights)

    def count(self, lists: Lists) -> ErrorCounts:
        """Counts the errors of the first hypotheses."""
        return sum((counts[0] for counts in self._count({name: lists[name][:1] for name in lists})), ErrorCounts())

    def _count_best(self, lists: Lists) -> ErrorCounts:
        """Counts the errors of the best hypothesis of each list: no order has fewer."""
        return sum((min(counts, key=lambda each: each.errors) for counts in self._count(lists)), ErrorCounts())

    def _count(self, lists: Lists) -> Iterator[list[ErrorCounts]]:
        """Counts the errors of all hypotheses, each text of an utterance once."""
        pairs = dict.fromkeys((name, each.text) for name, nbest in lists.items() for each in nbest)
        new = [pair for pair in pairs if pair not in self._known]
        hyps = [self.measure.policy.apply(text) for _, text in new]
        counted = count_errors([self.refs[name] for name, _ in new], hyps, self.measure.unit)
        self._known.update(zip(new, counted, strict=True))
        return ([self._known[name, each.text] for each in nbest] for name, nbest in lists.items())


@dataclass(frozen=True, eq=False)
class Crossed:
    """One half of a set, read with weights that were tuned on the other half.

    Attributes:
        tuned: on the other half.
        named: these weights, for people.
        num_tuned_on: utterances of the other half.
        lists: what was read.
        counts: its errors.
    """

    tuned: Tuned
    named: str
    num_tuned_on: int
    lists: Lists
    counts: ErrorCounts


def crosswise(halves: tuple[Dev, Dev], on_trial: OnTrial | None = None) -> Iterator[Crossed]:
    """Yields the second half, read with weights of the first, and the other way round: none is tuned on itself."""
    for tuned_on, other in (halves, halves[::-1]):
        tuned = tuned_on.tune(on_trial)
        lists = other.read(tuned.weights)
        yield Crossed(tuned, other.name(tuned.weights), len(tuned_on.refs), lists, other.count(lists))


def pooled(halves: Sequence[Crossed]) -> Outcome:
    """Returns the errors on both halves, where :func:`crosswise` has yielded both."""
    first, second = (replace(half.tuned.outcome, counts=half.counts) for half in halves)
    return first + second


def halve(speakers: Mapping[str, str], where: str) -> tuple[list[str], list[str]]:
    """Returns the ids of two parts without a speaker in common: speakers by name, one here and one there.

    Args:
        speakers: by utterance id.
        where: what they are of, for the error.

    Raises:
        DataError: fewer than two speakers.

    Example:
        >>> halve({"a": "Eva", "b": "Ada", "c": "Eva", "d": "Zoe"}, "dev")
        (['b', 'd'], ['a', 'c'])
    """
    names = sorted(set(speakers.values()))
    if len(names) < 2:
        found = f"has {len(names)} speaker{'' if len(names) == 1 else 's'}"
        raise DataError(where, found, "halves need two; tune on other utterances")
    here = [utterance_id for utterance_id, name in speakers.items() if name in names[::2]]
    return here, [utterance_id for utterance_id, name in speakers.items() if name in names[1::2]]
