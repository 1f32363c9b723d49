"""Where a network runs."""

from __future__ import annotations

import torch
from torch import nn

from asr.errors import ConfigError


def move(network: nn.Module, device: str | torch.device, named: str = "device") -> torch.device:
    """Moves a network to a device and returns the device.

    Args:
        network: in any mode.
        device: "cpu", "cuda" or "cuda:N".
        named: name of the setting in the error, such as an option.

    Raises:
        ConfigError: the device cannot be used.
    """
    try:
        found = torch.device(device)
        network.to(found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        remedy = "give cpu, or cuda where there is a GPU"
        raise ConfigError(named, f"{str(device)!r} cannot be used ({reason})", remedy) from error
    return found
