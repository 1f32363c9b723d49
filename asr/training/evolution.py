"""Gradients without back-propagation: what the losses of perturbed networks say about the way down."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from asr.evolution import antithetic_noise, rank_utilities


class EvolvedGradients:
    """Estimates the gradient of a network's loss from losses alone, for any optimiser of ``torch.optim``.

    The D parameters are one vector. A population of P networks lies around it, in opposite pairs: parameters plus and
    minus ``noise_std`` times a standard normal vector. From the losses of all on the same data follows the estimate
    ``-sum over p of u_p * noise_p / (P * noise_std)``, with u_p what the rank of a loss is worth, see
    :func:`asr.evolution.rank_utilities`. Its scale is that of the ranks, whatever the losses are, which suits Adam.

    **Source**: Salimans et al. 2017, "Evolution strategies as a scalable alternative to reinforcement learning",
    https://arxiv.org/abs/1703.03864, algorithm 1 and section 2.1.

    Args:
        network: its parameters; they are read anew for each population.
        num_pairs: pairs of opposite perturbations, P / 2.
        noise_std: standard deviation of the perturbation of a parameter.
        seed: of the perturbations.
    """

    def __init__(self, network: nn.Module, num_pairs: int, noise_std: float, seed: int = 0) -> None:
        self._parameters = dict(network.named_parameters())
        self._num_pairs, self._noise_std = num_pairs, noise_std
        self._generator = torch.Generator().manual_seed(seed)
        self._noise: Mapping[str, Tensor] = {}

    @torch.no_grad()
    def population(self) -> dict[str, Tensor]:
        """Draws the parameters of P networks, by name, each of shape (P, *shape of the parameter)."""
        sizes = [parameter.numel() for parameter in self._parameters.values()]
        noise = antithetic_noise(self._num_pairs, sum(sizes), self._generator)  # (P, D)
        parts = zip(self._parameters.items(), torch.split(noise, sizes, dim=1), strict=True)
        self._noise = {name: part.view(-1, *parameter.shape).to(parameter) for (name, parameter), part in parts}
        return {name: self._parameters[name] + self._noise_std * part for name, part in self._noise.items()}

    @torch.no_grad()
    def estimate(self, losses: Tensor) -> None:
        """Sets the ``grad`` of each parameter to the estimate.

        Args:
            losses: loss of each network of the last population, shape (P,).
        """
        shares = -rank_utilities(losses) / (len(losses) * self._noise_std)  # (P,)
        for name, noise in self._noise.items():
            self._parameters[name].grad = torch.tensordot(shares.to(noise), noise, dims=1)  # (P, ...) -> (...)
