from __future__ import annotations

import numpy as np
import pytest
import torch

from asr.lm.arpa import read_arpa
from asr.lm.kneser_ney import estimate
from asr.lm.tensors import NGramTensors


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_equal_the_model_on_random_models(tmp_path, make_arpa, seed, order):
    model = read_arpa(make_arpa(tmp_path / "random.arpa", seed, order))
    tensors = NGramTensors(model, dtype=torch.float64)
    states = np.random.default_rng(seed).permutation(model.num_states)
    labels = np.arange(len(model.vocabulary))
    log_probs, next_states = model.lookup(states[:, None], labels[None, :])
    scores = tensors.scores(torch.from_numpy(states))
    np.testing.assert_allclose(scores.numpy(), log_probs, atol=1e-12)
    pairs = torch.from_numpy(states)[:, None].expand(-1, len(labels)), torch.from_numpy(labels).expand(len(states), -1)
    looked_up, after = tensors.lookup(*pairs)
    np.testing.assert_allclose(looked_up.numpy(), log_probs, atol=1e-12)
    np.testing.assert_array_equal(after.numpy(), next_states)
    assert tensors.start_state == model.start_state
    ids = torch.from_numpy(labels)
    assert torch.equal(tensors.unigrams(ids), tensors.lookup(torch.zeros_like(ids), ids)[0])


def test_single_precision_and_shapes(make_text):
    model = estimate(make_text(0), 3)
    tensors = NGramTensors(model)
    states = torch.arange(model.num_states)[:24].reshape(2, 3, 4)
    labels = torch.randint(0, len(model.vocabulary), states.shape, generator=torch.Generator().manual_seed(0))
    log_probs, after = tensors.lookup(states, labels)
    assert (log_probs.shape, after.shape, log_probs.dtype) == ((2, 3, 4), (2, 3, 4), torch.float32)
    expected = tensors.scores(states.flatten()).gather(1, labels.flatten()[:, None]).reshape(states.shape)
    torch.testing.assert_close(log_probs, expected)
    sums = tensors.scores(torch.arange(model.num_states)).exp().sum(dim=1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


def test_a_sentence_is_walked_as_the_model_does(make_text):
    model = estimate(make_text(5), 3)
    tensors = NGramTensors(model, dtype=torch.float64)
    state, total = torch.tensor([tensors.start_state]), 0.0
    for word in ["a", "zz", "b", "c", "</s>"]:
        word_id = torch.tensor([model.vocabulary.ids.get(word, 0)])
        log_prob, state = tensors.lookup(state, word_id)
        total += float(log_prob)
    assert total == pytest.approx(model.log_prob(["a", "zz", "b", "c"]), abs=1e-12)
