"""The layer-norm LSTM and its recurrence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.cells.cell import State
from asr.models.cells.lstm import VanillaLSTM
from asr.models.cells.lstm_backward import LstmBackward
from asr.models.cells.lstm_forward import Gating, LstmForward
from asr.models.cells.lstm_recurrence import LstmRecurrence
from asr.models.cells.recurrence import Pass, Tensors

EPSILON = 1e-5


class LayerNormLSTM(VanillaLSTM):
    """The LSTM with normalised products and a normalised memory at its output.

    ::

        (i, f, g, o) = LN(U h_{t-1}; q) + LN(W x_t; p) + b      each over all four gates together, with gains q and p
        c_t = sigma(f) * c_{t-1} + sigma(i) * tanh(g)
        h_t = sigma(o) * tanh(LN(c_t; r, s))

    **Source**: Ba, Kiros & Hinton 2016, eq. 20-22; the shifts of the first two norms and b are one sum, kept in the two
    biases of ``nn.LSTM``.
    """

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        """Creates the weights, all zero, and the gains, all one; the arguments are those of :class:`RecurrentCell`."""
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        self.gain_ih_l0 = nn.Parameter(torch.ones(4 * hidden_dim))
        self.gain_hh_l0 = nn.Parameter(torch.ones(4 * hidden_dim))
        self.gain_memory_l0 = nn.Parameter(torch.ones(hidden_dim))
        self.bias_memory_l0 = nn.Parameter(torch.zeros(hidden_dim))

    def project(self, frames: Tensor) -> Tensor:
        """Returns the normalised input products of all frames, shape (T, B, 4 * H)."""
        products, bias = F.linear(frames.transpose(0, 1), self.weight_ih_l0), self.bias_ih_l0 + self.bias_hh_l0
        return F.layer_norm(products, self.gain_ih_l0.shape, self.gain_ih_l0, bias, EPSILON)

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all frames; returns h, shape (B, T, H), and the last h and c, shape (1, B, H)."""
        return self._run(
            frames,
            LayerNormRecurrence(),
            hx,
            gain_products=self.gain_hh_l0,
            gain_memory=self.gain_memory_l0,
            bias_memory=self.bias_memory_l0,
        )


class LayerNormForward(LstmForward):
    """Forward pass that also saves the mean and the inverse deviation of each norm."""

    def __init__(self, given: Tensors, gating: Gating, memory_only: bool) -> None:
        super().__init__(given, gating, memory_only)
        self.product_buffer = torch.empty_like(self.gates).flatten(3)
        self.products = self.product_buffer.flatten(1, 2).unbind()
        self.product_moments: list[tuple[Tensor, Tensor]] = []
        self.memory_moments: list[tuple[Tensor, Tensor]] = []

    def recur(self, frame: int) -> None:
        """Adds the normalised recurrent products to the input products."""
        if self.mask is not None:
            torch.mul(self.seen[frame], self.mask, out=self.masked[frame])
        product, gain = self.products[frame], self.given["gain_products"]
        torch.mm(self.windows[0][frame], self.weights[0], out=product)
        normed, mean, scale = torch.native_layer_norm(product, gain.shape, gain, None, EPSILON)
        self.product_moments.append((mean, scale))
        torch.add(self.inputs[frame], normed, out=self.sums[frame])

    def squash(self, frame: int) -> Tensor:
        """Returns the squashed normalised memory, shape (1, B, C)."""
        gain, bias = self.given["gain_memory"], self.given["bias_memory"]
        normed, mean, scale = torch.native_layer_norm(self.fresh[frame], gain.shape, gain, bias, EPSILON)
        self.memory_moments.append((mean, scale))
        return torch.tanh(normed, out=self.squashed[frame])

    def result(self) -> Pass:
        """Returns the results of the pass."""
        output, state, kept = super().result()
        kept["products"] = self.product_buffer
        for name, moments in (("product", self.product_moments), ("memory", self.memory_moments)):
            means, scales = zip(*moments, strict=True)
            kept |= {f"{name}_means": torch.stack(means), f"{name}_scales": torch.stack(scales)}
        return Pass(output, state, kept)


class LayerNormBackward(LstmBackward):
    """Backward pass through both norms."""

    def __init__(self, kept: Tensors, output: Tensor, state: Tensor, gating: Gating, memory_only: bool) -> None:
        super().__init__(kept, output, state, gating, memory_only)
        self.product_values = kept["products"].flatten(1, 2).unbind()
        self.memory_values = kept["fresh"].unbind()
        self.moments = {
            name: (kept[f"{name}_means"].unbind(), kept[f"{name}_scales"].unbind()) for name in ("product", "memory")
        }
        self.products_buffer = torch.empty_like(self.gates_buffer)
        self.products = self.products_buffer.flatten(1, 2).flatten(2).unbind()

    def _through_norm(self, name: str, frame: int, gradient: Tensor, value: Tensor, gain: Tensor) -> Tensor:
        means, scales = self.moments[name]
        before: Tensor = torch.ops.aten.native_layer_norm_backward(
            gradient, value, gain.shape, means[frame], scales[frame], gain, None, [True, False, False]
        )[0]
        return before

    def unsquash(self, frame: int) -> None:
        """Adds the gradient through the normalised memory."""
        slope = self.exposed[frame].mul_(self.emitted)  # now the gradient of the norm's result
        gain = self.kept["gain_memory"]
        self.cell.add_(self._through_norm("memory", frame, slope, self.memory_values[frame], gain))

    def leave_memory(self, frame: int) -> None:
        """Propagates the gradient through the gates of the memory, then through the norm of the products."""
        super().leave_memory(frame)
        value, gain = self.product_values[frame], self.kept["gain_products"]
        self.products[frame].copy_(self._through_norm("product", frame, self.sums[frame], value, gain))

    def result(self) -> Tensors:
        """Returns the gradients by name."""
        kept, (frames, _, batch_size, width) = self.kept, self.exposure.shape
        norms = []
        for name, values in (("product", kept["products"]), ("memory", kept["fresh"])):
            shape = (frames, 1, batch_size, 1)
            means, scales = kept[f"{name}_means"].view(shape), kept[f"{name}_scales"].view(shape)
            norms.append((values - means) * scales)
        gains = (self.gates_buffer.flatten(3) * norms[0]).sum((0, 1, 2))
        return super().result() | {
            "gain_products": gains,
            "gain_memory": (self.exposure * norms[1]).sum((0, 1, 2)),
            "bias_memory": self.exposure.view(-1, width).sum(0),
        }


@dataclass(frozen=True)
class LayerNormRecurrence(LstmRecurrence):
    """Equations of the LSTM with recurrent products normalised over all gates, and memory normalised at the output.

    ``a_t = x_t + LN(U (m * h_{t-1}); q)`` and ``o * tanh(LN(n; r, s))``; F = K = 1, no peepholes, no projection.
    Tensors in addition to those of :class:`LstmRecurrence`: "gain_products" q, (G * C,), "gain_memory" r and
    "bias_memory" s, (C,).
    """

    forward_pass = LayerNormForward
    backward_pass = LayerNormBackward
