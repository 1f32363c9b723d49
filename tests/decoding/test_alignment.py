from __future__ import annotations

import itertools
import math

import pytest
import torch
import torchaudio

from asr.decoding.alignment import align, least_over_tokens, sum_of_paths, token_frames
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


def test_the_sum_of_all_paths_is_that_of_ctc() -> None:
    log_probs = random_log_probs(3, 9, 4, seed=0)
    lengths = torch.tensor([9, 5, 2])
    token_ids = torch.tensor([[[1, 2, 2], [3, 0, 0]], [[1, 1, 0], [2, 3, 1]], [[1, 1, 0], [0, 0, 0]]])
    token_lengths = torch.tensor([[3, 1], [2, 3], [2, 0]])
    found = sum_of_paths(log_probs, lengths, token_ids, token_lengths, blank=0)
    rows = log_probs.double().repeat_interleave(2, dim=0).transpose(0, 1)
    flat = token_ids.flatten(0, 1), lengths.repeat_interleave(2), token_lengths.flatten()
    expected = -torch.nn.functional.ctc_loss(rows, *flat, reduction="none")
    torch.testing.assert_close(found, expected.view(3, 2))
    assert found[2, 0] == -torch.inf, "two equal tokens need three frames"


def test_a_separator_may_stand_first_and_again_after_a_blank() -> None:
    log_probs, separator = random_log_probs(1, 5, 4, seed=1), 3
    token_ids = torch.tensor([[[1, 3, 2], [1, 2, 3]]])
    found = sum_of_paths(log_probs, torch.tensor([5]), token_ids, torch.tensor([[3, 3]]), 0, separator)
    expected = [0.0, 0.0]
    for path in itertools.product(range(4), repeat=5):
        told: list[int] = []
        for place, token in enumerate(path):
            is_repeat = place > 0 and path[place - 1] == token
            is_again = token == separator and (not told or told[-1] == separator)
            if token and not is_repeat and not is_again:
                told.append(token)
        for number, wanted in enumerate(token_ids[0].tolist()):
            if told == wanted:
                expected[number] += math.exp(sum(log_probs[0, place, token].item() for place, token in enumerate(path)))
    assert found[0].exp().tolist() == pytest.approx(expected, rel=1e-6)
