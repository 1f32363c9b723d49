from __future__ import annotations

import math

import pytest
import torch

from asr.decoding.confidence import frame_confidence
from tests.decoding.enumeration import random_log_probs


def test_follows_the_formula():
    blank_share, probs = 0.3, [0.6, 0.3, 0.1]
    log_probs = torch.tensor([[blank_share, *((1 - blank_share) * p for p in probs)]]).log()

    def entropy(shares, alpha=1 / 3):
        return (sum(share**alpha for share in shares) - 1) / (1 - alpha)

    expected = 1 - entropy(probs) / entropy([1 / 3] * 3)
    assert frame_confidence(log_probs, blank=0).item() == pytest.approx(expected, abs=1e-6)


def test_certain_is_one_and_uniform_is_zero_whatever_blank_takes():
    uniform = torch.tensor([0.9, 0.05, 0.05]).log()
    certain = torch.tensor([0.9, 0.1, 0.0]).log()
    assert frame_confidence(torch.stack([uniform, certain]), blank=0).tolist() == pytest.approx([0.0, 1.0], abs=1e-6)


def test_lies_between_zero_and_one_and_moves_with_blank():
    log_probs = random_log_probs(4, 50, 30, seed=0, sharpness=4.0)
    confidence = frame_confidence(log_probs, blank=0)
    assert confidence.shape == (4, 50)
    assert 0 <= confidence.min() < confidence.max() <= 1
    torch.testing.assert_close(frame_confidence(log_probs.roll(-1, dims=-1), blank=29), confidence)


def test_edges():
    assert frame_confidence(torch.tensor([[0.5, 0.5]]).log(), blank=0).tolist() == [1.0]
    assert frame_confidence(torch.tensor([[0.0, -math.inf, -math.inf]]), blank=0).tolist() == [0.0]
