"""The CTC loss of each utterance, what is added to it, and the objective that a step takes them together in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.data.batch import Batch
from asr.errors import ConfigError
from asr.models.lengths import valid_frames
from asr.text.tokens import BLANK


def ctc_losses(log_probs: Tensor, input_lengths: Tensor, targets: Tensor, target_lengths: Tensor, blank: int) -> Tensor:
    """Returns the negative log-likelihood of each utterance's targets.

    Needs ``input_lengths >= target_lengths + repeats``; an utterance that is too short has an infinite loss, which is
    given as it is and never hidden.

    **Source**: Graves et al. 2006, by way of ``torch.nn.functional.ctc_loss``.

    Args:
        log_probs: natural-log posteriors out of ``log_softmax``, shape (B, N, V).
        input_lengths: encoder frames of each, shape (B,).
        targets: token ids of all utterances, concatenated, shape (sum of target_lengths,).
        target_lengths: tokens of each, shape (B,).
        blank: index of the blank.

    Returns:
        Losses in nats, shape (B,).
    """
    time_first = log_probs.transpose(0, 1)  # (B, N, V) -> (N, B, V)
    return F.ctc_loss(time_first, targets, input_lengths, target_lengths, blank=blank, reduction="none")


class Consistency:
    """CR-CTC: two differently augmented views of each utterance are to agree frame by frame.

    The loss of an utterance is ``(CTC_a + CTC_b) / 2 + weight * (KL(b || a) + KL(a || b)) / 2``, each divergence summed
    over frames, with its first argument held fixed. Its masks want to be more than usual: see
    ``conf/augmentation/spec_consistency.yaml``. A step costs two; compare at equal time.

    **Source**: Yao et al. 2024, https://arxiv.org/abs/2410.05101.
    """

    def __init__(self, weight: float = 0.2, ramp_fraction: float = 0.1) -> None:
        """Keeps the settings.

        Args:
            weight: of the divergence beside the CTC loss.
            ramp_fraction: share of all steps over which the weight grows from 0.

        Raises:
            ConfigError: a setting is out of its range.
        """
        if weight < 0 or not 0 <= ramp_fraction <= 1:
            found = f"weight is {weight}, ramp_fraction {ramp_fraction}"
            raise ConfigError("model.objective.consistency", found, "weight is 0 or more, ramp_fraction in 0..1")
        self.weight, self.ramp_fraction = weight, ramp_fraction

    def weight_at(self, step: int, total_steps: int) -> float:
        """Returns the weight of the divergence at a step.

        Example:
            >>> [Consistency(0.2, 0.5).weight_at(step, 8) for step in (0, 2, 4, 8)]
            [0.0, 0.1, 0.2, 0.2]
        """
        ramp = self.ramp_fraction * total_steps
        return self.weight * (min(1.0, step / ramp) if ramp else 1.0)


class Intermediate:
    """Intermediate CTC: lower layers of the encoder are trained to read, too, through the same output layer.

    The loss is ``(1 - weight) * last + weight * mean of the lower layers``.

    **Source**: Lee & Watanabe 2021, https://arxiv.org/abs/2102.03216, with their weight.
    """

    def __init__(self, layers: list[int], weight: float = 0.3) -> None:
        """Keeps the settings.

        Args:
            layers: which layers, counted from 1, below the last.
            weight: of the lower layers' mean loss.

        Raises:
            ConfigError: no layer, or a weight outside 0..1.
        """
        if not layers or not 0 <= weight <= 1:
            found = f"layers are {layers}, weight is {weight}"
            raise ConfigError(
                "model.objective.intermediate", found, "name a layer below the last, and a weight in 0..1"
            )
        self.layers, self.weight = layers, weight


def divergences(log_probs: Tensor, input_lengths: Tensor) -> Tensor:
    """Returns how far the two views of each utterance are apart: the mean of both divergences, summed over its frames.

    No gradient flows through the distribution that is the target.

    **Source**: Yao et al. 2024, equation 4.

    Args:
        log_probs: natural-log posteriors, first of all first views, then of all second views, shape (2 B, N, V).
        input_lengths: encoder frames of each view, shape (2 B,).

    Returns:
        Divergences in nats, shape (B,).
    """
    target = log_probs.detach().roll(len(log_probs) // 2, dims=0)  # each view's other one
    apart = F.kl_div(log_probs, target, reduction="none", log_target=True).sum(dim=2)  # (2 B, N, V) -> (2 B, N)
    apart = apart.masked_fill(~valid_frames(input_lengths, apart.size(1)), 0.0).sum(dim=1)
    return (apart / 2).view(2, -1).sum(dim=0)  # (2 B,) -> (B,)


@dataclass(frozen=True)
class StepLoss:
    """What an objective makes of a batch.

    Attributes:
        loss: this rank's part of the loss that is stepped on, a scalar.
        losses: CTC loss of each utterance in nats, the mean of its views, shape (B,).
        sums: what is logged, by name: numerator and denominator of a mean, each summed over this rank's batch.
    """

    loss: Tensor
    losses: Tensor
    sums: dict[str, tuple[Tensor, Tensor]]


class CTCObjective:
    """CTC, with lower layers that read and views that agree where these are wanted."""

    def __init__(
        self,
        consistency: Consistency | None = None,
        intermediate: Intermediate | None = None,
        loss_per: Literal["token", "utterance"] = "token",
    ) -> None:
        """Keeps the settings.

        Args:
            consistency: whether two views of each utterance are trained to agree.
            intermediate: whether lower layers are trained to read, too.
            loss_per: what the loss that is stepped on is a mean over; logs are in nats a token either way.
        """
        self.consistency, self.intermediate, self.loss_per = consistency, intermediate, loss_per

    @property
    def layers(self) -> list[int]:
        """The lower layers whose log-probabilities are wanted, counted from 1."""
        return self.intermediate.layers if self.intermediate else []

    def __call__(
        self, log_probs: Sequence[Tensor], lengths: Tensor, batch: Batch, step: int, total_steps: int
    ) -> StepLoss:
        """Returns the loss of a batch.

        Args:
            log_probs: natural-log posteriors of :attr:`layers` and, last, of the output, each of shape (B, N, V); of
                two views (2 B, N, V), first of all first ones, then of all second ones.
            lengths: encoder frames of each, shape (B,) or (2 B,).
            batch: whose targets are to be read.
            step: steps behind the model.
            total_steps: steps of the whole run.
        """
        *lower, last = log_probs
        share, tokens = batch.share, batch.target_lengths.sum()
        losses = _view_losses(last, lengths, batch)
        loss = share.part(losses.sum(), share.num_targets)
        sums = {"loss_step": (losses.sum(), tokens)}
        if self.intermediate is not None:
            beside = torch.stack([_view_losses(each, lengths, batch).sum() for each in lower]).mean()
            sums["intermediate_loss"] = beside, tokens
            loss = torch.lerp(loss, share.part(beside, share.num_targets), self.intermediate.weight)
        if self.consistency is not None:
            apart = divergences(last, lengths).sum()
            sums["divergence"] = apart, tokens
            loss = loss + self.consistency.weight_at(step, total_steps) * share.part(apart, share.num_targets)
        if self.loss_per == "utterance":
            loss = loss * share.num_targets / share.num_utterances
        return StepLoss(loss, losses, sums)


def _view_losses(log_probs: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
    """Returns the mean CTC loss of the one or two views of each utterance, shape (B,)."""
    num_views = len(log_probs) // len(batch)
    targets, target_lengths = batch.targets.repeat(num_views), batch.target_lengths.repeat(num_views)
    return ctc_losses(log_probs, lengths, targets, target_lengths, BLANK).view(num_views, -1).mean(dim=0)
