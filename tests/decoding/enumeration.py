"""The slow truth to hold decoders against: every path through the frames, one by one."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import pytest
import torch

from asr.decoding.hypothesis import Hypothesis
from asr.text.tokens import TokenTable

Sequence = tuple[int, ...]


def collapse(path: Sequence) -> Sequence:
    return tuple(token for token, _ in itertools.groupby(path) if token)


def sequence_log_probs(log_probs: torch.Tensor) -> dict[Sequence, float]:
    """Sums the paths of each sequence; log_probs (N, V), blank 0."""
    rows, totals = log_probs.double().tolist(), defaultdict(float)
    for path in itertools.product(range(log_probs.shape[1]), repeat=log_probs.shape[0]):
        totals[collapse(path)] += math.exp(sum(row[token] for row, token in zip(rows, path, strict=True)))
    return {sequence: math.log(total) for sequence, total in totals.items()}


def best_path(log_probs: torch.Tensor, sequence: Sequence) -> tuple[Sequence, float]:
    """Finds the best path of a sequence; log_probs (N, V), blank 0."""
    rows = log_probs.double().tolist()
    paths = itertools.product(range(log_probs.shape[1]), repeat=log_probs.shape[0])
    scored = [
        (path, sum(row[token] for row, token in zip(rows, path, strict=True)))
        for path in paths
        if collapse(path) == sequence
    ]
    return max(scored, key=lambda item: item[1])


def random_log_probs(batch: int, num_frames: int, num_tokens: int, seed: int, sharpness: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(batch, num_frames, num_tokens, generator=generator)).log_softmax(dim=-1)


def speech_like(batch: int, num_frames: int, num_tokens: int, seed: int) -> torch.Tensor:
    """Returns posteriors as trained models have them: two frames in three are blank, most are sure."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(batch, num_frames, num_tokens, generator=generator)
    path = torch.randint(1, num_tokens, (batch, num_frames), generator=generator)
    path = torch.where(torch.rand(batch, num_frames, generator=generator) < 0.65, 0, path)
    height = 9 + 2 * torch.randn(batch, num_frames, 1, generator=generator)
    return scores.scatter_add(2, path[..., None], height).log_softmax(dim=-1)


def letters(num_tokens: int) -> TokenTable:
    """Returns a table of V characters whose last one is the space."""
    return TokenTable("char", ("<blank>", *(chr(ord("a") + place) for place in range(num_tokens - 2)), "|"))


def phones(num_tokens: int) -> TokenTable:
    """Returns a table of V phones, named by their ids, so that a hypothesis's text shows its tokens."""
    return TokenTable("phone", ("<blank>", *(str(place) for place in range(1, num_tokens))))


def assert_same(ones: list[Hypothesis], others: list[Hypothesis]) -> None:
    """Compares N-best lists: texts and times exactly, scores to rounding."""
    assert [_told(h) for h in ones] == [_told(h) for h in others]
    assert [(h.score, h.confidence) for h in ones] == [pytest.approx((h.score, h.confidence), rel=1e-6) for h in others]


def _told(hypothesis: Hypothesis) -> tuple[object, ...]:
    spans = (*hypothesis.tokens, *hypothesis.words)
    return hypothesis.text, *((span.text, span.start, span.end) for span in spans)
