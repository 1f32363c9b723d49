"""Encoders: features to encoded frames."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Unpack

from torch import Tensor

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellKeywords, CellOptions
from asr.models.latency import LatencyControlledStack
from asr.models.recurrent import RecurrentLayer, RecurrentStack
from asr.models.subsampled import SubsampledEncoder


class StackedEncoder(SubsampledEncoder):
    """Subsampling, then a stack of recurrent layers, which it shows."""

    recurrent: RecurrentStack

    def set_stack(self, stack: RecurrentStack) -> None:
        """Sets the layers."""
        self.recurrent = stack
        self.output_dim = stack.output_dim

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        return self.recurrent(frames, lengths)  # type: ignore[no-any-return]

    def outputs(self, features: Tensor, lengths: Tensor, num_layers: int | None = None) -> tuple[list[Tensor], Tensor]:
        """Returns the outputs of the first ``num_layers`` recurrent layers, or of all, and their lengths.

        The last one of all is that of :meth:`forward`.
        """
        frames, encoded_lengths = self.subsampling(features, lengths)  # (B, T, F) -> (B, N, *)
        return self.recurrent.outputs(self.dropout(frames), encoded_lengths, num_layers), encoded_lengths

    @abstractmethod
    def another_last_layer(self) -> RecurrentStack:
        """Returns a new layer like the last one, to stand beside it.

        Raises:
            ConfigError: such a layer is not possible.
        """


class RecurrentEncoder(StackedEncoder):
    """Subsampling, then a stack of recurrent layers: the deep bidirectional LSTM of this project.

    **Source**: Graves, Mohamed & Hinton 2013, optionally after the convolutions of Amodei et al. 2016.

    Args besides those of :class:`SubsampledEncoder` and :class:`RecurrentStack`:
        dropout: share of values dropped after the subsampling and after each layer.
        bptt_frames: encoder frames of a chunk in training, after which gradients are cut; 0 cuts none.
        options: of the units of all layers; see :class:`CellOptions`.

    Raises:
        ConfigError: settings contradict each other or do not apply to the kind of unit.
    """

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_layers: int,
        cell: Cell = "lstm",
        bidirectional: bool = True,
        time_stride: int = 1,
        conv_channels: int = 0,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        front_cell: Cell | None = None,
        bptt_frames: int = 0,
        **options: Unpack[CellKeywords],
    ) -> None:
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        width = self.subsampling.output_dim
        units = _units(width, conv_channels, (cell, front_cell), options)
        self._stack = partial(
            RecurrentStack,
            hidden_dim=hidden_dim,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout,
            layer_norm=layer_norm,
            residual=residual,
            options=units,
            bptt_frames=bptt_frames,
        )
        self.set_stack(self._stack(width, num_layers=num_layers, front_cell=front_cell))
        self.bidirectional = bidirectional

    def another_last_layer(self) -> RecurrentStack:
        """Returns a new layer like the last one, to stand beside it.

        Raises:
            ConfigError: there is no layer below the last one.
        """
        if len(self.recurrent.layers) < 2:
            raise ConfigError("encoder", "has one layer, which a head cannot have of its own", "take two or more")
        below = self.recurrent.layers[-2]
        assert isinstance(below, RecurrentLayer)
        return self._stack(below.output_dim, num_layers=1)


class LatencyControlledEncoder(StackedEncoder):
    """Subsampling, then a stack of layers in two directions whose outputs wait for a bounded number of frames.

    Its weights have the names of those of :class:`RecurrentEncoder`, so that a run can begin from one (``init_from``).

    **Source**: Zhang et al. 2016; see :class:`LatencyControlledStack`.

    Args besides those of :class:`SubsampledEncoder` and :class:`LatencyControlledStack`:
        chunk_frames: encoder frames of a chunk.
        context_frames: encoder frames to its right that it sees.
        dropout: share of values dropped after the subsampling and after each layer.
        options: of the units of all layers; see :class:`CellOptions`.

    Raises:
        ConfigError: settings contradict each other or do not apply to the kind of unit.
    """

    recurrent: LatencyControlledStack

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_layers: int,
        chunk_frames: int,
        context_frames: int,
        cell: Cell = "lstm",
        time_stride: int = 1,
        conv_channels: int = 0,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        front_cell: Cell | None = None,
        **options: Unpack[CellKeywords],
    ) -> None:
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        width = self.subsampling.output_dim
        units = _units(width, conv_channels, (cell, front_cell), options)
        chunks = chunk_frames, context_frames
        self.set_stack(
            LatencyControlledStack(
                width, hidden_dim, num_layers, *chunks, cell, dropout, layer_norm, residual, front_cell, units
            )
        )

    def another_last_layer(self) -> RecurrentStack:
        """Refuses to give a head a last layer of its own.

        Raises:
            ConfigError: such a layer would need the right contexts of the layer below, which are not kept.
        """
        found = "a head with a last layer of its own would not see the right context of the layer below"
        raise ConfigError("encoder LatencyControlledEncoder", found, "leave own_layer out")


def _units(width: int, conv_channels: int, cells: tuple[Cell, Cell | None], options: CellKeywords) -> CellOptions:
    """Returns the options of all units over subsampled frames, shape (B, N, width)."""
    if "conv_lstm" in cells and not conv_channels:
        found = "conv_lstm needs frequency bins, which stacked frames do not have"
        raise ConfigError("encoder", found, "set conv_channels")
    return CellOptions(num_bins=width // conv_channels if conv_channels else 1, **options)
