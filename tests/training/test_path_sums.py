"""The denominator of CTC-CRF against the sum over all paths, one by one."""

import math

import pytest
import torch

from asr.decoding.ngram_scorer import dense_table
from asr.lm.kneser_ney import estimate
from asr.training.path_sums import PathGraph, path_sums, sequence_log_probs
from tests.decoding.enumeration import phones, random_log_probs, speech_like
from tests.decoding.enumeration import sequence_log_probs as enumerate_sequences

TEXT = [["1", "2", "1"], ["2", "2"], ["1"], ["1", "1", "2", "1"], ["2"]]


def graph(order: int, axes: int | None = None, num_tokens: int = 3) -> PathGraph:
    return PathGraph.of(dense_table(estimate(TEXT, order), phones(num_tokens), axes or max(order, 3)), blank=0)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_sum_over_paths(order: int, seed: int) -> None:
    model, lengths = estimate(TEXT, order), [5, 3, 1, 0]
    log_probs = random_log_probs(4, 5, 3, seed).double()
    found = path_sums(log_probs, torch.tensor(lengths), graph(order))
    for row, length in enumerate(lengths):
        heard = enumerate_sequences(log_probs[row, :length])
        scores = [score + model.log_prob([str(token) for token in tokens]) for tokens, score in heard.items()]
        assert float(found[row]) == pytest.approx(float(torch.tensor(scores).logsumexp(0)), abs=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_n_gram_scores_sequences_as_its_model_does(order: int) -> None:
    model, sequences = estimate(TEXT, order), [(1, 2, 1, 1), (), (2,), (2, 2)]
    targets = torch.tensor([token for tokens in sequences for token in tokens])
    found = sequence_log_probs(targets, torch.tensor([len(tokens) for tokens in sequences]), graph(order))
    expected = [model.log_prob([str(token) for token in tokens]) for tokens in sequences]
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("axes", [3, 4])
def test_its_gradient_is_that_of_the_sum(axes: int) -> None:
    log_probs = random_log_probs(3, 4, 3, seed=1).double().requires_grad_()
    lengths, ngram = torch.tensor([4, 2, 0]), graph(3, axes)
    assert torch.autograd.gradcheck(lambda scores: path_sums(scores, lengths, ngram), log_probs)


def test_the_gradient_is_a_distribution_over_the_tokens_of_each_frame() -> None:
    log_probs = speech_like(2, 50, 8, seed=0).requires_grad_()
    table = torch.randn(8, 8, 8, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    path_sums(log_probs, torch.tensor([50, 30]), PathGraph.of(table, blank=0)).sum().backward()
    gradient = log_probs.grad
    assert gradient is not None
    assert torch.allclose(gradient.sum(2), (torch.arange(50) < torch.tensor([[50], [30]])).float(), atol=1e-5)
    assert (gradient >= 0).all()


def test_other_utterances_and_padding_change_nothing() -> None:
    log_probs, lengths = random_log_probs(3, 40, 3, seed=2), torch.tensor([40, 17, 25])
    together = log_probs.clone().requires_grad_()
    sums = path_sums(together, lengths, graph(3).to(log_probs))
    sums.sum().backward()
    assert together.grad is not None
    for row, length in enumerate(lengths.tolist()):
        alone = log_probs[row : row + 1, :length].clone().requires_grad_()
        own = path_sums(alone, lengths[row : row + 1], graph(3).to(log_probs))
        own.backward()
        assert float(sums[row].detach()) == pytest.approx(float(own.detach()), abs=1e-5)
        assert torch.allclose(together.grad[row, :length], alone.grad[0], atol=1e-6)
        assert not together.grad[row, length:].any()
    twice = path_sums(log_probs[:1].repeat(2, 1, 1), torch.tensor([40, 40]), graph(3).to(log_probs))
    assert twice[0] == twice[1]


def test_single_precision_does_for_thousands_of_frames() -> None:
    certainty = torch.tensor([1.0, 100.0])
    log_probs = (certainty[:, None, None] * speech_like(2, 3000, 6, seed=3)).log_softmax(2)
    lengths = torch.tensor([3000, 2500])
    table = (3 * torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(1))).log_softmax(2)
    found, gradients = [], []
    for each in (log_probs, log_probs.double()):
        scores = each.clone().requires_grad_()
        sums = path_sums(scores, lengths, PathGraph.of(table.double(), blank=0).to(each))
        sums.sum().backward()
        assert scores.grad is not None
        found.append(sums.detach().double())
        gradients.append(scores.grad.double())
    assert found[0].isfinite().all()
    assert torch.allclose(found[0], found[1], rtol=1e-5)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-3)


def test_autocast_changes_nothing() -> None:
    log_probs, lengths, ngram = random_log_probs(1, 30, 3, seed=4), torch.tensor([30]), graph(3)
    expected = path_sums(log_probs, lengths, ngram.to(log_probs))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(path_sums(log_probs, lengths, ngram.to(log_probs)), expected)


def test_paths_of_certain_tokens_are_as_likely_as_their_tokens() -> None:
    log_probs = torch.full((1, 4, 3), -math.inf)
    log_probs[0, torch.arange(4), torch.tensor([1, 0, 1, 2])] = 0.0
    found = path_sums(log_probs, torch.tensor([4]), graph(3).to(log_probs))
    assert float(found) == pytest.approx(estimate(TEXT, 3).log_prob(["1", "1", "2"]), abs=1e-5)


def test_a_table_of_two_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="3 axes or more, found 2"):
        PathGraph.of(torch.zeros(3, 3), blank=0)
