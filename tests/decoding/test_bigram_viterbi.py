import itertools

import pytest
import torch

from asr.decoding.bigram_viterbi import BigramViterbiDecoder
from asr.decoding.greedy import GreedyDecoder
from asr.errors import ConfigError, DataError
from tests.decoding.bigram import Bigram
from tests.decoding.enumeration import collapse, phones, random_log_probs, speech_like


def best_of_all(log_probs: torch.Tensor, bigram: Bigram, weight: float, bonus: float) -> tuple[tuple[int, ...], float]:
    """Scores every path one by one; log_probs (N, V)."""
    rows = log_probs.double().tolist()

    def score(path: tuple[int, ...]) -> float:
        sequence = collapse(path)
        heard = sum(row[token] for row, token in zip(rows, path, strict=True))
        return heard + weight * bigram.log_prob(sequence) + bonus * len(sequence)

    paths = itertools.product(range(log_probs.shape[1]), repeat=log_probs.shape[0])
    best = max(paths, key=score)
    return best, score(best)


@pytest.mark.parametrize("seed", range(200))
def test_equals_enumeration(seed: int) -> None:
    num_tokens, num_frames = 2 + seed % 3, 1 + seed % 5
    weight, bonus = (0.0, 0.3, 1.0, 2.5)[seed % 4], (-0.5, 0.0, 0.7)[seed % 3]
    bigram = Bigram(num_tokens, seed)
    log_probs = random_log_probs(2, num_frames, num_tokens, seed)
    lengths = torch.tensor([num_frames, max(1, num_frames - 1)])
    decoder = BigramViterbiDecoder(phones(num_tokens), 0.01, bigram.table, weight, bonus)
    for row, [hyp] in enumerate(decoder(log_probs, lengths)):
        path, score = best_of_all(log_probs[row, : lengths[row]], bigram, weight, bonus)
        assert hyp.score == pytest.approx(score, abs=1e-9)
        assert hyp.text.split() == [str(token) for token in collapse(path)]
        for token in hyp.tokens:
            first, last = round(token.start / 0.01), round(token.end / 0.01) - 1
            assert set(path[first : last + 1]) == {int(token.text)}


def test_without_a_bigram_it_is_greedy() -> None:
    log_probs, lengths = speech_like(6, 80, 40, seed=1), torch.tensor([80, 60, 40, 20, 3, 0])
    table = phones(40)
    found = BigramViterbiDecoder(table, 0.04, torch.zeros(40, 40), lm_weight=0.0)(log_probs, lengths)
    greedy = GreedyDecoder(table, 0.04)(log_probs, lengths)
    for [hyp], [expected] in zip(found, greedy, strict=True):
        assert (hyp.text, hyp.tokens) == (expected.text, expected.tokens)
        assert hyp.score == pytest.approx(expected.score, abs=1e-4)


def test_what_the_bigram_forbids_does_not_come() -> None:
    log_probs = torch.tensor([[[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]]).log()
    forbidding = Bigram(3, seed=0, forbidden=((1, 2),))
    [[hyp]] = BigramViterbiDecoder(phones(3), 0.01, forbidding.table, lm_weight=0.1)(log_probs, torch.tensor([2]))
    assert hyp.text != "1 2"
    nowhere = torch.full((3, 3), -torch.inf)
    with pytest.raises(DataError, match=r"no path is possible in rows \[0\]"):
        BigramViterbiDecoder(phones(3), 0.01, nowhere)(log_probs, torch.tensor([2]))


def test_a_bigram_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"is \(3, 3\) for a table of 4 tokens"):
        BigramViterbiDecoder(phones(4), 0.01, torch.zeros(3, 3))
    with pytest.raises(ConfigError, match="values above 0"):
        BigramViterbiDecoder(phones(3), 0.01, torch.ones(3, 3))
