"""Greedy decoding in NumPy finds what that in torch does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asr.decoding.greedy import GreedyDecoder
from asr.errors import DataError
from asr.portable.greedy import decode_greedily
from asr.text.tokens import TokenTable

TOKENS = TokenTable("char", ("<blank>", "A", "B", "C", "|"))


@pytest.mark.parametrize("num_frames", [0, 1, 2, 40])
@pytest.mark.parametrize("seed", range(5))
def test_hypotheses_equal_those_of_torch(num_frames: int, seed: int) -> None:
    log_probs = 3 * torch.randn(num_frames, len(TOKENS), generator=torch.Generator().manual_seed(seed))
    log_probs = log_probs.repeat_interleave(2, dim=0).log_softmax(1)
    ((expected,),) = GreedyDecoder(TOKENS, 0.03)(log_probs[None], torch.tensor([len(log_probs)]))
    found = decode_greedily(log_probs.numpy(), TOKENS, 0.03)
    assert found.text == expected.text
    assert found.score == pytest.approx(expected.score)
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-5)
    for name in ("tokens", "words"):
        for one, other in zip(getattr(found, name), getattr(expected, name), strict=True):
            assert (one.text, one.start, one.end) == (other.text, other.start, other.end)
            assert one.confidence == pytest.approx(other.confidence, abs=1e-5)


def test_frames_that_are_all_blank_are_sure_of_nothing() -> None:
    log_probs = torch.eye(3)[:2].log().numpy()
    tokens = TokenTable("phone", ("<blank>", "a", "b"))
    assert decode_greedily(log_probs, tokens, 0.03).text == "a"
    with pytest.raises(DataError, match="not a number"):
        decode_greedily(np.full((2, 3), np.nan, np.float32), tokens, 0.03)
