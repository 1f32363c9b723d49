"""Each cell frame by frame, as written in the papers, for plain autograd: the reference for tests and traces."""

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


class After(NamedTuple):
    """The state of a cell after a frame.

    Attributes:
        hidden: h_t, shape (B, R).
        memory: c_t, shape (B, H).
        gates: input, forget and output gate of cells with a memory, between 0 and 1, shape (B, H) each; else empty.
    """

    hidden: Tensor
    memory: Tensor
    gates: tuple[Tensor, ...] = ()


Step = Callable[[Weights, Tensor, Before], After]
"""Maps a frame, (B, D), and the state before it to the state after it."""


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


def _lstm(weights: Weights, frame: Tensor, before: Before) -> After:
    entry, forget, candidate, opening = _affine(weights, frame, before.seen).chunk(4, dim=1)
    gates = entry.sigmoid(), forget.sigmoid(), opening.sigmoid()
    new = gates[1] * before.memory + gates[0] * candidate.tanh()
    return After(gates[2] * new.tanh(), new, gates)


def _lstm_no_forget(weights: Weights, frame: Tensor, before: Before) -> After:
    entry, candidate, opening = _affine(weights, frame, before.seen).chunk(3, dim=1)
    gates = entry.sigmoid(), torch.ones_like(entry), opening.sigmoid()
    new = before.memory + gates[0] * candidate.tanh()
    return After(gates[2] * new.tanh(), new, gates)


def _lstm_coupled(weights: Weights, frame: Tensor, before: Before) -> After:
    entry, candidate, opening = _affine(weights, frame, before.seen).chunk(3, dim=1)
    gates = entry.sigmoid(), 1 - entry.sigmoid(), opening.sigmoid()
    new = gates[1] * before.memory + gates[0] * candidate.tanh()
    return After(gates[2] * new.tanh(), new, gates)


def _lstm_peephole(weights: Weights, frame: Tensor, before: Before) -> After:
    entry, forget, candidate, opening = _affine(weights, frame, before.seen).chunk(4, dim=1)
    of_entry, of_forget, of_opening = weights["peephole_l0"]
    kept = (forget + of_forget * before.memory).sigmoid()
    taken = (entry + of_entry * before.memory).sigmoid()
    new = kept * before.memory + taken * candidate.tanh()
    shown = (opening + of_opening * new).sigmoid()
    return After(shown * new.tanh(), new, (taken, kept, shown))


def _lstm_projected(weights: Weights, frame: Tensor, before: Before) -> After:
    after = _lstm(weights, frame, before)
    return after._replace(hidden=after.hidden @ weights["weight_hr_l0"].T)


def _lstm_layer_norm(weights: Weights, frame: Tensor, before: Before) -> After:
    inputs = _norm(frame @ weights["weight_ih_l0"].T) * weights["gain_ih_l0"]
    products = _norm(before.seen @ weights["weight_hh_l0"].T) * weights["gain_hh_l0"]
    gates = inputs + products + weights["bias_ih_l0"] + weights["bias_hh_l0"]
    entry, forget, candidate, opening = gates.chunk(4, dim=1)
    opened = entry.sigmoid(), forget.sigmoid(), opening.sigmoid()
    new = opened[1] * before.memory + opened[0] * candidate.tanh()
    normed = _norm(new) * weights["gain_memory_l0"] + weights["bias_memory_l0"]
    return After(opened[2] * normed.tanh(), new, opened)


def _conv_lstm(weights: Weights, frame: Tensor, before: Before) -> After:
    """Uses torch's convolution on images (B, C, F)."""
    num_bins, margin = weights["peephole_l0"].size(1), weights["weight_hh_l0"].size(2) // 2
    values = (frame, before.seen, before.memory)
    image, seen, memory = (value.view(len(value), num_bins, -1).transpose(1, 2) for value in values)
    gates = F.conv1d(image, weights["weight_ih_l0"], weights["bias_ih_l0"], padding=margin)
    gates = gates + F.conv1d(seen, weights["weight_hh_l0"], padding=margin)
    entry, forget, candidate, opening = gates.chunk(4, dim=1)
    of_entry, of_forget, of_opening = (peephole.T for peephole in weights["peephole_l0"])
    kept, taken = (forget + of_forget * memory).sigmoid(), (entry + of_entry * memory).sigmoid()
    new = kept * memory + taken * candidate.tanh()
    shown = (opening + of_opening * new).sigmoid()
    made = (shown * new.tanh(), new, taken, kept, shown)
    hidden, memory, *opened = (value.transpose(1, 2).flatten(1) for value in made)
    return After(hidden, memory, tuple(opened))


def _rnn(weights: Weights, frame: Tensor, before: Before) -> After:
    return After(_affine(weights, frame, before.seen).tanh(), before.memory)


def _gru(weights: Weights, frame: Tensor, before: Before) -> After:
    inputs = (frame @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]).chunk(3, dim=1)
    products = (before.seen @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]).chunk(3, dim=1)
    reset, update = ((inputs[gate] + products[gate]).sigmoid() for gate in range(2))
    new = (inputs[2] + reset * products[2]).tanh()
    return After((1 - update) * new + update * before.hidden, before.memory)


def _ligru(weights: Weights, frame: Tensor, before: Before) -> After:
    """Takes the normalised input products as frames."""
    update, new = (frame + before.seen @ weights["weight_hh_l0"].T).chunk(2, dim=1)
    return After((1 - update.sigmoid()) * new.relu() + update.sigmoid() * before.hidden, before.memory)


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


def unroll(cell: Cell, weights: Weights, frames: Tensor, hidden_dim: int, output_dim: int, noise: Noise) -> After:
    """Returns what the cell makes of all frames: hidden values (B, T, R), memory and gates (B, T, H).

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
        new = STEPS[cell](weights, frames[:, frame], Before(seen, hidden, memory))
        new_hidden, new_memory = new.hidden, new.memory
        if noise.zones:
            kept_hidden, kept_memory = noise.zones[-1][frame], noise.zones[0][frame]
            new_hidden = kept_hidden * hidden + (1 - kept_hidden) * new_hidden
            new_memory = kept_memory * memory + (1 - kept_memory) * new_memory if len(noise.zones) == 2 else memory
        hidden, memory = new_hidden, new_memory
        outputs.append((hidden, memory, *new.gates))
    hidden, memory, *gates = (torch.stack(values, dim=1) for values in zip(*outputs, strict=True))
    return After(hidden, memory, tuple(gates))
