"""What a decoder is, and what all decoders share: from paths through the frames to hypotheses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from asr.decoding.alignment import least_over_tokens, token_frames
from asr.decoding.confidence import frame_confidence
from asr.decoding.hypothesis import Hypothesis, hypothesis_of
from asr.errors import DataError
from asr.text.tokens import TokenTable


class Decoder(Protocol):
    """Turns log-probabilities into hypotheses."""

    def __call__(self, log_probs: Tensor, input_lengths: Tensor, /) -> list[list[Hypothesis]]:
        """Decodes a batch.

        Args:
            log_probs: natural-log posteriors, shape (B, N, V).
            input_lengths: frames of each utterance, shape (B,).

        Returns:
            For each utterance its N-best list, best first, at least one hypothesis long.

        Raises:
            DataError: an utterance's log_probs are not numbers or leave no path possible.
        """
        ...


@dataclass(frozen=True)
class TokenPaths:
    """K token sequences for each of B utterances, with their way through the frames.

    Attributes:
        token_ids: the sequences without blanks, padded, shape (B, K, L).
        token_lengths: tokens of each sequence, shape (B, K).
        token_index: position of each frame's token in its sequence, -1 for blank and for padding, shape (B, K, N).
        scores: natural-log scores, best first along K; -inf marks an empty place, shape (B, K).
    """

    token_ids: Tensor
    token_lengths: Tensor
    token_index: Tensor
    scores: Tensor


def check_log_probs(log_probs: Tensor, input_lengths: Tensor, num_tokens: int) -> None:
    """Refuses what a decoder cannot read.

    Raises:
        ValueError: shapes do not fit each other or the token table.
        DataError: an utterance has log-probabilities that are not numbers.
    """
    if log_probs.dim() != 3 or log_probs.shape[2] != num_tokens:
        raise ValueError(f"log_probs must be (B, N, {num_tokens}), as the token table has it. Found {log_probs.shape}")
    batch, num_frames = log_probs.shape[:2]
    if input_lengths.shape != (batch,):
        raise ValueError(f"input_lengths must be ({batch},). Found {tuple(input_lengths.shape)}")
    if bool(((input_lengths < 0) | (input_lengths > num_frames)).any()):
        raise ValueError(f"input_lengths must lie in 0..{num_frames}. Found {input_lengths.tolist()}")
    frames = torch.arange(num_frames, device=log_probs.device)
    is_broken = (log_probs.isnan().any(dim=2) & (frames < input_lengths[:, None])).any(dim=1)
    if bool(is_broken.any()):
        rows = ", ".join(str(row) for row in is_broken.nonzero()[:, 0].tolist())
        raise DataError("log_probs", f"not a number in rows {rows} of the batch", "the model or its input is broken")


def paths_of_frames(path: Tensor, scores: Tensor, blank: int) -> TokenPaths:
    """Returns one path for each utterance as a sequence of tokens: repeats are one token, blanks none.

    Args:
        path: the token that each frame shows, blank in padding, shape (B, N).
        scores: natural-log score of each path, shape (B,).
        blank: index of blank.

    Returns:
        One sequence for each utterance, K = 1.
    """
    before = torch.nn.functional.pad(path, (1, 0), value=blank)[:, :-1]
    starts = (path != blank) & (path != before)
    place = torch.where(path != blank, starts.cumsum(dim=1) - 1, -1)  # (B, N)
    token_lengths = starts.sum(dim=1)
    max_tokens = int(token_lengths.max()) if len(token_lengths) else 0
    token_ids = path.new_full((len(path), max_tokens + 1), blank)  # blank frames write to a slot that is cut off
    token_ids.scatter_(1, torch.where(place < 0, max_tokens, place), path)
    return TokenPaths(token_ids[:, None, :max_tokens], token_lengths[:, None], place[:, None], scores[:, None])


def trace(
    paths: TokenPaths, log_probs: Tensor, tokens: TokenTable, frame_seconds: float, blank: int
) -> list[list[Hypothesis]]:
    """Returns the hypotheses of paths, with the times and the confidence of each token and word.

    A token starts with its first frame and ends with its last one: ``start = first * frame_seconds`` and
    ``end = (last + 1) * frame_seconds``. Its confidence is the least over its frames, a word's the least over its
    tokens, see :func:`asr.decoding.confidence.frame_confidence`.

    Args:
        paths: the sequences and where they lie.
        log_probs: natural-log posteriors, shape (B, N, V).
        tokens: names the tokens and finds the words.
        frame_seconds: seconds from one frame to the next.
        blank: index of blank.

    Returns:
        For each utterance its hypotheses in the order of the paths, those with a score of -inf left out.
    """
    max_tokens = paths.token_ids.shape[2]
    first, last = token_frames(paths.token_index, max_tokens)
    confidence = frame_confidence(log_probs.float(), blank)[:, None].expand(paths.token_index.shape)  # (B, K, N)
    confidence = least_over_tokens(confidence, paths.token_index, max_tokens, none=1.0)
    columns = (paths.token_lengths, paths.scores, paths.token_ids, first, last, confidence)
    return [
        [
            hypothesis_of(ids[:length], begins, ends, sure, score, tokens, frame_seconds)
            for length, score, ids, begins, ends, sure in zip(*utterance, strict=True)
            if score != -torch.inf
        ]
        for utterance in zip(*(column.tolist() for column in columns), strict=True)
    ]
