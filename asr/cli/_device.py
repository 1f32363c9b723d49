"""The option --device: where a network runs."""

from __future__ import annotations

import torch
from torch import nn

from asr.errors import ConfigError


def move(network: nn.Module, device: str) -> None:
    """Moves a network to a device.

    Raises:
        ConfigError: the device cannot be used.
    """
    try:
        network.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        remedy = "give cpu, or cuda where there is a GPU"
        raise ConfigError("--device", f"{device!r} cannot be used ({reason})", remedy) from error
