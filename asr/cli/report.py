"""Reports on runs: table of error rates, learning curves, settings; means over several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import command, log, make_parser, parse
from asr.errors import DataError
from asr.files import written_whole

if TYPE_CHECKING:
    from asr.checkpoints.acoustic import Loaded
    from asr.training.history import History
    from asr.training.ladder import Run

_DESCRIPTION = """Reports on runs: report.md and learning_curves.png in each run's folder, error rates on stdout.

The error rates are those of the files *_scores.json there, which asr score --json writes. Of several runs, such as one
for each seed, the means are printed too. With --ladder one table holds many settings against each other: runs whose
folders share a parent, exp/<corpus>/<experiment>, are seeds of one setting."""

_EXAMPLES = """  asr report exp/synth/blstm/seed0
  asr report exp/an4/blstm_all/seed*
  asr report exp/timit/*/seed* --ladder exp/timit/ladder.md --show test_greedy test_beam100"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("report", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("exp_dirs", nargs="+", metavar="EXP_DIR", help="folder of a run, as asr train wrote it")
    parser.add_argument("--ladder", type=Path, metavar="FILE", help="write one table with a row for each setting")
    parser.add_argument("--show", nargs="+", default=[], metavar="NAME", help="hypotheses that --ladder has (all)")
    arguments = parse(parser, argv)
    from asr.scoring.summary import means_table

    runs = [report(Path(exp_dir), quiet=arguments.ladder is not None) for exp_dir in arguments.exp_dirs]
    if arguments.ladder is not None:
        _write_ladder(runs, arguments.ladder, arguments.show)
    elif len(runs) > 1:
        print(f"means over {len(runs)} runs\n\n{means_table([run.scores for run in runs])}")
    return 0


def _write_ladder(runs: list[Run], path: Path, labels: list[str]) -> None:
    from asr.training.ladder import ladder_table

    table = ladder_table(runs, labels)
    with written_whole(path) as beside:
        beside.write_text(f"{table}\n", encoding="utf-8")
    print(table)
    log(f"written to {path}")


def report(exp_dir: Path, quiet: bool = False) -> Run:
    """Writes the report of one run, prints its table unless that is not wanted, and gives what it is made of."""
    from asr.scoring.summary import read_scores, scores_table
    from asr.training.curves import draw_history
    from asr.training.history import read_history
    from asr.training.ladder import Run

    if not exp_dir.is_dir():
        raise DataError(exp_dir, "no such folder", "give the folder of a run, such as exp/an4/blstm/seed0")
    history = read_history(exp_dir)
    draw_history(history, exp_dir / "learning_curves.png", title=str(exp_dir))
    scores = [score for file in sorted(exp_dir.glob("*_scores.json")) for score in read_scores(file)]
    table = scores_table(scores) if scores else f"Nothing is scored yet: asr score --json {exp_dir}/test_scores.json"
    loaded, name = _load(exp_dir)
    text = f"# {exp_dir}\n\n{_settings(loaded, name, history)}\n\n## Error rates\n\n{table}\n\n"
    text += "## Learning curves\n\n![learning curves](learning_curves.png)\n"
    with written_whole(exp_dir / "report.md") as beside:
        beside.write_text(text, encoding="utf-8")
    if not quiet:
        print(f"{exp_dir}\n\n{table}\n")
    log(f"written to {exp_dir / 'report.md'}")
    num_weights = sum(weight.numel() for weight in loaded.model.parameters())
    return Run(exp_dir.resolve().parent.name, num_weights, history, scores)


def _load(exp_dir: Path) -> tuple[Loaded, str]:
    """Gives the checkpoint of a run, and its name."""
    from asr.checkpoints.acoustic import load_checkpoint

    checkpoint = next((file for file in (exp_dir / "best.ckpt", exp_dir / "last.ckpt") if file.exists()), None)
    if checkpoint is None:
        raise DataError(exp_dir, "neither best.ckpt nor last.ckpt is there", "train first, or wait for the first epoch")
    return load_checkpoint(checkpoint), checkpoint.name


def _settings(loaded: Loaded, name: str, history: History) -> str:
    """Gives the table of what was trained, and for how long."""
    from asr.scoring.summary import markdown_table

    minutes, seconds = divmod(round(history.seconds), 60)
    time = f"{history.num_epochs} epochs, {history.num_steps:,} steps, {minutes} min {seconds} s"
    rows = [
        ["", name],
        *([key, value.replace("|", "\\|")] for key, value in loaded.describe()),
    ]
    return markdown_table([*rows, ["training", time], ["configuration", "[config.yaml](config.yaml)"]], num_left=2)


if __name__ == "__main__":
    raise SystemExit(main())
