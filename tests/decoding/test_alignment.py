from __future__ import annotations

import math

import pytest
import torch
import torchaudio

from asr.decoding.alignment import align, least_over_tokens, token_frames
from tests.decoding.enumeration import best_path, collapse, random_log_probs, sequence_log_probs


@pytest.mark.parametrize("seed", range(40))
def test_best_path_equals_enumeration(seed):
    num_frames, num_tokens = 1 + seed % 5, 2 + seed % 2
    log_probs = random_log_probs(1, num_frames, num_tokens, seed)
    sequences = list(sequence_log_probs(log_probs[0]))
    longest = max(len(sequence) for sequence in sequences)
    token_ids = torch.tensor([[*sequence, *[1] * (longest - len(sequence))] for sequence in sequences])
    token_lengths = torch.tensor([len(sequence) for sequence in sequences])
    alignment = align(log_probs, torch.tensor([num_frames]), token_ids[None], token_lengths[None], blank=0)
    for place, sequence in enumerate(sequences):
        path, score = best_path(log_probs[0], sequence)
        assert alignment.scores[0, place].item() == pytest.approx(score, abs=1e-5)
        found = [sequence[index] if index >= 0 else 0 for index in alignment.token_index[0, place].tolist()]
        assert tuple(found) == path
        assert collapse(tuple(found)) == sequence


def test_agrees_with_torchaudio_over_a_padded_batch():
    generator = torch.Generator().manual_seed(1)
    input_lengths, token_lengths = torch.tensor([40, 33, 60, 7]), torch.tensor([12, 15, 3, 2])
    log_probs = random_log_probs(4, 60, 9, seed=1)
    token_ids = torch.randint(1, 9, (4, 15), generator=generator)
    alignment = align(log_probs, input_lengths, token_ids[:, None], token_lengths[:, None], blank=0)
    for row in range(4):
        num_frames, num_tokens = int(input_lengths[row]), int(token_lengths[row])
        labels = token_ids[row, :num_tokens]
        path, scores = torchaudio.functional.forced_align(log_probs[row : row + 1, :num_frames], labels[None])
        index = alignment.token_index[row, 0]
        assert torch.where(index < 0, 0, token_ids[row][index])[:num_frames].tolist() == path[0].tolist()
        assert (index[num_frames:] == -1).all()
        assert alignment.scores[row, 0].item() == pytest.approx(scores.sum().item(), abs=1e-4)


def test_what_does_not_fit_scores_minus_infinity():
    log_probs = random_log_probs(1, 3, 3, seed=0)
    token_ids = torch.tensor([[[1, 1, 1], [1, 1, 2], [1, 2, 1], [1, 1, 1]]])  # L + repeats = 5, 4, 3; and L = 2 fits
    scores = align(log_probs, torch.tensor([3]), token_ids, torch.tensor([[3, 3, 3, 2]]), blank=0).scores[0]
    assert scores.isinf().tolist() == [True, True, False, False]


def test_empty_sequences_and_empty_recordings():
    log_probs = random_log_probs(2, 4, 3, seed=0)
    token_ids, token_lengths = torch.zeros(2, 1, 0, dtype=torch.int64), torch.zeros(2, 1, dtype=torch.int64)
    alignment = align(log_probs, torch.tensor([4, 0]), token_ids, token_lengths, blank=0)
    torch.testing.assert_close(alignment.scores[:, 0], torch.stack([log_probs[0, :, 0].sum(), torch.tensor(0.0)]))
    assert (alignment.token_index == -1).all()
    assert align(log_probs[:, :0], torch.tensor([0, 0]), token_ids, token_lengths, 0).token_index.shape == (2, 1, 0)


def test_blank_may_have_any_index():
    log_probs = random_log_probs(1, 6, 4, seed=3)
    first = align(log_probs, torch.tensor([6]), torch.tensor([[[1, 2, 2]]]), torch.tensor([[3]]), blank=0)
    moved = log_probs[..., [1, 2, 3, 0]]
    last = align(moved, torch.tensor([6]), torch.tensor([[[0, 1, 1]]]), torch.tensor([[3]]), blank=3)
    assert torch.equal(first.token_index, last.token_index)
    assert torch.equal(first.scores, last.scores)


def test_frames_of_tokens():
    index = torch.tensor([[[-1, 0, 0, -1, 1, 2, 2, 2, -1]]])
    first, last = token_frames(index, 4)
    assert first.tolist() == [[[1, 4, 5, 9]]]
    assert last.tolist() == [[[2, 4, 7, -1]]]
    values = torch.tensor([[[0.0, 0.5, 0.25, 0.0, 0.75, 1.0, 0.5, 1.0, 0.0]]])
    assert least_over_tokens(values, index, 4, none=math.inf).tolist() == [[[0.25, 0.75, 0.5, math.inf]]]
