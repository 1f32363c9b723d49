"""The sum over all CTC paths, weighted by an n-gram of their tokens: the denominator of CTC-CRF, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from asr.models.lengths import valid_frames

MIN_ORDER = 3
"""Axes of the n-gram at least; a shorter one costs as much."""

States = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class PathGraph:
    """An n-gram of tokens as what a frame does to the states of all paths.

    A path is in one of 2 H states: its last n - 1 tokens, of which there are ``H = V^(n-1)``, and whether a blank has
    followed them. A context is written (h, g), h being its oldest token and g the rest, one of ``G = V^(n-2)``: token v
    leads from context (h, g) to context (g, v).

    Attributes:
        log_probs: the n-gram as :func:`asr.decoding.ngram_scorer.dense_table` returns it, shape (V, ..., V).
        others: probability of token v after ``(h, g)``, 0 where v is the last token of g, shape (G, V, V) for g, v, h.
        repeats: probability of the last token of g once more, which takes a blank between, shape (V, G) for h, g.
        ends: probability that the sentence ends in a context, shape (H,).
        blank: index of blank.
    """

    log_probs: Tensor
    others: Tensor
    repeats: Tensor
    ends: Tensor
    blank: int

    @classmethod
    def of(cls, log_probs: Tensor, blank: int) -> PathGraph:
        """Returns the graph of an n-gram.

        Args:
            log_probs: natural-log probabilities of order n >= 3, none of them 0, as of
                :func:`asr.decoding.ngram_scorer.dense_table`, shape (V, ..., V).
            blank: index of blank.
        """
        num_tokens, order = log_probs.size(0), log_probs.dim()
        if order < MIN_ORDER:
            raise ValueError(f"log_probs must have {MIN_ORDER} axes or more, found {order}")
        probs = log_probs.exp().reshape(-1, num_tokens)  # (H, V)
        ends = probs[:, blank].clone()
        probs[:, blank] = 0.0
        last = torch.arange(num_tokens ** (order - 2), device=probs.device) % num_tokens  # of each g
        after = probs.view(num_tokens, -1, num_tokens)  # (V, G, V): h, g, v
        repeats = after.gather(2, last.view(1, -1, 1).expand(num_tokens, -1, 1)).squeeze(2)
        is_repeat = last[:, None] == torch.arange(num_tokens, device=probs.device)  # (G, V)
        others = after.masked_fill(is_repeat, 0.0).permute(1, 2, 0).contiguous()
        return cls(log_probs, others, repeats.contiguous(), ends, blank)

    @property
    def start(self) -> int:
        """The context at the beginning of a sentence, where all tokens before are blank."""
        start = 0
        for _ in range(self.log_probs.dim() - 1):
            start = start * self.others.size(1) + self.blank
        return start

    def to(self, like: Tensor) -> PathGraph:
        """Returns the graph on the device and in the precision of a tensor."""
        moved = self.log_probs.to(like), self.others.to(like), self.repeats.to(like), self.ends.to(like)
        return PathGraph(*moved, self.blank)

    def forward(self, spoken: Tensor, silent: Tensor, emissions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the weights of all states one frame later, divided by the sum of those before; and this sum, (B,).

        Args:
            spoken: weights of the states whose last token was heard in the frame before, shape (H, B).
            silent: weights of those that a blank has followed, shape (H, B).
            emissions: probability of each token in this frame, shape (V, B).
        """
        num_tokens, batch_size = emissions.shape
        both = spoken + silent
        scale = both.sum(0)
        emissions = emissions / scale
        come = torch.bmm(self.others, both.view(num_tokens, -1, batch_size).transpose(0, 1))  # (G, V, B)
        again = (silent.view(num_tokens, -1, batch_size) * self.repeats[:, :, None]).sum(0)  # (G, B)
        _diagonal(come).add_(again.view(-1, num_tokens, batch_size).transpose(1, 2))
        now_spoken = come.add_(spoken.view_as(come)).mul_(emissions)
        return now_spoken.view_as(spoken), both * emissions[self.blank], scale

    def backward(self, spoken: Tensor, silent: Tensor, emissions: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what follows each state, one frame earlier: the transpose of :meth:`forward`.

        Args:
            spoken: weights of all that follows the states whose last token was heard in this frame, shape (H, B).
            silent: the same for those that a blank has followed, shape (H, B).
            emissions: probability of each token in this frame, shape (V, B).
        """
        num_tokens, batch_size = emissions.shape
        heard = spoken.view(-1, num_tokens, batch_size) * emissions  # (G, V, B)
        go = torch.bmm(self.others.transpose(1, 2), heard)  # (G, V, B): g, h
        before_silent = silent * emissions[self.blank]
        before_silent.view(num_tokens, -1, batch_size).add_(go.transpose(0, 1))
        before_spoken = before_silent + heard.view_as(spoken)
        again = _diagonal(heard).transpose(1, 2).reshape(1, -1, batch_size)  # (1, G, B)
        before_silent.view(num_tokens, -1, batch_size).addcmul_(self.repeats[:, :, None], again)
        return before_spoken, before_silent


def _diagonal(arrivals: Tensor) -> Tensor:
    """Returns the places (G, V, B) where v is the last token of g, as a view of shape (G / V, B, V)."""
    _, num_tokens, batch_size = arrivals.shape
    return arrivals.view(-1, num_tokens, num_tokens, batch_size).diagonal(dim1=1, dim2=2)


def path_sums(log_probs: Tensor, input_lengths: Tensor, graph: PathGraph) -> Tensor:
    """Returns the natural log of the sum over all paths of ``p(path) p_ngram(tokens of path)``, shape (B,).

    Computed in the precision of ``log_probs``, also under autocast: with a scale for each frame, float32 does for
    thousands of frames. The cost is a batched product of (G, V, V) with (G, V, B) for each frame, and as much again for
    the gradient, which is computed at once where it is needed. An utterance of no frames has the one empty path.

    **Source**: Xiang & Ou 2019, "CRF-based single-stage acoustic modeling with CTC topology", equation 4; the states
    are those of Hadian et al. 2018, "End-to-end speech recognition using lattice-free MMI", without their graph.

    Args:
        log_probs: natural-log posteriors, shape (B, N, V).
        input_lengths: frames of each utterance, shape (B,).
        graph: the n-gram, on the same device and in the same precision.
    """
    sums = _PathSums.apply(log_probs, input_lengths, graph)
    assert isinstance(sums, Tensor)
    return sums


def sequence_log_probs(targets: Tensor, target_lengths: Tensor, graph: PathGraph) -> Tensor:
    """Returns the natural-log probabilities of token sequences and their ends by the n-gram, shape (B,).

    Args:
        targets: token ids of all utterances, concatenated, shape (sum of target_lengths,).
        target_lengths: tokens of each utterance, shape (B,).
        graph: the n-gram, on the same device.
    """
    num_tokens, order = graph.others.size(1), graph.log_probs.dim()
    longest = int(target_lengths.max())
    places = torch.arange(longest + 1, device=targets.device)
    is_token = places < target_lengths[:, None]  # (B, L + 1)
    padded = targets.new_full((len(target_lengths), order - 1 + longest + 1), graph.blank)
    padded[:, order - 1 :][is_token] = targets
    powers = num_tokens ** torch.arange(order - 1, -1, -1, device=targets.device)
    entries = (padded.unfold(1, order, 1) * powers).sum(2)  # (B, L + 1): blank, the end, comes after the last token
    scores = graph.log_probs.flatten()[entries]
    return scores.masked_fill(places > target_lengths[:, None], 0.0).sum(1)


class _PathSums(torch.autograd.Function):
    """Utterances are aligned at their ends: before it begins, one has certain blanks, which change nothing at all."""

    @staticmethod
    def forward(ctx: Any, log_probs: Tensor, input_lengths: Tensor, graph: PathGraph) -> Tensor:
        with torch.autocast(log_probs.device.type, enabled=False):
            valid, late = _aligned(input_lengths, log_probs.size(1), to_end=True)
            emissions = log_probs.detach().gather(1, late[:, :, None].expand_as(log_probs)).exp()
            certain = torch.zeros_like(emissions[0, 0])
            certain[graph.blank] = 1.0
            emissions = torch.where(valid[:, :, None], emissions, certain).permute(1, 2, 0).contiguous()  # (N, V, B)
            states: States = []
            sums = _run_forward(emissions, graph, states if ctx.needs_input_grad[0] else None)
            if ctx.needs_input_grad[0]:
                occupancies = _run_backward(emissions, states, graph).permute(2, 0, 1)  # (N, V, B) -> (B, N, V)
                valid, early = _aligned(input_lengths, log_probs.size(1), to_end=False)
                occupancies = occupancies.gather(1, early[:, :, None].expand_as(log_probs))
                ctx.save_for_backward(occupancies.masked_fill_(~valid[:, :, None], 0.0))
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (occupancies,) = ctx.saved_tensors
        return occupancies * gradient[:, None, None], None, None


def _aligned(lengths: Tensor, num_frames: int, to_end: bool) -> tuple[Tensor, Tensor]:
    """Returns which frames are an utterance's, and where each comes from, shape (B, N) each.

    Args:
        lengths: frames of each utterance, shape (B,).
        num_frames: N.
        to_end: whether utterances move from the beginning to the end of the N frames, or back.
    """
    valid = valid_frames(lengths, num_frames)
    frames = torch.arange(num_frames, device=lengths.device)
    shift = (num_frames - lengths)[:, None]
    if to_end:
        return valid.flip(1), (frames - shift).clamp(min=0)
    return valid, (frames + shift).clamp(max=num_frames - 1)


def _run_forward(emissions: Tensor, graph: PathGraph, states: States | None) -> Tensor:
    """Returns the natural logs of the sums, shape (B,).

    Args:
        emissions: probability of each token, shape (N, V, B).
        graph: the n-gram.
        states: takes the weights of the states after each frame, divided by the sum of those before; None keeps none.
    """
    spoken = emissions.new_zeros(len(graph.ends), emissions.size(2))
    silent = spoken.clone()
    silent[graph.start] = 1.0
    scales = []
    for frame in emissions.unbind():
        spoken, silent, scale = graph.forward(spoken, silent, frame)
        scales.append(scale)
        if states is not None:
            states.append((spoken, silent))
    return torch.stack([*scales, graph.ends @ (spoken + silent)]).log().sum(0)


def _run_backward(emissions: Tensor, states: States, graph: PathGraph) -> Tensor:
    """Returns the share of the sum whose paths have each token in each frame, shape (N, V, B).

    Args:
        emissions: probability of each token, shape (N, V, B).
        states: weights of the states after each frame.
        graph: the n-gram.
    """
    occupancies = torch.empty_like(emissions)
    _, num_tokens, batch_size = emissions.shape
    after_spoken = after_silent = graph.ends[:, None].expand(-1, batch_size)
    for place in range(len(states) - 1, -1, -1):
        spoken, silent = states[place]
        torch.sum((spoken * after_spoken).view(-1, num_tokens, batch_size), 0, out=occupancies[place])
        torch.sum(silent * after_silent, 0, out=occupancies[place, graph.blank])
        scaled = emissions[place] / after_silent.sum(0)
        after_spoken, after_silent = graph.backward(after_spoken, after_silent, scaled)
    return occupancies / occupancies.sum(1, keepdim=True)
