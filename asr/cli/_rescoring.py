"""N-best lists that another model scores once: weights tuned on them, and the lists in their new order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asr.cli._tuning import LM_WEIGHTS, WORD_SCORES, halve
from asr.cli.command import log
from asr.corpora.manifests import read_cuts
from asr.corpora.targets import target_text
from asr.decoding.rescoring import NBestScores, rescore
from asr.decoding.tuning import Tuned, tune
from asr.errors import DataError
from asr.files import written_whole
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.hypotheses import read_hypotheses
from asr.text.policy import get_policy

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from asr.cli._scorers import Scorer
    from asr.decoding.hypothesis import Hypothesis
    from asr.text.policy import TextPolicy


@dataclass(frozen=True, eq=False)
class ScoredLists:
    """N-best lists with the parts of their scores.

    Attributes:
        lists: U lists by utterance id.
        scores: of the U lists, in their order.
    """

    lists: Mapping[str, Sequence[Hypothesis]]
    scores: NBestScores

    def part(self, names: Sequence[str]) -> ScoredLists:
        """Gives the lists of these utterances, in this order."""
        places = {name: place for place, name in enumerate(self.lists)}
        rows = [places[name] for name in names]
        scores = NBestScores(self.scores.own[rows], self.scores.added[rows], self.scores.num_words[rows])
        return ScoredLists({name: self.lists[name] for name in names}, scores)

    def rescored(self, weight: float, word_score: float) -> dict[str, list[Hypothesis]]:
        """Gives the lists in their new order, with their new scores, by utterance id."""
        ordered = rescore(list(self.lists.values()), self.scores, weight, word_score)
        return dict(zip(self.lists, ordered, strict=True))


@dataclass(frozen=True, eq=False)
class DevLists:
    """Scored lists whose errors are known, on which weights are tried.

    Attributes:
        scored: the lists.
        counts: the errors of each hypothesis of a list, by utterance id, in the order of the lists.
    """

    scored: ScoredLists
    counts: Mapping[str, Sequence[ErrorCounts]]

    @classmethod
    def of(cls, scored: ScoredLists, cuts: Iterable[Cut], policy: TextPolicy) -> DevLists:
        """Counts the errors of all hypotheses; the cuts are those of the lists."""
        counts = {}
        for cut in cuts:
            ref = policy.apply(target_text(cut, "char"), cut.id)
            hyps = [policy.apply(hypothesis.text) for hypothesis in scored.lists[cut.id]]
            counts[cut.id] = count_errors([ref] * len(hyps), hyps, "word")
        return cls(scored, {name: counts[name] for name in scored.lists})

    def part(self, names: Sequence[str]) -> DevLists:
        """Gives these utterances, in this order."""
        return DevLists(self.scored.part(names), {name: self.counts[name] for name in names})

    @property
    def num_ref(self) -> int:
        """The number of words of the references."""
        return sum(of_list[0].num_ref for of_list in self.counts.values())

    @property
    def oracle_errors(self) -> int:
        """The errors of the best hypothesis of each list: no order has fewer."""
        return sum(min(each.errors for each in of_list) for of_list in self.counts.values())

    def errors(self, weight: float, word_score: float) -> int:
        """Gives the errors of the hypotheses that come first with these weights."""
        first = self.scored.scores.order(weight, word_score)[:, 0].tolist()
        return sum(of_list[place].errors for of_list, place in zip(self.counts.values(), first, strict=True))

    def rate(self, errors: int) -> float:
        """Gives errors as a fraction of the words."""
        return errors / max(1, self.num_ref)

    def tune(self) -> Tuned:
        """Finds the weights of least error, 0 and 0 among them; the model is not asked again."""

        def error_rate(weight: float, word_score: float) -> float:
            rate = self.rate(self.errors(weight, word_score))
            log(f"weight {weight:g}, word_score {word_score:g}: {100 * rate:.2f} % of words")
            return rate

        return tune(error_rate, LM_WEIGHTS, WORD_SCORES)


def read_scored(model: Scorer, arguments: Any) -> ScoredLists:
    """Reads the lists, those of the cuts where there are any, and scores them.

    Raises:
        DataError: a file cannot be read, or an utterance of the cuts has no list.
    """
    lists = read_hypotheses(arguments.nbest)
    if arguments.cuts:
        ids = [cut.id for cut in read_cuts(arguments.cuts)]
        lacking = [name for name in ids if name not in lists]
        if lacking:
            found = f"{len(lacking)} of {len(ids)} utterances of {arguments.cuts} are not in it, such as {lacking[0]}"
            raise DataError(arguments.nbest, found, "decode these cuts to the end")
        log(f"{arguments.nbest}: {len(ids)} of {len(lists)} utterances, those of {arguments.cuts}")
        lists = {name: lists[name] for name in ids}
    return ScoredLists(lists, model.measure(lists))


def tune_weights(model: Scorer, arguments: Any) -> str:
    """Tries weights on the lists, writes the best, and gives a line on what was found."""
    policy = get_policy(arguments.policy) if arguments.policy else model.policy
    dev = DevLists.of(read_scored(model, arguments), read_cuts(arguments.cuts), policy)
    best = dev.tune()
    without, oracle = dev.rate(dev.errors(0.0, 0.0)), dev.rate(dev.oracle_errors)
    settings = {
        "weight": best.lm_weight,
        "word_score": best.token_score,
        "unknown_score": arguments.unknown_score,
        "model": arguments.lm or arguments.checkpoint,
        "tuned_on": arguments.cuts,
        "text_policy": f"{policy.name} ({policy.hash})",
        "error_rate": best.error_rate,
        "oracle_error_rate": oracle,
        "tried": best.tried,
    }
    with written_whole(arguments.tune) as beside:
        beside.write_text(f"{json.dumps(settings, indent=2)}\n", encoding="utf-8")
    return (
        f"weight {best.lm_weight:g}, word_score {best.token_score:g}: {100 * best.error_rate:.2f} % of words, "
        f"{100 * without:.2f} % without, {100 * oracle:.2f} % at best; written to {arguments.tune}"
    )


def rescore_crosswise(model: Scorer, arguments: Any) -> tuple[ScoredLists, dict[str, list[Hypothesis]]]:
    """Gives the lists as they were, and in the order of weights that were tuned on the other half of the speakers.

    Raises:
        DataError: the cuts are of fewer than two speakers, or what :func:`read_scored` raises.
    """
    cuts = list(read_cuts(arguments.cuts))
    ids = [[cut.id for cut in half] for half in halve(cuts, arguments.cuts)]
    policy = get_policy(arguments.policy) if arguments.policy else model.policy
    dev = DevLists.of(read_scored(model, arguments), cuts, policy)
    halves = [dev.part(names) for names in ids]
    found: dict[str, list[Hypothesis]] = {}
    pooled = 0
    for tuned_on, other in (halves, halves[::-1]):
        best = tuned_on.tune()
        errors = other.errors(best.lm_weight, best.token_score)
        log(
            f"weight {best.lm_weight:g}, word_score {best.token_score:g} "
            f"from {len(tuned_on.counts)} utterances ({100 * best.error_rate:.2f} % of words), "
            f"for {len(other.counts)} others ({100 * other.rate(errors):.2f} %)"
        )
        pooled += errors
        found |= other.scored.rescored(best.lm_weight, best.token_score)
    rates = [100 * dev.rate(errors) for errors in (pooled, dev.errors(0.0, 0.0), dev.oracle_errors)]
    log("both halves: {:.2f} % of words, {:.2f} % without, {:.2f} % at best".format(*rates))
    return dev.scored, {cut.id: found[cut.id] for cut in cuts}
