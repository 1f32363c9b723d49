"""What a recogniser needs and no more: front end, encoder, CTC output."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from asr.features.frontend import FrontEnd


class Encoder(Protocol):
    """What the acoustic model asks of an encoder, a module from features to encoded frames."""

    output_dim: int
    time_stride: int

    def __call__(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Gives encoded frames (B, N, D) and their lengths (B,) for features (B, T, F) and lengths (B,)."""

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Gives the encoder frames of feature frames, shape (B,)."""


class AcousticModel(nn.Module):
    """Waveforms or cached features to the log-probabilities of tokens.

    **Source**: Graves et al. 2006 for the output layer: one linear map, softmax over tokens and blank.
    """

    frontend: FrontEnd
    encoder: Encoder

    def __init__(self, frontend: FrontEnd, encoder: nn.Module, num_tokens: int) -> None:
        """Puts the three together.

        Args:
            frontend: waveforms to features.
            encoder: features to encoded frames.
            num_tokens: tokens with blank, V.
        """
        super().__init__()
        self.frontend = frontend
        self.encoder = encoder  # type: ignore[assignment]
        self.output = nn.Linear(self.encoder.output_dim, num_tokens)

    @property
    def frame_seconds(self) -> float:
        """Seconds from one encoder frame to the next."""
        return self.encoder.time_stride * self.frontend.hop_length / self.frontend.sample_rate

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Gives log-probabilities for waveforms.

        Args:
            waveforms: samples in [-1, 1] at the front end's rate, shape (B, S).
            lengths: samples of each, shape (B,).

        Returns:
            Natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        """
        return self.classify(*self.frontend(waveforms, lengths))

    def from_features(self, static: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Gives log-probabilities for cached features.

        Args:
            static: the front end's static features, shape (B, T, static_dim).
            lengths: frames of each, shape (B,).

        Returns:
            Natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        """
        return self.classify(self.frontend.complete(static, lengths), lengths)

    def classify(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Gives log-probabilities for complete features, augmented or not.

        Args:
            features: what the front end gives, shape (B, T, F).
            lengths: frames of each, shape (B,).

        Returns:
            Natural-log posteriors in float32, shape (B, N, V), and their lengths, shape (B,).
        """
        encoded, encoded_lengths = self.encoder(features, lengths)  # (B, T, F) -> (B, N, D)
        logits = self.output(encoded)  # (B, N, D) -> (B, N, V)
        return torch.log_softmax(logits.float(), dim=2), encoded_lengths
