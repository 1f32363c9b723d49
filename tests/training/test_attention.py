"""An attention decoder in training: what its loss is, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asr.data.batch import Batch
from asr.decoding.joint.beam import JointBeamDecoder
from asr.errors import ConfigError
from asr.training.attention import AttentionSettings, cross_entropies, recorded
from asr.training.losses import StepLoss
from tests.decoding.enumeration import phones
from tests.decoding.joint.truth import attention_log_prob, attention_log_probs, make_decoder
from tests.training.objectives import TARGETS, make_batch

SETTINGS = AttentionSettings(4, 5, 1, 6, 2, 3)


def entropies(batch: Batch, label_smoothing: float = 0.0, views: int = 1) -> torch.Tensor:
    encoded, lengths = batch.inputs.repeat(views, 1, 1), batch.lengths.repeat(views)
    return cross_entropies(make_decoder(), encoded, lengths, batch, label_smoothing)


@torch.no_grad()
def test_the_loss_is_that_of_the_targets_and_of_their_end() -> None:
    batch, decoder = make_batch(), make_decoder()
    rows = list(zip(batch.inputs, batch.lengths.tolist(), TARGETS, strict=True))
    expected = [-attention_log_prob(decoder, row[:length], target) for row, length, target in rows]
    assert entropies(batch).tolist() == pytest.approx(expected, abs=1e-4)
    assert entropies(batch, views=2).tolist() == pytest.approx(expected, abs=1e-4)
    even = [-float(attention_log_probs(decoder, row[:length], each).mean(dim=1).sum()) for row, length, each in rows]
    smooth = [0.9 * right + 0.1 * spread for right, spread in zip(expected, even, strict=True)]
    assert entropies(batch, label_smoothing=0.1).tolist() == pytest.approx(smooth, abs=1e-4)


def test_both_have_their_share_from_one_rank_and_from_two() -> None:
    losses, ctc = torch.tensor([1.0, 2.0, 4.0]), StepLoss(torch.tensor(3.0), torch.tensor([5.0, 6.0, 7.0]), {})
    for unit, mean in (("token", 7 / 6), ("utterance", 7 / 3)):
        whole = SETTINGS.joined(ctc, losses, make_batch(), unit)
        assert float(whole.loss) == pytest.approx(0.7 * 3 + 0.3 * mean)
        assert whole.losses.tolist() == [6.0, 8.0, 11.0]
        halves = [
            SETTINGS.joined(ctc, losses[rows], make_batch(rows, num_ranks=2), unit).loss
            for rows, ctc in (
                (slice(0, 1), StepLoss(torch.tensor(3.0), torch.tensor([5.0]), {})),
                (slice(1, 3), StepLoss(torch.tensor(3.0), torch.tensor([6.0, 7.0]), {})),
            )
        ]
        torch.testing.assert_close(torch.stack(halves).mean(), whole.loss)


def test_three_utterances_are_learned_by_heart() -> None:
    batch, decoder, output = make_batch(), make_decoder(), nn.Linear(6, 3)
    optimizer = torch.optim.Adam(decoder.train().parameters(), lr=0.02)
    for _ in range(80):
        loss = cross_entropies(decoder, batch.inputs, batch.lengths, batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5
    search = JointBeamDecoder(decoder.eval(), output, phones(3), 0.03, 1, ctc_weight=0.0)
    found = search(batch.inputs, batch.lengths)
    assert [each.text for (each,) in found] == [" ".join(map(str, target)) for target in TARGETS]


def test_what_a_checkpoint_records_and_what_settings_may_be() -> None:
    assert recorded(None) is None
    sizes = {"embedding_dim": 4, "hidden_dim": 5, "num_layers": 1, "attention_dim": 6, "location_channels": 2}
    assert recorded(SETTINGS) == {"head": "main", **sizes, "location_width": 3, "dropout": 0.0}
    assert SETTINGS.checked(["char"]) is SETTINGS
    for options, heads, message in (
        ({"weight": 0.0}, [], "model.attention.weight: is 0; give a share above 0, at most 1"),
        ({"weight": 1.1}, [], "model.attention.weight: is 1.1"),
        ({"label_smoothing": 1.0}, [], "model.attention.label_smoothing: is 1; give a share from 0 to below 1"),
        ({}, ["attention"], "head 'attention': is what the metrics of the attention decoder are called"),
    ):
        with pytest.raises(ConfigError, match=message):
            AttentionSettings(4, 5, 1, 6, 2, 3, **options).checked(heads)
