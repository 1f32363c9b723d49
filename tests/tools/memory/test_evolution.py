"""Evolution and back-propagation on the same task, side by side."""

from __future__ import annotations

import re

import pytest
import torch
from torch.func import functional_call

from tools.memory.evolution import main
from tools.memory.population import population_losses, population_outputs
from tools.memory.study import MemoryNetwork, Trial, build_cell
from tools.memory.tasks import MEMORY_TASKS


@pytest.mark.parametrize("name", MEMORY_TASKS)
def test_each_network_of_a_population_answers_as_it_does_alone(name: str) -> None:
    torch.manual_seed(0)
    task = MEMORY_TASKS[name]
    network = MemoryNetwork(
        build_cell(Trial(name, "lstm", 5, hidden_dim=4), task.input_dim), task.input_dim, task.output_dim
    )
    members = {key: each.detach() + 0.3 * torch.randn(3, *each.shape) for key, each in network.named_parameters()}
    inputs, targets = task.draw(4, 5, torch.Generator().manual_seed(1))
    outputs, losses = population_outputs(members, inputs), population_losses(task, members, inputs, targets)
    for place in range(3):
        alone = functional_call(network, {key: each[place] for key, each in members.items()}, (inputs,))
        assert torch.allclose(outputs[place], alone, atol=1e-5)
        assert torch.isclose(losses[place], task.loss(alone, targets))


def test_both_learn_the_parity_of_a_short_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--task", "xor", "--length", "3", "--pairs", "32", "--steps", "300", "--goal", "0.1", "--quiet"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    back, evolved, ratio = printed.splitlines()
    found = r"held-out loss 0\.0\d+, 0\.0 % wrong, after (\d+) steps, (\d+) evaluations, \d+\.\d s"
    first = re.fullmatch(rf"xor, T = 3, seed 0, 361 weights, back-propagation: {found}", back)
    second = re.fullmatch(rf"xor, T = 3, seed 0, 361 weights, evolution: {found}", evolved)
    assert first is not None
    assert second is not None
    assert first[1] == first[2]
    assert int(second[2]) == 64 * int(second[1])
    assert ratio.startswith(f"evolution / back-propagation: {int(second[1]) / int(first[1]):.2f} steps, ")
    assert main(arguments) == 0
    again = capsys.readouterr().out
    assert [line.rpartition(",")[0] for line in again.splitlines()] == [
        line.rpartition(",")[0] for line in printed.splitlines()
    ]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--task", "adding", "--length", "1"], "--length: 1 frames; give 2 or more"),
        (
            ["--task", "adding", "--learning-rate", "1e30", "--steps", "5"],
            "--learning-rate: the loss is nan after 5 steps; lower",
        ),
    ],
)
def test_bad_settings_get_one_line(capsys: pytest.CaptureFixture[str], flags: list[str], line: str) -> None:
    assert main([*flags, "--quiet"]) in {1, 2}
    errors = capsys.readouterr().err
    assert errors.startswith(f"python -m tools.memory.evolution: {line}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("flag", ["--pairs", "--noise", "--steps", "--batch-size"])
def test_numbers_are_above_0(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--task", "xor", flag, "0"])
    assert raised.value.code == 2
    assert f"argument {flag}: '0' is not" in capsys.readouterr().err
