"""The memory tests: cells learn what they can, gradients are what a loop says, files come back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from asr.errors import ConfigError, DataError
from asr.training.schedules import Constant, OneCycle
from tools.memory.plots import _styles, draw_curves
from tools.memory.study import (
    Curve,
    MemoryNetwork,
    Trial,
    build_cell,
    cell_names,
    gradient_norms,
    held_out_loss,
    learn,
    num_parameters,
    read_curve,
)
from tools.memory.tasks import MEMORY_TASKS

SMALL = Trial("adding", "lstm", 4, hidden_dim=16, batch_size=16, learning_rate=0.02)


def test_a_short_sum_is_learnt_and_training_ends_at_the_goal() -> None:
    heard: list[Curve] = []
    curve = learn(SMALL, 400, goal=0.08, report=heard.append)
    assert curve.values[-1] <= 0.08 < curve.values[0]
    assert curve.places[-1] < 400
    assert heard[-1] == curve
    for end, so_far in enumerate(heard, start=2):
        assert (so_far.trial, so_far.num_parameters) == (SMALL, curve.num_parameters)
        assert (so_far.places, so_far.values) == (curve.places[:end], curve.values[:end])


@pytest.mark.parametrize("cycle_steps", [0, 20])
def test_every_step_has_its_learning_rate(cycle_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.Adam.step

    def noted(optimizer: torch.optim.Adam) -> None:
        rates.append(optimizer.param_groups[0]["lr"])
        step(optimizer)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    learn(replace(SMALL, cycle_steps=cycle_steps), 20)
    factor = OneCycle().factor if cycle_steps else Constant().factor
    assert rates == [0.02 * factor(step, 20) for step in range(20)]
    assert max(rates) == rates[5] == 0.02 or not cycle_steps  # a quarter of the way


def test_a_seed_gives_the_same_curve() -> None:
    first, again, other = (learn(replace(SMALL, task="copy", seed=seed), 6) for seed in (1, 1, 2))
    assert first.values == again.values != other.values
    assert first.places == (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("cell", cell_names())
@pytest.mark.parametrize("task", MEMORY_TASKS)
def test_every_cell_takes_a_step(cell: str, task: str) -> None:
    curve = learn(Trial(task, cell, 4, hidden_dim=6, batch_size=3), 1)
    assert len(curve.values) == 2
    assert curve.values[0] != curve.values[1]


@pytest.mark.parametrize("cell", cell_names())
def test_every_cell_passes_a_gradient_back(cell: str) -> None:
    curve = gradient_norms(Trial("gradient", cell, 12, hidden_dim=6, batch_size=2))
    assert curve.places == tuple(range(13))
    assert all(0 < value < 1e3 for value in curve.values)


@pytest.mark.parametrize("name", ["rnn", "ligru"])
def test_norms_are_those_of_finite_differences_in_evaluation_mode(name: str) -> None:
    trial = Trial("gradient", name, 5, hidden_dim=4, batch_size=1)
    curve = gradient_norms(trial)
    torch.manual_seed(0)
    cell = build_cell(trial, 16).double().eval()
    inputs = torch.randn(1, 6, 16, dtype=torch.float64)
    direction = torch.nn.functional.normalize(torch.randn(1, 4, dtype=torch.float64), dim=1)
    for lag, norm in zip(curve.places, curve.values, strict=True):
        slopes = []
        for value in range(16):
            ends = []
            for change in (1e-6, -1e-6):
                changed = inputs.clone()
                changed[0, 5 - lag, value] += change
                ends.append((cell(changed)[0][0, -1] * direction).sum().item())
            slopes.append((ends[0] - ends[1]) / 2e-6)
        assert torch.tensor(slopes).norm().item() == pytest.approx(norm, rel=1e-4)


def test_the_carousel_keeps_what_a_plain_unit_loses() -> None:
    plain, carousel, forgetful, chrono = (
        gradient_norms(Trial("gradient", cell, 200, chrono=chrono, hidden_dim=16, batch_size=2)).values
        for cell, chrono in (("rnn", False), ("lstm_no_forget", False), ("lstm", False), ("lstm", True))
    )
    assert plain[200] < 1e-3 * plain[0]
    assert carousel[200] > 1e-2 * carousel[0]
    assert chrono[200] / chrono[0] > 1e3 * forgetful[200] / forgetful[0]


def test_the_gradient_of_ligru_sinks_since_frames_share_no_statistics() -> None:
    values = gradient_norms(Trial("gradient", "ligru", 100, hidden_dim=16, batch_size=2)).values
    assert values[100] < 1e-6 * values[0]


def test_held_out_loss_is_a_mean_over_all_sequences() -> None:
    torch.manual_seed(0)
    task = MEMORY_TASKS["adding"]
    network = MemoryNetwork(build_cell(SMALL, 2), 2, 1)
    inputs, targets = task.draw(130, 4, torch.Generator().manual_seed(0))
    whole = task.loss(network(inputs), targets).item()
    assert held_out_loss(network, task, inputs, targets) == pytest.approx(whole)
    assert network.training
    assert num_parameters(network) == 4 * 16 * (2 + 16 + 2) + 17


def test_a_loss_that_is_no_number_ends_training() -> None:
    heard: list[float] = []
    with pytest.raises(ConfigError, match=r"--learning-rate: the loss is (nan|inf) after \d+ steps; lower it"):
        learn(replace(SMALL, learning_rate=1e30), 20, report=lambda curve: heard.append(curve.values[-1]))
    assert all(math.isfinite(loss) for loss in heard)


def test_a_cell_without_gates_has_no_chrono() -> None:
    with pytest.raises(ConfigError, match="rnn"):
        learn(replace(SMALL, cell="rnn", chrono=True), 1)


def test_curves_are_saved_and_read(tmp_path: Path) -> None:
    curve = Curve(replace(SMALL, chrono=True, cycle_steps=5), (0, 5), (0.5, 0.25), 99, 1.5)
    file = curve.trial.file(tmp_path)
    assert file == tmp_path / "adding/lstm_chrono_T4_seed0.json"
    curve.save(file)
    assert read_curve(file) == curve
    state = json.loads(file.read_text(encoding="utf-8"))
    assert (state["trial"]["learning_rate"], state["trial"].pop("cycle_steps")) == (0.02, 5)
    file.write_text(json.dumps(state), encoding="utf-8")  # as before there were cycles
    assert read_curve(file) == replace(curve, trial=replace(SMALL, chrono=True))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"places": [], "values": [], "trial": {"colour": 1}}'])
def test_files_that_are_no_curves(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.json: is no curve of this study"):
        read_curve(tmp_path / "x.json")


@pytest.mark.parametrize("task", ["adding", "gradient"])
def test_a_picture_has_a_panel_for_each_length(tmp_path: Path, task: str) -> None:
    trials = [
        Trial(task, "rnn", 100),
        Trial(task, "lstm", 100, chrono=True),
        Trial(task, "lstm", 200),
        Trial(task, "lstm", 200, seed=1),
    ]
    curves = [Curve(trial, (0, 1, 2), (1.0, 0.1, 1e-300), 1, 1.0) for trial in trials]
    draw_curves(curves, tmp_path / "x.svg")
    assert (tmp_path / "x.svg").read_text(encoding="utf-8").count('id="axes_') == 2
    draw_curves(curves, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_names_have_seeds_only_where_they_differ() -> None:
    one = [Trial("copy", "lstm", 100, chrono=True, seed=3), Trial("copy", "gru", 200, seed=3)]
    assert [style["label"] for style in _styles(one).values()] == ["lstm, chrono", "gru"]
    two = [*one, Trial("copy", "gru", 100)]
    assert [style["label"] for style in _styles(two).values()] == ["lstm, chrono, seed 3", "gru, seed 3", "gru, seed 0"]
    assert [style["linestyle"] for style in _styles(two).values()] == ["-", "--", "--"]


def test_every_cell_has_a_colour_of_its_own() -> None:
    trials = [Trial("copy", cell, length) for cell in cell_names() for length in (100, 200)]
    colours = {(trial.cell, style["color"]) for trial, style in _styles(trials).items()}
    assert len(colours) == len(cell_names()) == len({colour for _, colour in colours})


@pytest.mark.parametrize("task", ["copy", "gradient"])
def test_legends_stand_right_of_their_panels(tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    save = Figure.savefig

    def kept(figure: Figure, *arguments: Path, **options: int) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", kept)
    trials = [Trial(task, cell, length) for cell in cell_names() for length in (100, 200)]
    draw_curves([Curve(trial, (0, 1), (1.0, 0.1), 1, 1.0) for trial in trials], tmp_path / "x.png")
    left, right = figures[0].axes
    ends = [0.0]
    for panel in (left, right):
        legend = panel.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()][:11] == list(cell_names())
        inside, beside = panel.get_window_extent(), legend.get_window_extent()
        assert ends[-1] < inside.x0 < inside.x1 <= beside.x0
        assert inside.width > 4 * beside.width / 3
        ends.append(beside.x1)
    assert ends[-1] <= figures[0].bbox.x1
