"""The transducer loss: the sum over all alignments, and its gradient."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchaudio
from torch import Tensor

from asr.training.lattice_sums import transducer_losses

LENGTHS, TARGET_LENGTHS = torch.tensor([4, 3, 1, 2]), torch.tensor([2, 3, 2, 0])
TARGETS = torch.tensor([[1, 2, 0], [2, 2, 1], [1, 1, 0], [3, 3, 3]])


def scores(seed: int = 0, **options: object) -> Tensor:
    """Returns scores of four utterances, three tokens at most, four symbols, shape (4, 4, 4, 4)."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(4, 4, 4, 4, generator=generator, dtype=torch.float64, **options)


def enumerated(logits: Tensor, targets: list[int]) -> Tensor:
    """Returns the loss of targets, one alignment after the other; logits (N, L + 1, V)."""
    log_probs, ways = logits.log_softmax(dim=-1), []
    for counts in itertools.product(range(len(targets) + 1), repeat=len(logits)):
        if sum(counts) != len(targets):
            continue
        total, said = logits.new_zeros(()), 0
        for frame, count in enumerate(counts):
            for _ in range(count):
                total, said = total + log_probs[frame, said, targets[said]], said + 1
            total = total + log_probs[frame, said, 0]
        ways.append(total)
    return -torch.stack(ways).logsumexp(dim=0)


def test_losses_and_gradients_are_those_of_all_alignments_one_by_one() -> None:
    mine, true = scores().requires_grad_(), scores().requires_grad_()
    losses = transducer_losses(mine, LENGTHS, TARGETS, TARGET_LENGTHS, 0)
    sizes = zip(LENGTHS.tolist(), TARGET_LENGTHS.tolist(), strict=True)
    expected = torch.stack(
        [enumerated(true[row, :n, : u + 1], TARGETS[row, :u].tolist()) for row, (n, u) in enumerate(sizes)]
    )
    torch.testing.assert_close(losses, expected, rtol=1e-12, atol=1e-12)
    weights = torch.tensor([1.0, 0.5, 2.0, 0.0], dtype=torch.float64)
    (losses @ weights).backward()
    (expected @ weights).backward()
    torch.testing.assert_close(mine.grad, true.grad, rtol=1e-10, atol=1e-12)


def test_the_gradient_is_that_of_the_loss() -> None:
    def loss(logits: Tensor) -> Tensor:
        return transducer_losses(logits, torch.tensor([3, 2]), TARGETS[:2, :2], torch.tensor([1, 2]), 0)

    assert torch.autograd.gradcheck(loss, (scores(1)[:2, :3, :3, :3].clone().requires_grad_(),))


def test_losses_are_those_of_torchaudio() -> None:
    """Which computes in single precision."""
    mine, its = scores(2).float().requires_grad_(), scores(2).float().requires_grad_()
    losses = transducer_losses(mine, LENGTHS, TARGETS, TARGET_LENGTHS, 0)
    lengths = LENGTHS.int(), TARGET_LENGTHS.int()
    expected = torchaudio.functional.rnnt_loss(its, TARGETS.int(), *lengths, blank=0, reduction="none")
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-5)
    losses.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(mine.grad, its.grad, rtol=1e-4, atol=1e-5)


def test_an_utterance_does_not_depend_on_its_batch_or_padding() -> None:
    logits = scores(3).requires_grad_()
    together = transducer_losses(logits, LENGTHS, TARGETS, TARGET_LENGTHS, 0)
    (gradient,) = torch.autograd.grad(together.sum(), logits)
    for row, (n, u) in enumerate(zip(LENGTHS.tolist(), TARGET_LENGTHS.tolist(), strict=True)):
        alone = scores(3)[row : row + 1, :n, : u + 1].clone().requires_grad_()
        (loss,) = transducer_losses(alone, torch.tensor([n]), TARGETS[row : row + 1, :u], torch.tensor([u]), 0)
        assert loss.item() == pytest.approx(together[row].item(), rel=1e-12)
        loss.backward()
        torch.testing.assert_close(alone.grad[0], gradient[row, :n, : u + 1])
        assert not gradient[row, n:].any()
        assert not gradient[row, :, u + 1 :].any()


def test_no_frames_have_no_alignment_but_that_of_no_tokens() -> None:
    logits = scores().requires_grad_()
    losses = transducer_losses(logits, torch.tensor([0, 0, 4, 4]), TARGETS, torch.tensor([1, 0, 3, 0]), 0)
    assert losses[:2].tolist() == [torch.inf, 0.0]
    assert bool(losses[2:].isfinite().all())
    (gradient,) = torch.autograd.grad(losses[2:].sum(), logits)
    assert not gradient[:2].any()
    assert bool(gradient.isfinite().all())


def test_hundreds_of_frames_stay_exact() -> None:
    """Sums of thousands of nats, whose exponentials are zero in any precision."""
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(1, 400, 31, 5, generator=generator)
    targets, lengths = torch.randint(1, 5, (1, 30), generator=generator), (torch.tensor([400]), torch.tensor([30]))
    losses = [
        transducer_losses(each, lengths[0], targets, lengths[1], 0)
        for each in (logits.requires_grad_(), logits.double())
    ]
    assert losses[0].item() > 1000
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(losses[0].sum(), logits)
    # What a softmax gives to all together does not change: the gradients of a node sum to nothing.
    assert gradient.sum(dim=3).abs().max() < 1e-5
