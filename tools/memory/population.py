"""Many small LSTMs at once, each with weights of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tools.memory.tasks import MemoryTask


def population_outputs(members: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """Returns what P networks answer to the same inputs, shape (P, B, T, O).

    A frame of all of them is one batched product, so that a population costs about as much as one wide network.

    Args:
        members: parameters of ``MemoryNetwork`` with an ``nn.LSTM``, by name, each of shape (P, ...).
        inputs: shape (B, T, I).
    """
    heard, recurrent, output = (members[name] for name in ("cell.weight_ih_l0", "cell.weight_hh_l0", "output.weight"))
    bias = members["cell.bias_ih_l0"] + members["cell.bias_hh_l0"]
    number, hidden_dim = recurrent.size(0), recurrent.size(2)
    batch_size, num_frames, _ = inputs.shape
    frames = inputs.transpose(0, 1).flatten(0, 1).expand(number, -1, -1)  # (P, T B, I)
    projected = torch.baddbmm(bias[:, None], frames, heard.mT).view(number, num_frames, batch_size, -1)
    recurrent = recurrent.mT.contiguous()  # (P, H, 4 H)
    hidden = memory = inputs.new_zeros(number, batch_size, hidden_dim)
    states = []
    for frame in projected.unbind(1):
        keep, forget, new, show = torch.baddbmm(frame, hidden, recurrent).chunk(4, dim=2)
        memory = forget.sigmoid() * memory + keep.sigmoid() * new.tanh()
        hidden = show.sigmoid() * memory.tanh()
        states.append(hidden)
    shown = torch.stack(states, dim=2).flatten(1, 2)  # (P, B T, H)
    return torch.baddbmm(members["output.bias"][:, None], shown, output.mT).view(number, batch_size, num_frames, -1)


def population_losses(task: MemoryTask, members: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    """Returns the loss of each of P networks on a task, shape (P,); arguments as for :func:`population_outputs`."""
    return torch.func.vmap(task.loss, in_dims=(0, None))(population_outputs(members, inputs), targets)
