"""Reports on runs: table of error rates, learning curves, settings; a page to look at; means over several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_inputs, check_out
from asr.cli.command import command, log, make_parser, parse, progress, whole_number
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.reports.page import Page

_DESCRIPTION = """Reports on runs: report.md and learning_curves.png in each run's folder, error rates on stdout.

The error rates come from the *_scores.json files in the folder, which asr score --json writes. For several runs, such
as one per seed, the means are printed too. With --ladder, one table compares many settings: runs whose folders share a
parent, exp/<corpus>/<experiment>, are seeds of one setting.

With --html, a run also gets a page to look at: a single file that browsers show without a network. With --cuts, it has
the confusions, the worst utterances with a player, and the gates of the model over the worst utterance."""

_EXAMPLES = """  asr report exp/synth/blstm/seed0
  asr report exp/synth/blstm/seed0 --html report.html --cuts data/synth/test_cuts.jsonl.gz
  asr report exp/an4/blstm_all/seed*
  asr report exp/timit/*/seed* --ladder exp/timit/ladder.md --show test_greedy test_beam100"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    _check(arguments)
    from asr.files import written_whole
    from asr.reports.ladder import ladder_table
    from asr.reports.page import rates_table, read_page, write_page
    from asr.reports.summary import means_table

    runs = []
    for exp_dir in map(Path, arguments.exp_dirs):
        page = read_page(exp_dir, arguments.checkpoint)
        write_page(page)
        runs.append(page.run)
        if arguments.ladder is None:
            print(f"{exp_dir}\n\n{rates_table(page)}\n")
        log(f"written to {exp_dir / 'report.md'}")
        if arguments.html is not None:
            _write_html(page, arguments)
    if arguments.ladder is not None:
        table = ladder_table(runs, arguments.show)
        with written_whole(arguments.ladder) as beside:
            beside.write_text(f"{table}\n", encoding="utf-8")
        print(table)
        log(f"written to {arguments.ladder}")
    elif len(runs) > 1:
        print(f"means over {len(runs)} runs\n\n{means_table([run.scores for run in runs])}")
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser("report", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("exp_dirs", nargs="+", metavar="EXP_DIR", help="folder of a run that asr train wrote")
    parser.add_argument("--ladder", type=Path, metavar="FILE", help="write one table with a row per setting")
    parser.add_argument("--show", nargs="+", default=[], metavar="NAME", help="hypotheses in --ladder (default: all)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page of a single run")
    parser.add_argument("--cuts", type=Path, metavar="FILE", help="cuts that were scored, for --html")
    hyps = "hypotheses of these cuts for --html (default: those in EXP_DIR with the lowest error rate)"
    parser.add_argument("--hyps", type=Path, metavar="FILE", help=hyps)
    worst = "utterances on the page, those with the most errors (default: 10)"
    parser.add_argument("--utterances", type=whole_number, default=10, metavar="N", help=worst)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="model (default: best.ckpt, or last.ckpt)")
    return parser


def _check(arguments: Namespace) -> None:
    """Refuses what does not go together."""
    for name in ("cuts", "hyps"):
        if getattr(arguments, name) is not None and arguments.html is None:
            raise UsageError(f"--{name}", "there is no --html", "name the page with --html FILE")
    if arguments.hyps is not None and arguments.cuts is None:
        raise UsageError("--hyps", "there are no --cuts", "name the cuts that were decoded")
    for name in ("html", "checkpoint"):
        if getattr(arguments, name) is not None and len(arguments.exp_dirs) > 1:
            raise UsageError(f"--{name}", f"one file for {len(arguments.exp_dirs)} runs", "run it once for each")
    inputs = [arguments.cuts, arguments.hyps, arguments.checkpoint]
    check_inputs(*inputs)
    for name in ("html", "ladder"):
        check_out(inputs, getattr(arguments, name), f"--{name}")


def _write_html(page: Page, arguments: Namespace) -> None:
    from asr.reports.details import choose_details, read_details
    from asr.reports.html.page import Heard, write_html

    found = read_details(page.exp_dir)
    if arguments.cuts is None:
        write_html(arguments.html, page, choose_details(found, None, None, page.exp_dir) if found else None, None)
    else:
        from asr.data.spoken import read_spoken
        from asr.scoring.again import score_again
        from asr.scoring.hypotheses import read_hypotheses
        from asr.scoring.splits import split_name

        label = arguments.hyps and arguments.hyps.stem
        details = choose_details(found, split_name(arguments.cuts), label, page.exp_dir)
        hyps = arguments.hyps or page.exp_dir / f"{details.label}.jsonl"
        score = score_again(details.rule, details.label, arguments.cuts, hyps, details.counts, details.source)
        heard = Heard(score, read_hypotheses(hyps), read_spoken(arguments.cuts), arguments.utterances)
        with progress(None, "looking inside") as bar:
            write_html(arguments.html, page, details, heard, bar.advance)
    log(f"written to {arguments.html}, {arguments.html.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    raise SystemExit(main())
