"""What a configuration may build: a closed list that jsonargparse checks before it imports anything."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from types import ModuleType

import torch
from jsonargparse import set_parsing_settings
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch import callbacks, loggers, profilers, strategies
from lightning.pytorch.plugins import environments

from asr.augmentation.band import LimitBand
from asr.augmentation.noise import AddNoise
from asr.augmentation.pauses import InsertPauses
from asr.augmentation.recorded_noise import AddRecordedNoise
from asr.augmentation.reverb import Reverberate, ReverberateRecorded
from asr.augmentation.spec_augment import SpecAugment
from asr.augmentation.vocal_tract import VocalTractPerturbation
from asr.checkpoints.building import ENCODERS, FRONT_ENDS, class_path
from asr.errors import ConfigError
from asr.models.transducer import TransducerSizes
from asr.runs.checkpoint_io import AtomicCheckpointIO
from asr.training.attention import AttentionSettings
from asr.training.averaging import ExponentialMovingAverage
from asr.training.callbacks import EpochLog, InitialCheckpoint, LastCheckpoint
from asr.training.crf import CRF
from asr.training.heads import HeadSettings
from asr.training.losses import Consistency, CTCObjective, Intermediate
from asr.training.mwer import MWER
from asr.training.schedules import Constant, OneCycle, WarmupInverseSquareRoot
from asr.training.sparse_weights import SparseWeights
from asr.training.transducer_module import TransducerObjective
from asr.training.weight_noise import WeightNoise

OWN: tuple[type, ...] = (
    *(*FRONT_ENDS, *ENCODERS),
    *(SpecAugment, AddNoise, AddRecordedNoise, Reverberate, ReverberateRecorded, LimitBand, VocalTractPerturbation),
    InsertPauses,
    *(
        AttentionSettings,
        CTCObjective,
        CRF,
        MWER,
        Consistency,
        Intermediate,
        HeadSettings,
        TransducerObjective,
        TransducerSizes,
    ),
    *(Constant, OneCycle, WarmupInverseSquareRoot),
    *(ExponentialMovingAverage, LastCheckpoint, InitialCheckpoint, EpochLog, WeightNoise, SparseWeights),
    AtomicCheckpointIO,
)
_OTHERS: tuple[tuple[ModuleType, type], ...] = (
    (torch.optim, torch.optim.Optimizer),
    (callbacks, callbacks.Callback),
    (loggers, loggers.Logger),
    (profilers, profilers.Profiler),
    (environments, ClusterEnvironment),
    (strategies, strategies.DDPStrategy),
)
"""Packages of other libraries, and the base that their classes must have."""

_REMEDY = "take one that conf/ names, an optimiser of torch.optim, or a callback or logger of lightning.pytorch"
_ADDRESS = re.compile(r"[A-Za-z][\w.+-]*(://|::)")
_FOLDERS = ("save_dir", "root_dir", "sub_dir")


_added: dict[str, type] = {}


def allow(*classes: type) -> None:
    """Adds classes to the list, in a program that then calls ``asr.cli.train.main``.

    Args:
        classes: classes that can be imported by module name, also in processes that training starts.
    """
    _added.update({class_path(made): made for made in classes})


def allowed_paths() -> list[str]:
    """Returns the values that ``class_path`` may have in a configuration.

    Example:
        >>> paths = allowed_paths()
        >>> "torch.optim.AdamW" in paths, "os.system" in paths
        (True, False)
    """
    paths = {class_path(made) for made in OWN} | set(_added)
    for package, base in _OTHERS:
        for name, made in vars(package).items():
            if inspect.isclass(made) and issubclass(made, base):
                paths |= {f"{package.__name__}.{name}", class_path(made)}
    return sorted(paths)


def close_list() -> None:
    """Makes jsonargparse refuse every other name, and read nothing from outside the file system."""
    set_parsing_settings(
        import_path_denylist=["*"],
        import_path_allowlist=allowed_paths(),
        instantiate_subclass_spec_in_any=False,
        config_read_mode_urls_enabled=False,
        config_read_mode_fsspec_enabled=False,
    )


def check_values(settings: object, key: str) -> None:
    """Checks all values inside a part of a configuration.

    Args:
        settings: the part.
        key: the key of the part.

    Raises:
        ConfigError: a ``class_path`` is not on the list, or a file is given as a network address.
    """
    known = set(allowed_paths())
    waiting: list[tuple[str, object]] = [(key, settings)]
    while waiting:
        place, inner = waiting.pop()
        if isinstance(inner, list | tuple):
            waiting += [(f"{place}[{number}]", value) for number, value in enumerate(inner)]
        elif isinstance(inner, Mapping):
            waiting += [(f"{place}.{name}", value) for name, value in inner.items()]
            named = inner.get("class_path")
            if isinstance(named, str) and "." in named and named not in known:
                raise ConfigError(f"{place}.class_path", f"names {named}, which no configuration may build", _REMEDY)
        elif isinstance(inner, str) and _ADDRESS.match(inner) and not _is_of_service(place):
            raise ConfigError(place, f"is an address ({inner})", "give a path in the file system, mounted if need be")


def _is_of_service(key: str) -> bool:
    """Returns whether a setting is the network address of a logging service, and not a folder to write to."""
    return key.startswith("trainer.logger") and key.rpartition(".")[2] not in _FOLDERS
