import itertools
import math
from dataclasses import replace

import pytest
import torch

from asr.data.batch import Batch
from asr.errors import ConfigError
from asr.text.writing import MAIN
from asr.training.losses import Consistency, CTCObjective, Intermediate, ctc_losses, divergences
from asr.training.mwer import MWER
from tests.decoding.enumeration import phones
from tests.training.objectives import learned, make_batch, make_model, take


def sum_over_paths(probs: torch.Tensor, target: tuple[int, ...]) -> float:
    num_frames, num_tokens = probs.shape
    total = 0.0
    for path in itertools.product(range(num_tokens), repeat=num_frames):
        if tuple(token for token, _ in itertools.groupby(path) if token) == target:
            total += math.prod(float(probs[frame, token]) for frame, token in enumerate(path))
    return total


def test_equals_the_sum_over_paths() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(3, 5, 3, dtype=torch.float64).log_softmax(dim=2)
    lengths, targets = [5, 4, 3], [(1, 2), (1, 1), (2,)]
    losses = ctc_losses(
        log_probs,
        torch.tensor(lengths),
        torch.tensor([token for target in targets for token in target]),
        torch.tensor([len(target) for target in targets]),
        blank=0,
    )
    for row, (length, target) in enumerate(zip(lengths, targets, strict=True)):
        expected = -math.log(sum_over_paths(log_probs[row, :length].exp(), target))
        assert math.isclose(float(losses[row]), expected, rel_tol=1e-9)


def test_an_utterance_too_short_for_its_labels_has_an_infinite_loss() -> None:
    log_probs = torch.zeros(1, 2, 3).log_softmax(dim=2)
    losses = ctc_losses(log_probs, torch.tensor([2]), torch.tensor([1, 1]), torch.tensor([2]), blank=0)
    assert torch.isinf(losses).all()


def test_two_equal_views_do_not_diverge() -> None:
    view = torch.randn(2, 5, 4).log_softmax(dim=2)
    assert torch.equal(divergences(view.repeat(2, 1, 1), torch.tensor([5, 3, 5, 3])), torch.zeros(2))


def test_the_divergence_is_the_mean_of_both_over_the_frames_that_are() -> None:
    log_probs = torch.randn(4, 5, 3, dtype=torch.float64).log_softmax(dim=2)
    lengths = [5, 3]
    found = divergences(log_probs, torch.tensor([*lengths, *lengths]))
    for row, length in enumerate(lengths):
        first, second = log_probs[row, :length].exp(), log_probs[row + 2, :length].exp()
        expected = ((first - second) * (first / second).log()).sum() / 2
        assert torch.isclose(found[row], expected)


def test_no_gradient_flows_through_the_target_of_the_divergence() -> None:
    logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    log_probs = logits.log_softmax(dim=2)
    (gradient,) = torch.autograd.grad(divergences(log_probs, torch.tensor([4, 4])).sum(), logits)
    # of KL(q || softmax(z)) / 2 with q held fixed, the gradient is (softmax(z) - q) / 2
    probs = log_probs.detach().exp()
    assert torch.allclose(gradient, (probs - probs.flip(0)) / 2)


def test_consistency_refuses_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"weight is -1.0"):
        Consistency(weight=-1.0)


@pytest.mark.parametrize(("layers", "weight"), [([], 0.3), ([1], 1.5)])
def test_intermediate_refuses_what_cannot_be(layers: list[int], weight: float) -> None:
    with pytest.raises(ConfigError, match=r"model\.objective\.intermediate"):
        Intermediate(layers, weight)


OBJECTIVES = {
    "token": CTCObjective(),
    "utterance": CTCObjective(loss_per="utterance"),
    "intermediate": CTCObjective(intermediate=Intermediate([1])),
    "consistency": CTCObjective(consistency=Consistency()),
    "crf": CTCObjective(crf=learned()),
    "mwer": CTCObjective(mwer=MWER(ctc_weight=0.5)).of_head(MAIN, phones(3)),
    "all": CTCObjective(Consistency(), Intermediate([1], 0.5), "utterance", learned()),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_model_learns_its_utterances_by_an_objective(name: str) -> None:
    objective, model, batch = OBJECTIVES[name], make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for step in range(100):
        found = take(objective, model, batch, step)
        optimizer.zero_grad()
        found.loss.backward()
        optimizer.step()
        losses.append(float(found.losses.detach().mean()))
    assert losses[0] > (1.5 if objective.crf else 3.0), "the n-gram knows something at once"
    assert losses[-1] < 0.3


def test_mwer_and_ctc_crf_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"model\.objective: has both crf and mwer; set one of them to null"):
        CTCObjective(crf=learned(), mwer=MWER())


def test_the_loss_is_the_mean_over_tokens_or_utterances() -> None:
    model, batch = make_model(), make_batch()
    found = take(CTCObjective(), model, batch)
    log_probs, lengths = model.classify(batch.inputs, batch.lengths)
    expected = ctc_losses(log_probs, lengths, batch.targets, batch.target_lengths, blank=0)
    assert torch.equal(found.losses, expected)
    assert found.sums.keys() == {"loss_step"}
    assert torch.equal(found.loss, expected.sum() / 6)
    assert torch.isclose(take(CTCObjective(loss_per="utterance"), model, batch).loss, expected.mean())


def test_what_is_added_is_added_with_its_weight() -> None:
    model, batch = make_model(), make_batch()
    plain, lower, agree, both = (
        take(objective, model, batch)
        for objective in (
            CTCObjective(),
            CTCObjective(intermediate=Intermediate([1], 0.25)),
            CTCObjective(Consistency(0.2, ramp_fraction=0.1)),
            CTCObjective(Consistency(0.2, ramp_fraction=0.1), Intermediate([1], 0.25)),
        )
    )
    beside, tokens = lower.sums["intermediate_loss"]
    assert torch.isclose(lower.loss, 0.75 * plain.loss + 0.25 * beside / tokens)
    apart, _ = agree.sums["divergence"]
    assert torch.isclose(agree.loss, agree.losses.sum() / 6 + 0.1 * apart / 6), "half of the ramp is behind it"
    assert list(both.sums) == ["loss_step", "intermediate_loss", "divergence"]
    added = both.sums["intermediate_loss"][0]
    assert torch.isclose(both.loss, (0.75 * both.losses.sum() + 0.25 * added + 0.1 * apart) / 6)
    first, second = (take(CTCObjective(), model, each).losses for each in (batch, louder(batch)))
    assert torch.allclose(agree.losses, (first + second) / 2)


def louder(batch: Batch) -> Batch:
    assert batch.inputs is not None
    return replace(batch, inputs=1.5 * batch.inputs)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_mean_of_the_parts_of_ranks_is_the_loss_of_the_step(name: str) -> None:
    model = make_model()
    whole = take(OBJECTIVES[name], model, make_batch()).loss
    parts = [take(OBJECTIVES[name], model, make_batch(rows, 2)).loss for rows in (slice(0, 2), slice(2, 3))]
    assert torch.isclose(sum(parts) / 2, whole)
