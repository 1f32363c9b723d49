"""Adapts a model to a few recordings with transcripts; refused where others, held out, say that it brings nothing."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from asr.box.english import ENGLISH
from asr.cli._file_checks import check_inputs, check_out
from asr.cli._hotword_options import add_hotwords, read_hotwords
from asr.cli.command import command, log, make_parser, parse, print_log
from asr.errors import DataError, UsageError
from asr.text.hotwords import HOTWORDS_NOTE, Hotwords, Pronounce

_EXAMPLES = f"""  asr adapt --recordings mine/ --out mine.asr
  asr adapt --recordings mine.csv --hotwords names.txt --text letters.txt --out mine.asr
  asr adapt --model my.asr --recordings data/mine/train_cuts.jsonl.gz --seed 1 --out mine.asr
  asr transcribe --model mine.asr talk.wav

Recordings are a folder of x.wav beside x.txt, a CSV, TSV or JSON list, a Kaldi data directory or Lhotse cuts, as for
asr prepare folder; five or more, of up to a minute each. A fifth of them, drawn by --seed, is held out. The others are
adapted to, part by part:
  hot words  those of --hotwords, which are then in the file: asr transcribe favours them unless it is given others
  n-gram     a model of their transcripts and of --text, mixed into the file's own with the weight that predicts a
             fourth of the transcripts best; their new words come into the lexicon
  scales     of each hidden unit, 2 * sigmoid(a), learnt with CTC and folded into the weights (LHUC, Swietojanski &
             Renals 2014); as many passes as lower the loss of that fourth
A part is kept if the written file makes fewer word errors in what is held out than without it. That is the rule: how
sure the gain is, the table tells, by the 95 % bootstrap interval of the difference and the p of the matched-pairs test,
both over recordings; few recordings make it unsure. If no part is kept nothing is written, and the exit status is 1.
The figures are of the file itself; those of kept parts flatter it a little, because they chose them. asr info shows
them.

{HOTWORDS_NOTE}"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    if arguments.out == ENGLISH:
        found = "is the name of the model in the box"
        raise UsageError(f"--out {ENGLISH}", found, f"name a file, such as {ENGLISH}-mine.asr")
    if arguments.seed < 0:
        raise UsageError("--seed", f"{arguments.seed}", "give 0 or more")
    if not Path(arguments.recordings).exists():
        remedy = "give a folder of x.wav beside x.txt, or a list; asr adapt --help says which"
        raise DataError(arguments.recordings, "no such file or folder", remedy)
    check_inputs(*arguments.text)
    inputs = [arguments.model, arguments.recordings, arguments.hotwords, arguments.g2p, *arguments.text]
    check_out(inputs, arguments.out)
    print_log("asr adapt: ")
    hotwords, pronounce = _read_words(arguments)
    from asr.adaptation.adapting import Wishes, adapt, adapted_card
    from asr.adaptation.trial import to_table

    wishes = Wishes(arguments.model, arguments.recordings, hotwords, tuple(arguments.text), pronounce, arguments.seed)
    line = shlex.join(["asr", "adapt", *(sys.argv[1:] if argv is None else argv)])
    adapted = adapt(wishes, arguments.out, lambda card, found: adapted_card(card, found, wishes, line))
    log(f"asr adapt: {adapted.scope}")
    print("\n".join(to_table(adapted.outcomes)))
    if not adapted.has_gained:
        raise adapted.refusal(arguments.recordings)
    log(f"{arguments.out}: {Path(arguments.out).stat().st_size:,} bytes")
    return 0


def _read_words(arguments: argparse.Namespace) -> tuple[Hotwords | None, Pronounce | None]:
    """Returns the hot words, if any, and what pronounces words that a lexicon lacks, theirs and those of texts."""
    g2p, arguments.g2p = arguments.g2p, None
    hotwords = read_hotwords(arguments)
    if not g2p:
        return hotwords, None
    from asr.checkpoints.model_file.pronouncer import open_pronouncer

    pronounce = open_pronouncer(g2p).lexicon
    return hotwords and replace(hotwords, pronounce=pronounce), pronounce


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("adapt", "Adapts a model to a few recordings, if that makes fewer errors.", _EXAMPLES)
    model_help = f"model file that asr export wrote (default: {ENGLISH}, the model in the box)"
    parser.add_argument("--model", default=ENGLISH, metavar="FILE", help=model_help)
    recordings_help = "five or more with transcripts, see below"
    parser.add_argument("--recordings", required=True, metavar="PATH", help=recordings_help)
    text_help = "more text for the n-gram model, one sentence a line"
    parser.add_argument("--text", nargs="+", default=[], metavar="FILE", help=text_help)
    add_hotwords(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws what is held out (default: 0)")
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write, such as mine.asr")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
