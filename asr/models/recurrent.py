"""Recurrent layers, one direction or two, exact under padding."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from torch import Tensor, nn

from asr.models.cells.cell import RecurrentCell
from asr.models.cells.choice import Cell, CellOptions, make_cell
from asr.models.cells.half_lstm import half_lstm, takes_half
from asr.models.dropout import Dropout
from asr.models.lengths import valid_frames


def reversal_index(lengths: Tensor, num_frames: int) -> Tensor:
    """Returns the index that reverses each utterance within its own length and leaves padding in place.

    Args:
        lengths: frames of each utterance, shape (B,).
        num_frames: frames of the padded batch, T.

    Returns:
        Index for :func:`reverse`; it is its own inverse; shape (B, T).

    Example:
        >>> reversal_index(torch.tensor([2, 3]), 3)
        tensor([[1, 0, 2],
                [2, 1, 0]])
    """
    frames = torch.arange(num_frames, device=lengths.device).expand(lengths.size(0), -1)
    mirrored = lengths.unsqueeze(1) - 1 - frames
    return torch.where(mirrored >= 0, mirrored, frames)


def reverse(frames: Tensor, index: Tensor) -> Tensor:
    """Reorders padded frames, shape (B, T, D), by an index from :func:`reversal_index`, shape (B, T)."""
    return frames.gather(1, index.unsqueeze(2).expand(-1, -1, frames.size(2)))


class RecurrentLayer(nn.Module):
    """One layer in one or two directions.

    Two directions are two unidirectional modules, the second fed with each utterance reversed within its own length:
    the same numbers as packed sequences, several times faster on CPU, and cuDNN's fast paths stay open on GPU, where
    both run concurrently because a frame of one alone leaves most of the processor idle.

    **Source**: Graves & Schmidhuber 2005 for two directions.

    Args:
        input_dim: width of its input.
        hidden_dim: units in each direction.
        cell: the kind of unit.
        bidirectional: whether a second module reads the utterance backwards.
        options: of the units; None means the defaults.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        cell: Cell = "lstm",
        bidirectional: bool = True,
        options: CellOptions | None = None,
    ) -> None:
        super().__init__()
        options = CellOptions() if options is None else options
        self.output_dim = options.output_dim(cell, hidden_dim) * (2 if bidirectional else 1)
        self.ahead = make_cell(cell, input_dim, hidden_dim, options)
        self.num_bins = self.ahead.num_bins if isinstance(self.ahead, RecurrentCell) else 1
        self.back = make_cell(cell, input_dim, hidden_dim, options) if bidirectional else None

    def forward(self, frames: Tensor, index: Tensor, valid: Tensor | None = None) -> Tensor:
        """Runs over all frames; the content of padding does not affect any valid frame.

        Args:
            frames: padded frames, shape (B, T, input_dim).
            index: from :func:`reversal_index`, shape (B, T).
            valid: True for frames, False for padding, shape (B, T); None if there is no padding.

        Returns:
            Frames, shape (B, T, output_dim); the content of padding is arbitrary. Each bin of a convolutional unit
            holds the concatenated channels of both directions.
        """
        if self.back is None:
            return _run(self.ahead, frames, valid)
        with _Beside(frames.device) as beside:
            with beside.stream():
                back = reverse(_run(self.back, reverse(frames, index), valid), index)
            ahead = _run(self.ahead, frames, valid)
        beside.hand_over(back)
        return self.join(ahead, back)

    def join(self, ahead: Tensor, back: Tensor) -> Tensor:
        """Returns the output of both directions, shape (B, T, output_dim), bin by bin, for those of each."""
        if self.num_bins == 1:
            return torch.cat([ahead, back], dim=2)
        by_bin = (*ahead.shape[:2], self.num_bins, -1)
        return torch.cat([ahead.reshape(by_bin), back.reshape(by_bin)], dim=3).flatten(2)


class _Beside:
    """A second stream of a GPU: starts after the current work of the first, which waits for it at the end.

    Autograd runs the backward pass on the streams of the forward pass, so the gradients of both directions are
    concurrent too. On a CPU it does nothing.
    """

    _streams: ClassVar[dict[torch.device, torch.cuda.Stream]] = {}

    def __init__(self, device: torch.device) -> None:
        self._side: torch.cuda.Stream | None = None
        if device.type == "cuda":
            if device not in self._streams:
                self._streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
                torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)  # DDP starts on the first one
            self._side = self._streams[device]

    def __enter__(self) -> _Beside:
        if self._side is not None:
            self._side.wait_stream(torch.cuda.current_stream(self._side.device))
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._side is not None:
            torch.cuda.current_stream(self._side.device).wait_stream(self._side)

    def stream(self) -> AbstractContextManager[object]:
        """Returns the context that sends work to the second stream."""
        return nullcontext() if self._side is None else torch.cuda.stream(self._side)

    def hand_over(self, made: Tensor) -> None:
        """Keeps memory of the second stream alive until the first has read it."""
        if self._side is not None:
            made.record_stream(torch.cuda.current_stream(self._side.device))


def _run(cell: nn.Module, frames: Tensor, valid: Tensor | None) -> Tensor:
    """Runs one direction: a module of torch's or a cell of ours, which may need to know the padding.

    In training under autocast to bfloat16 on a CPU, the backward pass of torch's LSTM may be a faster one of ours.
    """
    if takes_half(cell, frames):
        assert isinstance(cell, nn.LSTM)
        return half_lstm(cell, frames)
    takes_valid = isinstance(cell, RecurrentCell) and cell.takes_valid
    output: Tensor = (cell(frames, valid=valid) if takes_valid else cell(frames))[0]
    return output


class RecurrentStack(nn.Module):
    """A stack of layers with dropout, layer norm and residual connections between them.

    Args:
        input_dim: width of the first layer's input.
        hidden_dim: units in each direction of each layer.
        num_layers: layers.
        cell: the kind of unit.
        bidirectional: whether each layer reads both ways.
        dropout: share of values dropped after each layer.
        layer_norm: whether each layer's output is normalised over its width (Ba et al. 2016).
        residual: whether a layer's input is added to its output where their widths agree.
        front_cell: the kind of unit of the first layer; None means that of the others.
        options: of the units; None means the defaults.
    """

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
        front_cell: Cell | None = None,
        options: CellOptions | None = None,
    ) -> None:
        super().__init__()
        layers, norms, width = [], [], input_dim
        for number in range(num_layers):
            kind = front_cell if front_cell is not None and number == 0 else cell
            layer = RecurrentLayer(width, hidden_dim, kind, bidirectional, options)
            width = layer.output_dim
            layers.append(layer)
            norms.append(nn.LayerNorm(width) if layer_norm else nn.Identity())
        self.output_dim = width
        self.residual = residual
        self.layers, self.norms = nn.ModuleList(layers), nn.ModuleList(norms)
        self.dropout = Dropout(dropout)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Runs all layers over padded frames, shape (B, T, input_dim), with lengths, shape (B,).

        Returns:
            Frames, shape (B, T, output_dim); the content of padding is arbitrary.
        """
        return self.outputs(frames, lengths)[-1]

    def outputs(self, frames: Tensor, lengths: Tensor, num_layers: int | None = None) -> list[Tensor]:
        """Returns the outputs of the first ``num_layers`` layers, or of all: the last of all is :meth:`forward`'s."""
        index, valid = reversal_index(lengths, frames.size(1)), valid_frames(lengths, frames.size(1))
        outputs = []
        for number, layer in enumerate(self.layers[:num_layers]):
            frames = self.connect(number, frames, layer(frames, index, valid))
            outputs.append(frames)
        return outputs

    def connect(self, number: int, frames: Tensor, output: Tensor) -> Tensor:
        """Returns what the next layer sees, shape (B, T, D), of a layer's input, (B, T, *), and output, (B, T, D)."""
        output = self.dropout(self.norms[number](output))
        return frames + output if self.residual and output.size(2) == frames.size(2) else output
