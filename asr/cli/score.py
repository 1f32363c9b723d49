"""Scores hypotheses: word, character or phone error rates, with what they were measured by."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from asr.cli.command import command, log, make_parser, parse
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from asr.scoring.counts import Unit
    from asr.scoring.references import Reference

_EXAMPLES = """  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl --unit word char --policy upper-no-punctuation
  asr score --cuts test_cuts.jsonl.gz --hyps greedy.jsonl beam16.jsonl --unit phone --policy timit-39

Characters are code points, and the single blank between words counts as one.
The interval is a bootstrap over speakers."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    units = cast("list[Unit]", list(dict.fromkeys(arguments.unit)))
    if "phone" in units and len(units) > 1:
        raise UsageError("--unit", "phones and words are not in the same hypotheses", "score them one after the other")
    if arguments.worst < 0:
        raise UsageError("--worst", f"{arguments.worst} utterances", "give 0 or more")
    from asr.files import written_whole
    from asr.scoring.hypotheses import read_hypotheses
    from asr.scoring.report import Report, score
    from asr.text.policy import get_policy

    policy = get_policy(arguments.policy)
    if policy.phones is not None and units != ["phone"]:
        raise UsageError("--policy", f"{policy.name} folds phones, but {units[0]}s are scored", "add --unit phone")
    files = {file: {name: nbest[0].text for name, nbest in read_hypotheses(file).items()} for file in arguments.hyps}
    references = _read_references(arguments.cuts, units[0])
    labels = _labels(list(files))
    scores = [
        score(labels[file], references, hyps, unit, policy, file) for file, hyps in files.items() for unit in units
    ]
    report = Report(policy, tuple(references), tuple(scores))
    print(report.to_text(arguments.per_speaker, arguments.worst))
    if arguments.json:
        with written_whole(arguments.json) as beside:
            beside.write_text(f"{json.dumps(report.to_dict(), indent=2, ensure_ascii=False)}\n", encoding="utf-8")
        log(f"written to {arguments.json}")
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser(
        "score", "Scores hypotheses against cuts: every utterance must have one, and none may be left over.", _EXAMPLES
    )
    parser.add_argument("--cuts", required=True, metavar="FILE", help="the references, as asr prepare wrote them")
    parser.add_argument("--hyps", required=True, nargs="+", metavar="FILE", help="what asr decode wrote; one row each")
    parser.add_argument(
        "--unit", nargs="+", choices=["word", "char", "phone"], default=["word"], help="what is counted (default: word)"
    )
    parser.add_argument(
        "--policy", required=True, metavar="NAME", help="text policy of references and hypotheses alike"
    )
    parser.add_argument("--json", metavar="FILE", help="write the report here too")
    parser.add_argument("--per-speaker", action="store_true", help="print a table of speakers")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="print the N worst utterances, aligned")
    return parser


def _read_references(path: str, unit: Unit) -> list[Reference]:
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text
    from asr.scoring.references import Reference

    target: Literal["char", "phone"] = "phone" if unit == "phone" else "char"
    return [
        Reference(cut.id, target_text(cut, target), cut.supervisions[0].speaker or None, cut.duration)
        for cut in read_cuts(path)
    ]


def _labels(files: list[str]) -> dict[str, str]:
    """Calls each file by its name, or by its whole path where another one has the same name."""
    names = Counter(Path(file).stem for file in files)
    return {file: Path(file).stem if names[Path(file).stem] == 1 else file for file in files}


if __name__ == "__main__":
    raise SystemExit(main())
