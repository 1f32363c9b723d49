"""Converts a corpus to Lhotse cuts: an4, synth, timit, librispeech, or a folder of your own speech."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._corpus_options import add_lexicon, add_librispeech, add_phones, prepare_librispeech
from asr.cli._file_checks import check_out
from asr.cli.command import (
    add_action,
    command,
    download_log,
    make_parser,
    parse,
    print_log,
    progress,
    warn,
    whole_number,
)
from asr.corpora.rows import FORMS
from asr.errors import DataError, UsageError
from asr.machine import num_cores
from asr.text.policy import POLICIES, TextPolicy, get_policy

if TYPE_CHECKING:
    from lhotse import CutSet

    from asr.corpora.checks import Problem

    Splits = dict[str, CutSet]

_EXAMPLES = """\
  asr prepare an4 --out data/an4                                 downloads CMU AN4
  asr prepare an4 --corpus-dir /data/an4 --out data/an4
  asr prepare synth --minutes 20 --speakers 40 --out data/synth  synthesised by espeak-ng
  asr prepare timit --corpus-dir /data/TIMIT --out data/timit
  asr prepare librispeech --corpus-dir LibriSpeech --lexicon cmudict.dict --out data/librispeech
  asr prepare folder my.csv --dev-fraction 0.1 --out data/mine   your own speech
  asr prepare folder my/ --splits --out data/mine                my/train, my/dev.csv and so on

asr prepare folder --help lists the forms that your own speech may have"""

_NAMED = 5  # problems that are printed at most


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    print_log("asr prepare: ")
    if not 0 <= arguments.min_duration < arguments.max_duration:
        found = f"{arguments.min_duration:g} s is not below {arguments.max_duration:g} s"
        raise UsageError("--min-duration, --max-duration", found, "give seconds, the smaller first")
    policy = None if arguments.policy is None else get_policy(arguments.policy)
    check_out([], arguments.out / "quarantine.tsv")

    problems: list[Problem] = []
    splits = arguments.prepare(arguments, problems)
    add_phones(splits, problems, policy, arguments)
    splits = _checked(splits, problems, policy, arguments)

    from asr.corpora.manifests import write_cuts
    from asr.corpora.summary import shared_speakers, summarise

    summaries = {split: summarise(cuts, policy) for split, cuts in splits.items()}
    for split, cuts in splits.items():
        write_cuts(cuts, arguments.out / f"{split}_cuts.jsonl.gz")
        print(f"{split}: {summaries[split].to_text(policy, arguments.sample_rate)}")
    for split, num_shared in shared_speakers(summaries).items():
        warn(f"{num_shared} of the {len(summaries[split].speakers)} speakers of {split} are in train, too")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("prepare", __doc__ or "", _EXAMPLES)
    corpora = parser.add_subparsers(dest="corpus", required=True, metavar="CORPUS")

    an4 = _add_corpus(corpora, "an4", "CMU AN4: 50 minutes of names, numbers and spelled letters", _prepare_an4)
    an4.add_argument("--corpus-dir", type=Path, metavar="D", help="folder with wav/ and etc/ (default: downloaded)")
    add_lexicon(an4)

    synth = _add_corpus(corpora, "synth", "speech made by espeak-ng, with the layout of TIMIT", _prepare_synth)
    synth.add_argument("--corpus-dir", type=Path, metavar="D", help="a finished corpus (default: made in OUT/corpus)")
    synth.add_argument("--minutes", type=float, default=20.0, help="speech to make (20)", metavar="N")
    synth.add_argument("--speakers", type=int, default=40, help="speakers to make (40)", metavar="N")
    synth.add_argument("--seed", type=int, default=0, help="seed of sentences, voices and noise (0)", metavar="N")

    timit = _add_corpus(corpora, "timit", "TIMIT as distributed by the LDC", _prepare_timit)
    timit.add_argument("--corpus-dir", type=Path, required=True, metavar="D", help="folder with TRAIN and TEST")
    timit.add_argument("--full-test", action="store_true", help="also write test_full: all of TEST, including dev")

    books = "LibriSpeech, mini-LibriSpeech, and folders with their layout"
    add_librispeech(_add_corpus(corpora, "librispeech", books, prepare_librispeech))

    folder = _add_corpus(corpora, "folder", "your own speech", _prepare_folder, FORMS, out=None)
    add_lexicon(folder)
    folder.add_argument("path", type=Path, metavar="PATH", help="see below")
    division = folder.add_mutually_exclusive_group()
    division.add_argument(
        "--dev-fraction", type=float, default=0.0, metavar="F", help="share held out as dev, by speaker where known"
    )
    about_channel = "take this channel, 1 is the left (default: the mean of all, or the loudest where they cancel out)"
    folder.add_argument("--channel", type=whole_number, metavar="N", help=about_channel)
    division.add_argument("--splits", action="store_true", help="PATH holds a list or folder per split")
    return parser


def _add_corpus(
    corpora: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    prepare: Callable[[argparse.Namespace, list[Problem]], Splits],
    epilog: str = "",
    out: str | None = "data/{}",
) -> argparse.ArgumentParser:
    """Adds a corpus with the options shared by all corpora."""
    parser = add_action(corpora, name, summary, f"Prepares {summary}.", epilog)
    default = Path(out.format(name)) if out else None
    shown = f" ({default})" if default else ""
    parser.set_defaults(prepare=prepare)
    parser.add_argument(
        "--out", type=Path, default=default, required=default is None, metavar="D", help=f"folder for the cuts{shown}"
    )
    parser.add_argument("--policy", metavar="NAME", help=f"check and count texts under it: {', '.join(POLICIES)}")
    parser.add_argument("--min-duration", type=float, default=0.1, metavar="S", help="seconds at least (0.1)")
    parser.add_argument("--max-duration", type=float, default=60.0, metavar="S", help="longest utterance, seconds (60)")
    parser.add_argument(
        "--sample-rate",
        type=whole_number,
        default=16000,
        metavar="HZ",
        help="sample rate of the model to be trained (16000)",
    )
    parser.add_argument("--strict-rate", action="store_true", help="other sample rates are problems, not resampled")
    on_problem = "if utterances cannot be used: write no cuts (refuse), or go on without them"
    parser.add_argument("--on-problem", choices=["refuse", "leave-out"], default="refuse", help=on_problem)
    parser.add_argument(
        "--jobs", type=whole_number, default=num_cores(), metavar="N", help="files read at a time (all CPUs)"
    )
    return parser


def _prepare_an4(arguments: argparse.Namespace, problems: list[Problem]) -> Splits:
    from asr.corpora import an4

    corpus_dir = arguments.corpus_dir or an4.download(arguments.out / "corpus", download_log(an4.URL))
    return an4.prepare(corpus_dir, problems=problems, num_jobs=arguments.jobs)


def _prepare_synth(arguments: argparse.Namespace, problems: list[Problem]) -> Splits:
    del problems  # a damaged synthetic corpus is made again, not shortened
    from asr.corpora import timit

    corpus_dir = arguments.corpus_dir
    if corpus_dir is None:
        from asr.corpora import synth

        corpus_dir = arguments.out / "corpus"
        with progress(60 * arguments.minutes, "synth") as bar:
            synth.generate(
                corpus_dir,
                minutes=arguments.minutes,
                num_speakers=arguments.speakers,
                seed=arguments.seed,
                jobs=arguments.jobs,
                on_seconds=bar.advance,
            )
    return timit.prepare(corpus_dir)


def _prepare_timit(arguments: argparse.Namespace, problems: list[Problem]) -> Splits:
    del problems  # the published protocol needs every utterance, so damage is an error
    from asr.corpora import timit

    complaints = arguments.out / "complaints.txt"
    splits = timit.prepare(arguments.corpus_dir, full_test=arguments.full_test, complaints_file=complaints)
    if arguments.full_test:
        warn("test_full contains the speakers of dev: what was chosen on dev is not unseen there")
    return splits


def _prepare_folder(arguments: argparse.Namespace, problems: list[Problem]) -> Splits:
    from asr.corpora import folder

    return folder.prepare(
        arguments.path,
        by_name=arguments.splits,
        dev_fraction=arguments.dev_fraction,
        channel=arguments.channel,
        problems=problems,
        num_jobs=arguments.jobs,
    )


def _checked(
    splits: Splits, problems: list[Problem], policy: TextPolicy | None, arguments: argparse.Namespace
) -> Splits:
    """Checks all utterances, writes the quarantine list, and refuses or leaves out the utterances on it."""
    from asr.corpora.checks import Limits, leave_out, write_quarantine
    from asr.corpora.sifting import num_seconds, sift
    from asr.corpora.summary import counted

    rate = arguments.sample_rate if arguments.strict_rate else None
    limits = Limits(arguments.min_duration, arguments.max_duration, rate, policy)
    with progress(num_seconds(splits), "check") as bar:
        sifted = sift(splits, problems, limits, arguments.jobs, bar.advance)
    if sifted.cancelling:
        named = ", ".join(sifted.cancelling[:_NAMED]) + (", …" if len(sifted.cancelling) > _NAMED else "")
        count = f"the channels of {counted(len(sifted.cancelling), 'utterance')} cancel each other"
        warn(f"{count}, and the loudest is taken alone: {named}; --channel takes one of all")
    quarantine = arguments.out / "quarantine.tsv"
    write_quarantine(sifted.problems, quarantine)
    if not sifted.problems:
        return sifted.splits
    share = f"{sifted.num_bad} of {sifted.num_utterances} utterances"
    for problem in sifted.problems[:_NAMED]:
        warn(f"{problem.utterance_id}: {problem.reason}: {problem.found} ({problem.path})")
    if arguments.on_problem == "refuse":
        found = f"{share} cannot be used, listed in {quarantine}"
        remedy = "correct them, or go on without them with --on-problem leave-out"
        raise DataError(getattr(arguments, "path", arguments.corpus), found, remedy)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sifted.reasons.items())
    warn(f"left out {share} ({reasons}), listed in {quarantine}")
    return leave_out(sifted.splits, sifted.problems)


if __name__ == "__main__":
    raise SystemExit(main())
