"""Self-attention with rotary positions, exact under padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_BASE = 10000.0  # the slowest pair of values completes a rotation in 2 pi times this many frames


def rotate(vectors: Tensor) -> Tensor:
    """Rotates each frame's vector by angles proportional to its position: dot products depend on distances alone.

    Values e and e + E/2 of the vector at position n are rotated together, by n * 10000^(-2e/E) radians.

    **Source**: Su et al. 2021 (RoFormer), eq. 34, with the halves of the vector as pairs.

    Args:
        vectors: queries or keys, shape (..., N, E) with E even.

    Returns:
        The rotated vectors, shape (..., N, E).

    Example:
        >>> rotate(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))  # by 0 and by 1 radian
        tensor([[1.0000, 0.0000],
                [0.5403, 0.8415]])
    """
    num_frames, width = vectors.shape[-2:]
    pairs = torch.arange(0, width, 2, device=vectors.device, dtype=torch.float32)
    places = torch.arange(num_frames, device=vectors.device, dtype=torch.float32)
    angles = torch.outer(places, _BASE ** (-pairs / width))  # (N, E / 2)
    cosines, sines = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)


class SelfAttention(nn.Module):
    """Layer norm, then attention of several heads from each frame to all frames of its utterance.

    Each head computes ``softmax(R q (R k)^T / sqrt(E)) v``, R being :func:`rotate`; padding has no weight.

    **Source**: Vaswani et al. 2017, eq. 1; pre-norm, Xiong et al. 2020.

    Args:
        width: of a frame, D.
        num_heads: heads, each of width E = D / num_heads.
        dropout: share of attention weights and of outputs dropped.

    Raises:
        ValueError: the width is not a multiple of twice the number of heads.
    """

    def __init__(self, width: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % (2 * num_heads):
            raise ValueError(f"a width of {width} cannot be split into {num_heads} heads of an even width each")
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, attended: Tensor) -> Tensor:
        """Attends from each frame.

        Args:
            frames: padded frames, shape (B, N, D).
            attended: which frames may be attended to, at least one of each utterance, shape (B, N).

        Returns:
            Frames, shape (B, N, D); the content of padding is arbitrary, but never NaN.
        """
        batch_size, num_frames, width = frames.shape
        projected = self.queries_keys_values(self.norm(frames))
        heads = projected.view(batch_size, num_frames, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = heads.unbind(0)  # (B, N, 3 D) -> 3 times (B, H, N, E)
        mixed = F.scaled_dot_product_attention(
            rotate(queries),
            rotate(keys),
            values,
            attn_mask=attended.view(batch_size, 1, 1, num_frames),
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        joined = mixed.transpose(1, 2).reshape(batch_size, num_frames, width)  # (B, H, N, E) -> (B, N, D)
        return self.dropout(self.output(joined))  # type: ignore[no-any-return]
