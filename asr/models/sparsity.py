"""Sparse networks: which weights are cleared, by their magnitude or at random."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from asr.errors import ConfigError

_ENCODER = ("encoder.", "heads.")
_OUTPUT = ".output."
_SMALL = 1 << 10  # tensors with fewer numbers are not worth clearing


def check_sparsity(sparsity: float) -> None:
    """Raises a :class:`ConfigError` unless the share of cleared weights is from 0 to below 1."""
    if not 0.0 <= sparsity < 1.0:
        raise ConfigError("sparsity", f"is {sparsity}", "take a share of the weights from 0 to below 1, such as 0.8")


def layer_weights(network: nn.Module) -> dict[str, Tensor]:
    """Returns what pruning may clear, by name: matrices and kernels of the encoder and of the heads' own layers.

    Biases, peepholes, norms and output layers, a hundredth of a network, stay dense.

    Args:
        network: an acoustic model.
    """
    return {
        name: weight.detach()
        for name, weight in network.named_parameters()
        if name.startswith(_ENCODER) and _OUTPUT not in name and weight.dim() > 1 and weight.numel() >= _SMALL
    }


def largest_weights(weights: Mapping[str, Tensor], sparsity: float) -> dict[str, Tensor]:
    """Returns masks that clear the smallest weights: True where a weight stays.

    Each matrix loses the same share, so that no layer is cut through. Of equal weights the first ones stay.

    **Source**: Han et al. 2015, with one share for all layers.

    Args:
        weights: by name.
        sparsity: the share to clear.

    Raises:
        ConfigError: the share is not from 0 to below 1.

    Example:
        >>> largest_weights({"w": torch.tensor([[0.1, -3.0], [2.0, 0.2]])}, 0.5)["w"]
        tensor([[False,  True],
                [ True, False]])
    """
    check_sparsity(sparsity)
    return {name: _largest(weight.abs().float(), sparsity) for name, weight in weights.items()}


def random_weights(weights: Mapping[str, Tensor], sparsity: float, seed: int) -> dict[str, Tensor]:
    """Returns masks that clear as many weights of each matrix as :func:`largest_weights`, but random ones.

    Args:
        weights: by name.
        sparsity: the share to clear.
        seed: seed of the choice.

    Raises:
        ConfigError: the share is not from 0 to below 1.
    """
    check_sparsity(sparsity)
    generator = torch.Generator().manual_seed(seed)
    drawn = {name: torch.rand(weights[name].shape, generator=generator) for name in sorted(weights)}
    return {name: _largest(drawn[name], sparsity).to(weight.device) for name, weight in weights.items()}


def cleared_share(network: nn.Module) -> float:
    """Returns the share of zeros among the weights that pruning may clear."""
    weights = layer_weights(network).values()
    return sum(int((weight == 0).sum()) for weight in weights) / max(1, sum(weight.numel() for weight in weights))


def _largest(values: Tensor, sparsity: float) -> Tensor:
    kept = values.numel() - round(sparsity * values.numel())
    places = values.flatten().sort(descending=True, stable=True).indices[:kept]
    mask = torch.zeros(values.numel(), dtype=torch.bool, device=values.device)
    mask[places] = True
    return mask.view(values.shape)
