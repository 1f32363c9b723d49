"""The page of a run, report.md: what was trained, for how long, and with which error rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import DataError
from asr.files import written_whole
from asr.reports.curves import draw_history
from asr.reports.history import read_history
from asr.reports.ladder import Run
from asr.reports.summary import markdown_table, read_scores, scores_table

if TYPE_CHECKING:
    from asr.checkpoints.acoustic import Loaded
    from asr.checkpoints.transducer import LoadedTransducer


@dataclass(frozen=True, eq=False)
class Page:
    """The content of a run's page.

    Attributes:
        exp_dir: folder of the run.
        run: what was logged and scored.
        loaded: the checkpoint.
        checkpoint: its name.
    """

    exp_dir: Path
    run: Run
    loaded: Loaded | LoadedTransducer
    checkpoint: str

    @property
    def summary(self) -> str:
        """The duration of training in one line."""
        history = self.run.history
        minutes, seconds = divmod(round(history.seconds), 60)
        return f"{history.num_epochs} epochs, {history.num_steps:,} steps, {minutes} min {seconds} s"

    @property
    def settings(self) -> list[tuple[str, str]]:
        """Settings and duration of training."""
        return [("checkpoint", self.checkpoint), *self.loaded.describe(), ("training", self.summary)]

    @property
    def remedy(self) -> str:
        """The command that scores."""
        return f"asr score --json {self.exp_dir}/test_scores.json"


def read_page(exp_dir: Path, checkpoint: Path | None = None) -> Page:
    """Reads the content of a run's page.

    Args:
        exp_dir: folder with the checkpoint, the TensorBoard files and the scores, ``*_scores.json``.
        checkpoint: another than best.ckpt or last.ckpt there.

    Raises:
        DataError: there is no such folder, no checkpoint or no log, or a file cannot be read.
    """
    if not exp_dir.is_dir():
        raise DataError(exp_dir, "no such folder", "give the folder of a run, such as exp/an4/blstm/seed0")
    history = read_history(exp_dir)
    scores = [score for file in sorted(exp_dir.glob("*_scores.json")) for score in read_scores(file)]
    loaded, name = _load(exp_dir, checkpoint)
    num_weights = sum(weight.numel() for weight in loaded.model.parameters())
    return Page(exp_dir, Run(exp_dir.resolve().parent.name, num_weights, history, scores), loaded, name)


def write_page(page: Page) -> None:
    """Writes report.md and learning_curves.png into the folder of a run.

    Raises:
        DataError: they cannot be written.
    """
    exp_dir = page.exp_dir
    draw_history(page.run.history, exp_dir / "learning_curves.png", title=str(exp_dir))
    text = f"# {exp_dir}\n\n{_settings(page)}\n\n## Error rates\n\n{rates_table(page)}\n\n"
    text += "## Learning curves\n\n![learning curves](learning_curves.png)\n"
    with written_whole(exp_dir / "report.md") as beside:
        beside.write_text(text, encoding="utf-8")


def rates_table(page: Page) -> str:
    """Returns the table of a run's error rates, or a line on how to get them."""
    scores = page.run.scores
    return scores_table(scores) if scores else f"Nothing is scored yet: {page.remedy}"


def _load(exp_dir: Path, checkpoint: Path | None) -> tuple[Loaded | LoadedTransducer, str]:
    """Returns the checkpoint of a run and its name."""
    from asr.checkpoints.kinds import load_recogniser

    candidates = (exp_dir / "best.ckpt", exp_dir / "last.ckpt")
    checkpoint = checkpoint or next((file for file in candidates if file.exists()), None)
    if checkpoint is None:
        raise DataError(exp_dir, "neither best.ckpt nor last.ckpt is there", "train first, or wait for the first epoch")
    return load_recogniser(checkpoint), checkpoint.name


def _settings(page: Page) -> str:
    """Returns the table of settings and duration of training."""
    (_, name), *settings = page.settings
    rows = [
        ["", name],
        *([key, value.replace("|", "\\|")] for key, value in settings),
        ["configuration", "[config.yaml](config.yaml)"],
    ]
    return markdown_table(rows, num_left=2)
