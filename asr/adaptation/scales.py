"""Scales of hidden units that are learnt from a few recordings while all weights stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from asr.adaptation.recordings import Spoken, padded
from asr.models.acoustic import AcousticModel
from asr.models.unit_scales import find_units, fold
from asr.text.tokens import BLANK

_RATE = 0.03
_MOST_EPOCHS = 20
_PATIENCE = 3  # epochs without a lower loss after which no more are tried
_BATCH = 4  # recordings

Examples = Sequence[tuple[Spoken, tuple[int, ...]]]
"""Recordings with their token ids."""


@dataclass(frozen=True)
class Learned:
    """What was learnt.

    Attributes:
        weights: those that the scales change, by name; none if no epoch lowered the loss.
        epochs: passes over the recordings.
        num_scales: how many scales there are.
        before: loss of the inner recordings before, in nats per token.
        after: the same at the best epoch.
    """

    weights: dict[str, Tensor]
    epochs: int
    num_scales: int
    before: float
    after: float


def learn_scales(model: AcousticModel, outer: Examples, inner: Examples) -> Learned:
    """Learns a scale for each hidden unit, LHUC: what a unit gives is multiplied by ``2 * sigmoid(a)``, from a = 0.

    How many passes are made is found on the outer recordings by the loss of the inner ones; then as many are made over
    both, from the beginning.

    **Source**: Swietojanski & Renals 2014, "Learning hidden unit contributions for unsupervised speaker adaptation of
    neural network acoustic models", here supervised and with CTC, Adam in place of gradient descent.

    Args:
        model: in evaluation mode, on the CPU.
        outer: what is learnt from.
        inner: what says when to stop, and is then learnt from as well.

    Raises:
        ConfigError: the model has no units that can be scaled.
    """
    scales = _Scales(model)
    losses = [scales.loss(inner)]
    for epoch in range(1, _MOST_EPOCHS + 1):
        scales.learn(outer)
        losses.append(scales.loss(inner))
        if epoch - losses.index(min(losses)) >= _PATIENCE:
            break
    best = losses.index(min(losses))
    final = _Scales(model)
    for _ in range(best):
        final.learn([*outer, *inner])
    with torch.no_grad():
        weights = final.folded() if best else {}
    return Learned(weights, best, sum(each.num_units for each in final.units), losses[0], losses[best])


class _Scales:
    """Scales that are being learnt."""

    def __init__(self, model: AcousticModel) -> None:
        self.model, self.units = model, find_units(model)
        self._weights = {name: weight.detach() for name, weight in model.state_dict().items()}
        self._amplitudes = [torch.zeros(each.num_units, requires_grad=True) for each in self.units]
        self._optimizer = torch.optim.Adam(self._amplitudes, lr=_RATE)

    def folded(self) -> dict[str, Tensor]:
        """Returns the weights that the scales change."""
        return fold(self._weights, self.units, [2 * torch.sigmoid(each) for each in self._amplitudes])

    def learn(self, examples: Examples) -> None:
        """Makes a pass over recordings, those of like length together."""
        for batch in _batches(examples):
            self._optimizer.zero_grad()
            total, num_tokens = self._losses(batch)
            (total / num_tokens).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()

    @torch.no_grad()
    def loss(self, examples: Examples) -> float:
        """Returns the loss of recordings in nats per token."""
        sums = [self._losses(batch) for batch in _batches(examples)]
        return sum(float(total) for total, _ in sums) / sum(number for _, number in sums)

    def _losses(self, batch: Examples) -> tuple[Tensor, int]:
        """Returns the CTC loss of a batch, summed, and its tokens."""
        waveforms, lengths = padded([spoken for spoken, _ in batch])
        log_probs, frames = functional_call(self.model, self.folded(), (waveforms, lengths))
        targets = torch.tensor([token for _, ids in batch for token in ids])
        sizes = torch.tensor([len(ids) for _, ids in batch])
        total = F.ctc_loss(log_probs.transpose(0, 1), targets, frames, sizes, blank=BLANK, reduction="sum")
        return total, int(sizes.sum())


def _batches(examples: Examples) -> Iterator[Examples]:
    ordered = sorted(examples, key=lambda each: len(each[0].waveform))
    for first in range(0, len(ordered), _BATCH):
        yield ordered[first : first + _BATCH]
