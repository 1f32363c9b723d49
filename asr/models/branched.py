"""The encoder of a head that has a last layer of its own."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn


class LayeredEncoder(Protocol):
    """An encoder that shows its layers."""

    output_dim: int
    time_stride: int

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Returns the numbers of encoder frames for numbers of feature frames, shape (B,)."""

    def outputs(self, features: Tensor, lengths: Tensor, num_layers: int | None = None) -> tuple[list[Tensor], Tensor]:
        """Returns the outputs of the first ``num_layers`` layers, or of all, and their lengths."""


class BranchedEncoder(nn.Module):
    """An encoder with another layer in place of its last one; it shares the weights of both.

    Args:
        encoder: an encoder that shows its layers.
        layer: called with the output of its layer before the last one, shape (B, N, D), and the lengths, shape (B,).
    """

    encoder: LayeredEncoder

    def __init__(self, encoder: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.encoder, self.layer = encoder, layer  # type: ignore[assignment]
        self.output_dim, self.time_stride = self.encoder.output_dim, self.encoder.time_stride

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Returns the numbers of encoder frames for numbers of feature frames, shape (B,)."""
        return self.encoder.output_lengths(lengths)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes features, shape (B, T, F), of which ``lengths``, shape (B,), are valid.

        Returns:
            Encoded frames, shape (B, N, D), and their lengths, shape (B,); the content of padding is arbitrary.
        """
        outputs, encoded_lengths = self.encoder.outputs(features, lengths, -1)
        encoded: Tensor = self.layer(outputs[-1], encoded_lengths)
        return encoded, encoded_lengths
