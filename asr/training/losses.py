"""The CTC loss of each utterance, the terms added to it, and the objective that combines them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.data.batch import Batch
from asr.errors import ConfigError
from asr.models.lengths import valid_frames
from asr.scoring.counts import split
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN
from asr.training.crf import CRF
from asr.training.mwer import MWER, Risk


def ctc_losses(log_probs: Tensor, input_lengths: Tensor, targets: Tensor, target_lengths: Tensor, blank: int) -> Tensor:
    """Returns the negative log-likelihood of each utterance's targets in nats, shape (B,).

    Requires ``input_lengths >= target_lengths + repeats``; an utterance that is too short has an infinite loss, which
    is returned as it is.

    **Source**: Graves et al. 2006, through ``torch.nn.functional.ctc_loss``.

    Args:
        log_probs: natural-log posteriors from ``log_softmax``, shape (B, N, V).
        input_lengths: encoder frames of each utterance, shape (B,).
        targets: token ids of all utterances, concatenated, shape (sum of target_lengths,).
        target_lengths: tokens of each utterance, shape (B,).
        blank: index of the blank.
    """
    time_first = log_probs.transpose(0, 1)  # (B, N, V) -> (N, B, V)
    return F.ctc_loss(time_first, targets, input_lengths, target_lengths, blank=blank, reduction="none")


class Consistency:
    """CR-CTC: trains two differently augmented views of each utterance to agree frame by frame.

    The loss of an utterance is ``(CTC_a + CTC_b) / 2 + weight * (KL(b || a) + KL(a || b)) / 2``, each divergence summed
    over frames, with its first argument held fixed. It needs more masking than usual; see
    ``conf/augmentation/spec_consistency.yaml``. A step costs as much as two; compare at equal time.

    **Source**: Yao et al. 2024, https://arxiv.org/abs/2410.05101.

    Args:
        weight: weight of the divergence relative to the CTC loss.
        ramp_fraction: share of all steps over which the weight grows from 0.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(self, weight: float = 0.2, ramp_fraction: float = 0.1) -> None:
        if not 0 <= weight < math.inf or not 0 <= ramp_fraction <= 1:
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
    """Intermediate CTC: trains lower layers of the encoder too, through the same output layer.

    The loss is ``(1 - weight) * last + weight * mean of the lower layers``.

    **Source**: Lee & Watanabe 2021, https://arxiv.org/abs/2102.03216; the default weight is theirs.

    Args:
        layers: layers below the last one, counted from 1.
        weight: weight of the lower layers' mean loss.

    Raises:
        ConfigError: there is no layer, or the weight is outside 0..1.
    """

    def __init__(self, layers: list[int], weight: float = 0.3) -> None:
        if not layers or not 0 <= weight <= 1:
            found = f"layers are {layers}, weight is {weight}"
            raise ConfigError("model.objective.intermediate", found, "name a layer below the last and a weight in 0..1")
        self.layers, self.weight = layers, weight


def divergences(log_probs: Tensor, input_lengths: Tensor) -> Tensor:
    """Returns how far apart the two views of each utterance are: the mean of both divergences, summed over frames.

    No gradient flows through the target distribution.

    **Source**: Yao et al. 2024, equation 4.

    Args:
        log_probs: natural-log posteriors of all first views, then of all second views, shape (2 B, N, V).
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
    """The result of an objective on a batch.

    Attributes:
        loss: this rank's share of the loss to minimise, a scalar.
        losses: loss of each utterance in nats, CTC (with MWER, too) or CTC-CRF, averaged over its views, shape (B,).
        sums: what to log: numerator and denominator of a mean by name, each summed over this rank's batch.
    """

    loss: Tensor
    losses: Tensor
    sums: dict[str, tuple[Tensor, Tensor]]


class CTCObjective:
    """CTC, optionally normalised over all token sequences, on lower layers too, with views trained to agree, or MWER.

    Args:
        consistency: trains two views of each utterance to agree; None does not.
        intermediate: trains lower layers too; None does not.
        loss_per: what the minimised loss is a mean over; logs are in nats per token either way.
        crf: normalises over all token sequences; None normalises over the tokens of a frame. Lower layers have CTC.
        mwer: minimises the errors to expect in place of CTC, which gets a weight; None does not. Lower layers have CTC.

    Raises:
        ConfigError: both CTC-CRF and MWER are to be in place of CTC.
    """

    def __init__(
        self,
        consistency: Consistency | None = None,
        intermediate: Intermediate | None = None,
        loss_per: Literal["token", "utterance"] = "token",
        crf: CRF | None = None,
        mwer: MWER | None = None,
    ) -> None:
        if crf is not None and mwer is not None:
            raise ConfigError("model.objective", "has both crf and mwer", "set one of them to null")
        self.consistency, self.intermediate, self.loss_per = consistency, intermediate, loss_per
        self.crf, self.mwer = crf, mwer
        self._risk: Risk | None = None

    def of_head(self, name: str, tokens: TokenTable) -> CTCObjective:
        """Returns the objective of a head: CTC-CRF of the main one alone, MWER of each by what it writes.

        Args:
            name: of the head.
            tokens: the table of its outputs.
        """
        own = CTCObjective(
            self.consistency, self.intermediate, self.loss_per, self.crf if name == MAIN else None, self.mwer
        )
        own._risk = self.mwer.risk(tokens) if self.mwer is not None else None
        return own

    @property
    def layers(self) -> list[int]:
        """The lower layers whose log-probabilities are needed, counted from 1."""
        return self.intermediate.layers if self.intermediate else []

    def __call__(
        self, log_probs: Sequence[Tensor], lengths: Tensor, batch: Batch, step: int, total_steps: int
    ) -> StepLoss:
        """Returns the loss of a batch.

        Args:
            log_probs: natural-log posteriors of :attr:`layers` and, last, of the output, each of shape (B, N, V); with
                two views, all first ones and then all second ones, shape (2 B, N, V).
            lengths: encoder frames of each utterance or view, shape (B,) or (2 B,).
            batch: the batch, for its targets.
            step: steps made so far.
            total_steps: steps of the whole run.
        """
        *lower, last = log_probs
        share, tokens = batch.share, batch.target_lengths.sum()
        ctc = _view_losses(last, lengths, batch)
        losses = ctc + self._added_losses(last, lengths, batch)
        loss = share.part(losses.sum(), share.num_targets)
        sums = {"loss_step": (losses.sum(), tokens)}
        if self.mwer is not None:
            risks, sums["expected_errors"] = self._risks(last, lengths, batch)
            loss = share.part(risks.sum(), share.num_targets) + self.mwer.ctc_weight * loss
        if self.crf is not None:
            sums["ctc_loss"] = ctc.sum(), tokens
            loss = loss + self.crf.ctc_weight * share.part(ctc.sum(), share.num_targets)
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

    def utterance_losses(self, log_probs: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        """Returns the loss of each utterance in nats, CTC or CTC-CRF, averaged over its views, shape (B,).

        Args:
            log_probs: natural-log posteriors of the output, as for :meth:`__call__`.
            lengths: encoder frames of each utterance or view.
            batch: the batch, for its targets.
        """
        return _view_losses(log_probs, lengths, batch) + self._added_losses(log_probs, lengths, batch)

    def _risks(self, log_probs: Tensor, lengths: Tensor, batch: Batch) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Returns MWER's loss of each utterance, shape (B,), and the errors to expect and the words that were said."""
        assert self._risk is not None  # of_head() comes first
        num_views = len(log_probs) // len(batch)
        of_views = self._risk(log_probs, lengths, batch.texts * num_views)
        expected, losses = (_over_views(each, batch) for each in of_views)
        num_said = sum(len(split(text, self._risk.unit)) for text in batch.texts)
        return losses, (expected.sum(), expected.new_tensor(float(num_said)))

    def _added_losses(self, log_probs: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        """Returns what CTC-CRF adds to the CTC loss of each utterance, zeros without it, shape (B,)."""
        if self.crf is None:
            return log_probs.new_zeros(len(batch))
        return _over_views(self.crf.added_losses(log_probs, lengths, *_view_targets(batch, len(log_probs))), batch)


def _view_losses(log_probs: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
    """Returns the mean CTC loss of the one or two views of each utterance, shape (B,)."""
    targets, target_lengths = _view_targets(batch, len(log_probs))
    return _over_views(ctc_losses(log_probs, lengths, targets, target_lengths, BLANK), batch)


def _view_targets(batch: Batch, num_views: int) -> tuple[Tensor, Tensor]:
    """Returns the targets of all views, concatenated, and their lengths."""
    times = num_views // len(batch)
    return batch.targets.repeat(times), batch.target_lengths.repeat(times)


def _over_views(losses: Tensor, batch: Batch) -> Tensor:
    """Returns the mean over the one or two views of each utterance, shape (B,)."""
    return losses.view(-1, len(batch)).mean(dim=0)
