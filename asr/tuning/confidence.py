"""The choice among the hypotheses of N-best lists, and the confidences of their words, tuned on a dev set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.list_posteriors import ListPosteriors
from asr.decoding.settings import ConfidenceSettings
from asr.decoding.word_confidence import choose, place_chosen, word_evidence
from asr.errors import DataError
from asr.scoring.reliability import judge_words
from asr.scoring.rules import PolicyRule
from asr.tuning.dev import Dev, Lists, OnTrial, Outcome
from asr.tuning.logistic import fit_logistic
from asr.tuning.search import Grid, Weights

SCALES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0)
"""What scores may be multiplied by."""


@dataclass(frozen=True, eq=False)
class RiskLists:
    """N-best lists of which the hypothesis with the fewest expected errors is taken.

    The only weight is the scale of the scores for that; 0 takes the first hypothesis.

    Attributes:
        compared: lists by utterance id.
    """

    compared: Mapping[str, ListPosteriors]

    @property
    def grid(self) -> Grid:
        """All likely scales; none for lists of single hypotheses."""
        has_choice = any(len(each.nbest) > 1 for each in self.compared.values())
        return Grid((SCALES if has_choice else (),))

    @property
    def choices(self) -> Lists:
        """The lists."""
        return {name: each.nbest for name, each in self.compared.items()}

    def attempt(self, weights: Weights) -> Lists:
        """Returns the chosen hypothesis of each list."""
        return self.read(weights)

    def read(self, weights: Weights | None) -> Lists:
        """Returns the chosen hypothesis of each list; without weights, the first."""
        scale = weights[0] if weights else 0.0
        return {name: [each.nbest[place_chosen(each, scale)]] for name, each in self.compared.items()}

    def name(self, weights: Weights | None) -> str:
        """Returns a readable name of the scale."""
        return f"risk_scale {weights[0]:g}" if weights and weights[0] else "the highest score"


@dataclass(frozen=True)
class TunedConfidence:
    """Settings, and the errors of the hypotheses that they choose.

    Attributes:
        settings: the settings.
        outcome: errors of the chosen hypotheses, and without expected errors those of the highest scores.
    """

    settings: ConfidenceSettings
    outcome: Outcome


class ConfidenceDev:
    """Utterances with known transcripts and N-best lists, on which confidences are tuned.

    Args:
        lists: N-best lists by utterance id.
        transcripts: by utterance id.
        rule: what is counted: words or phones.

    Raises:
        DataError: a transcript breaks the policy.
    """

    def __init__(self, lists: Lists, transcripts: Mapping[str, str], rule: PolicyRule) -> None:
        """Compares nothing yet."""
        compared = {name: ListPosteriors(lists[name]) for name in transcripts}
        self.dev = Dev(RiskLists(compared), transcripts, rule)
        self._lists = compared

    def tune(self, on_trial: OnTrial) -> TunedConfidence:
        """Finds the choice with the fewest errors, then the confidences with the least cross entropy.

        The hypotheses with the fewest expected errors are chosen only if they have fewer errors than those with the
        highest scores.

        Args:
            on_trial: called with the name of a choice and its error rate.

        Raises:
            DataError: the hypotheses have no words.
        """
        tuned = self.dev.tune(on_trial)
        risk_scale = tuned.weights[0] if tuned.weights else 0.0
        places = {name: place_chosen(each, risk_scale) for name, each in self._lists.items()}
        words = [each.nbest[places[name]].words for name, each in self._lists.items()]
        judged = judge_words([self.dev.refs[name] for name in self._lists], words, self.dev.rule)
        flat = [each for own in judged for each in own]
        counted = np.array([each is not None for each in flat], dtype=np.bool_)
        is_right = np.array([each for each in flat if each is not None], dtype=np.float64)
        if not len(is_right):
            raise DataError("N-best lists", "have no words to be sure of", "decode with another model")
        nbest = max(len(each.nbest) for each in self._lists.values())
        fits = []
        for scale in SCALES if nbest > 1 else (1.0,):
            evidence = [word_evidence(each, places[name], scale) for name, each in self._lists.items()]
            weights, loss = fit_logistic(np.concatenate(evidence)[counted], is_right, at_least_zero=(1, 2))
            fits.append((loss, scale, weights.tolist()))
        _, scale, (bias, posterior_weight, entropy_weight) = min(fits)
        settings = ConfidenceSettings(nbest, scale, bias, posterior_weight, entropy_weight, risk_scale)
        return TunedConfidence(settings, tuned.outcome)

    def apply(self, settings: ConfidenceSettings) -> dict[str, Sequence[Hypothesis]]:
        """Returns the chosen hypothesis of each list, with calibrated confidences."""
        chosen = choose([each.nbest for each in self._lists.values()], settings)
        return dict(zip(self._lists, chosen, strict=True))
