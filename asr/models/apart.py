"""A bidirectional encoder whose directions do not see each other: each hears one side of a frame alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.errors import ConfigError
from asr.models.encoder import RecurrentEncoder
from asr.models.lengths import valid_frames
from asr.models.recurrent import RecurrentLayer, RecurrentStack, reversal_index


def check_separable(encoder: nn.Module) -> None:
    """Refuses encoders whose directions cannot be kept apart.

    Raises:
        ConfigError: it is no :class:`RecurrentEncoder`, has convolutional units, or cuts gradients.
    """
    where = "model.encoder"
    if not isinstance(encoder, RecurrentEncoder):
        found = f"{type(encoder).__name__} has no directions of time"
        raise ConfigError(where, found, "take RecurrentEncoder, such as model=lstm")
    if any(_layer(encoder.recurrent, number).num_bins > 1 for number in range(len(encoder.recurrent.layers))):
        raise ConfigError(where, "conv_lstm mixes both directions in each bin", "take another cell, such as lstm")
    if encoder.recurrent.bptt_frames:
        found = f"bptt_frames is {encoder.recurrent.bptt_frames}, and directions apart are trained on whole utterances"
        raise ConfigError(where, found, "set it to 0")


@torch.no_grad()
def separate(encoder: RecurrentEncoder) -> None:
    """Sets to zero the weights by which a direction of the second layer and of those above reads the other direction.

    What :func:`encode_apart` trains leaves them zero: no gradient reaches them.
    """
    stack = encoder.recurrent
    for number in range(1, len(stack.layers)):
        layer = _layer(stack, number)
        if layer.back is not None:
            own = _layer(stack, number - 1).output_dim // 2
            weights = layer.ahead.weight_ih_l0, layer.back.weight_ih_l0
            assert isinstance(weights[0], Tensor)
            assert isinstance(weights[1], Tensor)
            weights[0][:, own:] = 0.0
            weights[1][:, :own] = 0.0


def encode_apart(encoder: RecurrentEncoder, features: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
    """Encodes features in each direction alone.

    The encoder's own weights are used, but above the first layer a direction reads its own half of the layer below, and
    layer norm goes over each half by itself. So, after :func:`separate`, it computes what the encoder computes, unless
    there is layer norm.

    Args:
        encoder: one that :func:`check_separable` lets pass.
        features: shape (B, T, F).
        lengths: frames of each utterance, shape (B,).

    Returns:
        Frames of the direction ahead and, if there is one, of that back, shape (B, N, D / 2) each (D where there is one
        direction alone), and their lengths, shape (B,). Frame n of the first depends on no later feature frame than the
        subsampling's reach after ``n * time_stride``, frame n of the second on no earlier one than its reach before it.
    """
    frames, encoded_lengths = encoder.subsampling(features, lengths)  # (B, T, F) -> (B, N, *)
    stack, frames = encoder.recurrent, encoder.dropout(frames)
    index, valid = (make(encoded_lengths, frames.size(1)) for make in (reversal_index, valid_frames))
    for number in range(len(stack.layers)):
        layer = _layer(stack, number)
        if layer.back is None:
            frames = stack.connect(number, frames, layer(frames, index, valid))
            continue
        to_ahead, to_back = (frames, frames) if number == 0 else _halves_alone(frames)
        halves = layer.directions(to_ahead, to_back, index, valid)
        frames = _connect(stack, number, frames, torch.cat(halves, dim=2))
    last = _layer(stack, len(stack.layers) - 1)
    return [frames] if last.back is None else list(frames.chunk(2, dim=2)), encoded_lengths


def _layer(stack: RecurrentStack, number: int) -> RecurrentLayer:
    layer = stack.layers[number]
    assert isinstance(layer, RecurrentLayer)
    return layer


def _halves_alone(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Returns frames, shape (B, N, D), with their second half zero, and with their first half zero."""
    ahead, back = frames.chunk(2, dim=2)
    nothing = torch.zeros_like(ahead)
    return torch.cat([ahead, nothing], dim=2), torch.cat([nothing, back], dim=2)


def _connect(stack: RecurrentStack, number: int, frames: Tensor, output: Tensor) -> Tensor:
    """Does what :meth:`RecurrentStack.connect` does, with layer norm over each half of the output, shape (B, N, D)."""
    norm = stack.norms[number]
    if isinstance(norm, nn.LayerNorm):
        parts = (each.chunk(2, dim=-1) for each in (output, norm.weight, norm.bias))
        halves = [F.layer_norm(half, gain.shape, gain, bias, norm.eps) for half, gain, bias in zip(*parts, strict=True)]
        output = torch.cat(halves, dim=2)
    return stack.add(frames, output)
