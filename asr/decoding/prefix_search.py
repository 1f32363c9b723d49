"""The tensors of CTC prefix beam search: the beams of a whole batch and one frame's step."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from asr.decoding.beams import DEAD, HASH_FACTOR, NOBODY, Step, TokenFrames, locate

_ROOT = 0x243F6A8885A308D3
"""The number of the empty prefix (digits of pi)."""


@dataclass(frozen=True)
class Extensions:
    """Which extensions of which prefixes are considered, as places in one row of candidates.

    A row holds K prefixes that stay as they are, then the M extensions, then one place that is never chosen.

    Attributes:
        slots: 0 to K-1, shape (K,).
        sources: which of the K prefixes a candidate comes from, shape (K+M+1,).
        ranks: the rank of the token that extends it, 0 where it stays, shape (K+M+1,).
        offsets: place of each prefix's first extension, shape (K,).
        widths: how many extensions each prefix has, the likeliest tokens first, shape (K,).
    """

    slots: Tensor
    sources: Tensor
    ranks: Tensor
    offsets: Tensor
    widths: Tensor

    @classmethod
    def of(cls, beam_size: int, num_best: int, is_sorted: bool, device: torch.device) -> Extensions:
        """Lists the extensions that can be among the best ``beam_size`` candidates.

        When prefixes and tokens both come best first, the extension of prefix i by the token of rank r (both from 0)
        has (i+1)(r+1) - 1 extensions before it that are no worse, save those that repeat a prefix's last token, at
        most i+1 of them (an extension that merges with a prefix of the beam counts as that prefix). So it may be left
        out without loss when (i+1) * r - 1 >= K.

        Args:
            beam_size: K.
            num_best: C, tokens of a frame that are considered.
            is_sorted: whether the score of an extension is that of its prefix plus that of its token, so that the
                above holds; if not, all are listed.
            device: where the tensors live.
        """
        slots = torch.arange(beam_size, device=device)
        widths = (beam_size // (slots + 1) + 1).clamp(max=num_best) if is_sorted else torch.full_like(slots, num_best)
        sources = slots.repeat_interleave(widths)
        starts = widths.cumsum(0) - widths
        ranks = torch.arange(len(sources), device=device) - starts[sources]
        zero = slots.new_zeros(1)
        return cls(
            slots,
            torch.cat([slots, sources, zero]),
            torch.cat([torch.zeros_like(slots), ranks, zero]),
            beam_size + starts,
            widths,
        )

    def places(self, slots: Tensor, ranks: Tensor, where: Tensor | None = None) -> Tensor:
        """Returns the places of extensions of prefixes ``slots`` by tokens ``ranks``; the last place if not listed."""
        listed = ranks < self.widths.take(slots)
        return torch.where(
            listed if where is None else listed & where, self.offsets.take(slots) + ranks, -1 % len(self.ranks)
        )


@dataclass(frozen=True)
class Beams:
    """The K best prefixes of each utterance, best first. All fields have shape (B, K).

    Attributes:
        scores: what they are sorted by: ``total + bonus``; -inf marks a place without a prefix.
        total: natural-log probability of all alignments of the prefix with the frames so far.
        ends_blank: the part of it that ends in blank.
        ends_token: the part of it that ends in the prefix's last token.
        bonus: weighted language model score and token scores of the prefix.
        last: last token of the prefix, blank for the empty one.
        hashes: a number that stands for the prefix.
        parents: the hash of the prefix without its last token.
    """

    scores: Tensor
    total: Tensor
    ends_blank: Tensor
    ends_token: Tensor
    bonus: Tensor
    last: Tensor
    hashes: Tensor
    parents: Tensor

    @classmethod
    def start(cls, batch_size: int, beam_size: int, blank: int, device: torch.device) -> Beams:
        """Returns beams that hold the empty prefix alone."""
        impossible = torch.full((batch_size, beam_size), -math.inf, dtype=torch.float64, device=device)
        only_first = impossible.clone()
        only_first[:, 0] = 0.0
        last, hashes, parents = (
            torch.full_like(impossible, value, dtype=torch.int64) for value in (blank, DEAD, NOBODY)
        )
        hashes[:, 0] = _ROOT
        return cls(only_first, only_first, only_first, impossible, torch.zeros_like(impossible), last, hashes, parents)

    def where(self, active: Tensor, other: Beams) -> Beams:
        """Returns these beams for the active utterances, (B, 1), and the others for the rest."""
        names = [field.name for field in fields(self)]
        return Beams(*(torch.where(active, getattr(self, name), getattr(other, name)) for name in names))


class PrefixSearch:
    """Moves the beams of a batch on by one frame; all merging of equal prefixes happens here."""

    def __init__(
        self, extensions: Extensions, token_hashes: Tensor, blank: int, beam_threshold: float, token_score: float
    ) -> None:
        """Keeps what is the same for all frames; see :class:`asr.decoding.prefix_beam.PrefixBeamDecoder`."""
        self.extensions, self.token_hashes, self.blank = extensions, token_hashes, blank
        self.beam_threshold, self.token_score = beam_threshold, token_score

    def advance(self, beams: Beams, frames: TokenFrames, frame: int, token_bonus: Tensor | None) -> tuple[Beams, Step]:
        """Returns the beams after one more frame.

        Args:
            beams: the beams before the frame.
            frames: the posteriors.
            frame: index of the frame.
            token_bonus: weighted language model scores of each next token, (B, K, V), if there is a model.
        """
        log_probs, beam_size = frames.log_probs[frame], beams.last.shape[1]
        last_log_probs = log_probs.gather(1, beams.last)
        stay_blank = beams.total + log_probs[:, self.blank, None]
        slots, has_parent = locate(beams.hashes, beams.parents)
        # A prefix of the beam also gains what its parent passes on by growing into it. To repeat its own last token,
        # the parent must have ended in blank.
        passed = torch.where(
            beams.last == beams.last.gather(1, slots), beams.ends_blank.gather(1, slots), beams.total.gather(1, slots)
        )
        gained = torch.where(has_parent, passed, -math.inf)
        stay_token = torch.logaddexp(beams.ends_token, gained) + last_log_probs

        table = self.extensions
        ids, best = frames.best_ids[frame], frames.best_log_probs[frame]
        ranks = frames.ranks[frame].gather(1, beams.last)
        candidates = beams.scores.index_select(1, table.sources) + best.index_select(1, table.ranks)  # (B, K+M+1)
        if self.token_score:
            candidates = candidates + self.token_score
        if token_bonus is not None:
            places = table.sources * token_bonus.shape[2] + ids.index_select(1, table.ranks)
            candidates = candidates + token_bonus.flatten(1).gather(1, places)
        candidates[:, :beam_size] = torch.logaddexp(stay_blank, stay_token) + beams.bonus
        only_blank = torch.nan_to_num(beams.ends_blank - beams.total, nan=0.0, neginf=-math.inf)
        candidates.scatter_add_(1, table.places(table.slots, ranks), only_blank)
        candidates.scatter_(1, table.places(slots, ranks, has_parent), -math.inf)
        candidates[:, -1] = -math.inf
        return self._choose(beams, candidates, stay_blank, stay_token, ids, token_bonus)

    def _choose(
        self,
        beams: Beams,
        candidates: Tensor,
        stay_blank: Tensor,
        stay_token: Tensor,
        ids: Tensor,
        token_bonus: Tensor | None,
    ) -> tuple[Beams, Step]:
        beam_size = beams.last.shape[1]
        scores, choice = candidates.topk(beam_size, dim=1)
        sources, is_new = self.extensions.sources.take(choice), choice >= beam_size
        token_ids = ids.gather(1, self.extensions.ranks.take(choice))
        bonus = beams.bonus.gather(1, sources) + is_new.double() * self.token_score
        if token_bonus is not None:
            added = token_bonus.flatten(1).gather(1, sources * token_bonus.shape[2] + token_ids)
            bonus = bonus + torch.where(is_new, added, 0.0)
        alive = scores > scores[:, :1] - self.beam_threshold
        total = torch.where(alive, scores - bonus, -math.inf)
        hashes = beams.hashes.gather(1, sources)
        grown = hashes * HASH_FACTOR + self.token_hashes[token_ids]
        after = Beams(
            scores=torch.where(alive, scores, -math.inf),
            total=total,
            ends_blank=torch.where(alive & ~is_new, stay_blank.gather(1, sources), -math.inf),
            ends_token=torch.where(is_new, total, torch.where(alive, stay_token.gather(1, sources), -math.inf)),
            bonus=torch.where(alive, bonus, 0.0),
            last=torch.where(is_new, token_ids, beams.last.gather(1, sources)),
            hashes=torch.where(alive, torch.where(is_new, grown, hashes), DEAD),
            parents=torch.where(alive, torch.where(is_new, hashes, beams.parents.gather(1, sources)), NOBODY),
        )
        return after, Step(sources, torch.where(is_new & alive, token_ids, -1))
