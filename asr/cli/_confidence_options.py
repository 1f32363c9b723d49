"""Options and actions that choose among N-best lists and calibrate confidences, shared by several verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_out
from asr.cli.command import log, option
from asr.decoding.settings import ConfidenceSettings
from asr.errors import DataError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.decoding.hypothesis import Hypothesis
    from asr.scoring.references import Reference
    from asr.scoring.reliability import Reliability
    from asr.scoring.rules import PolicyRule
    from asr.tuning.confidence import ConfidenceDev, TunedConfidence


def add_confidence(parser: ArgumentParser, note: str = "") -> None:
    """Adds the option that names settings of confidence; ``note`` ends its help."""
    text = "calibrated confidences, and the choice of the hypothesis, which asr tune confidence wrote"
    parser.add_argument("--confidence", metavar="FILE", help=f"{text}{note}")


def read_confidence(arguments: Namespace) -> ConfidenceSettings | None:
    """Reads the file of :func:`add_confidence`; None if none is given.

    Raises:
        DataError: it cannot be read.
    """
    return ConfidenceSettings.load(arguments.confidence) if arguments.confidence else None


def add_confidence_tuning(parser: ArgumentParser) -> None:
    """Adds the inputs of ``asr tune confidence``."""
    lists = "hypotheses that asr decode --nbest N or asr rescore wrote; with N 1, the first is chosen"
    parser.add_argument("--nbest", required=True, metavar="FILE", help=lists)
    parser.add_argument("--cuts", required=True, metavar="FILE", help="their cuts, with the references")
    policy = "text policy of references and hypotheses; one that folds phones counts phones"
    parser.add_argument("--policy", required=True, metavar="NAME", help=policy)
    parser.add_argument("--figure", metavar="FILE", help="also draw the reliability curve (.png)")


def tune_confidence(arguments: Namespace) -> str:
    """Tunes confidences and returns what to print."""
    for name in ("out", "crosswise", "figure"):
        check_out([arguments.nbest, arguments.cuts], getattr(arguments, name), option(name))
    from asr.scoring.hypotheses import read_hypotheses, write_hypotheses
    from asr.scoring.references import read_references
    from asr.scoring.rules import PolicyRule
    from asr.text.policy import get_policy
    from asr.tuning.confidence import ConfidenceDev

    policy = get_policy(arguments.policy)
    rule = PolicyRule(policy, "word" if policy.phones is None else "phone")
    lists, references = read_hypotheses(arguments.nbest), read_references(arguments.cuts, rule.unit)
    lacking = [each.utterance_id for each in references if each.utterance_id not in lists]
    if lacking:
        found = f"{len(lacking)} of {len(references)} utterances of {arguments.cuts} are not in it, such as"
        raise DataError(arguments.nbest, f"{found} {lacking[0]}", "decode these cuts to the end")
    texts = {each.utterance_id: each.text for each in references}

    def dev_of(names: Sequence[str]) -> ConfidenceDev:
        return ConfidenceDev(lists, {name: texts[name] for name in names}, rule)

    halves = [dev_of(names) for names in _halves(references, arguments.cuts)]
    crossed: dict[str, Sequence[Hypothesis]] = {}
    for tuned_on, other in (halves, halves[::-1]):
        crossed |= other.apply(tuned_on.tune(_ignored).settings)
    measured = _measure(references, {"as decoded": lists, "calibrated on the other half": crossed}, rule, arguments)
    if arguments.crosswise:
        for name, each in measured.items():
            log(f"{name}: {each.line()}")
        write_hypotheses(arguments.crosswise, ((name, crossed[name]) for name in texts))
        return str(arguments.crosswise)
    tuned = dev_of(list(texts)).tune(log_trials(rule))
    _save(tuned, measured, rule, arguments)
    lines = [f"{name}: {each.to_text()}" for name, each in measured.items()]
    return "\n\n".join([*lines, f"{_chosen(tuned, rule)}; written to {arguments.out}"])


def _halves(references: Sequence[Reference], where: str) -> tuple[list[str], list[str]]:
    from asr.tuning.dev import halve

    speakers = {each.utterance_id: each.speaker or "" for each in references}
    if "" in speakers.values() or len(set(speakers.values())) < 2:
        log(f"{where}: speakers are not known or only one, so halves are of utterances")
        speakers = {name: name for name in speakers}
    return halve(speakers, where)


def _measure(
    references: Sequence[Reference],
    found: Mapping[str, Mapping[str, Sequence[Hypothesis]]],
    rule: PolicyRule,
    arguments: Namespace,
) -> dict[str, Reliability]:
    """Measures several sets of hypotheses by name, and draws them if there is a file for that."""
    from asr.scoring.confidences import measure_reliability

    ids = [each.utterance_id for each in references]
    measured = {
        name: measure_reliability(references, {each: lists[each][0] for each in ids}, rule, arguments.nbest)
        for name, lists in found.items()
    }
    if arguments.figure:
        from asr.reports.reliability import draw_reliability

        draw_reliability(measured, arguments.figure, arguments.nbest)
        log(f"drawn to {arguments.figure}")
    return measured


def _save(tuned: TunedConfidence, measured: Mapping[str, Reliability], rule: PolicyRule, arguments: Namespace) -> None:
    before, after = measured.values()
    tuned.settings.save(
        arguments.out,
        tuned_on=arguments.cuts,
        unit=rule.unit,
        text_policy=f"{rule.policy.name} ({rule.policy.hash})",
        error_rate=tuned.outcome.counts.rate,
        first_error_rate=tuned.outcome.without.rate,
        as_decoded=before.to_dict(),
        held_out=after.to_dict(),
    )


def _chosen(tuned: TunedConfidence, rule: PolicyRule) -> str:
    from asr.tuning.dev import percent

    first = f"{percent(tuned.outcome.without)} of {rule.unit}s"
    if tuned.settings.nbest == 1:
        return f"single hypotheses, {first}"
    if not tuned.settings.risk_scale:
        return f"hypotheses with the highest scores, {first}: expected errors do not choose better"
    chosen = f"{percent(tuned.outcome.counts)} of {rule.unit}s"
    return f"hypotheses with the fewest expected errors, {chosen} ({first} by the highest scores)"


def log_trials(rule: PolicyRule) -> Callable[[str, float], None]:
    """Returns a function that logs the name of what was tried and its error rate, for any tuning."""
    return lambda name, rate: log(f"{name}: {100 * rate:.2f} % of {rule.unit}s")


def _ignored(_name: str, _rate: float) -> None:
    """Logs nothing."""
