"""Greedy decoding: the likeliest token of every frame."""

from __future__ import annotations

import torch

from asr.decoding.decoder import TokenPaths, check_log_probs, paths_of_frames, trace
from asr.decoding.hypothesis import Hypothesis
from asr.text.tokens import BLANK, TokenTable


class GreedyDecoder:
    """Takes the likeliest token of every frame, then drops repeats and blanks.

    The score is the natural-log probability of that one path. A token lasts as long as the run of frames in which it
    is the likeliest.

    Args:
        tokens: names the V tokens.
        frame_seconds: seconds from one frame to the next.
        blank: index of blank.
    """

    def __init__(self, tokens: TokenTable, frame_seconds: float, blank: int = BLANK) -> None:
        self.tokens, self.frame_seconds, self.blank = tokens, frame_seconds, blank

    @torch.inference_mode()
    def __call__(self, log_probs: torch.Tensor, input_lengths: torch.Tensor) -> list[list[Hypothesis]]:
        """Decodes a batch; see :class:`asr.decoding.decoder.Decoder`. Each list holds one hypothesis."""
        input_lengths = input_lengths.to(log_probs.device)
        check_log_probs(log_probs, input_lengths, len(self.tokens))
        paths = greedy_paths(log_probs, input_lengths, self.blank)
        return trace(paths, log_probs, self.tokens, self.frame_seconds, self.blank)


def greedy_paths(log_probs: torch.Tensor, input_lengths: torch.Tensor, blank: int) -> TokenPaths:
    """Finds the best path of every utterance, without Python per frame.

    Args:
        log_probs: natural-log posteriors, shape (B, N, V).
        input_lengths: frames of each utterance, shape (B,).
        blank: index of blank.

    Returns:
        One sequence for each utterance, K = 1.

    Example:
        >>> frames = torch.tensor([1, 1, 0, 1, 2, 2])
        >>> log_probs = torch.nn.functional.one_hot(frames, 3)[None].float().log_softmax(-1)
        >>> greedy_paths(log_probs, torch.tensor([6]), blank=0).token_ids.tolist()
        [[[1, 1, 2]]]
    """
    best, path = log_probs.max(dim=2)  # (B, N, V) -> (B, N)
    is_frame = torch.arange(log_probs.shape[1], device=log_probs.device) < input_lengths[:, None]
    scores = torch.where(is_frame, best, 0.0).sum(dim=1, dtype=torch.float64)
    return paths_of_frames(torch.where(is_frame, path, blank), scores, blank)
