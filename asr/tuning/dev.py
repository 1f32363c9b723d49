"""Utterances with known transcripts: weights are tuned on them, or on each half of a set for the other half."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from asr.decoding.hypothesis import Hypothesis
from asr.errors import DataError
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.rules import PolicyRule
from asr.tuning.search import Grid, Search, Weights

Lists = Mapping[str, Sequence[Hypothesis]]
"""N-best lists by utterance id."""
OnTrial = Callable[[str, float], None]
"""Called with the name of what was tried and its error rate."""


class Source(Protocol):
    """Where hypotheses come from, for any weights."""

    @property
    def grid(self) -> Grid:
        """The weights to choose from."""

    @property
    def choices(self) -> Lists | None:
        """The lists that weights reorder; None if hypotheses depend on the weights."""

    def attempt(self, weights: Weights) -> Lists:
        """Returns lists of which only the first hypotheses are used, as fast as possible."""

    def read(self, weights: Weights | None) -> Lists:
        """Returns the lists; for None, those that need no weights."""

    def name(self, weights: Weights | None) -> str:
        """Returns a readable name of weights."""


@dataclass(frozen=True)
class Outcome:
    """The errors of several ways to decode the same utterances, which can be added.

    Attributes:
        counts: errors with the weights found.
        without: errors with weights of 0.
        greedy: errors of greedy decoding; None if it is not among the choices.
        oracle: fewest errors of any order of the lists; None without lists.
    """

    counts: ErrorCounts
    without: ErrorCounts
    greedy: ErrorCounts | None = None
    oracle: ErrorCounts | None = None

    def __add__(self, other: Outcome) -> Outcome:
        greedy = None if self.greedy is None or other.greedy is None else self.greedy + other.greedy
        oracle = None if self.oracle is None or other.oracle is None else self.oracle + other.oracle
        return Outcome(self.counts + other.counts, self.without + other.without, greedy, oracle)

    def to_text(self, unit: str) -> str:
        """Returns the error rates in one line, in percent of a unit such as "word"."""
        ways = {"without": self.without, "greedy": self.greedy, "at best": self.oracle}
        others = "".join(f", {percent(counts)} {way}" for way, counts in ways.items() if counts is not None)
        return f"{percent(self.counts)} of {unit}s{others}"


def percent(counts: ErrorCounts) -> str:
    """Returns an error rate in percent, for a line of text."""
    return f"{100 * counts.rate:.2f} %"


@dataclass(frozen=True)
class Tuned:
    """The weights with the fewest errors.

    Attributes:
        weights: None if greedy decoding is better than any.
        outcome: errors on the utterances used for tuning.
        tried: weights followed by their error rate, in the order in which they were tried.
    """

    weights: Weights | None
    outcome: Outcome
    tried: tuple[Weights, ...]


class Dev:
    """Utterances with known transcripts, on which weights are tried.

    Args:
        source: where hypotheses come from.
        transcripts: by utterance id.
        rule: what is counted.
        has_greedy: whether greedy decoding, without weights, is among the choices.

    Raises:
        DataError: a transcript breaks the policy.

    Attributes:
        source: where hypotheses come from.
        refs: transcripts by utterance id, under the text policy.
        rule: what is counted.
    """

    def __init__(
        self, source: Source, transcripts: Mapping[str, str], rule: PolicyRule, has_greedy: bool = False
    ) -> None:
        """Applies the text policy to the transcripts."""
        self.source, self.rule, self._has_greedy = source, rule, has_greedy
        self.refs = {name: rule.apply(text, name) for name, text in transcripts.items()}
        self._known: dict[tuple[str, str], ErrorCounts] = {}

    def tune(self, on_trial: OnTrial, search: Search = Grid.search) -> Tuned:
        """Finds the weights with the fewest errors: 0 if none are better, greedy decoding if that is better still.

        Args:
            on_trial: is told of each trial.
            search: finds weights.
        """
        greedy = self.count(self.source.read(None)) if self._has_greedy else None
        if greedy is not None:
            on_trial("greedy", greedy.rate)
        tried: dict[Weights, ErrorCounts] = {}

        def error_rate(weights: Weights) -> float:
            if weights not in tried:
                tried[weights] = self.count(self.source.attempt(weights))
                on_trial(self.source.name(weights), tried[weights].rate)
            return tried[weights].rate

        nothing: Weights = (0.0,) * len(self.source.grid.values)
        without = error_rate(nothing)
        best = search(self.source.grid, error_rate)
        best = best if error_rate(best) < without else nothing
        choices = self.source.choices
        oracle = None if choices is None else self._sum(choices, lambda of_list: min(of_list, key=_num_errors))
        rows = tuple((*point, each.rate) for point, each in tried.items())
        if greedy is not None and greedy.rate < tried[best].rate:
            return Tuned(None, Outcome(greedy, tried[nothing], greedy, oracle), rows)
        return Tuned(best, Outcome(tried[best], tried[nothing], greedy, oracle), rows)

    def count(self, lists: Lists) -> ErrorCounts:
        """Counts the errors of the first hypotheses."""
        return self._sum({name: nbest[:1] for name, nbest in lists.items()}, lambda of_list: of_list[0])

    def _sum(self, lists: Lists, choose: Callable[[list[ErrorCounts]], ErrorCounts]) -> ErrorCounts:
        """Adds up the counts chosen from each list; each text of an utterance is scored only once."""
        pairs = dict.fromkeys((name, each.text) for name, nbest in lists.items() for each in nbest)
        new = [pair for pair in pairs if pair not in self._known]
        refs, hyps = [self.refs[name] for name, _ in new], [self.rule.apply(text) for _, text in new]
        self._known.update(zip(new, count_errors(refs, hyps, self.rule.unit), strict=True))
        chosen = (choose([self._known[name, each.text] for each in nbest]) for name, nbest in lists.items())
        return sum(chosen, ErrorCounts())


def _num_errors(counts: ErrorCounts) -> int:
    return counts.errors


@dataclass(frozen=True, eq=False)
class Crossed:
    """One half of a set, decoded with weights tuned on the other half.

    Attributes:
        tuned: weights tuned on the other half.
        num_tuned_on: number of utterances in the other half.
        lists: N-best lists of this half.
        counts: errors on this half.
    """

    tuned: Tuned
    num_tuned_on: int
    lists: Lists
    counts: ErrorCounts


def crosswise(halves: tuple[Dev, Dev], on_trial: OnTrial, search: Search = Grid.search) -> Iterator[Crossed]:
    """Yields the second half with weights tuned on the first, then the first with weights tuned on the second."""
    for tuned_on, other in (halves, halves[::-1]):
        tuned = tuned_on.tune(on_trial, search)
        lists = other.source.read(tuned.weights)
        yield Crossed(tuned, len(tuned_on.refs), lists, other.count(lists))


def pooled(halves: Sequence[Crossed]) -> Outcome:
    """Returns the errors on both halves that :func:`crosswise` yielded."""
    first, second = (replace(half.tuned.outcome, counts=half.counts) for half in halves)
    return first + second


def halve(speakers: Mapping[str, str], where: str) -> tuple[list[str], list[str]]:
    """Returns the ids of two parts without common speakers; speakers alternate between them in order of name.

    Args:
        speakers: speaker of each utterance id.
        where: the file of the set, for the error.

    Raises:
        DataError: there are fewer than two speakers.

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
