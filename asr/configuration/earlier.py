"""Settings of earlier versions, in which classes had other names and augmentations were settings of the model."""

from __future__ import annotations

from collections.abc import Mapping

from asr.errors import ConfigError

_NAMES = ("reverberate", "add_noise", "pauses", "vocal_tract", "spec_augment")
_OF_THE_OBJECTIVE = ("consistency", "intermediate", "loss_per")
_SPLIT = {"SpecAugment": "spec_augment", "AddNoise": "noise"}  # modules that were split
_MOVED = {"asr.training.checkpoint_io.AtomicCheckpointIO": "asr.runs.checkpoint_io.AtomicCheckpointIO"}
_OF_THE_FRONT_END = ("sample_rate", "num_mels", "low_freq", "high_freq", "num_groups")


def rename(settings: object) -> object:
    """Returns settings with the current names of classes.

    Example:
        >>> rename([{"class_path": "asr.training.checkpoint_io.AtomicCheckpointIO"}])
        [{'class_path': 'asr.runs.checkpoint_io.AtomicCheckpointIO'}]
    """
    if isinstance(settings, dict):
        return {key: rename(value) for key, value in settings.items()}
    if isinstance(settings, list):
        return [rename(value) for value in settings]
    return _MOVED.get(settings, settings) if isinstance(settings, str) else settings


def renew(model: Mapping[str, object]) -> dict[str, object]:
    """Returns the settings of a model with the augmentations and the objective in their current places.

    Example:
        >>> renew({"seed": 0, "add_noise": None, "spec_augment": {"class_path": "asr.features.augment.SpecAugment"}})
        {'seed': 0, 'augmentation': {'spec_augment': {'class_path': 'asr.augmentation.spec_augment.SpecAugment'}}}
        >>> renew({"seed": 0, "loss_per": "token"})["objective"]["init_args"]
        {'loss_per': 'token'}
    """
    renewed = {name: value for name, value in model.items() if name not in (*_NAMES, *_OF_THE_OBJECTIVE)}
    if any(name in model for name in _NAMES):
        renewed["augmentation"] = {name: _renew_one(model[name]) for name in _NAMES if model.get(name) is not None}
    objective = {name: model[name] for name in _OF_THE_OBJECTIVE if name in model}
    if objective:
        renewed["objective"] = {"class_path": "asr.training.losses.CTCObjective", "init_args": objective}
    return renewed


def _renew_one(spec: object) -> object:
    if not isinstance(spec, Mapping) or not str(spec.get("class_path")).startswith("asr.features."):
        return spec
    module, _, name = spec["class_path"].removeprefix("asr.features.").rpartition(".")
    renewed = {**spec, "class_path": f"asr.augmentation.{_SPLIT.get(name, module)}.{name}"}
    if isinstance(spec.get("init_args"), Mapping):
        renewed["init_args"] = {key: value for key, value in spec["init_args"].items() if key not in _OF_THE_FRONT_END}
    return renewed


def check_key(key: str) -> None:
    """Raises a :class:`ConfigError` with the current name of a setting of earlier versions."""
    part, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if part == "model" and name in _NAMES:
        raise ConfigError(key, "is a setting of earlier versions", f"it is model.augmentation.{rest}")
    if part == "model" and name in _OF_THE_OBJECTIVE:
        raise ConfigError(key, "is a setting of earlier versions", f"it is model.objective.init_args.{rest}")
