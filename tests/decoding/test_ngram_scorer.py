import itertools
import math

import pytest
import torch

from asr.decoding.bigram_viterbi import BigramViterbiDecoder
from asr.decoding.ngram_scorer import NGramScorer, bigram_table, token_labels
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.errors import ConfigError, DataError
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from tests.decoding.enumeration import phones, random_log_probs, sequence_log_probs, speech_like

TEXT = [["1", "2", "1"], ["2", "2", "3"], ["1", "3"], ["3", "1", "2", "1"], ["2"]]


def model(order: int) -> NGramModel:
    return estimate(TEXT, order)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_beam_finds_what_enumeration_finds(order: int, seed: int) -> None:
    lm, log_probs = model(order), random_log_probs(1, 4, 4, seed)
    decoder = PrefixBeamDecoder(
        phones(4), 0.01, beam_size=200, nbest=3, lm=NGramScorer(lm, phones(4)), lm_weight=0.7, token_score=0.3
    )
    [nbest] = decoder(log_probs, torch.tensor([4]))
    scores = {
        sequence: heard + 0.7 * lm.log_prob([str(token) for token in sequence]) + 0.3 * len(sequence)
        for sequence, heard in sequence_log_probs(log_probs[0]).items()
    }
    expected = sorted(scores, key=scores.__getitem__, reverse=True)[:3]
    assert [hyp.text for hyp in nbest] == [" ".join(map(str, sequence)) for sequence in expected]
    for hyp, sequence in zip(nbest, expected, strict=True):
        assert hyp.score == pytest.approx(scores[sequence], abs=1e-4)


def test_the_table_holds_the_probabilities_of_the_model() -> None:
    lm = model(2)
    table = bigram_table(lm, phones(4))
    for sentence in TEXT:
        ids = [0, *map(int, sentence), 0]
        total = sum(float(table[before, after]) for before, after in itertools.pairwise(ids))
        assert total == pytest.approx(lm.log_prob(sentence), abs=1e-9)
    assert torch.allclose(table.exp().sum(dim=1), torch.ones(4).double(), atol=0.2), "but for <unk>"


def test_exact_search_scores_the_best_path_never_less_than_the_beam_does() -> None:
    lm, table = model(2), phones(4)
    log_probs, lengths = speech_like(4, 40, 4, seed=3), torch.tensor([40, 30, 20, 10])
    exact = BigramViterbiDecoder(table, 0.01, bigram_table(lm, table), lm_weight=0.5)(log_probs, lengths)
    beam = PrefixBeamDecoder(table, 0.01, beam_size=50, lm=NGramScorer(lm, table), lm_weight=0.5)(log_probs, lengths)
    for [one], [other] in zip(exact, beam, strict=True):
        assert one.score <= other.score + 1e-4, "a sum over alignments is no less than its largest term"


def test_tokens_that_the_model_lacks() -> None:
    lm = estimate([["1", "2"], ["2", "1"]], 2)
    assert token_labels(lm, phones(4)).tolist()[3] == 0
    assert math.isfinite(float(bigram_table(lm, phones(4))[1, 3]))
    with pytest.raises(DataError, match="knows none of the 3 tokens"):
        NGramScorer(estimate([["a"], ["b"]], 1), phones(4))
    with pytest.raises(ConfigError, match="is of order 3"):
        bigram_table(model(3), phones(4))
