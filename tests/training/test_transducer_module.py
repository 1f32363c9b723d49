"""A transducer learns, and what its module gives to the loss."""

from __future__ import annotations

import torch

from asr.data.batch import Share
from asr.decoding.transducer.greedy import TransducerGreedyDecoder
from asr.training.lattice_sums import transducer_losses
from asr.training.transducer_module import TransducerObjective, padded_targets
from tests.decoding.enumeration import phones
from tests.decoding.transducer.truth import make_transducer
from tests.training.objectives import TARGETS, make_batch


def test_targets_have_blank_in_front() -> None:
    assert padded_targets(make_batch()).tolist() == [[0, 1, 2, 0], [0, 1, 1, 2], [0, 2, 0, 0]]


def test_the_loss_of_a_step_is_the_same_from_one_rank_and_from_two() -> None:
    losses, whole = torch.tensor([1.0, 2.0, 4.0]), make_batch()
    halves = [make_batch(rows, num_ranks=2) for rows in (slice(0, 1), slice(1, 3))]
    assert halves[0].share == Share(2, 3, 6)
    for unit, expected in (("token", 7 / 6), ("utterance", 7 / 3)):
        objective = TransducerObjective(unit)
        assert float(objective(losses, whole)) == torch.tensor(expected)
        parts = [objective(losses[:1], halves[0]), objective(losses[1:], halves[1])]
        torch.testing.assert_close(torch.stack(parts).mean(), torch.tensor(expected))


def test_three_utterances_are_learned_by_heart() -> None:
    batch, model = make_batch(), make_transducer(3, sharpness=1.0).train()
    optimizer, targets = torch.optim.Adam(model.parameters(), lr=0.03), padded_targets(batch)
    for _ in range(150):
        logits, lengths = model.scores(batch.inputs, batch.lengths, targets)
        loss = transducer_losses(logits, lengths, targets[:, 1:], batch.target_lengths, 0).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    with torch.no_grad():
        found = TransducerGreedyDecoder(model.eval(), phones(3))(*model.hear(batch.inputs, batch.lengths))
    assert [each.text for (each,) in found] == [" ".join(map(str, target)) for target in TARGETS]
