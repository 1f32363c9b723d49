"""Search with CTC and attention: equal to the enumeration of all sequences, alone and in batches."""

from __future__ import annotations

import pytest
import torch

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.joint.beam import JointBeamDecoder
from asr.errors import ConfigError, DataError
from tests.decoding.enumeration import phones, sequence_log_probs
from tests.decoding.joint.truth import frames, greedy, make_decoder, make_output, ranked

LENGTHS = torch.tensor([3, 4, 0, 1, 2])


def ids(hypothesis: Hypothesis) -> tuple[int, ...]:
    return tuple(int(token.text) for token in hypothesis.tokens)


def search(num_tokens: int, seed: int, beam_size: int, nbest: int = 1, ctc_weight: float = 0.3) -> JointBeamDecoder:
    decoder, output = make_decoder(num_tokens, seed), make_output(num_tokens, seed)
    return JointBeamDecoder(decoder, output, phones(num_tokens), 0.03, beam_size, nbest, ctc_weight)


@pytest.mark.parametrize(("seed", "ctc_weight"), [(0, 0.0), (1, 0.3), (2, 0.3), (3, 0.7), (4, 1.0)])
@torch.no_grad()
def test_a_beam_that_holds_everything_is_the_enumeration(seed: int, ctc_weight: float) -> None:
    whole, encoded = search(3, seed, 60, 9, ctc_weight), frames(seed)
    for row, length, nbest in zip(encoded, LENGTHS.tolist(), whole(encoded, LENGTHS), strict=True):
        expected = ranked(whole.attention, whole.output, row[:length], ctc_weight)
        assert [ids(each) for each in nbest] == [tokens for _, tokens in expected[:9]]
        assert [each.score for each in nbest] == pytest.approx([score for score, _ in expected[:9]], abs=1e-4)
        for each in nbest:
            assert all(0 <= token.start < token.end <= length * 0.03 + 1e-9 for token in each.tokens)
            assert all(0 <= token.confidence <= 1 for token in each.tokens)


@pytest.mark.parametrize("seed", range(4))
@torch.no_grad()
def test_a_beam_of_one_by_attention_alone_is_greedy(seed: int) -> None:
    one, encoded, lengths = search(4, seed, 1, 1, 0.0), frames(seed, num_frames=8), torch.tensor([8, 4, 0, 1, 6])
    for row, length, (best,) in zip(encoded, lengths.tolist(), one(encoded, lengths), strict=True):
        tokens, score = greedy(one.attention, row[:length])
        assert (ids(best), best.score) == (tokens, pytest.approx(score, abs=1e-4))


@torch.no_grad()
def test_a_beam_by_ctc_alone_finds_its_likeliest_sequence() -> None:
    alone, encoded = search(3, 7, 8, 1, 1.0), frames(7, num_frames=6)
    log_probs = alone.output(encoded).log_softmax(dim=2)
    for row, (best,) in zip(log_probs, alone(encoded, torch.full((5,), 6)), strict=True):
        sums = sequence_log_probs(row)
        assert best.score == pytest.approx(max(sums.values()), abs=1e-4)


@torch.no_grad()
def test_a_small_beam_finds_less_and_never_more_than_there_is() -> None:
    encoded, lengths = frames(1), torch.full((5,), 4)
    whole, small = (search(3, 1, size)(encoded, lengths) for size in (60, 2))
    for (one,), (other,) in zip(whole, small, strict=True):
        assert other.score <= one.score + 1e-6


@pytest.mark.parametrize(("beam_size", "ctc_weight"), [(1, 0.0), (3, 0.3), (8, 0.0)])
@torch.no_grad()
def test_utterances_do_not_depend_on_their_batch(beam_size: int, ctc_weight: float) -> None:
    decoder = search(5, 3, beam_size, beam_size, ctc_weight)
    encoded, lengths = frames(7, num_frames=12), torch.tensor([12, 3, 7, 0, 1])
    together = decoder(encoded, lengths)
    for row, length, nbest in zip(encoded, lengths.tolist(), together, strict=True):
        (alone,) = decoder(row[None, :length], torch.tensor([length]))
        assert [each.text for each in alone] == [each.text for each in nbest]
        assert [each.score for each in alone] == pytest.approx([each.score for each in nbest], abs=1e-4)
        times = [[(token.start, token.end) for each in one for token in each.tokens] for one in (alone, nbest)]
        assert times[0] == times[1]


def test_what_a_search_refuses() -> None:
    for numbers, message in (
        ((2, 3), "nbest: cannot be 3; make it from 1 to beam_size, which is 2"),
        ((0,), "beam_size: cannot be 0; make it 1 or more"),
        ((2, 1, 1.5), r"ctc_weight: cannot be 1\.5; make it from 0 to 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            search(3, 0, *numbers)
    broken = frames(0)
    broken[1, 0, 0] = torch.nan
    with pytest.raises(DataError, match="not a number in rows 1 of the batch"):
        search(3, 0, 2)(broken, LENGTHS)
