"""Scores hypotheses: word, character or phone error rates, with what they were measured by; compares two systems."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from asr.cli.command import command, log, make_parser, parse, warn
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Sequence

    from lhotse.cut import Cut

    from asr.scoring.comparison import Comparison, Run
    from asr.scoring.counts import Unit
    from asr.scoring.frequency import WordFrequencies
    from asr.scoring.protocol_report import ProtocolReport
    from asr.scoring.references import Reference
    from asr.scoring.report import Report
    from asr.text.policy import TextPolicy

_DESCRIPTION = """Scores hypotheses against cuts: every utterance must have one, and none may be left over.

With --compare, tells whether the second of two systems is better than the first: matched-pairs test by utterance and
bootstrap interval of the difference. Its files are hypotheses (with --cuts), or what --protocol NAME --json wrote."""

_EXAMPLES = """  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl --unit word char --policy upper-no-punctuation
  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl beam16.jsonl --unit phone --policy timit-39
  asr score --cuts test_cuts.jsonl.gz --hyps 3gram.jsonl --policy upper-no-punctuation --frequencies books.txt --details
  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl --protocol graves-61-39 39-merged --details
  asr score --cuts test_cuts.jsonl.gz --compare old.jsonl new.jsonl --protocol 39-merged
  asr score --compare old/seed*/test_scores.json --against new/seed*/test_scores.json

Characters are code points, and the single blank between words counts as one.
The interval is a bootstrap over speakers.
--frequencies counts the words of texts under the same policy: words of the references that are not there are OOVs.
Protocols for TIMIT: graves-61-39, 39-merged, 39-optional-silence, 39-deletable-silence, 39-no-silence, 61."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    _check(arguments)
    report: Report | ProtocolReport | Comparison
    if arguments.compare:
        report = _compare(arguments)
        print(report.to_text())
    elif arguments.protocol:
        report = _protocol_report(arguments, arguments.hyps)
        print(report.to_text(arguments.per_speaker, arguments.worst, arguments.details))
    else:
        report = _policy_report(arguments, arguments.hyps)
        print(report.to_text(arguments.per_speaker, arguments.worst, arguments.details))
        for file in arguments.hyps if arguments.times else ():
            from asr.cli._word_times import measure_times

            print(f"\n{file}\n{measure_times(arguments.cuts, file, report.policy).to_text()}")
    if arguments.json:
        from asr.files import written_whole

        with written_whole(arguments.json) as beside:
            beside.write_text(f"{json.dumps(report.to_dict(), indent=2, ensure_ascii=False)}\n", encoding="utf-8")
        log(f"written to {arguments.json}")
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser("score", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--cuts", metavar="FILE", help="the references, as asr prepare wrote them")
    files = parser.add_mutually_exclusive_group(required=True)
    files.add_argument("--hyps", nargs="+", metavar="FILE", help="what asr decode wrote; one row each")
    files.add_argument("--compare", nargs="+", metavar="FILE", help="two files, or with --against runs of one system")
    parser.add_argument("--against", nargs="+", metavar="FILE", help="runs of the second system, such as other seeds")
    parser.add_argument(
        "--unit", nargs="+", choices=["word", "char", "phone"], help="what is counted (default: word; phone of TIMIT)"
    )
    rules = parser.add_mutually_exclusive_group()
    rules.add_argument("--policy", metavar="NAME", help="text policy of references and hypotheses alike")
    rules.add_argument("--protocol", nargs="+", metavar="NAME", help="how TIMIT's phones are scored, see below")
    parser.add_argument("--json", metavar="FILE", help="write the report here too")
    parser.add_argument("--per-speaker", action="store_true", help="print a table of speakers")
    frequencies = (
        "texts (one sentence a line) or cuts (.jsonl.gz): print the OOV rate, and errors by frequency of words"
    )
    parser.add_argument("--frequencies", nargs="+", metavar="FILE", help=frequencies)
    details = "print tables of speakers and chapters; with --protocol confusions, phones, classes, sexes, dialects too"
    parser.add_argument("--details", action="store_true", help=details)
    times = "print how far the times of words are from those of the cuts' alignments"
    parser.add_argument("--times", action="store_true", help=times)
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="print the N worst utterances, aligned")
    return parser


def _check(arguments: Namespace) -> None:
    """Refuses what does not go together."""
    units = arguments.unit = list(dict.fromkeys(arguments.unit or (["phone"] if arguments.protocol else ["word"])))
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


def _check_tables(arguments: Namespace) -> None:
    """Refuses tables of what is not there."""
    if arguments.worst < 0:
        raise UsageError("--worst", f"{arguments.worst} utterances", "give 0 or more")
    if arguments.details and not arguments.hyps:
        raise UsageError("--details", "a comparison has none", "give --hyps, or leave it out")
    if arguments.times and not (arguments.hyps and arguments.policy and "word" in arguments.unit):
        raise UsageError("--times", "they are of words, and no words are scored", "give --hyps, --policy, --unit word")
    if arguments.frequencies and not (arguments.hyps and "word" in arguments.unit):
        raise UsageError("--frequencies", "they are of words, and no words are scored", "give --hyps and --unit word")


def _policy_report(arguments: Namespace, hyps: Sequence[str]) -> Report:
    from asr.corpora.manifests import read_cuts
    from asr.scoring.report import Report, score
    from asr.text.policy import get_policy

    units = cast("list[Unit]", arguments.unit)
    policy = get_policy(arguments.policy)
    if policy.phones is not None and units != ["phone"]:
        raise UsageError("--policy", f"{policy.name} folds phones, but {units[0]}s are scored", "add --unit phone")
    files = _read_texts(hyps)
    cuts = read_cuts(arguments.cuts)
    references = _references(cuts, units[0])
    frequencies = _read_frequencies(arguments.frequencies, policy) if arguments.frequencies else None
    labels = _labels(list(files))
    scores = [
        score(labels[file], references, hyps, unit, policy, file, frequencies)
        for file, hyps in files.items()
        for unit in units
    ]
    return Report(policy, tuple(references), tuple(scores), _chapters(cuts), frequencies)


def _protocol_report(arguments: Namespace, hyps: Sequence[str]) -> ProtocolReport:
    from asr.corpora.manifests import read_cuts
    from asr.scoring.protocol_report import ProtocolReport, describe_split, score_protocol
    from asr.scoring.protocols import get_protocol

    protocols = [get_protocol(name) for name in dict.fromkeys(arguments.protocol)]
    files = _read_texts(hyps)
    references = _references(read_cuts(arguments.cuts), "phone")
    labels = _labels(list(files))
    scores = [
        score_protocol(labels[file], references, hyps, protocol, file, arguments.cuts)
        for file, hyps in files.items()
        for protocol in protocols
    ]
    return ProtocolReport(describe_split(arguments.cuts, references), tuple(references), tuple(scores))


def _compare(arguments: Namespace) -> Comparison:
    from asr.scoring.comparison import compare

    if arguments.against:
        first, second = arguments.compare, arguments.against
    else:
        first, second = [arguments.compare[:1], arguments.compare[1:]]
    files = dict.fromkeys((*first, *second))
    runs = _read_runs(arguments, list(files))
    return compare([runs[file] for file in first], [runs[file] for file in second])


def _read_runs(arguments: Namespace, files: Sequence[str]) -> dict[str, Run]:
    """Gives the run in each file: read from scores, or scored here."""
    from asr.scoring.comparison import Run, read_run
    from asr.scoring.protocol_report import describe_split

    protocol = arguments.protocol[0] if arguments.protocol else None
    runs = {file: read_run(file, protocol) for file in files if file.endswith(".json")}
    hyps = [file for file in files if file not in runs]
    if not hyps:
        return runs
    report = _protocol_report(arguments, hyps) if protocol else _policy_report(arguments, hyps)
    split = describe_split(arguments.cuts, report.references).hash
    for file, score in zip(hyps, report.scores, strict=True):
        runs[file] = Run.from_score(score, file, report.rule_of(score), split)
    return runs


def _read_texts(files: Sequence[str]) -> dict[str, dict[str, str]]:
    from asr.scoring.hypotheses import read_hypotheses

    return {file: {name: nbest[0].text for name, nbest in read_hypotheses(file).items()} for file in files}


def _references(cuts: Iterable[Cut], unit: Unit) -> list[Reference]:
    from asr.corpora.targets import target_text
    from asr.scoring.references import Reference

    target: Literal["char", "phone"] = "phone" if unit == "phone" else "char"
    references = []
    for cut in cuts:
        text = target_text(cut, target)
        custom = cut.supervisions[0].custom or {}
        speaker = cut.supervisions[0].speaker or None
        references.append(Reference(cut.id, text, speaker, cut.duration, custom.get("sex"), custom.get("dialect")))
    return references


def _chapters(cuts: Iterable[Cut]) -> dict[str, str]:
    """Gives reader and chapter of each utterance of a chapter, such as "1272-128104", by utterance id."""
    chapters = {}
    for cut in cuts:
        supervision = cut.supervisions[0]
        chapter = (supervision.custom or {}).get("chapter")
        if chapter is not None:
            chapters[cut.id] = f"{supervision.speaker}-{chapter}" if supervision.speaker else str(chapter)
    return chapters


def _read_frequencies(files: Sequence[str], policy: TextPolicy) -> WordFrequencies:
    """Counts the words of texts and of the transcripts of cuts."""
    from asr.data.transcripts import open_sentences
    from asr.scoring.frequency import count_words

    cuts = [Path(file) for file in files if file.endswith((".jsonl", ".jsonl.gz"))]
    texts = [Path(file) for file in files if Path(file) not in cuts]
    readers = [open_sentences(texts, None, policy, None)] if texts else []
    readers += [open_sentences(None, cuts, policy, None)] if cuts else []
    frequencies = count_words(chain.from_iterable(readers), files)
    num_empty = sum(reader.num_empty for reader in readers)
    if num_empty:
        warn(f"{num_empty:,} lines without words are no sentences")
    return frequencies


def _labels(files: list[str]) -> dict[str, str]:
    """Calls each file by its name, or by its whole path where another one has the same name."""
    names = Counter(Path(file).stem for file in files)
    return {file: Path(file).stem if names[Path(file).stem] == 1 else file for file in files}


if __name__ == "__main__":
    raise SystemExit(main())
