"""MWER: the errors to expect of N-best lists against all hypotheses one by one, and what is trained by them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from asr.errors import ConfigError
from asr.scoring.counts import count_errors
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN
from asr.training.losses import Consistency, CTCObjective
from asr.training.mwer import MWER, Risk, expected_errors, nbest_log_probs
from tests.decoding.enumeration import letters, phones, random_log_probs, sequence_log_probs
from tests.training.objectives import make_batch, make_model, take

ALL = 64  # more hypotheses than three frames of four tokens have


def enumerated(log_probs: Tensor, text: str, tokens: TokenTable) -> tuple[float, float]:
    """Returns the errors to expect of all hypotheses, and the mean of their errors; log_probs (N, V)."""
    scored = sequence_log_probs(log_probs)
    hyps = [tokens.decode(sequence) for sequence in scored]
    unit = "phone" if tokens.unit == "phone" else "word"
    errors = [each.errors for each in count_errors([text] * len(hyps), hyps, unit)]
    weighted = sum(math.exp(score) * number for score, number in zip(scored.values(), errors, strict=True))
    return weighted, sum(errors) / len(errors)


@pytest.mark.parametrize(("tokens", "texts"), [(letters(4), ["a b", "", "ab"]), (phones(4), ["1 3", "", "2"])])
def test_where_the_list_holds_all_hypotheses_it_is_the_error_to_expect(tokens: TokenTable, texts: list[str]) -> None:
    log_probs, lengths = random_log_probs(3, 3, 4, seed=0), [3, 2, 3]
    expected, losses = Risk(tokens, ALL, ALL)(log_probs, torch.tensor(lengths), texts)
    for row, (length, text) in enumerate(zip(lengths, texts, strict=True)):
        weighted, mean = enumerated(log_probs[row, :length], text, tokens)
        assert float(expected[row]) == pytest.approx(weighted, abs=1e-5)
        assert float(losses[row]) == pytest.approx(weighted - mean, abs=1e-5)


def test_gradients_are_those_of_finite_differences() -> None:
    logits, risk = random_log_probs(2, 3, 4, seed=1).double().requires_grad_(), Risk(letters(4), ALL, ALL)

    def losses(logits: Tensor) -> Tensor:
        return risk(logits.log_softmax(dim=2), torch.tensor([3, 2]), ["a b", ""])[1]

    assert torch.autograd.gradcheck(losses, logits)


def test_neither_batch_nor_padding_changes_an_utterance() -> None:
    log_probs, lengths, texts = random_log_probs(4, 9, 5, seed=2), [9, 4, 1, 7], ["ab c", "b", "", "c c c"]
    risk = Risk(letters(5), 3, 6)

    def measured(log_probs: Tensor, lengths: list[int], texts: list[str]) -> tuple[Tensor, Tensor]:
        logits = log_probs.clone().requires_grad_()
        losses = risk(logits.log_softmax(dim=2), torch.tensor(lengths), texts)[1]
        return losses.detach(), torch.autograd.grad(losses.sum(), logits)[0]

    together, gradients = measured(log_probs, lengths, texts)
    for row, length in enumerate(lengths):
        alone, gradient = measured(log_probs[row : row + 1, :length], [length], texts[row : row + 1])
        assert torch.allclose(together[row : row + 1], alone, atol=1e-5)
        assert torch.allclose(gradients[row, :length], gradient[0], atol=1e-5)
        assert not gradients[row, length:].any()


def test_a_list_of_the_empty_hypothesis_alone() -> None:
    logits = torch.zeros(1, 2, 3)
    logits[..., 0] = 200.0  # exp(-200) is 0 in single precision
    logits.requires_grad_()
    expected, losses = Risk(phones(3), 4, 8)(logits.log_softmax(dim=2), torch.tensor([2]), ["1 2"])
    assert expected.item() == pytest.approx(2.0)
    losses.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_shorter_lists_are_renormalised() -> None:
    likelihoods = torch.tensor([[-1.0, -1.0, -math.inf]], requires_grad=True)
    expected, losses = expected_errors(likelihoods, torch.tensor([[0.0, 1.0, 9.0]]))
    assert (expected.tolist(), losses.tolist()) == ([0.5], [0.0])
    losses.sum().backward()
    assert likelihoods.grad is not None
    assert likelihoods.grad.tolist() == [[-0.25, 0.25, 0.0]]


def test_hypotheses_are_as_likely_as_all_their_alignments() -> None:
    log_probs = random_log_probs(1, 3, 4, seed=3)
    ids, lengths = torch.tensor([[[1, 2], [3, 0], [0, 0]]]), torch.tensor([[2, 1, 0]])
    found = nbest_log_probs(log_probs, torch.tensor([3]), ids, lengths)
    scored = sequence_log_probs(log_probs[0])
    assert found[0].tolist() == pytest.approx([scored[1, 2], scored[(3,)], scored[()]], abs=1e-5)


def test_ctc_is_added_with_its_weight() -> None:
    model, batch = make_model(), make_batch()
    plain = take(CTCObjective(), model, batch)
    both, expectation = (CTCObjective(mwer=MWER(ctc_weight=weight)).of_head(MAIN, phones(3)) for weight in (0.25, 0.0))
    found, alone = take(both, model, batch), take(expectation, model, batch)
    assert torch.equal(found.losses, plain.losses)
    assert torch.isclose(found.loss, alone.loss + 0.25 * plain.loss)
    errors, said = found.sums["expected_errors"]
    assert said.item() == 6.0
    assert 0 < errors.item() < 20


@pytest.mark.parametrize("consistency", [None, Consistency(weight=0.0)])
def test_a_model_learns_to_make_fewer_errors(consistency: Consistency | None) -> None:
    objective = CTCObjective(consistency, mwer=MWER(ctc_weight=0.05)).of_head(MAIN, phones(3))
    model, batch, rates = make_model(), make_batch(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        found = take(objective, model, batch)
        optimizer.zero_grad()
        found.loss.backward()
        optimizer.step()
        errors, said = found.sums["expected_errors"]
        rates.append((errors / said).item())
    assert rates[0] > 0.8
    assert rates[-1] < 0.05


@pytest.mark.parametrize(("nbest", "beam_size", "weight"), [(1, 8, 0.01), (9, 8, 0.01), (4, 8, -1.0)])
def test_settings_out_of_range(nbest: int, beam_size: int, weight: float) -> None:
    with pytest.raises(ConfigError, match=rf"model\.objective\.mwer: nbest is {nbest}, beam_size {beam_size}"):
        MWER(nbest, beam_size, weight)
