"""Learning curves: what TensorBoard files hold, joined over resumptions, and the picture of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from asr.errors import DataError
from asr.training.curves import draw_history, read_history, smoothed


def write_events(folder: Path, begun: int, points: list[tuple[str, int, float]], seconds_a_step: float = 1.0) -> Path:
    """Writes one file of scalars as Lightning's logger does: begun at a time, one event for each point."""
    before = set(folder.glob("events*"))
    writer = EventFileWriter(str(folder))
    for name, step, value in points:
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        writer.add_event(Event(wall_time=begun + seconds_a_step * step, step=step, summary=summary))
    writer.close()
    (file,) = set(folder.glob("events*")) - before
    return file.rename(folder / f"events.out.tfevents.{begun:010}.host.1.0")


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


def test_the_picture_has_a_panel_for_each_curve(tmp_path: Path) -> None:
    names = ["train/loss_step", "train/gradient_norm", "train/blank_ratio", "lr-SGD", "val/loss", "val/wer", "val/cer"]
    write_events(tmp_path, 1000, [(name, step, 0.5 + step / 100) for name in names for step in range(0, 40, 4)])
    draw_history(read_history(tmp_path), tmp_path / "curves.svg", title="a run")
    picture = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert picture.count('id="axes_') == 5
    draw_history(read_history(tmp_path), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_a_run_that_logged_little(tmp_path: Path) -> None:
    write_events(tmp_path, 1000, [("train/loss_step", 0, 3.0)])
    draw_history(read_history(tmp_path), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_smoothing_keeps_constants_and_takes_out_spikes() -> None:
    assert smoothed([2.0] * 5) == [2.0] * 5
    assert smoothed([1.0, 1.0, 50.0, 1.0, 1.0], window=3) == [1.0] * 5
    assert smoothed([]) == []
