"""Searches of a transducer: equal to the enumeration of all alignments, alone and in batches."""

from __future__ import annotations

import pytest
import torch

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.transducer.beam import TransducerBeamDecoder
from asr.decoding.transducer.greedy import TransducerGreedyDecoder
from asr.errors import ConfigError, DataError
from tests.decoding.enumeration import phones
from tests.decoding.transducer.truth import greedy, make_transducer, sequence_log_prob, sequences

NUM_TOKENS = 3
LENGTHS = torch.tensor([3, 4, 0, 1, 2])


def frames(seed: int, num_frames: int = 4, rows: int = 5) -> torch.Tensor:
    return 2 * torch.randn(rows, num_frames, 6, generator=torch.Generator().manual_seed(seed))


def ids(hypothesis: Hypothesis) -> tuple[int, ...]:
    return tuple(int(token.text) for token in hypothesis.tokens)


@pytest.mark.parametrize("seed", range(4))
@torch.no_grad()
def test_greedy_is_the_plain_loop(seed: int) -> None:
    model, heard = make_transducer(5, seed), frames(seed, num_frames=9)
    lengths = torch.tensor([9, 4, 0, 1, 8])
    found = TransducerGreedyDecoder(model, phones(5))(heard, lengths)
    for row, length, (best,) in zip(heard, lengths.tolist(), found, strict=True):
        tokens, spoken_in, score = greedy(model, row[:length])
        assert (list(ids(best)), best.score) == (tokens, pytest.approx(score, abs=1e-4))
        starts = [token.start for token in best.tokens]
        assert starts == pytest.approx([frame * model.frame_seconds for frame in spoken_in])
        assert all(token.end == pytest.approx(token.start + model.frame_seconds) for token in best.tokens)
        assert all(0 <= token.confidence <= 1 for token in best.tokens)
    assert sum(len(best.tokens) for (best,) in found) > 5


@pytest.mark.parametrize("seed", range(4))
@torch.no_grad()
def test_a_beam_that_holds_everything_is_the_enumeration(seed: int) -> None:
    model, heard = make_transducer(NUM_TOKENS, seed), frames(seed)
    found = TransducerBeamDecoder(model, phones(NUM_TOKENS), beam_size=300, nbest=12)(heard, LENGTHS)
    for row, length, nbest in zip(heard, LENGTHS.tolist(), found, strict=True):
        if length == 0:
            assert [(each.text, each.score) for each in nbest] == [("", 0.0)]
            continue
        truth = {each: float(sequence_log_prob(model, row[:length], each)) for each in sequences(NUM_TOKENS, length)}
        best = sorted(truth.items(), key=lambda item: -item[1])[:12]
        assert [ids(each) for each in nbest] == [tokens for tokens, _ in best]
        assert [each.score for each in nbest] == pytest.approx([score for _, score in best], abs=1e-4)
        starts = [[token.start for token in each.tokens] for each in nbest]
        assert all(each == sorted(each) and all(time < length for time in each) for each in starts)


@torch.no_grad()
def test_a_small_beam_finds_less_and_never_more_than_there_is() -> None:
    model, heard = make_transducer(NUM_TOKENS, 1), frames(1)
    whole, small = (
        TransducerBeamDecoder(model, phones(NUM_TOKENS), size)(heard, torch.full((5,), 4)) for size in (300, 2)
    )
    for one, other, row in zip(whole, small, heard, strict=True):
        assert other[0].score <= one[0].score + 1e-4
        assert other[0].score <= float(sequence_log_prob(model, row, ids(other[0]))) + 1e-4


@pytest.mark.parametrize("beam_size", [1, 3, 8])
@torch.no_grad()
def test_utterances_do_not_depend_on_their_batch(beam_size: int) -> None:
    model, heard, lengths = make_transducer(5, 3), frames(7, num_frames=12), torch.tensor([12, 3, 7, 12, 1])
    decoder = TransducerBeamDecoder(model, phones(5), beam_size, nbest=beam_size)
    greedily = TransducerGreedyDecoder(model, phones(5))
    for search in (decoder, greedily):
        together = search(heard, lengths)
        for row, length, nbest in zip(heard, lengths.tolist(), together, strict=True):
            (alone,) = search(row[None, :length], torch.tensor([length]))
            assert [each.text for each in alone] == [each.text for each in nbest]
            assert [each.score for each in alone] == pytest.approx([each.score for each in nbest], abs=1e-4)
            times = [[(token.start, token.end) for each in one for token in each.tokens] for one in (alone, nbest)]
            assert times[0] == times[1]


def test_what_a_search_refuses() -> None:
    model = make_transducer(NUM_TOKENS)
    with pytest.raises(ConfigError, match="nbest: cannot be 3; make it from 1 to beam_size, which is 2"):
        TransducerBeamDecoder(model, phones(NUM_TOKENS), beam_size=2, nbest=3)
    broken = frames(0)
    broken[1, 0, 0] = torch.nan
    for search in (TransducerGreedyDecoder(model, phones(3)), TransducerBeamDecoder(model, phones(3), 2)):
        with pytest.raises(DataError, match="not a number in rows 1 of the batch"):
            search(broken, LENGTHS)
