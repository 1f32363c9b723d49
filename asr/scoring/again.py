"""Repeats the scoring of a score file, for what the file lacks, such as aligned texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from asr.errors import DataError
from asr.scoring.counts import ErrorCounts, Unit
from asr.scoring.hypotheses import read_texts
from asr.scoring.protocols import get_protocol
from asr.scoring.references import read_references
from asr.scoring.rules import PolicyRule, RuleId, ScoringRule
from asr.scoring.score import Score, score
from asr.text.policy import get_policy

_UNITS: Mapping[str, Unit] = {"word": "word", "char": "char", "phone": "phone"}


def find_rule(rule: RuleId, where: str | Path) -> ScoringRule:
    """Returns the rule that a rate was measured by.

    Args:
        rule: rule of a score file.
        where: the score file, for errors.

    Raises:
        ConfigError: there is no such rule, or only another version of it.
        DataError: the rule has changed, or its unit is unknown.

    Example:
        >>> policy = get_policy("upper-no-punctuation")
        >>> find_rule(RuleId("policy", policy.name, policy.hash, "word"), "test_scores.json").id.unit
        'word'
    """
    found: ScoringRule
    if rule.kind == "protocol":
        found = get_protocol(rule.name)
    elif rule.unit in _UNITS:
        found = PolicyRule(get_policy(f"{rule.name}@{rule.hash}"), _UNITS[rule.unit])
    else:
        raise DataError(where, f"counts {rule.unit!r}", f"score again, with {', '.join(_UNITS)}")
    if found.id.hash != rule.hash:
        raise DataError(where, f"was scored under {rule}, which is {found.id} now", "score again")
    return found


def score_again(
    rule: RuleId, label: str, cuts: str | Path, hyps: str | Path, expected: ErrorCounts, where: str | Path
) -> Score:
    """Scores a file of hypotheses in the same way as a score file.

    Args:
        rule: rule of the score file.
        label: label of the hypotheses in the score file.
        cuts: the references.
        hyps: the hypotheses.
        expected: errors in the score file.
        where: the score file, for errors.

    Raises:
        DataError: a file cannot be read, or the files do not belong together.
    """
    found = find_rule(rule, where)
    references = read_references(cuts, rule.unit)
    scored = score(label, references, read_texts(hyps), found, hyps, cuts)
    if scored.counts != expected:
        told = f"counts {expected.errors} errors in {expected.num_ref}"
        other = f"{hyps} has {scored.counts.errors} in {scored.counts.num_ref} against {cuts}"
        raise DataError(where, f"{told} for {label}, {other}", "score again, or give the cuts that were scored")
    return scored
