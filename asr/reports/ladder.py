"""A table that compares settings, one row per setting over all its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from asr.reports.history import LATE, History
from asr.reports.summary import ScoredFile, markdown_table

SETTLED = 0.03
"""Gain of the last tenth below which a run counts as converged; dev sets of a few thousand phones resolve no less."""


@dataclass(frozen=True)
class Run:
    """A training run and the scores of its hypotheses.

    Attributes:
        setting: name shared by all seeds, such as that of the experiment.
        num_weights: number of weights of the model.
        history: what the run logged.
        scores: scores of its hypotheses files.
    """

    setting: str
    num_weights: int
    history: History
    scores: Sequence[ScoredFile]


def ladder_table(runs: Sequence[Run], labels: Sequence[str] = ()) -> str:
    """Returns a Markdown table with a row for each setting, in order of first appearance.

    Error rates are in percent; for several runs, the mean and, after ±, the standard deviation. The time of a step
    includes its share of validation and checkpoints. Whether a setting had converged is judged by the gain on dev in
    the last tenth of its steps, for the seed that gained most. Rates of settings that had not are in brackets: they
    show how far training had got, and must not be compared.

    Args:
        runs: runs of all settings and seeds.
        labels: hypotheses whose rates are shown, such as "test_greedy"; empty for all.
    """
    settings = list(dict.fromkeys(run.setting for run in runs))
    keys = list(dict.fromkeys(_key(score) for run in runs for score in run.scores))
    keys = [key for key in keys if not labels or key[0] in labels]
    rates = [f"{label} {unit} {policy.split(' ')[0]}" for label, unit, policy in keys]
    head = ["setting", "weights, M", "seeds", "epochs", "minutes", "ms a step", "last tenth, %", *rates]
    rows = [head]
    for setting in settings:
        own = [run for run in runs if run.setting == setting]
        gain = max(run.history.late_gain for run in own)
        rows.append(
            [
                setting,
                f"{own[0].num_weights / 1e6:.1f}",
                str(len(own)),
                _mean([run.history.num_epochs for run in own], "g"),
                _mean([run.history.seconds / 60 for run in own], ".1f"),
                _mean([1000 * run.history.seconds / run.history.num_steps for run in own], ".0f"),
                f"{100 * gain:.1f}",
                *(_rate(own, key, gain < SETTLED) for key in keys),
            ]
        )
    scored = ", ".join(dict.fromkeys(policy for _, _, policy in keys))
    below = f"\n\nLast tenth: by how much the last {100 * LATE:.0f} % of the steps lowered the best error rate on dev,"
    below += " in the seed where it was most."
    below += f" From {100 * SETTLED:.0f} % on, rates stand in brackets: they carry no comparison."
    below += f" Error rates in percent, scored under {scored}." if keys else ""
    return f"{markdown_table(rows, num_left=1)}{below}"


def _key(score: ScoredFile) -> tuple[str, str, str]:
    return score.label, score.unit, score.policy


def _mean(values: Sequence[float], form: str) -> str:
    return format(statistics.fmean(values), form)


def _rate(runs: Sequence[Run], key: tuple[str, str, str], settled: bool) -> str:
    rates = [100 * score.counts.rate for run in runs for score in run.scores if _key(score) == key]
    if not rates:
        return "-"
    spread = f" ± {statistics.stdev(rates):.2f}" if len(rates) > 1 else ""
    text = f"{statistics.fmean(rates):.2f}{spread}"
    return text if settled else f"({text})"
