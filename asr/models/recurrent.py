"""Recurrent layers, one direction or two, exact under padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Cell = Literal["lstm", "gru", "rnn"]

_CELLS: dict[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def reversal_index(lengths: Tensor, num_frames: int) -> Tensor:
    """Gives the index that reverses each utterance within its own length and leaves padding where it is.

    Args:
        lengths: frames of each utterance, shape (B,).
        num_frames: frames of the padded batch, T.

    Returns:
        Index for :func:`reverse`, its own inverse, shape (B, T).

    Example:
        >>> reversal_index(torch.tensor([2, 3]), 3)
        tensor([[1, 0, 2],
                [2, 1, 0]])
    """
    frames = torch.arange(num_frames, device=lengths.device).expand(lengths.size(0), -1)
    mirrored = lengths.unsqueeze(1) - 1 - frames
    return torch.where(mirrored >= 0, mirrored, frames)


def reverse(frames: Tensor, index: Tensor) -> Tensor:
    """Puts the frames of each utterance in the order of an index.

    Args:
        frames: padded frames, shape (B, T, D).
        index: from :func:`reversal_index`, shape (B, T).

    Returns:
        Frames, shape (B, T, D).
    """
    return frames.gather(1, index.unsqueeze(2).expand(-1, -1, frames.size(2)))


def make_cell(cell: Cell, input_dim: int, hidden_dim: int) -> nn.RNNBase:
    """Gives one direction of one layer, with orthogonal recurrent weights and a forget bias of 1.

    **Source**: orthogonal recurrent weights, Saxe et al. 2014; forget bias, Gers et al. 2000, Jozefowicz et al. 2015.

    Args:
        cell: the kind of unit; "rnn" is the plain tanh unit.
        input_dim: width of its input.
        hidden_dim: units.

    Returns:
        A module from (B, T, input_dim) to (B, T, hidden_dim) and its last state.
    """
    module = _CELLS[cell](input_dim, hidden_dim, batch_first=True)
    for name, parameter in module.named_parameters():
        if name.startswith("weight_hh"):
            for gate in torch.split(parameter.data, hidden_dim):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    if cell == "lstm":
        assert isinstance(module.bias_ih_l0, Tensor)  # gates stand in the order input, forget, cell, output
        nn.init.ones_(module.bias_ih_l0[hidden_dim : 2 * hidden_dim])
    return module


class RecurrentLayer(nn.Module):
    """One layer, in one direction or in two.

    Two directions are two modules of one direction, the second fed with each utterance reversed within its own length:
    the same numbers as packed sequences, several times faster on CPU, and cuDNN's fast paths stay open on GPU.

    **Source**: Graves & Schmidhuber 2005 for two directions.
    """

    def __init__(self, input_dim: int, hidden_dim: int, cell: Cell = "lstm", bidirectional: bool = True) -> None:
        """Builds the layer.

        Args:
            input_dim: width of its input.
            hidden_dim: units in each direction.
            cell: the kind of unit.
            bidirectional: whether a second module reads the utterance backwards.
        """
        super().__init__()
        self.output_dim = hidden_dim * (2 if bidirectional else 1)
        self.ahead = make_cell(cell, input_dim, hidden_dim)
        self.back = make_cell(cell, input_dim, hidden_dim) if bidirectional else None

    def forward(self, frames: Tensor, index: Tensor) -> Tensor:
        """Runs over all frames; what stands in padding reaches no frame of an utterance.

        Args:
            frames: padded frames, shape (B, T, input_dim).
            index: from :func:`reversal_index`, shape (B, T).

        Returns:
            Frames, shape (B, T, output_dim); padding holds no meaning.
        """
        ahead, _ = self.ahead(frames)
        if self.back is None:
            return ahead  # type: ignore[no-any-return]
        back, _ = self.back(reverse(frames, index))
        return torch.cat([ahead, reverse(back, index)], dim=2)


class RecurrentStack(nn.Module):
    """Layers on top of one another, with dropout, layer norm and residual connections between them."""

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        num_layers: int,
        cell: Cell = "lstm",
        bidirectional: bool = True,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
    ) -> None:
        """Builds the stack.

        Args:
            input_dim: width of the first layer's input.
            hidden_dim: units in each direction of each layer.
            num_layers: layers.
            cell: the kind of unit.
            bidirectional: whether each layer reads both ways.
            dropout: share of values dropped behind each layer.
            layer_norm: whether each layer's output is normalised over its width (Ba et al. 2016).
            residual: whether a layer's input is added to its output, where their widths agree.
        """
        super().__init__()
        layers, norms, width = [], [], input_dim
        for _ in range(num_layers):
            layer = RecurrentLayer(width, hidden_dim, cell, bidirectional)
            width = layer.output_dim
            layers.append(layer)
            norms.append(nn.LayerNorm(width) if layer_norm else nn.Identity())
        self.output_dim = width
        self.residual = residual
        self.layers, self.norms = nn.ModuleList(layers), nn.ModuleList(norms)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Runs all layers.

        Args:
            frames: padded frames, shape (B, T, input_dim).
            lengths: frames of each utterance, shape (B,).

        Returns:
            Frames, shape (B, T, output_dim); padding holds no meaning.
        """
        index = reversal_index(lengths, frames.size(1))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            output = self.dropout(norm(layer(frames, index)))
            frames = frames + output if self.residual and output.size(2) == frames.size(2) else output
        return frames
