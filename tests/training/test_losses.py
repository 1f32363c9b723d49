import itertools
import math

import torch

from asr.training.losses import ctc_losses


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
