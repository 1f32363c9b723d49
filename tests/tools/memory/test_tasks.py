import math

import pytest
import torch

from tools.memory.tasks import MEMORY_TASKS, AddingProblem, CopyTask, XorSequence


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("length", [2, 3, 10, 101])
def test_adding_marks_one_number_in_each_half(length: int) -> None:
    inputs, sums = AddingProblem().draw(300, length, generator())
    numbers, marks = inputs.unbind(2)
    assert inputs.shape == (300, length, 2)
    assert set(marks.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(marks[:, : length // 2].sum(dim=1), torch.ones(300))
    assert torch.equal(marks[:, length // 2 :].sum(dim=1), torch.ones(300))
    assert torch.all((numbers >= 0) & (numbers < 1))
    for row in range(5):
        assert float(sums[row]) == pytest.approx(sum(n for n, m in inputs[row].tolist() if m == 1))
    assert (marks.sum(dim=0) > 0).all() or length > 100


def test_adding_is_measured_at_the_last_frame_and_one_is_the_best_guess() -> None:
    task = AddingProblem()
    _, sums = task.draw(20000, 4, generator())
    guesses = torch.full((20000, 4, 1), 7.0)
    guesses[:, -1] = 1.0
    assert float(task.loss(guesses, sums)) == pytest.approx(task.baseline(4), rel=0.03)
    guesses[:, -1, 0] = sums
    assert float(task.loss(guesses, sums)) == 0.0


@pytest.mark.parametrize("length", [1, 5, 100])
def test_copy_is_laid_out_as_the_paper_says(length: int) -> None:
    inputs, said = CopyTask().draw(4, length, generator())
    assert inputs.shape == (4, length + 20, 10)
    heard = inputs.argmax(dim=2)
    assert torch.equal(inputs.sum(dim=2), torch.ones(4, length + 20))
    assert torch.all(heard[:, :10] < 8)
    silence = heard[:, 10:]
    assert (silence == 9).nonzero()[:, 1].tolist() == [length - 1] * 4  # ten frames before the end
    assert torch.all((silence == 8) | (silence == 9))
    assert torch.equal(said[:, -10:], heard[:, :10])
    assert torch.all(said[:, :-10] == 8)


@pytest.mark.parametrize("length", [10, 100])
def test_copy_baseline_is_the_loss_of_drawing_lots_at_the_end(length: int) -> None:
    task = CopyTask()
    _, said = task.draw(50, length, generator())
    logits = torch.full((50, length + 20, 9), -math.inf)
    logits[:, :-10, 8] = 0.0
    logits[:, -10:, :8] = 0.0
    assert float(task.loss(logits, said)) == pytest.approx(task.baseline(length), rel=1e-5)
    assert task.baseline(100) == pytest.approx(0.17329, abs=1e-5)


@pytest.mark.parametrize("name", MEMORY_TASKS)
def test_a_seed_gives_the_same_sequences(name: str) -> None:
    task = MEMORY_TASKS[name]
    first, again, other = (task.draw(3, 12, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert first[0].size(2) == task.input_dim


@pytest.mark.parametrize("length", [1, 7])
def test_xor_asks_for_the_parity_of_all_bits_so_far(length: int) -> None:
    inputs, parities = XorSequence().draw(50, length, generator())
    assert inputs.shape == (50, length, 1)
    for bits, answers in zip(inputs[:, :, 0].tolist(), parities.tolist(), strict=True):
        assert set(bits) <= {-1.0, 1.0}
        assert answers == [bits[: place + 1].count(1.0) % 2 for place in range(length)]


def test_xor_without_memory_is_a_draw() -> None:
    task = XorSequence()
    _, parities = task.draw(20, 9, generator())
    assert float(task.loss(torch.zeros(20, 9, 1), parities)) == pytest.approx(task.baseline(9))
    sure = (20 * parities - 10)[:, :, None]
    assert float(task.loss(sure, parities)) < 1e-4
    assert (float(task.wrong(sure, parities)), float(task.wrong(-sure, parities))) == (0.0, 1.0)


def test_wrong_answers_are_counted_where_they_are_asked_for() -> None:
    adding, outputs = AddingProblem(), torch.full((2, 4, 1), 9.0)
    outputs[:, -1, 0] = torch.tensor([1.0, 0.5])
    assert float(adding.wrong(outputs, torch.tensor([1.05, 0.75]))) == 0.5
    copy = CopyTask()
    _, said = copy.draw(3, 5, generator())
    right = torch.nn.functional.one_hot(said, 9).float()
    assert float(copy.wrong(right, said)) == 0.0
    right[:, -1] = torch.nn.functional.one_hot(torch.tensor(8), 9)
    right[:, 0] = 7.0
    assert float(copy.wrong(right, said)) == pytest.approx(0.1)
