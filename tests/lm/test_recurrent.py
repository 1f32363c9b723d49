"""The recurrent language model against a loop written by hand, and alone against in company."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asr.lm.recurrent import RecurrentLM
from asr.lm.vocabulary import BEGIN, END


def make(tie_weights: bool = True, num_layers: int = 2, dropout: float = 0.5) -> RecurrentLM:
    torch.manual_seed(0)
    model = RecurrentLM(7, 4, 5, num_layers, dropout, tie_weights).eval()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -1.0, 1.0)
    return model


def by_hand(model: RecurrentLM, words: list[int]) -> np.ndarray:
    """Returns log-probabilities, shape (L, V), by the equations of the LSTM, a word and a layer at a time."""
    weights = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    outputs = [np.zeros(5) for _ in range(model.num_layers)]
    cells = [np.zeros(5) for _ in range(model.num_layers)]
    rows = []
    for word in words:
        frame = weights["embedding.weight"][word]
        for layer in range(model.num_layers):
            gates = (
                weights[f"layers.weight_ih_l{layer}"] @ frame
                + weights[f"layers.bias_ih_l{layer}"]
                + weights[f"layers.weight_hh_l{layer}"] @ outputs[layer]
                + weights[f"layers.bias_hh_l{layer}"]
            )
            take, keep, new, show = np.split(gates, 4)
            take, keep, show = (1 / (1 + np.exp(-gate)) for gate in (take, keep, show))
            cells[layer] = keep * cells[layer] + take * np.tanh(new)
            frame = outputs[layer] = show * np.tanh(cells[layer])
        narrow = weights["narrowing.weight"] @ frame + weights["narrowing.bias"]
        logits = weights["output.weight"] @ narrow + weights["output.bias"]
        logits[BEGIN] = -np.inf
        rows.append(logits - np.log(np.exp(logits).sum()))
    return np.array(rows)


@pytest.mark.parametrize("tie_weights", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_equals_a_loop_written_by_hand(tie_weights: bool, num_layers: int) -> None:
    model, words = make(tie_weights, num_layers), [BEGIN, 3, 6, 0, 3, END]
    with torch.no_grad():
        log_probs, _ = model(torch.tensor([words]))
    np.testing.assert_allclose(log_probs[0].numpy(), by_hand(model, words), atol=1e-5)
    assert (model.output.weight is model.embedding.weight) == tie_weights


def test_probabilities_sum_to_one_and_a_beginning_never_comes() -> None:
    with torch.no_grad():
        log_probs, _ = make()(torch.randint(0, 7, (3, 8)))
    torch.testing.assert_close(log_probs.exp().sum(dim=2), torch.ones(3, 8))
    assert (log_probs[:, :, BEGIN] == -torch.inf).all()


def test_words_do_not_depend_on_company_or_padding() -> None:
    model = make()
    sentences = [[BEGIN, 3], [BEGIN, 4, 5, 6, 3, 0, 4], [BEGIN], [BEGIN, 6, 6, 6]]
    padded = torch.full((4, 9), END)
    for row, words in enumerate(sentences):
        padded[row, : len(words)] = torch.tensor(words)
    with torch.no_grad():
        together, _ = model(padded)
        for row, words in enumerate(sentences):
            alone, _ = model(torch.tensor([words]))
            torch.testing.assert_close(together[row, : len(words)], alone[0], atol=1e-6, rtol=1e-5)


def test_reading_goes_on_from_a_state() -> None:
    model, words = make(), torch.tensor([[BEGIN, 3, 4, 5], [BEGIN, 6, 5, 3]])
    with torch.no_grad():
        whole, last = model(words)
        first, state = model(words[:, :1])
        rest, end = model(words[:, 1:], state)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole)
    assert [part.shape for part in state] == [(2, 2, 5)] * 2
    for one, other in zip(last, end, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_are_finite_though_a_beginning_is_impossible() -> None:
    model = make().train()
    log_probs, _ = model(torch.tensor([[BEGIN, 3, 4]]))
    (-log_probs[0, :, 3].sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
