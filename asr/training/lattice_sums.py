"""The sum over all alignments of a transducer, and its gradient: the transducer loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def transducer_losses(
    logits: Tensor, input_lengths: Tensor, targets: Tensor, target_lengths: Tensor, blank: int
) -> Tensor:
    """Returns the negative log-likelihood of each utterance's targets in nats, shape (B,).

    An alignment goes through the lattice of frames and tokens: a blank moves on by a frame, a token stays in its frame;
    the last frame ends with a blank. Any number of tokens fits into one frame or more; an utterance of no frames
    has an infinite loss, or zero where it has no tokens either. The sums are computed in double precision, for over
    hundreds of steps they reach thousands of nats. An utterance does not depend on padding.

    **Source**: Graves 2012, "Sequence transduction with recurrent neural networks", equations 16 to 18; the gradient is
    that of equation 20, taken through the softmax. The same losses and gradients as those of
    ``torchaudio.functional.rnnt_loss``, tested, which has no double precision and takes ten times as long on a CPU.

    Args:
        logits: scores of each token in each frame after each number of tokens, before the softmax, shape
            (B, N, L + 1, V).
        input_lengths: encoder frames of each utterance, shape (B,).
        targets: token ids, padded with any of them, shape (B, L).
        target_lengths: tokens of each utterance, shape (B,).
        blank: index of blank.
    """
    losses = _TransducerLosses.apply(logits, input_lengths, targets, target_lengths, blank)
    assert isinstance(losses, Tensor)
    return losses


@dataclass(frozen=True, eq=False)
class _Lattice:
    """The lattice by diagonals: node (t, u), frame t after u tokens, is on diagonal t + u at place u.

    Arcs lead to the next diagonal, so that all nodes of one are computed at once. Beyond an utterance, there are none.

    Attributes:
        blanks: natural-log probability of the arc of blank out of each node, shape (N + L + 1, B, L + 1).
        tokens: that of the arc of the next token, shape (N + L + 1, B, L + 1).
        ends: the diagonals at which utterances end, after their last blank, shape (B,).
        end_places: their places on it, shape (B,).
    """

    blanks: Tensor
    tokens: Tensor
    ends: Tensor
    end_places: Tensor

    @classmethod
    def of(cls, blanks: Tensor, tokens: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> _Lattice:
        """Returns the lattice of arcs by frame, both of shape (B, N, L + 1)."""
        _, num_frames, width = blanks.shape
        diagonals, places, all_frames = (
            torch.arange(size, device=blanks.device) for size in (num_frames + width, width, num_frames)
        )
        inside = (all_frames < input_lengths[:, None])[:, :, None]
        is_row = inside & (places <= target_lengths[:, None])[:, None]
        is_next = inside & (places < target_lengths[:, None])[:, None]
        frames = diagonals[:, None] - places
        index = frames.clamp(0, num_frames - 1)
        is_node = ((frames >= 0) & (frames < num_frames))[:, None]

        def skewed(arcs: Tensor, where: Tensor) -> Tensor:
            arcs = arcs.double().masked_fill(~where, -math.inf).permute(1, 0, 2)  # (N, B, L + 1)
            arcs = arcs.gather(0, index[:, None].expand(-1, arcs.size(1), -1))
            return arcs.masked_fill_(~is_node, -math.inf)

        ends = input_lengths + target_lengths
        return cls(skewed(blanks, is_row), skewed(tokens, is_next), ends, target_lengths)

    def straight(self, arcs: Tensor, num_frames: int) -> Tensor:
        """Returns values of nodes by diagonal, shape (N + L + 1, B, L + 1), by frame: (B, N, L + 1)."""
        places = torch.arange(arcs.size(2), device=arcs.device)
        index = torch.arange(num_frames, device=arcs.device)[:, None] + places
        return arcs.gather(0, index[:, None].expand(-1, arcs.size(1), -1)).transpose(0, 1)

    def before(self) -> Tensor:
        """Returns the natural log of the sum of all ways to each node, shape (N + L + 1, B, L + 2).

        The place that nothing reaches is the first one.
        """
        num_diagonals, batch_size, width = self.blanks.shape
        sums = self.blanks.new_full((num_diagonals, batch_size, width + 1), -math.inf)
        sums[0, :, 1] = 0.0
        for place in range(1, num_diagonals):
            come = sums[place - 1, :, 1:]
            torch.logaddexp(
                come + self.blanks[place - 1], _shifted(come + self.tokens[place - 1]), out=sums[place, :, 1:]
            )
        return sums

    def after(self) -> Tensor:
        """Returns the natural log of the sum of all ways from each node to the end, shape (N + L + 1, B, L + 2).

        The place that nothing reaches is the last one.
        """
        num_diagonals, batch_size, width = self.blanks.shape
        sums = self.blanks.new_full((num_diagonals, batch_size, width + 1), -math.inf)
        rows = torch.arange(batch_size, device=sums.device)
        is_end = torch.zeros(num_diagonals, batch_size, width, dtype=torch.bool, device=sums.device)
        is_end[self.ends, rows, self.end_places] = True
        sums[:, :, :-1].masked_fill_(is_end, 0.0)
        for place in range(num_diagonals - 2, -1, -1):
            after = sums[place + 1]
            go = torch.logaddexp(after[:, :-1] + self.blanks[place], after[:, 1:] + self.tokens[place])
            sums[place, :, :-1] = torch.where(is_end[place], sums[place, :, :-1], go)
        return sums


def _shifted(values: Tensor) -> Tensor:
    """Returns values one place further on, minus infinity at the first, shape (B, L + 1)."""
    return torch.nn.functional.pad(values, (1, 0), value=-math.inf)[:, :-1]


class _TransducerLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, input_lengths: Tensor, targets: Tensor, target_lengths: Tensor, blank: int
    ) -> Tensor:
        with torch.autocast(logits.device.type, enabled=False):
            normalisers = logits.detach().logsumexp(3, keepdim=True)  # (B, N, L + 1, 1)
            following = torch.nn.functional.pad(targets, (0, 1), value=blank)  # (B, L + 1): after the last, none
            index = following[:, None, :, None].expand(-1, logits.size(1), -1, 1)
            blanks = logits.detach()[..., blank] - normalisers[..., 0]
            tokens = (logits.detach().gather(3, index) - normalisers)[..., 0]
            lattice = _Lattice.of(blanks, tokens, input_lengths, target_lengths)
            before = lattice.before()
            rows = torch.arange(len(logits), device=logits.device)
            sums = before[lattice.ends, rows, 1 + lattice.end_places]
            if ctx.needs_input_grad[0]:
                shares = _shares(lattice, before[:, :, 1:], sums, logits.size(1))
                shares = [each.to(logits.dtype) for each in shares]
                ctx.save_for_backward(logits, normalisers, index, *shares)
                ctx.blank = blank
        return -sums.to(logits.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        logits, normalisers, index, blanks, tokens = ctx.saved_tensors
        with torch.autocast(logits.device.type, enabled=False):
            scale = gradient[:, None, None]
            blanks, tokens = blanks * scale, tokens * scale
            found = (logits - normalisers).exp_().mul_((blanks + tokens)[..., None])
            found[..., ctx.blank] -= blanks
            found.scatter_add_(3, index, -tokens[..., None])
        return found, None, None, None, None


def _shares(lattice: _Lattice, before: Tensor, sums: Tensor, num_frames: int) -> list[Tensor]:
    """Returns the share of the alignments that take each arc, of blank and of the next token, (B, N, L + 1) each.

    Args:
        lattice: the arcs.
        before: natural log of the sum of all ways to each node, shape (N + L + 1, B, L + 1).
        sums: of all alignments, shape (B,); where there are none, no arc has a share.
        num_frames: N.
    """
    after = torch.nn.functional.pad(lattice.after()[1:], (0, 0, 0, 0, 0, 1), value=-math.inf)
    rest = before - torch.where(sums.isinf(), math.inf, sums)[:, None]
    return [
        lattice.straight((rest + arcs + then).exp(), num_frames)
        for arcs, then in ((lattice.blanks, after[:, :, :-1]), (lattice.tokens, after[:, :, 1:]))
    ]
