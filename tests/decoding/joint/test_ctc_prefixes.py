"""Prefix probabilities by CTC: equal to the sum over all paths, whatever the batch."""

from __future__ import annotations

import math

import pytest
import torch

from asr.decoding.joint.ctc_prefixes import CTCFrames, CTCPrefixes
from tests.decoding.enumeration import Sequence, random_log_probs, sequence_log_probs
from tests.decoding.joint.truth import prefix_log_prob

SEQUENCES: tuple[Sequence, ...] = ((), (1,), (2,), (1, 1), (1, 2), (2, 1, 1), (1, 2, 1, 2))


def after(frames: CTCFrames, tokens: Sequence) -> CTCPrefixes:
    """Returns a sequence in the second of two places, the first of which holds another one."""
    prefixes = CTCPrefixes.empty(frames, 2)
    for token in tokens:
        other = torch.full((len(frames.lengths),), 1)
        places = torch.tensor([[0, 1]]).expand(len(other), -1)
        prefixes = prefixes.extended(places, torch.stack([other, torch.full_like(other, token)], dim=1))
    return prefixes


@pytest.mark.parametrize("tokens", SEQUENCES)
def test_they_are_the_sums_over_all_paths(tokens: Sequence) -> None:
    log_probs, lengths = random_log_probs(4, 5, 3, seed=1), torch.tensor([5, 2, 0, 3])
    scores = after(CTCFrames.of(log_probs, lengths, 0), tokens).scores()
    assert scores.shape == (4, 2, 3)
    for row, length in enumerate(lengths.tolist()):
        own = log_probs[row, :length]
        sums = sequence_log_probs(own)
        expected = [sums.get(tokens, -math.inf), *(prefix_log_prob(own, (*tokens, token)) for token in (1, 2))]
        assert scores[row, 1].tolist() == pytest.approx(expected, abs=1e-5)


def test_they_never_rise_with_a_token() -> None:
    log_probs = random_log_probs(2, 40, 6, seed=3).double().log_softmax(dim=2)
    frames = CTCFrames.of(log_probs, torch.tensor([40, 33]), 0)
    prefixes, before = CTCPrefixes.empty(frames, 1), torch.zeros(2, 1)
    for token in (1, 2, 2, 5, 1):
        scores = prefixes.scores()
        assert bool((scores.logsumexp(dim=2) <= before + 1e-9).all())
        torch.testing.assert_close(scores.logsumexp(dim=2), before.double())  # it ends, or goes on in some way
        before = scores[:, :, token]
        prefixes = prefixes.extended(torch.zeros(2, 1, dtype=torch.int64), torch.full((2, 1), token))


def test_long_recordings_and_tokens_without_a_chance_stay_numbers() -> None:
    log_probs = random_log_probs(1, 3000, 4, seed=2, sharpness=9.0)
    log_probs[:, :, 3] = -math.inf
    log_probs[:, 1500:1600, 1] = -math.inf
    prefixes = CTCPrefixes.empty(CTCFrames.of(log_probs, torch.tensor([3000]), 0), 1)
    for number in range(200):
        scores = prefixes.scores()
        assert not bool(scores.isnan().any())
        assert scores[0, 0, 3] == -math.inf
        prefixes = prefixes.extended(torch.zeros(1, 1, dtype=torch.int64), torch.full((1, 1), 1 + number % 2))
    path_sum = torch.nn.functional.ctc_loss(
        log_probs.double().clamp(min=-1e4).transpose(0, 1),
        torch.tensor([[1, 2] * 100]),
        torch.tensor([3000]),
        torch.tensor([200]),
        reduction="none",
    )
    assert float(prefixes.scores()[0, 0, 0]) == pytest.approx(-float(path_sum[0]), rel=1e-9)
