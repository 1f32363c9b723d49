"""What a recogniser needs and no more: front end, encoder, CTC output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd


class Encoder(Protocol):
    """What the acoustic model needs of an encoder: a module that turns features into encoded frames."""

    output_dim: int
    time_stride: int

    def __call__(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns encoded frames (B, N, D) and their lengths (B,) for features (B, T, F) and lengths (B,)."""

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Returns the numbers of encoder frames for numbers of feature frames, shape (B,)."""


class AcousticModel(nn.Module):
    """Turns waveforms or features into log-probabilities of tokens.

    **Source**: Graves et al. 2006 for the output layer: one linear map, softmax over tokens and blank.

    Args:
        frontend: waveforms to features.
        encoder: features to encoded frames.
        num_tokens: tokens including blank, V.
    """

    frontend: FrontEnd
    encoder: Encoder

    def __init__(self, frontend: FrontEnd, encoder: nn.Module, num_tokens: int) -> None:
        super().__init__()
        self.frontend = frontend
        self.encoder = encoder  # type: ignore[assignment]
        self.output = nn.Linear(self.encoder.output_dim, num_tokens)

    @property
    def frame_seconds(self) -> float:
        """Seconds from one encoder frame to the next."""
        return self.encoder.time_stride * self.frontend.hop_length / self.frontend.sample_rate

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log-probabilities for waveforms.

        Args:
            waveforms: samples in [-1, 1] at the front end's rate, shape (B, S).
            lengths: samples of each, shape (B,).

        Returns:
            Natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        """
        return self.classify(*self.frontend(waveforms, lengths))

    def classify(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log-probabilities for complete features, augmented or not.

        Args:
            features: output of the front end, shape (B, T, F).
            lengths: frames of each, shape (B,).

        Returns:
            Natural-log posteriors in float32, shape (B, N, V), and their lengths, shape (B,).
        """
        encoded, encoded_lengths = self.encoder(features, lengths)  # (B, T, F) -> (B, N, D)
        return self.classify_encoded(encoded), encoded_lengths

    def classify_encoded(self, encoded: Tensor) -> Tensor:
        """Returns the log-probabilities of encoded frames in float32: (*, D) -> (*, V)."""
        return torch.log_softmax(self.output(encoded).float(), dim=-1)

    def classify_layers(self, features: Tensor, lengths: Tensor, layers: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """Returns log-probabilities of lower layers as well, computed by the same output layer.

        Args besides those of :meth:`classify`:
            layers: lower layers of the encoder, counted from 1.

        Returns:
            Natural-log posteriors in float32, each of shape (B, N, V): those of ``layers``, then those of
            :meth:`classify`; and their lengths, shape (B,).

        Raises:
            ConfigError: the encoder does not expose its layers, has too few, or their width is not that of its output.
        """
        if not layers:
            log_probs, encoded_lengths = self.classify(features, lengths)
            return [log_probs], encoded_lengths
        where = f"encoder {type(self.encoder).__name__}"
        if not hasattr(self.encoder, "outputs"):
            raise ConfigError(where, "does not show its layers", "leave intermediate out, or take RecurrentEncoder")
        outputs, encoded_lengths = self.encoder.outputs(features, lengths)
        if any(not 1 <= layer < len(outputs) for layer in layers):
            raise ConfigError(where, f"layers {list(layers)} of {len(outputs)}", f"take some below {len(outputs)}")
        wanted = [outputs[layer - 1] for layer in layers]
        if any(output.size(2) != self.encoder.output_dim for output in wanted):
            raise ConfigError(where, "lower layers are of another width than its output", "leave intermediate out")
        return [self.classify_encoded(each) for each in (*wanted, outputs[-1])], encoded_lengths
