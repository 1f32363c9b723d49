"""What TensorBoard files hold, joined over resumptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.errors import DataError
from asr.reports.history import read_history
from tests.reports.events import write_events


def test_names_steps_and_time(tmp_path: Path) -> None:
    points = [("lr-AdamW", 0, 0.001), ("train/loss_step", 0, 3.0), ("epoch", 0, 0.0), ("hp_metric", 0, -1.0)]
    points += [("val/per", 9, 0.5), ("epoch", 9, 0.0), ("val/per", 19, 0.25), ("epoch", 19, 1.0)]
    write_events(tmp_path, 1000, points)
    history = read_history(tmp_path)
    assert set(history.curves) == {"learning_rate", "train/loss_step", "epoch", "val/per"}
    assert history.curves["val/per"].steps == (9, 19)
    assert history.curves["val/per"].values == pytest.approx((0.5, 0.25))
    assert (history.num_steps, history.num_epochs, history.seconds) == (20, 2, 19.0)


def test_a_resumed_run_takes_the_place_of_what_was_lost(tmp_path: Path) -> None:
    write_events(tmp_path, 1000, [("train/loss_step", step, 10.0) for step in range(0, 100, 10)])
    resumed = [("hp_metric", 0, -1.0), *(("train/loss_step", step, 1.0) for step in range(70, 130, 10))]
    write_events(tmp_path, 5000, resumed)
    curve = read_history(tmp_path).curves["train/loss_step"]
    assert curve.steps == tuple(range(0, 130, 10))
    assert curve.values == (10.0,) * 7 + (1.0,) * 6
    assert read_history(tmp_path).seconds == 90 + 50


def test_a_run_begun_again_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    write_events(tmp_path, 1000, [("val/per", step, 0.9) for step in range(0, 100, 10)])
    write_events(tmp_path, 5000, [("val/per", 0, 0.1)])
    assert read_history(tmp_path).curves["val/per"].steps == (0,)


def test_a_file_cut_short_by_a_kill_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file = write_events(tmp_path, 1000, [("val/loss", step, 1.0) for step in range(10)])
    file.write_bytes(file.read_bytes()[:-5])
    assert read_history(tmp_path).curves["val/loss"].steps == tuple(range(9))


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_curves_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=rf"{name}: no TensorBoard files with numbers in them; give the folder"):
        read_history(tmp_path / name)


@pytest.mark.parametrize(
    ("rates", "gain"),
    [
        ([0.9, 0.5, 0.3, 0.25, 0.2, 0.21, 0.21, 0.19], 0.05),
        ([0.9, 0.5, 0.3, 0.25, 0.2, 0.21, 0.19, 0.25], 0.0),  # worse than before is no loss: the best is what is kept
        ([0.5], 1.0),
        ([0.0, 0.0, 0.1], 0.0),
    ],
)
def test_what_the_last_tenth_of_a_run_brought(tmp_path: Path, rates: list[float], gain: float) -> None:
    points = [("val/cer", step, 0.5) for step in range(len(rates))]
    write_events(tmp_path, 1000, [*points, *(("val/wer", step, rate) for step, rate in enumerate(rates))])
    history = read_history(tmp_path)
    assert history.error_rate == history.curves["val/wer"]
    assert history.late_gain == pytest.approx(gain)


def test_a_run_that_validated_nothing_may_have_everything_before_it(tmp_path: Path) -> None:
    write_events(tmp_path, 1000, [("train/loss_step", 0, 3.0)])
    assert read_history(tmp_path).error_rate is None
    assert read_history(tmp_path).late_gain == 1.0
