"""The best path of a given token sequence through the posteriors: CTC forced alignment, batched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

_BLANK_FRAME = -1
_LEAST = 1e-300  # what probabilities are divided by at least


@dataclass(frozen=True)
class Alignment:
    """Which token each frame belongs to.

    Attributes:
        token_index: position of the frame's token in its sequence, -1 for blank and for padding, shape (B, K, N).
        scores: natural-log probability of the path, -inf where the tokens do not fit the frames, shape (B, K).
    """

    token_index: torch.Tensor
    scores: torch.Tensor


def align(
    log_probs: torch.Tensor,
    input_lengths: torch.Tensor,
    token_ids: torch.Tensor,
    token_lengths: torch.Tensor,
    blank: int,
) -> Alignment:
    """Returns the best CTC path of K token sequences for each of B utterances.

    A sequence of L tokens of which R equal the one before them fits N frames when N >= L + R; where it does not, its
    score is -inf and its frames are meaningless.

    **Source**: Graves et al., "Connectionist temporal classification", 2006, with the maximum in place of the sum;
    the same paths and scores as ``torchaudio.functional.forced_align``, tested.

    Args:
        log_probs: natural-log posteriors, shape (B, N, V).
        input_lengths: frames of each utterance, shape (B,).
        token_ids: sequences without blanks, padded with any valid index, shape (B, K, L).
        token_lengths: tokens of each sequence, shape (B, K).
        blank: index of blank.
    """
    labels, may_skip = _states_of(token_ids, blank)
    skip = torch.where(may_skip, 0.0, -math.inf).to(log_probs.dtype)
    moves, last_scores = _forward(log_probs, input_lengths, labels, skip)
    ends, end_scores = _at_ends(last_scores, token_lengths)
    scores, choice = end_scores.max(dim=0)
    state = ends.gather(0, choice[None])[0]
    states = walk_back(moves, state)  # (B, K, N)
    frames = torch.arange(states.shape[2], device=states.device)
    shows_token = (states % 2 == 1) & (frames < input_lengths[:, None, None])
    return Alignment(torch.where(shows_token, states // 2, _BLANK_FRAME), scores)


def sum_of_paths(
    log_probs: torch.Tensor,
    input_lengths: torch.Tensor,
    token_ids: torch.Tensor,
    token_lengths: torch.Tensor,
    blank: int,
    separator: int | None = None,
) -> torch.Tensor:
    """Returns the natural-log probability of K token sequences for each of B utterances, the sum of all CTC paths.

    Args:
        log_probs: natural-log posteriors, shape (B, N, V).
        input_lengths: frames of each utterance, shape (B,).
        token_ids: as for :func:`align`, shape (B, K, L).
        token_lengths: tokens of each sequence, shape (B, K).
        blank: index of blank.
        separator: a token that may come before the first one, and again after a blank that follows it, without being
            another token of the sequence; None for none.

    Returns:
        Shape (B, K); -inf where the tokens do not fit the frames.
    """
    labels, may_skip = _states_of(token_ids, blank)
    batch, num_sequences, num_states = labels.shape
    flat_labels, skip = labels.flatten(1), may_skip.double()
    probs = log_probs.double().exp()  # scaled in each frame, which double precision takes without loss
    again = (labels == separator)[..., :-1].double() if separator is not None else None
    sums = probs.new_zeros((batch, num_sequences, num_states + 2))
    sums[..., 2] = 1.0
    logs = probs.new_zeros((batch, num_sequences))
    shortest = int(input_lengths.min()) if batch else 0
    for frame in range(log_probs.shape[1]):
        arrivals = (sums[..., 2:] + sums[..., 1:-1]).addcmul_(sums[..., :-2], skip)
        shown = probs[:, frame].gather(1, flat_labels).view(labels.shape)
        if again is not None:
            arrivals[..., :-1].addcmul_(sums[..., 3:], again)
            shown[..., 0] += probs[:, frame, separator, None]
        arrivals *= shown
        scale = arrivals.amax(dim=2)
        if frame >= shortest:
            active = (frame < input_lengths)[:, None]
            arrivals = torch.where(active[..., None], arrivals, sums[..., 2:])
            scale = torch.where(active, scale, 1.0)
        torch.div(arrivals, scale.clamp(min=_LEAST)[..., None], out=sums[..., 2:])
        logs += scale.log()
    _, end_sums = _at_ends(sums, token_lengths)
    return logs + end_sums.sum(dim=0).log()


def _states_of(token_ids: torch.Tensor, blank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns blank, token, blank, token, …, blank of each sequence, and where a path may skip the blank before."""
    labels = torch.full((*token_ids.shape[:2], 2 * token_ids.shape[2] + 1), blank, device=token_ids.device)
    labels[..., 1::2] = token_ids  # (B, K, 2L+1)
    # From one token straight to the next, past the blank between them, unless they are the same.
    may_skip = torch.zeros_like(labels, dtype=torch.bool)
    may_skip[..., 3::2] = labels[..., 3::2] != labels[..., 1:-2:2]
    return labels, may_skip


def _at_ends(values: torch.Tensor, token_lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the states in which sequences end, their last blank and last token, and the values there, (2, B, K).

    Args:
        values: of all states, with two impossible ones put in front, shape (B, K, S+2).
        token_lengths: tokens of each sequence, shape (B, K).
    """
    ends = torch.stack([2 * token_lengths, 2 * token_lengths - 1])
    return ends, values.expand(2, -1, -1, -1).gather(3, (ends + 2)[..., None])[..., 0]


def _forward(
    log_probs: torch.Tensor, input_lengths: torch.Tensor, labels: torch.Tensor, skip: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Runs the best-path recursion.

    Returns:
        For each frame how many states each best path moved, (B, K, S) of 0, 1 or 2, and the scores after the last frame
        with two impossible states put in front, (B, K, S+2).
    """
    batch, num_sequences, num_states = labels.shape
    flat_labels = labels.flatten(1)
    shortest = int(input_lengths.min()) if batch else 0
    scores = log_probs.new_full((batch, num_sequences, num_states + 2), -math.inf)
    scores[..., 2] = 0.0  # before the first frame stands the first blank, so that frame shows it or the first token
    moves = []
    for frame in range(log_probs.shape[1]):
        stays, steps, leaps = scores[..., 2:], scores[..., 1:-1], scores[..., :-2] + skip
        move = (steps > stays).view(torch.uint8)  # of K sequences they take more memory than all else
        best = torch.maximum(stays, steps)
        move.masked_fill_(leaps > best, 2)
        best = torch.maximum(best, leaps)
        best += log_probs[:, frame].gather(1, flat_labels).view(labels.shape)
        if frame >= shortest:
            active = (frame < input_lengths)[:, None, None]
            best, move = torch.where(active, best, stays), torch.where(active, move, 0)
        moves.append(move)
        scores[..., 2:] = best
    return moves, scores


def walk_back(moves: list[torch.Tensor], state: torch.Tensor) -> torch.Tensor:
    """Follows the best paths back from their last states; returns the state of each frame, shape (…, N).

    Args:
        moves: of each frame how far the best path into each state moved, N tensors of shape (…, S).
        state: the last states, shape (…).
    """
    states = state.new_zeros((len(moves), *state.shape))
    for frame in range(len(moves) - 1, -1, -1):
        states[frame] = state
        state = state - moves[frame].gather(-1, state[..., None])[..., 0]
    return states.movedim(0, -1)


def token_frames(token_index: torch.Tensor, num_tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the first and the last frame of each token.

    Args:
        token_index: position of each frame's token in its sequence, -1 for none, shape (B, K, N).
        num_tokens: L, tokens of the longest sequence.

    Returns:
        First and last frames, both inclusive, each (B, K, L); N and -1 for tokens that no frame shows.

    Example:
        >>> first, last = token_frames(torch.tensor([[[0, 0, -1, 1]]]), num_tokens=2)
        >>> first.tolist(), last.tolist()
        ([[[0, 3]]], [[[1, 3]]])
    """
    num_frames = token_index.shape[-1]
    frames = torch.arange(num_frames, device=token_index.device).expand(token_index.shape)
    first = least_over_tokens(frames, token_index, num_tokens, none=num_frames)
    last = -least_over_tokens(-frames, token_index, num_tokens, none=1)
    return first, last


def least_over_tokens(values: torch.Tensor, token_index: torch.Tensor, num_tokens: int, none: float) -> torch.Tensor:
    """Returns the minimum of the values over the frames of each token, shape (B, K, L).

    Args:
        values: one value a frame, shape (B, K, N).
        token_index: position of each frame's token in its sequence, -1 for none, shape (B, K, N).
        num_tokens: L, tokens of the longest sequence.
        none: the value of tokens that no frame shows.
    """
    slots = torch.where(token_index < 0, num_tokens, token_index)  # blank frames go to a slot that is cut off
    least = values.new_full((*values.shape[:-1], num_tokens + 1), none)
    return least.scatter_reduce(-1, slots, values, reduce="amin")[..., :num_tokens]
