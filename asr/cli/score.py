"""Scores hypotheses by word, character or phone error rate under a named rule; compares two systems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_out
from asr.cli.command import command, log, make_parser, parse, warn
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from asr.scoring.comparison import Comparison
    from asr.scoring.counts import Unit
    from asr.scoring.report import Report
    from asr.scoring.rules import ScoringRule

_DESCRIPTION = """Scores hypotheses against cuts: every utterance must have exactly one, and none may be left over.

With --compare, tests whether the second of two systems is better than the first: matched-pairs test over utterances and
bootstrap interval of the difference. It takes hypotheses (with --cuts) or what --json wrote, under one rule."""

_EXAMPLES = """  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl --unit word char --policy upper-no-punctuation
  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl beam16.jsonl --unit phone --policy timit-39
  asr transcribe --model my.asr test/ --format jsonl > test.jsonl; asr score --cuts test_cuts.jsonl.gz \\
    --hyps test.jsonl --policy upper-no-punctuation
  asr score --cuts test_cuts.jsonl.gz --hyps 3gram.jsonl --policy upper-no-punctuation --frequencies books.txt --details
  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl --protocol graves-61-39 39-merged --details
  asr score --cuts test_cuts.jsonl.gz --compare old.jsonl new.jsonl --protocol 39-merged
  asr score --compare old/seed*/test_scores.json --against new/seed*/test_scores.json

Characters are code points; the single space between words counts as one.
The interval is a bootstrap over speakers.
--frequencies counts the words of texts under the same policy; reference words that are not among them are OOVs.
Protocols for TIMIT: graves-61-39, 39-merged, 39-optional-silence, 39-deletable-silence, 39-no-silence, 61."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    _check(arguments)
    report: Report | Comparison
    if arguments.compare:
        report = _compare(arguments)
        print(report.to_text())
    else:
        report = _score(arguments, arguments.hyps)
        print(report.to_text(arguments.per_speaker, arguments.worst, arguments.details))
    for file in arguments.hyps if arguments.times else ():
        from asr.scoring.word_times import measure_times
        from asr.text.policy import get_policy

        print(f"\n{file}\n{measure_times(arguments.cuts, file, get_policy(arguments.policy)).to_text()}")
    for file in arguments.hyps if arguments.confidence else ():
        print(f"\n{_confidences(arguments, file)}")
    if arguments.json:
        from asr.files import written_whole

        with written_whole(arguments.json) as beside:
            beside.write_text(f"{json.dumps(report.to_dict(), indent=2, ensure_ascii=False)}\n", encoding="utf-8")
        log(f"written to {arguments.json}")
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser("score", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--cuts", metavar="FILE", help="cuts with the references, which asr prepare wrote")
    files = parser.add_mutually_exclusive_group(required=True)
    files.add_argument(
        "--hyps", nargs="+", metavar="FILE", help="files of asr decode, or of asr transcribe --format jsonl"
    )
    files.add_argument("--compare", nargs="+", metavar="FILE", help="two files, or, with --against, runs of one system")
    parser.add_argument("--against", nargs="+", metavar="FILE", help="runs of the second system, such as other seeds")
    parser.add_argument(
        "--unit",
        nargs="+",
        choices=["word", "char", "phone"],
        help="what to count (default: word; phone with --protocol)",
    )
    rules = parser.add_mutually_exclusive_group()
    rules.add_argument("--policy", metavar="NAME", help="text policy of both references and hypotheses")
    rules.add_argument("--protocol", nargs="+", metavar="NAME", help="how TIMIT phones are scored, see below")
    parser.add_argument("--json", metavar="FILE", help="also write the report to this file")
    parser.add_argument("--per-speaker", action="store_true", help="print a table of speakers")
    frequencies = "texts (one sentence a line) or cuts (.jsonl.gz): print the OOV rate, and errors by word frequency"
    parser.add_argument("--frequencies", nargs="+", metavar="FILE", help=frequencies)
    overlap = "what asr lm overlap --out wrote: name what the language model's text shares with the cuts"
    parser.add_argument("--overlap", metavar="FILE", help=overlap)
    details = "print tables of speakers and chapters; with --protocol also confusions, phones, classes, sexes, dialects"
    parser.add_argument("--details", action="store_true", help=details)
    times = "print how far word times are from the alignments of the cuts"
    parser.add_argument("--times", action="store_true", help=times)
    confidence = "print how far confidences are probabilities: ECE, NCE and AUC with intervals, and a table by bins"
    parser.add_argument("--confidence", action="store_true", help=confidence)
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="print the N worst utterances, aligned")
    return parser


def _units(arguments: Namespace) -> list[Unit]:
    """Returns the units that are counted, each once."""
    return list(dict.fromkeys(arguments.unit or ["phone" if arguments.protocol else "word"]))


def _check(arguments: Namespace) -> None:
    """Refuses options that contradict each other."""
    units = _units(arguments)
    if arguments.against and not arguments.compare:
        raise UsageError("--against", "there is no --compare", "name the first system's files with --compare")
    if arguments.compare and not arguments.against and len(arguments.compare) != 2:
        found = f"{len(arguments.compare)} files and no --against"
        raise UsageError("--compare", found, "give two files, or the second system's with --against")
    if "phone" in units and len(units) > 1:
        raise UsageError("--unit", "phones and words are not in the same hypotheses", "score them one after the other")
    if arguments.protocol and units != ["phone"]:
        raise UsageError("--protocol", f"protocols count phones, not {units[0]}s", "leave --unit out, or give --policy")
    _check_tables(arguments)
    if arguments.compare and (len(units) > 1 or len(arguments.protocol or ()) > 1):
        raise UsageError("--compare", "there is more than one unit or protocol", "compare under one at a time")
    files = arguments.hyps or [*arguments.compare, *(arguments.against or ())]
    hyps = [file for file in files if arguments.hyps or not file.endswith(".json")]
    if hyps and not arguments.cuts:
        raise UsageError("--cuts", f"there are no references for {hyps[0]}", "give the cuts that were decoded")
    if hyps and not (arguments.policy or arguments.protocol):
        raise UsageError("--policy, --protocol", "neither is given", "say how to score, see asr score --help")
    check_out([*files, arguments.cuts, *(arguments.frequencies or ()), arguments.overlap], arguments.json, "--json")


def _check_tables(arguments: Namespace) -> None:
    """Refuses tables that cannot be made."""
    if arguments.worst < 0:
        raise UsageError("--worst", f"{arguments.worst} utterances", "give 0 or more")
    if arguments.overlap and not arguments.hyps:
        raise UsageError("--overlap", "a comparison has none", "give --hyps, or leave it out")
    if arguments.details and not arguments.hyps:
        raise UsageError("--details", "a comparison has none", "give --hyps, or leave it out")
    if arguments.times and not (arguments.hyps and arguments.policy and "word" in _units(arguments)):
        raise UsageError("--times", "they are of words, and no words are scored", "give --hyps, --policy, --unit word")
    if arguments.confidence and not (arguments.hyps and arguments.policy and _units(arguments) != ["char"]):
        raise UsageError("--confidence", "it is of words, or phones", "give --hyps, --policy, --unit word or phone")
    if arguments.frequencies and not (arguments.hyps and "word" in _units(arguments)):
        raise UsageError("--frequencies", "they are of words, and no words are scored", "give --hyps and --unit word")


def _rules(arguments: Namespace) -> Sequence[ScoringRule]:
    from asr.scoring.protocols import get_protocol
    from asr.scoring.rules import PolicyRule
    from asr.text.policy import get_policy

    if arguments.protocol:
        return [get_protocol(name) for name in dict.fromkeys(arguments.protocol)]
    policy, units = get_policy(arguments.policy), _units(arguments)
    if policy.phones is not None and units != ["phone"]:
        raise UsageError("--policy", f"{policy.name} folds phones, but {units[0]}s are scored", "add --unit phone")
    return [PolicyRule(policy, unit) for unit in units]


def _score(arguments: Namespace, hyps: Sequence[str]) -> Report:
    rules = _rules(arguments)
    from asr.scoring.frequency import read_frequencies
    from asr.scoring.hypotheses import read_texts
    from asr.scoring.references import read_references
    from asr.scoring.report import make_report
    from asr.text.policy import get_policy

    references = read_references(arguments.cuts, rules[0].id.unit)
    ids = {reference.audio: reference.utterance_id for reference in references if reference.audio}
    texts = {file: read_texts(file, ids) for file in hyps}
    frequencies = None
    if arguments.frequencies:
        frequencies = read_frequencies(arguments.frequencies, get_policy(arguments.policy))
        if frequencies.num_empty:
            warn(f"{frequencies.num_empty:,} lines without words are no sentences")
    return make_report(texts, references, arguments.cuts, rules, frequencies, arguments.overlap)


def _confidences(arguments: Namespace, file: str) -> str:
    from asr.scoring.confidences import measure_reliability
    from asr.scoring.hypotheses import read_hypotheses
    from asr.scoring.references import read_references
    from asr.scoring.rules import PolicyRule
    from asr.text.policy import get_policy

    unit = next(unit for unit in _units(arguments) if unit != "char")
    references, rule = read_references(arguments.cuts, unit), PolicyRule(get_policy(arguments.policy), unit)
    found = {name: nbest[0] for name, nbest in read_hypotheses(file).items()}
    return f"{file}: {measure_reliability(references, found, rule, file).to_text()}"


def _compare(arguments: Namespace) -> Comparison:
    from asr.scoring.comparison import compare, read_run, runs_of
    from asr.text.policy import get_policy

    first, second = arguments.compare, arguments.against
    if not second:
        first, second = first[:1], first[1:]
    files = list(dict.fromkeys((*first, *second)))
    name = arguments.protocol[0] if arguments.protocol else arguments.policy and get_policy(arguments.policy).name
    unit = _units(arguments)[0] if arguments.unit or name else None
    runs = {file: read_run(file, name, unit) for file in files if file.endswith(".json")}
    hyps = [file for file in files if file not in runs]
    if hyps:
        runs |= zip(hyps, runs_of(_score(arguments, hyps)), strict=True)
    return compare([runs[file] for file in first], [runs[file] for file in second])


if __name__ == "__main__":
    raise SystemExit(main())
