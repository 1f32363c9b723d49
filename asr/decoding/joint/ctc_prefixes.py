"""What CTC says of beginnings of token sequences: prefix probabilities of a whole batch, without a loop over frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.models.lengths import valid_frames

_LEAST = -1e4  # for posteriors that are zero, so that differences of sums over frames stay numbers


@dataclass(frozen=True, eq=False)
class CTCFrames:
    """The posteriors of a batch, in the forms that prefix probabilities need. All are in float64.

    Attributes:
        log_probs: natural-log posteriors, 0 in padding, shape (B, V, N).
        sums: their sums over the frames before each, and over all frames, shape (B, V, N + 1).
        probs: the posteriors themselves, shape (B, N, V).
        lengths: frames of each utterance, shape (B,).
        blank: index of blank.
    """

    log_probs: Tensor
    sums: Tensor
    probs: Tensor
    lengths: Tensor
    blank: int

    @classmethod
    def of(cls, log_probs: Tensor, lengths: Tensor, blank: int) -> CTCFrames:
        """Returns those of natural-log posteriors, shape (B, N, V)."""
        is_frame = valid_frames(lengths, log_probs.size(1))[:, :, None]
        clean = log_probs.double().clamp(min=_LEAST).masked_fill(~is_frame, 0.0)
        by_token = clean.transpose(1, 2).contiguous()
        sums = torch.nn.functional.pad(by_token.cumsum(dim=2), (1, 0))
        return cls(by_token, sums, clean.exp(), lengths, blank)


@dataclass(frozen=True, eq=False)
class CTCPrefixes:
    """K token sequences for each of B utterances, and how CTC says each of them.

    With g_t(h) the probability of all paths through t frames that say the sequence h, ending in its last token (n) or
    in blank (b), and y_t the posteriors of frame t, all sequences that begin with h and then c have the probability

        P(hc...) = sum_t y_t(c) (g^b_{t-1}(h) + [c is not the last of h] g^n_{t-1}(h)),

    a product of matrices for all c at once, which needs nothing of hc itself. Of the few hc that are kept,

        g^n_t(hc) = y_t(c) (g^n_{t-1}(hc) + what is in brackets above)
        g^b_t(hc) = y_t(blank) (g^b_{t-1}(hc) + g^n_{t-1}(hc))

    are linear recurrences: with Y_t the product of y over t frames, g_t = Y_t sum_{s <= t} added_s / Y_{s-1}, a
    cumulative sum, in logarithms.

    **Source**: Graves 2008 for prefix probabilities; Watanabe et al. 2017, "Hybrid CTC/attention architecture for
    end-to-end speech recognition", algorithm 2.

    Attributes:
        frames: the posteriors.
        in_token: natural log of g^n after each number of frames, shape (B, K, N + 1).
        in_blank: natural log of g^b, shape (B, K, N + 1).
        last: the last token of each sequence, blank for the empty one, shape (B, K).
    """

    frames: CTCFrames
    in_token: Tensor
    in_blank: Tensor
    last: Tensor

    @classmethod
    def empty(cls, frames: CTCFrames, count: int) -> CTCPrefixes:
        """Returns empty sequences, K = ``count`` for each utterance."""
        in_blank = frames.sums[:, frames.blank, None].expand(-1, count, -1)
        last = torch.full(in_blank.shape[:2], frames.blank, device=in_blank.device)
        return cls(frames, torch.full_like(in_blank, -math.inf), in_blank, last)

    def scores(self) -> Tensor:
        """Returns what CTC gives each next token: natural-log probabilities, shape (B, K, V).

        For a token it is that of all sequences that begin with the sequence and the token; for blank, which stands for
        the end, it is that of the sequence itself.
        """
        frames, last = self.frames, self.last[:, :, None]
        is_outside = ~valid_frames(frames.lengths, frames.probs.size(1))[:, None]  # (B, 1, N)
        both = torch.logaddexp(self.in_token, self.in_blank)
        starts = both[:, :, :-1].masked_fill(is_outside, -math.inf)
        top = starts.amax(dim=2, keepdim=True).clamp(min=-1e300) if starts.size(2) else starts.sum(dim=2, keepdim=True)
        found = ((starts - top).exp() @ frames.probs).log() + top  # (B, K, N) x (B, N, V)
        again = self.in_blank[:, :, :-1].masked_fill(is_outside, -math.inf) + self._of(frames.log_probs, self.last)
        found = found.scatter(2, last, again.logsumexp(dim=2, keepdim=True))
        ends = frames.lengths[:, None, None].expand(-1, both.size(1), 1)
        found[:, :, frames.blank] = both.gather(2, ends)[:, :, 0]
        return found

    def extended(self, places: Tensor, token_ids: Tensor) -> CTCPrefixes:
        """Returns sequences with one more token each.

        Args:
            places: which sequence each comes from, shape (B, K').
            token_ids: the token, shape (B, K'); blank makes a sequence that is of no use.
        """
        frames, of_all = self.frames, places[:, :, None].expand(-1, -1, self.in_blank.size(2))
        in_token, in_blank = self.in_token.gather(1, of_all), self.in_blank.gather(1, of_all)
        repeats = (token_ids == self.last.gather(1, places))[:, :, None]
        starts = torch.where(repeats, in_blank, torch.logaddexp(in_token, in_blank))[:, :, :-1]
        sums, blanks = self._of(frames.sums, token_ids), frames.sums[:, frames.blank, None]
        in_token = _recurred(starts, sums)
        return CTCPrefixes(frames, in_token, _recurred(in_token[:, :, :-1], blanks.expand_as(sums)), token_ids)

    @staticmethod
    def _of(values: Tensor, token_ids: Tensor) -> Tensor:
        """Returns the values of some tokens, (B, K, *), of those of all, (B, V, *)."""
        return values.gather(1, token_ids[:, :, None].expand(-1, -1, values.size(2)))


def _recurred(added: Tensor, sums: Tensor) -> Tensor:
    """Returns the natural log of g_t = y_t (g_{t-1} + added_t) with g_0 = 0, shape (B, K, N + 1).

    Args:
        added: natural logs of what is added in each frame, shape (B, K, N).
        sums: natural logs of the products of y over the frames before each, and over all, shape (B, K, N + 1).
    """
    total = (added - sums[:, :, :-1]).logcumsumexp(dim=2) + sums[:, :, 1:]
    return torch.nn.functional.pad(total, (1, 0), value=-math.inf)
