"""Each cell frame by frame, as written in the papers, for plain autograd: the reference that tests compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.models.cells.choice import Cell

Weights = dict[str, Tensor]
"""The parameters of a cell by name."""


class Before(NamedTuple):
    """The state after the frame before.

    Attributes:
        seen: input of the recurrent products, h_{t-1} or c_{t-1}, after recurrent dropout, shape (B, R).
        hidden: h_{t-1}, shape (B, R).
        memory: c_{t-1}, shape (B, H).
    """

    seen: Tensor
    hidden: Tensor
    memory: Tensor


Step = Callable[[Weights, Tensor, Before], tuple[Tensor, Tensor]]
"""Maps a frame, (B, D), and the state before it to h_t, (B, R), and c_t, (B, H)."""


@dataclass
class Noise:
    """The random masks of training.

    Attributes:
        mask: of recurrent dropout, shape (B, R); None without.
        zones: of zoneout for c and h, or for h alone, each (T, B, H); empty without.
    """

    mask: Tensor | None = None
    zones: list[Tensor] = field(default_factory=list)


def _affine(weights: Weights, frame: Tensor, seen: Tensor) -> Tensor:
    inputs = frame @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    return inputs + seen @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]


def _norm(values: Tensor) -> Tensor:
    mean = values.mean(dim=1, keepdim=True)
    return (values - mean) / torch.sqrt((values - mean).square().mean(dim=1, keepdim=True) + 1e-5)


def _lstm(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    entry, forget, candidate, opening = _affine(weights, frame, before.seen).chunk(4, dim=1)
    new = forget.sigmoid() * before.memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * new.tanh(), new


def _lstm_no_forget(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    entry, candidate, opening = _affine(weights, frame, before.seen).chunk(3, dim=1)
    new = before.memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * new.tanh(), new


def _lstm_coupled(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    entry, candidate, opening = _affine(weights, frame, before.seen).chunk(3, dim=1)
    new = (1 - entry.sigmoid()) * before.memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * new.tanh(), new


def _lstm_peephole(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    entry, forget, candidate, opening = _affine(weights, frame, before.seen).chunk(4, dim=1)
    of_entry, of_forget, of_opening = weights["peephole_l0"]
    forgotten = (forget + of_forget * before.memory).sigmoid() * before.memory
    new = forgotten + (entry + of_entry * before.memory).sigmoid() * candidate.tanh()
    return (opening + of_opening * new).sigmoid() * new.tanh(), new


def _lstm_projected(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    shown, new = _lstm(weights, frame, before)
    return shown @ weights["weight_hr_l0"].T, new


def _lstm_layer_norm(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    inputs = _norm(frame @ weights["weight_ih_l0"].T) * weights["gain_ih_l0"]
    products = _norm(before.seen @ weights["weight_hh_l0"].T) * weights["gain_hh_l0"]
    gates = inputs + products + weights["bias_ih_l0"] + weights["bias_hh_l0"]
    entry, forget, candidate, opening = gates.chunk(4, dim=1)
    new = forget.sigmoid() * before.memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * (_norm(new) * weights["gain_memory_l0"] + weights["bias_memory_l0"]).tanh(), new


def _conv_lstm(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    """Uses torch's convolution on images (B, C, F)."""
    num_bins, margin = weights["peephole_l0"].size(1), weights["weight_hh_l0"].size(2) // 2
    values = (frame, before.seen, before.memory)
    image, seen, memory = (value.view(len(value), num_bins, -1).transpose(1, 2) for value in values)
    gates = F.conv1d(image, weights["weight_ih_l0"], weights["bias_ih_l0"], padding=margin)
    gates = gates + F.conv1d(seen, weights["weight_hh_l0"], padding=margin)
    entry, forget, candidate, opening = gates.chunk(4, dim=1)
    of_entry, of_forget, of_opening = (peephole.T for peephole in weights["peephole_l0"])
    new = (forget + of_forget * memory).sigmoid() * memory + (entry + of_entry * memory).sigmoid() * candidate.tanh()
    shown = (opening + of_opening * new).sigmoid() * new.tanh()
    return shown.transpose(1, 2).flatten(1), new.transpose(1, 2).flatten(1)


def _rnn(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    return _affine(weights, frame, before.seen).tanh(), before.memory


def _gru(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    inputs = (frame @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]).chunk(3, dim=1)
    products = (before.seen @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]).chunk(3, dim=1)
    reset, update = ((inputs[gate] + products[gate]).sigmoid() for gate in range(2))
    new = (inputs[2] + reset * products[2]).tanh()
    return (1 - update) * new + update * before.hidden, before.memory


def _ligru(weights: Weights, frame: Tensor, before: Before) -> tuple[Tensor, Tensor]:
    """Takes the normalised input products as frames."""
    update, new = (frame + before.seen @ weights["weight_hh_l0"].T).chunk(2, dim=1)
    return (1 - update.sigmoid()) * new.relu() + update.sigmoid() * before.hidden, before.memory


STEPS: dict[Cell, Step] = {
    "rnn": _rnn,
    "gru": _gru,
    "ligru": _ligru,
    "lstm": _lstm,
    "lstm_no_forget": _lstm_no_forget,
    "lstm_coupled": _lstm_coupled,
    "lstm_peephole": _lstm_peephole,
    "lstm_peephole_cell": _lstm,  # on the memory
    "lstm_layer_norm": _lstm_layer_norm,
    "lstm_projected": _lstm_projected,
    "conv_lstm": _conv_lstm,
}


def normed_inputs(weights: Weights, frames: Tensor, valid: Tensor) -> Tensor:
    """Returns the light GRU's input products after torch's batch norm over the valid frames; zero in padding.

    Args:
        weights: of the cell.
        frames: padded frames, shape (B, T, D).
        valid: True for frames, False for padding, shape (B, T).

    Returns:
        The normalised products, shape (B, T, 2 * H).
    """
    products = frames[valid] @ weights["weight_ih_l0"].T
    normed = F.batch_norm(products, None, None, weights["gain_ih_l0"], weights["bias_ih_l0"], training=True)
    return torch.zeros(*valid.shape, normed.size(1), dtype=normed.dtype).index_put((valid,), normed)


def unroll(cell: Cell, weights: Weights, frames: Tensor, hidden_dim: int, output_dim: int, noise: Noise) -> Tensor:
    """Returns the hidden values of all frames, shape (B, T, R).

    Args:
        cell: the kind of unit.
        weights: of the cell.
        frames: shape (B, T, D).
        hidden_dim: values of the memory, H.
        output_dim: hidden values, R.
        noise: random masks of training.
    """
    batch_size, num_frames, _ = frames.shape
    hidden, memory = frames.new_zeros(batch_size, output_dim), frames.new_zeros(batch_size, hidden_dim)
    outputs = []
    for frame in range(num_frames):
        seen = memory if cell == "lstm_peephole_cell" else hidden
        seen = seen if noise.mask is None else seen * noise.mask
        new_hidden, new_memory = STEPS[cell](weights, frames[:, frame], Before(seen, hidden, memory))
        if noise.zones:
            kept_hidden, kept_memory = noise.zones[-1][frame], noise.zones[0][frame]
            new_hidden = kept_hidden * hidden + (1 - kept_hidden) * new_hidden
            new_memory = kept_memory * memory + (1 - kept_memory) * new_memory if len(noise.zones) == 2 else memory
        hidden, memory = new_hidden, new_memory
        outputs.append(hidden)
    return torch.stack(outputs, dim=1)
