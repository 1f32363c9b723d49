"""Each cell frame by frame, as its equations stand in the papers, for plain autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = dict[str, Tensor]
Step = Callable[[Weights, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass
class Noise:
    """What training drew: the mask of h_{t-1}, and what zoneout keeps of c and h, frames first."""

    mask: Tensor | None = None
    zones: list[Tensor] = field(default_factory=list)


def affine(weights: Weights, frame: Tensor, seen: Tensor) -> Tensor:
    inputs = frame @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    return inputs + seen @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]


def lstm(weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    entry, forget, candidate, opening = affine(weights, frame, seen).chunk(4, dim=1)
    new = forget.sigmoid() * memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * new.tanh(), new


def lstm_no_forget(
    weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    entry, candidate, opening = affine(weights, frame, seen).chunk(3, dim=1)
    new = memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * new.tanh(), new


def lstm_coupled(
    weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    entry, candidate, opening = affine(weights, frame, seen).chunk(3, dim=1)
    new = (1 - entry.sigmoid()) * memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * new.tanh(), new


def lstm_peephole(
    weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    entry, forget, candidate, opening = affine(weights, frame, seen).chunk(4, dim=1)
    of_entry, of_forget, of_opening = weights["peephole_l0"]
    forgotten = (forget + of_forget * memory).sigmoid() * memory
    new = forgotten + (entry + of_entry * memory).sigmoid() * candidate.tanh()
    return (opening + of_opening * new).sigmoid() * new.tanh(), new


def lstm_peephole_cell(
    weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    return lstm(weights, frame, seen, hidden, memory)  # unroll lets it see the memory


def lstm_projected(
    weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    shown, new = lstm(weights, frame, seen, hidden, memory)
    return shown @ weights["weight_hr_l0"].T, new


def norm(values: Tensor) -> Tensor:
    mean = values.mean(dim=1, keepdim=True)
    return (values - mean) / torch.sqrt((values - mean).square().mean(dim=1, keepdim=True) + 1e-5)


def lstm_layer_norm(
    weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    inputs = norm(frame @ weights["weight_ih_l0"].T) * weights["gain_ih_l0"]
    products = norm(seen @ weights["weight_hh_l0"].T) * weights["gain_hh_l0"]
    gates = inputs + products + weights["bias_ih_l0"] + weights["bias_hh_l0"]
    entry, forget, candidate, opening = gates.chunk(4, dim=1)
    new = forget.sigmoid() * memory + entry.sigmoid() * candidate.tanh()
    return opening.sigmoid() * (norm(new) * weights["gain_memory_l0"] + weights["bias_memory_l0"]).tanh(), new


def conv_lstm(weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Works on images (B, C, F) with torch's convolution."""
    num_bins, margin = weights["peephole_l0"].size(1), weights["weight_hh_l0"].size(2) // 2
    image, before, state = (value.unflatten(1, (num_bins, -1)).transpose(1, 2) for value in (frame, seen, memory))
    gates = F.conv1d(image, weights["weight_ih_l0"], weights["bias_ih_l0"], padding=margin)
    gates = gates + F.conv1d(before, weights["weight_hh_l0"], padding=margin)
    entry, forget, candidate, opening = gates.chunk(4, dim=1)
    of_entry, of_forget, of_opening = (peephole.T for peephole in weights["peephole_l0"])
    new = (forget + of_forget * state).sigmoid() * state + (entry + of_entry * state).sigmoid() * candidate.tanh()
    shown = (opening + of_opening * new).sigmoid() * new.tanh()
    return shown.transpose(1, 2).flatten(1), new.transpose(1, 2).flatten(1)


def rnn(weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    return affine(weights, frame, seen).tanh(), memory


def gru(weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    inputs = (frame @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]).chunk(3, dim=1)
    products = (seen @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]).chunk(3, dim=1)
    reset, update = ((inputs[gate] + products[gate]).sigmoid() for gate in range(2))
    new = (inputs[2] + reset * products[2]).tanh()
    return (1 - update) * new + update * hidden, memory


def ligru(weights: Weights, frame: Tensor, seen: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Takes frames whose input products are normalised already."""
    update, new = (frame + seen @ weights["weight_hh_l0"].T).chunk(2, dim=1)
    return (1 - update.sigmoid()) * new.relu() + update.sigmoid() * hidden, memory


def normed_inputs(weights: Weights, frames: Tensor, valid: Tensor) -> Tensor:
    """Gives the light GRU's input products by torch's batch norm over the valid frames; zero in padding."""
    products = frames[valid] @ weights["weight_ih_l0"].T
    normed = F.batch_norm(products, None, None, weights["gain_ih_l0"], weights["bias_ih_l0"], training=True)
    return torch.zeros(*valid.shape, normed.size(1), dtype=normed.dtype).index_put((valid,), normed)


STEPS: dict[str, Step] = {
    step.__name__: step
    for step in (
        *(rnn, gru, ligru, lstm, lstm_no_forget, lstm_coupled, lstm_peephole, lstm_peephole_cell),
        *(lstm_layer_norm, lstm_projected, conv_lstm),
    )
}


def unroll(name: str, weights: Weights, frames: Tensor, hidden_dim: int, output_dim: int, noise: Noise) -> Tensor:
    """Gives the hidden values of all frames, shape (B, T, output_dim), for frames of shape (B, T, D)."""
    batch_size, num_frames, _ = frames.shape
    hidden, memory = frames.new_zeros(batch_size, output_dim), frames.new_zeros(batch_size, hidden_dim)
    outputs = []
    for frame in range(num_frames):
        seen = memory if name == "lstm_peephole_cell" else hidden
        seen = seen if noise.mask is None else seen * noise.mask
        new_hidden, new_memory = STEPS[name](weights, frames[:, frame], seen, hidden, memory)
        if noise.zones:
            kept_hidden, kept_memory = noise.zones[-1][frame], noise.zones[0][frame]
            new_hidden = kept_hidden * hidden + (1 - kept_hidden) * new_hidden
            new_memory = kept_memory * memory + (1 - kept_memory) * new_memory if len(noise.zones) == 2 else memory
        hidden, memory = new_hidden, new_memory
        outputs.append(hidden)
    return torch.stack(outputs, dim=1)
