"""Settings as earlier versions had them: each augmentation was a setting of the model of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asr.errors import ConfigError

_NAMES = ("reverberate", "add_noise", "pauses", "vocal_tract", "spec_augment")
_SPLIT = {"SpecAugment": "spec_augment", "AddNoise": "noise"}  # what was in one file
_OF_THE_FRONT_END = ("sample_rate", "num_mels", "low_freq", "high_freq", "num_groups")


def renew(model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a model with its augmentations where they are now.

    Example:
        >>> renew({"seed": 0, "add_noise": None, "spec_augment": {"class_path": "asr.features.augment.SpecAugment"}})
        {'seed': 0, 'augmentation': {'spec_augment': {'class_path': 'asr.augmentation.spec_augment.SpecAugment'}}}
    """
    earlier = {name: _renew_one(model[name]) for name in _NAMES if model.get(name) is not None}
    others = {name: value for name, value in model.items() if name not in _NAMES}
    return others | {"augmentation": earlier} if len(others) < len(model) else others


def _renew_one(spec: Any) -> Any:
    if not isinstance(spec, Mapping) or not str(spec.get("class_path")).startswith("asr.features."):
        return spec
    module, _, name = spec["class_path"].removeprefix("asr.features.").rpartition(".")
    renewed = {**spec, "class_path": f"asr.augmentation.{_SPLIT.get(name, module)}.{name}"}
    if isinstance(spec.get("init_args"), Mapping):
        renewed["init_args"] = {key: value for key, value in spec["init_args"].items() if key not in _OF_THE_FRONT_END}
    return renewed


def check_key(key: str) -> None:
    """Raises a :class:`ConfigError` that says what a setting of earlier versions is called now."""
    parts = key.split(".")
    if parts[0] == "model" and parts[1:2] and parts[1] in _NAMES:
        remedy = f"it is model.augmentation.{'.'.join(parts[1:])}"
        raise ConfigError(key, "is a setting of earlier versions", remedy)
