"""Gradients are estimated from losses alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from asr.training.evolution import EvolvedGradients


def losses_of(network: nn.Module, members: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return nn.functional.mse_loss(functional_call(network, parameters, (inputs,)), targets)

    return vmap(loss)(members)


def problem() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(16, 3), torch.randn(16, 1)


def test_the_population_is_pairs_around_the_parameters() -> None:
    network, _, _ = problem()
    members = EvolvedGradients(network, 5, 0.1).population()
    for name, parameter in network.named_parameters():
        assert members[name].shape == (10, *parameter.shape)
        middles = (members[name][:5] + members[name][5:]) / 2
        assert torch.allclose(middles, parameter.expand(5, *parameter.shape), atol=1e-6)
    drawn = torch.cat([(members[name] - each.detach()).flatten() for name, each in network.named_parameters()])
    assert 0.08 < float(drawn.std()) < 0.12


def test_the_estimate_points_along_the_gradient() -> None:
    network, inputs, targets = problem()
    evolved = EvolvedGradients(network, 2000, 0.01)
    evolved.estimate(losses_of(network, evolved.population(), inputs, targets))
    estimate = torch.cat([each.grad.flatten() for each in network.parameters() if each.grad is not None])
    true = torch.autograd.grad(nn.functional.mse_loss(network(inputs), targets), list(network.parameters()))
    assert float(nn.functional.cosine_similarity(estimate, torch.cat([each.flatten() for each in true]), dim=0)) > 0.98


def test_a_bowl_has_no_slope_at_its_bottom() -> None:
    network = nn.Linear(2, 1)
    evolved = EvolvedGradients(network, 8, 0.1)
    members = evolved.population()
    distances = sum(((members[name] - each) ** 2).flatten(1).sum(1) for name, each in network.named_parameters())
    evolved.estimate(torch.as_tensor(distances).double().round(decimals=5))
    assert all(each.grad is not None and each.grad.abs().max() < 1e-5 for each in network.parameters())


def test_a_network_learns_and_a_seed_gives_the_same_weights() -> None:
    def learn(seed: int) -> tuple[float, float, Tensor]:
        network, inputs, targets = problem()
        evolved, optimizer = EvolvedGradients(network, 16, 0.05, seed), torch.optim.Adam(network.parameters(), lr=0.03)
        before = nn.functional.mse_loss(network(inputs), targets).item()
        for _ in range(60):
            evolved.estimate(losses_of(network, evolved.population(), inputs, targets))
            optimizer.step()
        return before, nn.functional.mse_loss(network(inputs), targets).item(), network[0].weight.detach().clone()

    (before, after, weights), (_, _, again), (_, _, other) = learn(1), learn(1), learn(2)
    assert after < 0.6 * before
    assert torch.equal(weights, again)
    assert not torch.equal(weights, other)
