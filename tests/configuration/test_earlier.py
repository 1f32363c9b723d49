"""What earlier versions wrote: settings of the model and the data that are in groups now."""

from __future__ import annotations

from typing import Any

import pytest

from asr.configuration.composition import compose_config, load_config, resolve, to_yaml
from asr.configuration.earlier import check_key, renew
from asr.data.mixing import Mixing
from asr.errors import ConfigError
from asr.runs.building import build
from asr.runs.checkpoint_io import AtomicCheckpointIO

EARLIER: dict[str, Any] = {
    "pauses": {"class_path": "asr.features.pauses.InsertPauses", "init_args": {"probability": 0.1}},
    "spec_augment": {
        "class_path": "asr.features.augment.SpecAugment",
        "init_args": {
            "num_time_masks": 2,
            "max_time_width": 25,
            "max_time_fraction": 0.15,
            "num_freq_masks": 2,
            "max_freq_width": 15,
            "num_groups": 3,
        },
    },
    "add_noise": {
        "class_path": "asr.features.augment.AddNoise",
        "init_args": {"snr_db": [5.0, 25.0], "sample_rate": 16000},
    },
    "reverberate": {
        "class_path": "asr.features.reverb.Reverberate",
        "init_args": {"t60_seconds": [0.2, 0.8], "direct_to_reverberant_db": [0.0, 15.0]},
    },
    "vocal_tract": {
        "class_path": "asr.features.vocal_tract.VocalTractPerturbation",
        "init_args": {"max_factor": 1.15, "num_mels": "${model.frontend.init_args.num_mels}", "num_groups": 3},
    },
}


def test_a_saved_configuration_of_an_earlier_version_builds(tmp_path) -> None:
    config = compose_config(["corpus=none", "name=none", "trainer.logger=false", "trainer.accelerator=cpu"])
    plain = dict(config)
    plain["trainer"] = {**config.trainer, "plugins": [{"class_path": "asr.training.checkpoint_io.AtomicCheckpointIO"}]}
    plain["model"] = {name: value for name, value in config.model.items() if name != "augmentation"} | EARLIER
    plain["data"] = {name: value for name, value in config.data.items() if name != "mixing"} | {"joined_steps": 0.5}
    (tmp_path / "config.yaml").write_text(to_yaml(plain), encoding="utf-8")
    loaded = load_config(f"{tmp_path}/config.yaml", ["model.augmentation.pauses.init_args.probability=0.2"])
    settings = resolve(loaded)
    settings["model"]["tokens"] = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
    built = build(settings)
    assert isinstance(built.trainer.strategy.checkpoint_io, AtomicCheckpointIO)
    assert built.datamodule.mixing == Mixing(joined_steps=0.5)
    names = [type(link).__name__ for link in built.model.augmentation]
    expected = ["InsertPauses", "Reverberate", "VocalTractPerturbation", "AddNoise", "SpecAugment"]
    assert sorted(names) == sorted(expected)
    with pytest.raises(ConfigError, match=r"model\.pauses: is a setting of earlier versions; it is model\.augm"):
        load_config(f"{tmp_path}/config.yaml", ["model.pauses=null"])


def test_recorded_noise_and_what_was_none() -> None:
    noise = {"class_path": "asr.features.recorded_noise.AddRecordedNoise", "init_args": {"manifest": "a.txt"}}
    moved = {"class_path": "asr.augmentation.recorded_noise.AddRecordedNoise", "init_args": {"manifest": "a.txt"}}
    assert renew({"seed": 1, "add_noise": noise, "pauses": None}) == {"seed": 1, "augmentation": {"add_noise": moved}}
    assert renew({"spec_augment": None}) == {"augmentation": {}}


@pytest.mark.parametrize("spec", [3, "os.system", {"class_path": 3}, {"class_path": "os.system"}, {"init_args": 3}])
def test_what_is_none_stays_as_it_is(spec: Any) -> None:
    assert renew({"add_noise": spec}) == {"augmentation": {"add_noise": spec}}


def test_settings_of_today_stay() -> None:
    model = {"seed": 1, "augmentation": {"pauses": None}}
    assert renew(model) == model
    check_key("model.augmentation.pauses")
    check_key("data.pauses")
    check_key("data.mixing.weights")


@pytest.mark.parametrize(
    ("override", "now"),
    [
        ("model.spec_augment.init_args.num_time_masks=3", "model.augmentation.spec_augment.init_args.num_time_masks"),
        ("+model.add_noise={class_path: a}", "model.augmentation.add_noise"),
        ("~model.pauses", "model.augmentation.pauses"),
        ("data.joined_steps=0", "data.mixing.joined_steps"),
    ],
)
def test_settings_of_earlier_versions_are_refused_with_what_they_are_called_now(override: str, now: str) -> None:
    with pytest.raises(ConfigError, match=f"is a setting of earlier versions; it is {now}$"):
        compose_config(["corpus=none", "name=none", override])
