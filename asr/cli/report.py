"""Reports on runs: table of error rates, learning curves, settings; means over several runs."""

from __future__ import annotations

from pathlib import Path

from asr.cli.command import command, log, make_parser, parse

_DESCRIPTION = """Reports on runs: report.md and learning_curves.png in each run's folder, error rates on stdout.

The error rates come from the *_scores.json files in the folder, which asr score --json writes. For several runs, such
as one per seed, the means are printed too. With --ladder, one table compares many settings: runs whose folders share a
parent, exp/<corpus>/<experiment>, are seeds of one setting."""

_EXAMPLES = """  asr report exp/synth/blstm/seed0
  asr report exp/an4/blstm_all/seed*
  asr report exp/timit/*/seed* --ladder exp/timit/ladder.md --show test_greedy test_beam100"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("report", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("exp_dirs", nargs="+", metavar="EXP_DIR", help="folder of a run that asr train wrote")
    parser.add_argument("--ladder", type=Path, metavar="FILE", help="write one table with a row per setting")
    parser.add_argument("--show", nargs="+", default=[], metavar="NAME", help="hypotheses in --ladder (default: all)")
    arguments = parse(parser, argv)
    from asr.files import written_whole
    from asr.reports.ladder import ladder_table
    from asr.reports.page import rates_table, write_page
    from asr.reports.summary import means_table

    runs = []
    for exp_dir in map(Path, arguments.exp_dirs):
        runs.append(write_page(exp_dir))
        if arguments.ladder is None:
            print(f"{exp_dir}\n\n{rates_table(exp_dir, runs[-1].scores)}\n")
        log(f"written to {exp_dir / 'report.md'}")
    if arguments.ladder is not None:
        table = ladder_table(runs, arguments.show)
        with written_whole(arguments.ladder) as beside:
            beside.write_text(f"{table}\n", encoding="utf-8")
        print(table)
        log(f"written to {arguments.ladder}")
    elif len(runs) > 1:
        print(f"means over {len(runs)} runs\n\n{means_table([run.scores for run in runs])}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
