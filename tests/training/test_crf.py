"""CTC-CRF as an objective: its loss, its n-gram, and what it refuses."""

import math

import pytest
import torch

from asr.errors import ConfigError
from asr.lm.kneser_ney import estimate
from asr.training.crf import CRF
from asr.training.losses import CTCObjective, ctc_losses
from tests.decoding.enumeration import phones, random_log_probs, sequence_log_probs
from tests.training.objectives import TARGETS, learned, make_batch, make_model, take


def test_the_loss_is_that_of_a_distribution_over_sequences() -> None:
    log_probs, length = random_log_probs(1, 4, 3, seed=0), torch.tensor([4])
    crf, model = learned(), estimate([[str(token) for token in each] for each in TARGETS], 2)
    heard = sequence_log_probs(log_probs[0])
    weights = {tokens: math.exp(score + model.log_prob([*map(str, tokens)])) for tokens, score in heard.items()}
    total = 0.0
    for tokens, weight in weights.items():
        target, target_length = torch.tensor(tokens, dtype=torch.int64), torch.tensor([len(tokens)])
        ctc = ctc_losses(log_probs, length, target, target_length, blank=0)
        loss = float(ctc + crf.added_losses(log_probs, length, target, target_length))
        assert loss == pytest.approx(-math.log(weight / sum(weights.values())), abs=1e-4)
        total += math.exp(-loss)
    assert total == pytest.approx(1.0, abs=1e-4)


def test_ctc_is_added_with_its_weight() -> None:
    model, batch = make_model(), make_batch()
    found = take(CTCObjective(crf=learned(ctc_weight=0.25)), model, batch)
    plain = take(CTCObjective(), model, batch)
    assert torch.equal(found.sums["ctc_loss"][0], plain.losses.sum())
    assert torch.isclose(found.loss, (found.losses.sum() + 0.25 * plain.losses.sum()) / 6)
    assert found.sums["loss_step"][0] == found.losses.sum()
    assert not torch.isclose(found.losses, plain.losses).any()


def test_an_utterance_too_short_for_its_labels_has_an_infinite_loss() -> None:
    batch = make_batch()
    log_probs = torch.zeros(3, 4, 3).log_softmax(2)
    found = CTCObjective(crf=learned())([log_probs], torch.tensor([4, 3, 4]), batch, 0, 1)
    assert TARGETS[1] == (1, 1, 2)
    assert found.losses.isinf().tolist() == [False, True, False]


def test_settings_out_of_range() -> None:
    for order, weight in ((0, 0.1), (2, -1.0)):
        with pytest.raises(ConfigError, match=r"model\.objective\.crf: order is"):
            CRF(order, weight)
    with pytest.raises(ConfigError, match=r"order 3 over 200 tokens is 8,000,000 probabilities in each frame"):
        CRF(3).learn([(1,)], phones(200))
