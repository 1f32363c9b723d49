import itertools
import math

import pytest
import torch

from asr.errors import ConfigError
from asr.training.losses import Consistency, Intermediate, ctc_losses, divergences


def sum_over_paths(probs: torch.Tensor, target: tuple[int, ...]) -> float:
    num_frames, num_tokens = probs.shape
    total = 0.0
    for path in itertools.product(range(num_tokens), repeat=num_frames):
        if tuple(token for token, _ in itertools.groupby(path) if token) == target:
            total += math.prod(float(probs[frame, token]) for frame, token in enumerate(path))
    return total


def test_equals_the_sum_over_paths() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(3, 5, 3, dtype=torch.float64).log_softmax(dim=2)
    lengths, targets = [5, 4, 3], [(1, 2), (1, 1), (2,)]
    losses = ctc_losses(
        log_probs,
        torch.tensor(lengths),
        torch.tensor([token for target in targets for token in target]),
        torch.tensor([len(target) for target in targets]),
        blank=0,
    )
    for row, (length, target) in enumerate(zip(lengths, targets, strict=True)):
        expected = -math.log(sum_over_paths(log_probs[row, :length].exp(), target))
        assert math.isclose(float(losses[row]), expected, rel_tol=1e-9)


def test_an_utterance_too_short_for_its_labels_has_an_infinite_loss() -> None:
    log_probs = torch.zeros(1, 2, 3).log_softmax(dim=2)
    losses = ctc_losses(log_probs, torch.tensor([2]), torch.tensor([1, 1]), torch.tensor([2]), blank=0)
    assert torch.isinf(losses).all()


def test_two_equal_views_do_not_diverge() -> None:
    view = torch.randn(2, 5, 4).log_softmax(dim=2)
    assert torch.equal(divergences(view.repeat(2, 1, 1), torch.tensor([5, 3, 5, 3])), torch.zeros(2))


def test_the_divergence_is_the_mean_of_both_over_the_frames_that_are() -> None:
    log_probs = torch.randn(4, 5, 3, dtype=torch.float64).log_softmax(dim=2)
    lengths = [5, 3]
    found = divergences(log_probs, torch.tensor([*lengths, *lengths]))
    for row, length in enumerate(lengths):
        first, second = log_probs[row, :length].exp(), log_probs[row + 2, :length].exp()
        expected = ((first - second) * (first / second).log()).sum() / 2
        assert torch.isclose(found[row], expected)


def test_no_gradient_flows_through_the_target_of_the_divergence() -> None:
    logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    log_probs = logits.log_softmax(dim=2)
    (gradient,) = torch.autograd.grad(divergences(log_probs, torch.tensor([4, 4])).sum(), logits)
    # of KL(q || softmax(z)) / 2 with q held fixed, the gradient is (softmax(z) - q) / 2
    probs = log_probs.detach().exp()
    assert torch.allclose(gradient, (probs - probs.flip(0)) / 2)


def test_consistency_refuses_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"weight is -1.0"):
        Consistency(weight=-1.0)


@pytest.mark.parametrize(("layers", "weight"), [([], 0.3), ([1], 1.5)])
def test_intermediate_refuses_what_cannot_be(layers: list[int], weight: float) -> None:
    with pytest.raises(ConfigError, match=r"model\.intermediate"):
        Intermediate(layers, weight)
