"""What beam searches share: the frames that they read, the prefixes that they keep, and how they are traced back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.errors import ConfigError

HASH_FACTOR = 0x5851F42D4C957F2D
"""An odd number, by which a prefix's number is multiplied before that of what follows is added. By it, numbers that are
near each other come to differ in their highest bits, too."""
NOBODY, DEAD = 0x13198A2E03707344, 0x24A4093822299F31
"""The numbers of what the empty prefix grew from, which is nothing, and of places in the beam that hold no prefix."""


def random_numbers(count: int, seed: int) -> Tensor:
    """Returns 64-bit numbers that look random, always the same ones, shape (count,)."""
    return torch.randint(-(2**63), 2**63 - 1, (count,), generator=torch.Generator().manual_seed(seed))


def locate(numbers: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Finds where in its row of ``numbers`` each wanted one is, and whether it is there; both have shape (B, K).

    Returns:
        Places, any where there is none, and whether there is one, both (B, K).
    """
    ordered, slots = numbers.sort(dim=1)
    place = torch.searchsorted(ordered, wanted).clamp_(max=numbers.shape[1] - 1)
    return slots.gather(1, place), ordered.gather(1, place) == wanted


def require(name: str, value: object, is_right: bool, allowed: str) -> None:
    """Refuses a setting of a decoder that is not right.

    Raises:
        ConfigError: it is not; the message has its name, its value and what is allowed.
    """
    if not is_right:
        raise ConfigError(name, f"cannot be {value}", f"make it {allowed}")


def check_beam(
    beam_size: int, beam_threshold: float, nbest: int, token_topk: int | None, blank_threshold: float
) -> None:
    """Refuses settings of a beam that are out of their range, see :func:`require`."""
    require("beam_size", beam_size, beam_size >= 1, "1 or more")
    require("beam_threshold", beam_threshold, beam_threshold > 0, "above 0")
    require("nbest", nbest, 1 <= nbest <= beam_size, f"from 1 to beam_size, which is {beam_size}")
    require("token_topk", token_topk, token_topk is None or token_topk >= 1, "1 or more")
    require("blank_threshold", blank_threshold, 0 < blank_threshold <= 1, "above 0 and at most 1")


@dataclass(frozen=True)
class TokenFrames:
    """What the search reads of the posteriors, frame by frame.

    Attributes:
        log_probs: natural-log posteriors, N tensors of shape (B, V).
        best_ids: the C likeliest tokens but blank, likeliest first if they are sorted, N tensors of shape (B, C).
        best_log_probs: their posteriors, N tensors of shape (B, C).
        ranks: place of every token among these C, C if it is not there, N tensors of shape (B, V).
    """

    log_probs: tuple[Tensor, ...]
    best_ids: tuple[Tensor, ...]
    best_log_probs: tuple[Tensor, ...]
    ranks: tuple[Tensor, ...]

    @classmethod
    def of(cls, log_probs: Tensor, blank: int, num_best: int, is_sorted: bool = False) -> TokenFrames:
        """Finds the likeliest tokens of every frame.

        Args:
            log_probs: natural-log posteriors, shape (B, N, V).
            blank: index of blank.
            num_best: C, at most V - 1.
            is_sorted: whether the likeliest come first, of equal ones the one that is first in the table.
        """
        by_frame = log_probs.transpose(0, 1).contiguous()  # (B, N, V) -> (N, B, V)
        others = torch.cat([by_frame[..., :blank], by_frame[..., blank + 1 :]], dim=-1)
        if is_sorted:
            best, ids = others.sort(dim=-1, descending=True, stable=True)
            best, ids = best[..., :num_best].contiguous(), ids[..., :num_best]
        else:
            best, ids = others.topk(num_best, dim=-1, sorted=False)
        ids = ids + (ids >= blank).long()
        ranks = torch.full(by_frame.shape, num_best, device=ids.device)
        ranks.scatter_(2, ids, torch.arange(num_best, device=ids.device).expand(ids.shape))
        return cls(by_frame.unbind(), ids.unbind(), best.unbind(), ranks.unbind())


@dataclass(frozen=True)
class Step:
    """What one frame did to the beams, to find the way back by. Shapes (B, K).

    Attributes:
        sources: which of the prefixes before the frame each prefix comes from.
        token_ids: the token that the frame added to it, or -1.
    """

    sources: Tensor
    token_ids: Tensor


def merge_blank_frames(log_probs: Tensor, input_lengths: Tensor, blank: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Merges each run of frames that are surely blank into its first one, which takes the product of their blanks.

    The probability of every sequence stays the same but for the paths that show a token in a frame that is dropped,
    less than ``1 - threshold`` of all paths for each such frame.

    **Source**: Chen et al., "Phone synchronous speech recognition with CTC lattices", 2017.

    Args:
        log_probs: natural-log posteriors, shape (B, N, V).
        input_lengths: frames of each utterance, shape (B,).
        blank: index of blank.
        threshold: probability of blank above which a frame is sure.

    Returns:
        Posteriors with fewer frames, (B, N', V), and their lengths, (B,).

    Example:
        >>> probs = torch.tensor([[[0.75, 0.25], [0.75, 0.25], [0.25, 0.75]]])
        >>> merged, lengths = merge_blank_frames(probs.log(), torch.tensor([3]), blank=0, threshold=0.5)
        >>> merged.exp().tolist(), lengths.tolist()
        ([[[0.5625, 0.25], [0.25, 0.75]]], [2])
    """
    is_frame = torch.arange(log_probs.shape[1], device=log_probs.device) < input_lengths[:, None]
    is_sure = (log_probs[..., blank] > math.log(threshold)) & is_frame
    is_kept = is_frame.clone()
    is_kept[:, 1:] &= ~(is_sure[:, 1:] & is_sure[:, :-1])
    lengths = is_kept.sum(dim=1)
    num_frames = int(lengths.max()) if len(lengths) else 0
    order = (~is_kept).byte().argsort(dim=1, stable=True)[:, :num_frames]
    merged = log_probs.gather(1, order[..., None].expand(-1, -1, log_probs.shape[2]))
    dropped = torch.where(is_frame & ~is_kept, log_probs[..., blank], 0.0)
    place = (is_kept.cumsum(dim=1) - 1).clamp(min=0)
    merged[..., blank] += torch.zeros_like(dropped).scatter_add(1, place, dropped)[:, :num_frames]
    return merged, lengths


@dataclass(frozen=True)
class Surplus:
    """What :func:`best_of_each` left out because there were better ones of its class, best first; shapes (B, J).

    Attributes:
        places: where they stand among the C scores.
        winners: where the better one, the last of its class that was kept, stands among the K that were found.
        margins: how much better that is; inf where there is none left out.
    """

    places: Tensor
    winners: Tensor
    margins: Tensor


def best_of_each(
    scores: Tensor, classes: Tensor, count: int, per_class: int = 1, among: int | None = None
) -> tuple[Tensor, Tensor]:
    """Returns the best scores, with at most ``per_class`` of each class.

    **Source**: the N best of each state, their pasts kept apart, are Schwartz and Chow, "The N-best algorithm: an
    efficient and exact procedure for finding the N most likely sentence hypotheses", 1990.

    Args:
        scores: -inf for what cannot be, shape (B, C).
        classes: integers, equal for those of one class, shape (B, C).
        count: K, at most C.
        per_class: most scores of a class.
        among: how many of the best scores are considered; None for all.

    Returns:
        Scores, best first, -inf where there are not enough, and their places among the C, both (B, K).

    Example:
        >>> scores, places = best_of_each(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), torch.tensor([[7, 7, 7, 8]]), 3)
        >>> scores.tolist(), places[:, :2].tolist()
        ([[4.0, 2.0, -inf]], [[1, 3]])
    """
    scores, order, _, _, is_surplus = _by_class(scores, classes, per_class, among)
    scores, choice = scores.masked_fill_(is_surplus, -math.inf).topk(count, dim=1)
    return scores, order.gather(1, choice)


def best_and_surplus(
    scores: Tensor, classes: Tensor, count: int, per_class: int, among: int, num_surplus: int
) -> tuple[Tensor, Tensor, Surplus]:
    """Returns what :func:`best_of_each` does, and the best ``num_surplus`` of those that it leaves out for better ones.

    Example:
        >>> found = best_and_surplus(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), torch.tensor([[7, 7, 7, 8]]), 2, 1, 4, 3)
        >>> found[2].places[:, :2].tolist(), found[2].winners[:, :2].tolist(), found[2].margins.tolist()
        ([[2, 0]], [[0, 0]], [[1.0, 3.0, inf]])
    """
    ranked, order, by_class, surplus_by_class, is_surplus = _by_class(scores, classes, per_class, among)
    best, choice = ranked.masked_fill(is_surplus, -math.inf).topk(count, dim=1)
    positions = torch.arange(by_class.shape[1], device=by_class.device).expand_as(by_class)
    kept = positions.masked_fill(surplus_by_class, 0).cummax(dim=1).values  # the last one before that was kept
    winners = torch.zeros_like(by_class).scatter_(1, by_class, by_class.gather(1, kept))  # rank -> rank of its winner
    slots = torch.full_like(by_class, -1).scatter_(1, choice, positions[:, :count])
    slots = slots.gather(1, winners)
    is_lost = is_surplus & (slots >= 0) & (ranked > -math.inf)
    lost, ranks = ranked.masked_fill(~is_lost, -math.inf).topk(min(num_surplus, ranked.shape[1]), dim=1)
    margins = (ranked.gather(1, winners.gather(1, ranks)) - lost).masked_fill_(lost == -math.inf, math.inf)
    surplus = Surplus(order.gather(1, ranks), slots.gather(1, ranks).clamp_(min=0), margins)
    return best, order.gather(1, choice), surplus


def _by_class(
    scores: Tensor, classes: Tensor, per_class: int, among: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Ranks scores, and finds those with ``per_class`` better ones of their class.

    Returns:
        The best scores, their places among the C, their ranks ordered by class and then by rank, which of these are
        surplus, and which of the ranks are; all (B, among).
    """
    among = scores.shape[1] if among is None else min(among, scores.shape[1])
    scores, order = scores.topk(among, dim=1)
    # One number sorts by class and then by rank, which stands in the lowest bits of the scrambled class: of a thousand
    # different classes two are taken for one in one of 10^10 rows.
    ranks = torch.arange(among, device=scores.device)
    bits = among.bit_length()
    keys, _ = ((classes.gather(1, order) * HASH_FACTOR >> bits << bits) + ranks).sort(dim=1)
    is_surplus = torch.zeros_like(keys, dtype=torch.bool)
    is_surplus[:, per_class:] = keys[:, per_class:] >> bits == keys[:, :-per_class] >> bits
    by_class = keys & ((1 << bits) - 1)
    return scores, order, by_class, is_surplus, torch.zeros_like(is_surplus).scatter(1, by_class, is_surplus)


def walk_back(sources: Sequence[Tensor], added: Sequence[Sequence[Tensor]], slots: Tensor) -> tuple[Tensor, Tensor]:
    """Follows prefixes back to the start.

    Args:
        sources: of each frame which of the prefixes before it each one comes from, N tensors of shape (B', K) for the
            first B' utterances, those that have the frame.
        added: what each frame added to each prefix, R rows of N tensors of shape (B', K); of the first row, which is
            the token, -1 stands for nothing, and the other rows count only where there is a token.
        slots: places of the wanted prefixes in the last beams, shape (B, nbest).

    Returns:
        What was added, the rows in the order of ``added``, shape (R, B, nbest, L), and the tokens of each prefix, shape
        (B, nbest). After its end the tokens are 0.
    """
    slots = slots.clone()
    found = slots.new_full((len(added), *slots.shape, max(1, len(sources))), -1)  # at least one frame
    for frame in reversed(range(len(sources))):
        active = slots[: len(sources[frame])]
        for row, columns in zip(found, added, strict=True):
            row[: len(active), :, frame] = columns[frame].gather(1, active)
        active.copy_(sources[frame].gather(1, active))
    is_token = found[0] >= 0
    lengths = is_token.sum(dim=2)
    longest = int(lengths.max()) if len(slots) else 0
    order = (~is_token).byte().argsort(dim=2, stable=True)[..., :longest]
    found = found.gather(3, order.expand(len(added), -1, -1, -1))
    found[0].clamp_(min=0)
    return found, lengths
