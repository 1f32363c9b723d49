"""How sure the model is of what it wrote, read off the entropy of its own posteriors."""

from __future__ import annotations

import torch

from asr.decoding.hypothesis import CONFIDENCE_ALPHA


def frame_confidence(log_probs: torch.Tensor, blank: int) -> torch.Tensor:
    r"""Returns how sure each frame is of the token that it shows, blank left out.

    With q the posteriors of the U = V - 1 tokens, renormalised without blank,

        confidence = 1 - H(q) / H(uniform) = (U^(1-alpha) - sum q^alpha) / (U^(1-alpha) - 1),

    where H(q) = (sum q^alpha - 1) / (1 - alpha) is Tsallis' entropy: 1 when one token has all, 0 when all are alike.

    **Source**: Laptev and Ginsburg, "Fast entropy-based methods of word-level confidence estimation for end-to-end
    automatic speech recognition", 2022, linear normalisation. They leave out the frames that show blank and keep blank
    in the others; here its share is taken out of these too, since it says how long a token lasts, not which one it is.

    Args:
        log_probs: natural-log posteriors, shape (..., V).
        blank: index of blank.

    Returns:
        Confidences between 0 and 1, shape (...). A single token besides blank is always sure: 1.

    Example:
        >>> frame_confidence(torch.tensor([[0.2, 0.8, 0.0], [0.2, 0.4, 0.4]]).log(), blank=0).tolist()
        [1.0, 0.0]
    """
    num_tokens = log_probs.shape[-1] - 1
    if num_tokens < 2:
        return torch.ones(log_probs.shape[:-1], dtype=log_probs.dtype, device=log_probs.device)
    others = torch.cat([log_probs[..., :blank], log_probs[..., blank + 1 :]], dim=-1).log_softmax(dim=-1)
    power_sum = (CONFIDENCE_ALPHA * others).exp().sum(dim=-1)
    most = num_tokens ** (1 - CONFIDENCE_ALPHA)
    # A frame that is all blank to the last bit says nothing about its token: not a number becomes 0.
    confidence: torch.Tensor = ((most - power_sum) / (most - 1)).nan_to_num(nan=0.0).clamp(0.0, 1.0)
    return confidence
