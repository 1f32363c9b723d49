"""The CTC loss of each utterance."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def ctc_losses(log_probs: Tensor, input_lengths: Tensor, targets: Tensor, target_lengths: Tensor, blank: int) -> Tensor:
    """Gives the negative log-likelihood of each utterance's targets.

    Needs ``input_lengths >= target_lengths + repeats``; an utterance that is too short has an infinite loss, which is
    given as it is and never hidden.

    **Source**: Graves et al. 2006, by way of ``torch.nn.functional.ctc_loss``.

    Args:
        log_probs: natural-log posteriors out of ``log_softmax``, shape (B, N, V).
        input_lengths: encoder frames of each, shape (B,).
        targets: token ids of all utterances, one behind the other, shape (sum of target_lengths,).
        target_lengths: tokens of each, shape (B,).
        blank: index of the blank.

    Returns:
        Losses in nats, shape (B,).
    """
    time_first = log_probs.transpose(0, 1)  # (B, N, V) -> (N, B, V)
    return F.ctc_loss(time_first, targets, input_lengths, target_lengths, blank=blank, reduction="none")
