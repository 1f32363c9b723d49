"""Learning before labels: recurrent networks that predict what they have not heard yet, or recall what they heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.errors import ConfigError
from asr.features.definitions import DELTA_WINDOW
from asr.features.frontend import FrontEnd
from asr.models.apart import check_separable, encode_apart, separate
from asr.models.encoder import RecurrentEncoder
from asr.models.lengths import valid_frames
from asr.models.recurrent import reversal_index, reverse

Method = Literal["apc", "autoencoder"]


class Errors(NamedTuple):
    """How far predictions are from what was there.

    Attributes:
        sums: errors of all predicted values of each utterance, shape (B,).
        counts: numbers of predicted values, shape (B,).
        copying: errors of a prediction that repeats the last frame that was read, shape (B,).
    """

    sums: Tensor
    counts: Tensor
    copying: Tensor

    @property
    def means(self) -> Tensor:
        """The mean error of each utterance, shape (B,); 0 where nothing is predicted."""
        return self.sums / self.counts.clamp(min=1)


class Predictor(nn.Module, ABC):
    """What is learned of speech alone.

    Attributes:
        min_frames: encoder frames that an utterance has to have, so that there is something to learn.
    """

    min_frames: int

    def forward(self, encoder: RecurrentEncoder, features: Tensor, lengths: Tensor) -> Errors:
        """Returns the errors of both directions together; see :meth:`each`."""
        found = self.each(encoder, features, lengths)
        return Errors(*(torch.stack(parts).sum(dim=0) for parts in zip(*found, strict=True)))

    @abstractmethod
    def each(self, encoder: RecurrentEncoder, features: Tensor, lengths: Tensor) -> list[Errors]:
        """Returns the errors of each direction, that ahead first.

        Args:
            encoder: whose directions learn.
            features: shape (B, T, F); the content of padding plays no part.
            lengths: frames of each utterance, shape (B,).
        """


class AheadPredictor(Predictor):
    """Autoregressive predictive coding: each direction predicts the frames that it will read a little later.

    At encoder frame n the direction ahead has read feature frames up to ``r = time_stride * n + reach`` and predicts
    frames ``r + ahead`` to ``r + ahead + time_stride - 1`` by one linear map; the direction back does the same in
    reversed time. The error is absolute.

    **Source**: Chung & Glass 2020, "Generative pre-training for speech with autoregressive predictive coding"; with
    ``time_stride`` 1 and stacked frames the direction ahead is theirs, and ``ahead`` their n.

    Args:
        encoder: whose directions learn.
        feature_dim: values of a feature frame, F.
        spread: feature frames on each side that a feature frame is computed from, such as differences.
        ahead: feature frames from the last one read to the first one predicted, 1 or more.

    Raises:
        ConfigError: ``ahead`` is below 1.
    """

    def __init__(self, encoder: RecurrentEncoder, feature_dim: int, spread: int, ahead: int) -> None:
        super().__init__()
        if ahead < 1:
            raise ConfigError("model.ahead", f"is {ahead}", "give 1 or more feature frames, such as 3")
        before, after = encoder.subsampling.reach
        stride = self._stride = encoder.time_stride
        self._read = (after, -before)  # the last frame that each direction has read, from time_stride * n
        self._first = (after + spread + ahead, -(before + spread + ahead) - stride + 1)  # the first of those predicted
        self.min_frames = 1 + -(-(max(before, after) + spread + ahead) // stride)
        self.outputs = _linear_each(encoder, feature_dim * stride)

    def each(self, encoder: RecurrentEncoder, features: Tensor, lengths: Tensor) -> list[Errors]:
        """Returns the errors of each direction; see :class:`Predictor`."""
        directions, encoded_lengths = encode_apart(encoder, features, lengths)
        found = []
        for output, encoded, first, read in zip(self.outputs, directions, self._first, self._read, strict=False):
            size = encoded.size(1) * self._stride
            targets, there = stretch(features, lengths, first, size)
            there = there & valid_frames(encoded_lengths * self._stride, size)
            last = stretch(features, lengths, read, size)[0][:, :: self._stride]
            copied = last.repeat_interleave(self._stride, dim=1)
            predicted = output(encoded).float().view_as(targets)  # (B, N, s F) -> (B, N s, F)
            found.append(_sum_up((predicted - targets).abs(), (copied - targets).abs(), there))
        return found


class WindowAutoencoder(Predictor):
    """LSTM autoencoder: each direction reads a window, and from its state a decoder says it again in reversed order.

    Windows follow each other without overlap; each is read from a state of zero. The decoder is an LSTM that gets no
    input: all that it says is in its first state, a linear map of the last frame that the direction encoded (theirs
    copies the state, which here may be that of any kind of unit). The error is squared.

    **Source**: Srivastava, Mansimov & Salakhutdinov 2015, "Unsupervised learning of video representations using LSTMs",
    the autoencoder whose decoder is unconditioned.

    Args:
        encoder: whose directions learn.
        feature_dim: values of a feature frame, F.
        window: encoder frames of a window, 2 or more.

    Raises:
        ConfigError: ``window`` is below 2.
    """

    def __init__(self, encoder: RecurrentEncoder, feature_dim: int, window: int) -> None:
        super().__init__()
        if window < 2:
            raise ConfigError("model.window", f"is {window}", "give 2 or more encoder frames, such as 20")
        self._window, self._stride, self.min_frames = window, encoder.time_stride, 1
        width = _width(encoder)
        self.states = _linear_each(encoder, 2 * width)
        self.decoders = nn.ModuleList(nn.LSTM(1, width, batch_first=True) for _ in self.states)
        self.outputs = _linear_each(encoder, feature_dim * encoder.time_stride)

    def each(self, encoder: RecurrentEncoder, features: Tensor, lengths: Tensor) -> list[Errors]:
        """Returns the errors of each direction; see :class:`Predictor`."""
        windows, window_lengths = self._cut(features, lengths)
        directions, encoded_lengths = encode_apart(encoder, windows, window_lengths)
        last = (encoded_lengths - 1).clamp(min=0), torch.zeros_like(encoded_lengths)
        last_read = (window_lengths - 1).clamp(min=0), torch.zeros_like(window_lengths)
        there = valid_frames(window_lengths, windows.size(1))
        index = reversal_index(encoded_lengths, self._window)
        found = []
        for number, encoded in enumerate(directions):
            said = self._decode(number, _frame(encoded, last[number]))
            said = reverse(said, index) if number == 0 else said  # what was read last is said first
            predicted = self.outputs[number](said).float().view_as(windows)  # (B K, W, s F) -> (B K, W s, F)
            copied = _frame(windows, last_read[number]).unsqueeze(1)
            found.append(_sum_up((predicted - windows).square(), (copied - windows).square(), there))
        return [Errors(*(part.view(len(features), -1).sum(dim=1) for part in errors)) for errors in found]

    def _cut(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Cuts features, shape (B, T, F), into K windows: (B K, W s, F), and their lengths; some may be empty."""
        size = self._window * self._stride
        padded = F.pad(features, (0, 0, 0, -features.size(1) % size))
        starts = torch.arange(0, padded.size(1), size, device=lengths.device)
        window_lengths = (lengths.unsqueeze(1) - starts).clamp(0, size)  # (B, K)
        return padded.reshape(-1, size, features.size(2)), window_lengths.flatten()

    def _decode(self, number: int, code: Tensor) -> Tensor:
        """Returns what one decoder says, shape (B, W, D), of codes, shape (B, D)."""
        hidden, memory = self.states[number](code).unsqueeze(0).chunk(2, dim=2)
        nothing = code.new_zeros(len(code), self._window, 1)
        said: Tensor = self.decoders[number](nothing, (hidden.contiguous(), memory.contiguous()))[0]
        return said


class PredictiveModel(nn.Module):
    """Front end and encoder as in an acoustic model, and what trains them without transcripts.

    Args:
        frontend: waveforms to features.
        encoder: a :class:`RecurrentEncoder`.
        method: "apc" predicts ahead, "autoencoder" recalls windows.
        ahead: see :class:`AheadPredictor`.
        window: see :class:`WindowAutoencoder`.

    Raises:
        ConfigError: the encoder's directions cannot be kept apart, or a setting is out of range.
    """

    frontend: FrontEnd
    encoder: RecurrentEncoder
    predictor: Predictor

    def __init__(self, frontend: FrontEnd, encoder: nn.Module, method: Method, ahead: int, window: int) -> None:
        super().__init__()
        check_separable(encoder)
        assert isinstance(encoder, RecurrentEncoder)
        separate(encoder)
        self.frontend, self.encoder = frontend, encoder
        spread = DELTA_WINDOW * frontend.delta_order
        if method == "apc":
            self.predictor = AheadPredictor(encoder, frontend.feature_dim, spread, ahead)
        else:
            self.predictor = WindowAutoencoder(encoder, frontend.feature_dim, window)

    def forward(self, features: Tensor, lengths: Tensor) -> Errors:
        """Returns the errors for complete features, shape (B, T, F), and their lengths, shape (B,)."""
        return self.predictor(self.encoder, features, lengths)  # type: ignore[no-any-return]


def stretch(frames: Tensor, lengths: Tensor, first: int, size: int) -> tuple[Tensor, Tensor]:
    """Returns frames from any place on, zeros where there are none, and whether there are.

    Args:
        frames: shape (B, T, F).
        lengths: frames of each utterance, shape (B,).
        first: the first frame; may be negative.
        size: how many.

    Returns:
        Frames, shape (B, size, F), and marks, shape (B, size).

    Example:
        >>> found, there = stretch(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([2]), -1, 4)
        >>> found.flatten().tolist(), there.flatten().tolist()
        ([0.0, 1.0, 2.0, 3.0], [False, True, True, False])
    """
    left = max(0, -first)
    padded = F.pad(frames, (0, 0, left, max(0, first + size - frames.size(1))))
    places = torch.arange(first, first + size, device=lengths.device)
    return padded[:, first + left : first + left + size], (places >= 0) & (places < lengths.unsqueeze(1))


def _width(encoder: RecurrentEncoder) -> int:
    """Returns the width of one direction of an encoder."""
    return encoder.output_dim // _num_directions(encoder)


def _num_directions(encoder: RecurrentEncoder) -> int:
    return 1 if encoder.recurrent.layers[-1].back is None else 2


def _linear_each(encoder: RecurrentEncoder, width: int) -> nn.ModuleList:
    """Returns a linear map to a width from the frames of each direction."""
    return nn.ModuleList(nn.Linear(_width(encoder), width) for _ in range(_num_directions(encoder)))


def _frame(frames: Tensor, places: Tensor) -> Tensor:
    """Returns one frame of each row, shape (B, D), of frames, shape (B, T, D), by their places, shape (B,)."""
    return frames.gather(1, places.view(-1, 1, 1).expand(-1, 1, frames.size(2))).squeeze(1)


def _sum_up(errors: Tensor, copying: Tensor, there: Tensor) -> Errors:
    """Sums errors of values, shape (B, T, F) both, over the frames that are there, shape (B, T)."""
    sums = (each.sum(dim=2).masked_fill(~there, 0.0).sum(dim=1) for each in (errors, copying))
    counts = there.sum(dim=1) * errors.size(2)
    total, copied = sums
    return Errors(total, counts, copied)
