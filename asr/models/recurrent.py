"""Recurrent layers, one direction or two, exact under padding."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from asr.errors import ConfigError
from asr.models.cells.cell import RecurrentCell, State
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
            return _hidden(self.ahead, frames, valid)
        return self.join(*self.directions(frames, frames, index, valid))

    def directions(
        self, to_ahead: Tensor, to_back: Tensor, index: Tensor, valid: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns the outputs of both directions, shape (B, T, *) each, which need not read the same frames.

        Args besides those of :meth:`forward`:
            to_ahead: what the first direction reads, shape (B, T, input_dim).
            to_back: what the second one reads, in the order of time, shape (B, T, input_dim).
        """
        assert self.back is not None
        with _Beside(to_ahead.device) as beside:
            with beside.stream():
                back = reverse(_hidden(self.back, reverse(to_back, index), valid), index)
            ahead = _hidden(self.ahead, to_ahead, valid)
        beside.hand_over(back)
        return ahead, back

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


def _hidden(cell: nn.Module, frames: Tensor, valid: Tensor | None) -> Tensor:
    """Returns the hidden values of one direction from a state of zero, shape (B, T, R).

    In training under autocast to bfloat16 on a CPU, the backward pass of torch's LSTM may be a faster one of ours.
    """
    if takes_half(cell, frames):
        assert isinstance(cell, nn.LSTM)
        return half_lstm(cell, frames)
    return run_cell(cell, frames, valid=valid)[0]


def run_cell(
    cell: nn.Module, frames: Tensor, state: State | None = None, valid: Tensor | None = None
) -> tuple[Tensor, State]:
    """Runs one direction: a module of torch's or a cell of ours, which may need to know the padding.

    Args:
        cell: one direction of a layer.
        frames: padded frames, shape (B, T, input_dim).
        state: before the first frame, in the form in which it is returned; None for zero.
        valid: True for frames, False for padding, shape (B, T); None if there is no padding.

    Returns:
        Hidden values, shape (B, T, R), and the state after the last frame, padding or not.
    """
    takes_valid = isinstance(cell, RecurrentCell) and cell.takes_valid
    found = cell(frames, hx=state, valid=valid) if takes_valid else cell(frames, hx=state)
    output, after = found
    return output, after


def cut_gradients(state: State) -> State:
    """Returns a state into which no gradient flows."""
    return state.detach() if isinstance(state, Tensor) else (state[0].detach(), state[1].detach())


class RecurrentStack(nn.Module):
    """A stack of layers with dropout, layer norm and residual connections between them.

    With ``bptt_frames``, training is truncated back-propagation through time: states go on from chunk to chunk of so
    many frames, and gradients end at the chunk's first frame. The loss is still that of the whole utterance, as CTC
    needs it: its gradient with respect to each frame's output flows back within that frame's chunk. Between the passes
    a chunk's activations are dropped, and computed again with the same dropout for its gradients: so memory holds the
    activations of one chunk, for a forward pass more. A chunk that is no shorter than the utterance is full
    back-propagation, bit for bit. Recurrent dropout and zoneout draw anew in each chunk.

    **Source**: Williams & Peng 1990 for truncation; Chen et al. 2016 for activations computed twice.

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
        bptt_frames: frames of a chunk in training; 0 cuts no gradients.

    Raises:
        ConfigError: gradients are to be cut in two directions, or in units that normalise over whole utterances.
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
        bptt_frames: int = 0,
    ) -> None:
        super().__init__()
        _check_bptt(bptt_frames, bidirectional, (cell, front_cell))
        layers, norms, width = [], [], input_dim
        for number in range(num_layers):
            kind = front_cell if front_cell is not None and number == 0 else cell
            layer = RecurrentLayer(width, hidden_dim, kind, bidirectional, options)
            width = layer.output_dim
            layers.append(layer)
            norms.append(nn.LayerNorm(width) if layer_norm else nn.Identity())
        self.output_dim = width
        self.residual, self.bptt_frames = residual, bptt_frames
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
        if self.bptt_frames and self.training and torch.is_grad_enabled():
            return self._truncated(frames, num_layers)
        index, valid = reversal_index(lengths, frames.size(1)), valid_frames(lengths, frames.size(1))
        outputs = []
        for number, layer in enumerate(self.layers[:num_layers]):
            frames = self.connect(number, frames, layer(frames, index, valid))
            outputs.append(frames)
        return outputs

    def advance(
        self, frames: Tensor, states: Sequence[State | None], num_layers: int | None = None
    ) -> tuple[list[Tensor], list[State]]:
        """Runs the layers of a stack of one direction over the frames that follow on others.

        Args:
            frames: shape (B, T, input_dim).
            states: of each layer after the frames before; None for none.
            num_layers: runs so many of the layers; None runs all.

        Returns:
            The output of each layer, shape (B, T, output_dim), and its state after the last frame.
        """
        outputs, after = [], []
        for number, (layer, state) in enumerate(zip(self.layers[:num_layers], states, strict=False)):
            assert isinstance(layer, RecurrentLayer)
            output, state = run_cell(layer.ahead, frames, state)
            frames = self.connect(number, frames, output)
            outputs.append(frames)
            after.append(state)
        return outputs, after

    def _truncated(self, frames: Tensor, num_layers: int | None) -> list[Tensor]:
        """Returns the outputs of the layers, whose gradients end where a chunk begins."""
        states: list[State | None] = [None] * len(self.layers)
        chunks = []
        for first in range(0, frames.size(1), self.bptt_frames):
            chunk = frames[:, first : first + self.bptt_frames]
            outputs, after = checkpoint(self.advance, chunk, states, num_layers, use_reentrant=False)
            chunks.append(outputs)
            states = [cut_gradients(state) for state in after]
        return [torch.cat(parts, dim=1) for parts in zip(*chunks, strict=True)]

    def connect(self, number: int, frames: Tensor, output: Tensor) -> Tensor:
        """Returns what the next layer sees, shape (B, T, D), of a layer's input, (B, T, *), and output, (B, T, D)."""
        return self.add(frames, self.norms[number](output))

    def add(self, frames: Tensor, normed: Tensor) -> Tensor:
        """Does what :meth:`connect` does after the norm: dropout, and the residual connection."""
        output: Tensor = self.dropout(normed)
        return frames + output if self.residual and output.size(2) == frames.size(2) else output


def _check_bptt(bptt_frames: int, bidirectional: bool, cells: Sequence[Cell | None]) -> None:
    """Raises a :class:`ConfigError` where gradients are to be cut and cannot be."""
    where = f"bptt_frames {bptt_frames}"
    if bptt_frames < 0:
        raise ConfigError(where, "is negative", "give the encoder frames of a chunk, or 0 to cut no gradients")
    if bptt_frames and bidirectional:
        found = "a backward direction begins at the end of the utterance, and has no state to carry on"
        raise ConfigError(where, found, "set bidirectional to false, or take model=lstm_latency")
    if bptt_frames and "ligru" in cells:
        raise ConfigError(where, "ligru normalises over the frames of whole utterances", "take another cell")
