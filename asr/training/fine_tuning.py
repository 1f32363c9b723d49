"""Plans of fine-tuning: which layers of a model stay as they are, and at which rates the others learn."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from asr.errors import ConfigError

_LAYER = re.compile(r"encoder\.(?:recurrent\.)?(?:layers|norms|blocks)\.(\d+)\.")
_BELOW = ("subsampling", "entrance")  # parts of encoders that come before their layers
_NAMED = 20


@dataclass(frozen=True)
class Group:
    """The weights of a layer.

    Attributes:
        name: of the layer.
        depth: 0 at the outputs, and one more for each layer below.
        weights: its parameters by name, none for what has only statistics.
        in_encoder: whether it belongs to the encoder.
    """

    name: str
    depth: int
    weights: Mapping[str, nn.Parameter] = field(default_factory=dict)
    in_encoder: bool = False

    @property
    def num_weights(self) -> int:
        """How many numbers there are in its parameters."""
        return sum(weight.numel() for weight in self.weights.values())


@dataclass(frozen=True)
class FineTuning:
    """How the layers of a model are trained, which begins from another one (``init_from``).

    Layers are named ``frontend``, ``subsampling``, ``layers.0`` and so on upwards, other parts of the encoder by their
    own names, then ``output`` and ``heads.NAME``; ``layers`` and ``heads`` stand for all of them, and ``encoder`` for
    all of its parts. A transducer has its ``prediction`` network and more beside them.

    **Source**: rates that fall from layer to layer, Howard & Ruder 2018, "Universal language model fine-tuning for text
    classification", section 3.2.

    Attributes:
        frozen: layers that are not trained: weights and statistics stay, and nothing is dropped within them.
        rate_decay: factor of the rate from each layer to the one below it, 1 for equal rates.
        rates: factors of the rate by layer, in place of what the decay gives.
    """

    frozen: list[str] = field(default_factory=list)
    rate_decay: float = 1.0
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether all layers are trained alike."""
        return not self.frozen and not self.rates and self.rate_decay == 1.0

    def check(self, model: nn.Module) -> None:
        """Refuses what is out of its range, or names no layer of the model.

        Raises:
            ConfigError: naming the setting.
        """
        if not 0 < self.rate_decay <= 1:
            found = f"is {self.rate_decay:g}"
            raise ConfigError("model.plan.rate_decay", found, "give a factor above 0, up to 1, such as 0.8")
        groups = find_groups(model)
        for setting, names in (("frozen", self.frozen), ("rates", list(self.rates))):
            for name in names:
                if not any(_covers(name, group) for group in groups):
                    known = ", ".join(group.name for group in groups[:_NAMED])
                    found = f"{name!r} is no layer of the model"
                    raise ConfigError(f"model.plan.{setting}", found, f"its layers are {known}")
        for name, rate in self.rates.items():
            if not 0 < rate < math.inf:
                raise ConfigError(f"model.plan.rates.{name}", f"is {rate:g}", "give a factor above 0, or freeze it")
        if not any(group.num_weights and not self.freezes(group) for group in groups):
            raise ConfigError("model.plan.frozen", "leaves nothing to train", "take the output out of it")

    def freezes(self, group: Group) -> bool:
        """Returns whether a layer stays as it is."""
        return any(_covers(name, group) for name in self.frozen)

    def factor(self, group: Group) -> float:
        """Returns the factor of the rate of a layer."""
        given = [rate for name, rate in self.rates.items() if _covers(name, group)]
        return given[-1] if given else self.rate_decay**group.depth

    def freeze(self, model: nn.Module) -> None:
        """Freezes layers: their weights get no gradients, their statistics do not move, and they drop nothing.

        Recurrent layers of torch stay in training, without which cuDNN computes no gradients for what is below them.
        """
        for group in find_groups(model):
            if self.freezes(group):
                for weight in group.weights.values():
                    weight.requires_grad_(False)
        for name, module in model.named_modules():
            if name and self.freezes(_group_of(f"{name}.")) and not isinstance(module, nn.RNNBase):
                module.training = False

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns what an optimiser is given: the weights of the layers that are trained, with their factors."""
        return [
            {"params": list(group.weights.values()), "name": group.name, "factor": self.factor(group)}
            for group in find_groups(model)
            if group.num_weights and not self.freezes(group)
        ]

    def to_table(self, model: nn.Module, rate: float) -> list[str]:
        """Returns the lines of a table of layers, from the outputs down: name, parameters, and highest rate or frozen.

        Args:
            model: that is trained.
            rate: of the optimiser, which a factor of 1 leaves as it is.
        """
        rows = [
            (each.name, f"{each.num_weights:,}", "frozen" if self.freezes(each) else f"{rate * self.factor(each):.2e}")
            for each in find_groups(model)
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        return [f"{name:<{widths[0]}}  {number:>{widths[1]}} weights  {how}" for name, number, how in rows]


ALL_ALIKE = FineTuning()
"""Trains all layers, at the same rate."""


def find_groups(model: nn.Module) -> list[Group]:
    """Returns the layers of a model that hears, from its outputs down to its front end."""
    numbers = [int(found[1]) for name, _ in model.named_parameters() if (found := _LAYER.match(name))]
    num_layers = max(numbers, default=-1) + 1
    groups = {"frontend": _group_of("frontend.", num_layers)}
    weights: dict[str, dict[str, nn.Parameter]] = {"frontend": {}}
    for name, weight in model.named_parameters():
        group = _group_of(name, num_layers)
        groups[group.name] = group
        weights.setdefault(group.name, {})[name] = weight
    filled = [replace(group, weights=weights[name]) for name, group in groups.items()]
    return sorted(filled, key=lambda group: (group.depth, group.name != "output"))


def _group_of(name: str, num_layers: int = 0) -> Group:
    """Returns the layer, without its weights, that a parameter or a module (with a dot at its end) belongs to."""
    found = _LAYER.match(name)
    if found:
        return Group(f"layers.{found[1]}", num_layers - int(found[1]), in_encoder=True)
    first, *rest = name.split(".")
    if first == "heads":
        return Group(".".join([first, *rest[:1]]).rstrip("."), 0)
    if first != "encoder" or not rest[0]:
        return Group(first, num_layers + 2 if first == "frontend" else 0)
    part = rest[1] if rest[0] == "recurrent" and rest[1] else rest[0]
    return Group(part, num_layers + 1 if part in _BELOW else 0, in_encoder=True)


def _covers(name: str, group: Group) -> bool:
    """Returns whether a name in the settings stands for a layer."""
    return group.name == name or group.name.startswith(f"{name}.") or (name == "encoder" and group.in_encoder)


def scale_rates(groups: Sequence[dict[str, Any]]) -> None:
    """Multiplies the rates of an optimiser's groups by their factors, which then count in every schedule."""
    for group in groups:
        group["lr"] *= group.pop("factor")
