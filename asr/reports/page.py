"""The page of a run, report.md: what was trained, for how long, and with which error rates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import DataError
from asr.files import written_whole
from asr.reports.curves import draw_history
from asr.reports.history import History, read_history
from asr.reports.ladder import Run
from asr.reports.summary import ScoredFile, markdown_table, read_scores, scores_table

if TYPE_CHECKING:
    from asr.checkpoints.acoustic import Loaded


def write_page(exp_dir: Path) -> Run:
    """Writes report.md and learning_curves.png to the folder of a run, and returns the data in them.

    Args:
        exp_dir: folder with the checkpoint, the TensorBoard files and the scores, ``*_scores.json``.

    Raises:
        DataError: there is no such folder, no checkpoint or no log, or a file cannot be read.
    """
    if not exp_dir.is_dir():
        raise DataError(exp_dir, "no such folder", "give the folder of a run, such as exp/an4/blstm/seed0")
    history = read_history(exp_dir)
    draw_history(history, exp_dir / "learning_curves.png", title=str(exp_dir))
    scores = [score for file in sorted(exp_dir.glob("*_scores.json")) for score in read_scores(file)]
    loaded, name = _load(exp_dir)
    rates = rates_table(exp_dir, scores)
    text = f"# {exp_dir}\n\n{_settings(loaded, name, history)}\n\n## Error rates\n\n{rates}\n\n"
    text += "## Learning curves\n\n![learning curves](learning_curves.png)\n"
    with written_whole(exp_dir / "report.md") as beside:
        beside.write_text(text, encoding="utf-8")
    num_weights = sum(weight.numel() for weight in loaded.model.parameters())
    return Run(exp_dir.resolve().parent.name, num_weights, history, scores)


def rates_table(exp_dir: Path, scores: Sequence[ScoredFile]) -> str:
    """Returns the table of a run's error rates, or a line on how to get them."""
    return scores_table(scores) if scores else f"Nothing is scored yet: asr score --json {exp_dir}/test_scores.json"


def _load(exp_dir: Path) -> tuple[Loaded, str]:
    """Returns the checkpoint of a run, and its name."""
    from asr.checkpoints.acoustic import load_checkpoint

    checkpoint = next((file for file in (exp_dir / "best.ckpt", exp_dir / "last.ckpt") if file.exists()), None)
    if checkpoint is None:
        raise DataError(exp_dir, "neither best.ckpt nor last.ckpt is there", "train first, or wait for the first epoch")
    return load_checkpoint(checkpoint), checkpoint.name


def _settings(loaded: Loaded, name: str, history: History) -> str:
    """Returns the table of what was trained, and for how long."""
    minutes, seconds = divmod(round(history.seconds), 60)
    time = f"{history.num_epochs} epochs, {history.num_steps:,} steps, {minutes} min {seconds} s"
    rows = [
        ["", name],
        *([key, value.replace("|", "\\|")] for key, value in loaded.describe()),
        ["training", time],
        ["configuration", "[config.yaml](config.yaml)"],
    ]
    return markdown_table(rows, num_left=2)
