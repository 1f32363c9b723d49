"""torch's LSTM in training on a CPU in bfloat16: its own forward pass, and a backward pass that takes less time."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from asr.models.cells.recurrence import sigmoid_slope, tanh_slope

MIN_HIDDEN_DIM = 320
"""Units from which it pays: with 256, torch's own is as fast, with 128 twice as fast."""
MAX_ROWS = 12
"""Utterances of a batch up to which it pays: steps of a tenth less with ten, as a rank on a CPU has; none with 16."""


@cache
def has_tiles() -> bool:
    """Returns whether this processor multiplies tiles of bfloat16 (AMX).

    With AVX512-BF16 alone, torch's own backward pass takes no longer.
    """
    return capabilities().get("amx_bf16", False)


def capabilities() -> dict[str, bool]:
    """Returns what this processor has, by name; nothing where torch does not tell."""
    return dict(getattr(torch.cpu, "get_capabilities", dict)())


def takes_half(module: nn.Module, frames: Tensor) -> bool:
    """Returns whether :func:`half_lstm` replaces a module's own backward pass: in training, where it is faster.

    Args:
        module: one direction of one layer.
        frames: its input.
    """
    return (
        type(module) is nn.LSTM
        and module.training
        and torch.is_grad_enabled()
        and frames.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and module.weight_hh_l0.dtype == torch.float32
        and module.hidden_size >= MIN_HIDDEN_DIM
        and frames.size(0) <= MAX_ROWS
        and has_tiles()
    )


def half_lstm(module: nn.LSTM, frames: Tensor) -> Tensor:
    """Returns the module's output under autocast to bfloat16, value by value, with the faster backward pass.

    The backward pass keeps input and output alone and computes the gates anew, those of all frames in one product. The
    operands of products are bfloat16; gates, memory and the gradients carried from frame to frame are float32. Frames
    are columns, so that the weights, which come first, need no reordering in every product.

    Args:
        module: one layer of one direction, ``nn.LSTM(..., batch_first=True)``.
        frames: shape (B, T, D).

    Returns:
        Hidden values, bfloat16, shape (B, T, H).
    """
    weights = (module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0)
    output: Tensor = _HalfLSTM.apply(module, frames, *weights)  # type: ignore[no-untyped-call, unused-ignore]
    return output


class _HalfLSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, module: nn.LSTM, frames: Tensor, *weights: Tensor) -> Tensor:
        output: Tensor = module(frames)[0]
        ctx.save_for_backward(frames, output, *weights)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        frames, output, by_input, by_hidden, *biases = ctx.saved_tensors
        with torch.autocast("cpu", enabled=False):
            columns = (by_input, by_hidden, torch.stack(biases, dim=1).sum(1, keepdim=True))
            steps = HalfBackward(frames, output, torch.cat([each.bfloat16() for each in columns], dim=1))
            steps.run(arriving)
            found = steps.weight_gradient().split_with_sizes([each.size(1) for each in columns], dim=1)
            by_input, by_hidden, bias = (each.float() for each in found)
            entering = steps.input_gradient().to(frames.dtype) if ctx.needs_input_grad[1] else None
        return None, entering, by_input, by_hidden, bias[:, 0], bias[:, 0].clone()


class HalfBackward:
    """The gradients of an LSTM from its input and output alone.

    With the letters of :class:`asr.models.cells.lstm_backward.LstmBackward` and dh_t for the gradient of the output::

        dn = dc_t + o tanh'(n) dh_t        dc_{t-1} = f dn

    and the gradient before each gate is its slope times dn, before the output gate times dh_t.

    Args:
        frames: input, shape (B, T, D).
        output: hidden values, shape (B, T, H).
        weights: those of input and of hidden values, and the biases, bfloat16, shape (4 * H, D + H + 1), gates in the
            order i, f, g, o.
    """

    def __init__(self, frames: Tensor, output: Tensor, weights: Tensor) -> None:
        self.input_dim, self.weights = frames.size(2), weights
        self.seen = _seen(frames, output)
        self._recompute(output.size(2))
        self._bind()

    def _recompute(self, hidden_dim: int) -> None:
        num_frames, batch_size = self.seen.shape[1:]
        sums = torch.mm(self.weights, self.seen.flatten(1)).view(-1, num_frames, batch_size)
        gates = torch.empty(num_frames, 4, hidden_dim, batch_size)
        gates.flatten(1, 2).copy_(sums.transpose(0, 1).contiguous())  # (4 * H, T, B) -> (T, 4 * H, B), then its type
        gates[:, :2].sigmoid_()
        self.entry, self.forget, self.candidate, self.opening = gates.unbind(1)
        self.candidate.tanh_()
        self.opening.sigmoid_()
        self.cells = gates.new_zeros(num_frames + 1, hidden_dim, batch_size)
        torch.mul(self.entry, self.candidate, out=self.cells[1:])
        cells = self.cells.unbind()
        for before, cell, forget in zip(cells, cells[1:], self.forget.unbind(), strict=False):
            cell.addcmul_(forget, before)

    def _bind(self) -> None:
        squashed, slope = self.cells[1:].tanh(), torch.empty_like(self.cells[1:])
        self.slopes = slope.new_empty(slope.size(0), 4, *slope.shape[1:], dtype=torch.bfloat16)
        self.slopes[:, 0] = sigmoid_slope(self.candidate, self.entry, slope)
        self.slopes[:, 1] = sigmoid_slope(self.cells[:-1], self.forget, slope)
        self.slopes[:, 2] = tanh_slope(self.entry, self.candidate, slope)
        self.slopes[:, 3] = sigmoid_slope(squashed, self.opening, slope)
        self.exposure = tanh_slope(self.opening, squashed, slope)

    def run(self, arriving: Tensor) -> None:
        """Goes back through time; the slopes become the gradients before the gates.

        Args:
            arriving: gradient of the output, shape (B, T, H).
        """
        hidden = torch.empty_like(self.exposure)
        hidden.copy_(arriving.permute(1, 2, 0))
        weight = self.weights[:, self.input_dim : -1].t().contiguous()
        cell, recurred = torch.zeros_like(hidden[0]), torch.empty_like(hidden[0])
        product, cell_half, hidden_half = (torch.empty_like(cell, dtype=torch.bfloat16) for _ in range(3))
        sums = self.slopes.flatten(1, 2)
        by_frame = (hidden, self.exposure, self.forget, self.slopes[:, :3], self.slopes[:, 3], sums)
        following: Tensor | None = None
        for emitted, exposed, endured, memory_slopes, output_slope, before_gates in zip(
            *(reversed(values.unbind()) for values in by_frame), strict=True
        ):
            if following is not None:
                emitted.add_(recurred.copy_(torch.mm(weight, following, out=product)))  # mixed types take longer
            cell.addcmul_(emitted, exposed)
            memory_slopes.mul_(cell_half.copy_(cell))
            output_slope.mul_(hidden_half.copy_(emitted))
            cell.mul_(endured)
            following = before_gates
        self.sums = sums.transpose(0, 1).contiguous().flatten(1)  # (T, 4 * H, B) -> (4 * H, T * B)

    def weight_gradient(self) -> Tensor:
        """Returns the gradient of the weights, bfloat16, shape (4 * H, D + H + 1); :meth:`run` comes first."""
        return torch.mm(self.sums, self.seen.flatten(1).t())

    def input_gradient(self) -> Tensor:
        """Returns the gradient of the input, bfloat16, shape (B, T, D); :meth:`run` comes first."""
        found = torch.mm(self.weights[:, : self.input_dim].t().contiguous(), self.sums)
        return found.view(-1, *self.seen.shape[1:]).permute(2, 1, 0).contiguous()


def _seen(frames: Tensor, output: Tensor) -> Tensor:
    """Returns what the products see at each frame: input, hidden values of the frame before, and 1 for the biases.

    Shape (D + H + 1, T, B), bfloat16.
    """
    batch_size, num_frames, input_dim = frames.shape
    seen = frames.new_ones(input_dim + output.size(2) + 1, num_frames, batch_size, dtype=torch.bfloat16)
    seen[:input_dim] = frames.bfloat16().permute(2, 1, 0)
    seen[input_dim:-1, 0] = 0.0
    seen[input_dim:-1, 1:] = output[:, :-1].permute(2, 1, 0)
    return seen
