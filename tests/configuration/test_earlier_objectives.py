"""What earlier versions saved: what a loss is made of were settings of the model itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.configuration.composition import changes, compose_config, load_config, resolve, to_yaml
from asr.configuration.earlier import check_key, renew
from asr.errors import ConfigError
from asr.runs.building import build
from asr.training.module import CTCModule

QUIET = ["corpus=none", "name=none", "trainer.logger=false", "trainer.accelerator=cpu"]


def test_a_saved_configuration_of_an_earlier_version_builds(tmp_path: Path) -> None:
    today = compose_config([*QUIET, "augmentation=spec_consistency"])
    plain = dict(today)
    plain["model"] = {name: value for name, value in today.model.items() if name != "objective"}
    plain["model"] |= today.model.objective.init_args
    assert {"consistency", "loss_per"} < set(plain["model"])
    (tmp_path / "config.yaml").write_text(to_yaml(plain), encoding="utf-8")
    path = f"{tmp_path}/config.yaml"
    settings = resolve(load_config(path, ["model.objective.init_args.loss_per=utterance"]))
    assert changes(resolve(today), settings) == ["model.objective.init_args.loss_per: token, now utterance"]
    settings["model"]["tokens"] = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
    module = build(settings).model
    assert isinstance(module, CTCModule)
    assert module.objective.loss_per == "utterance"
    assert module.objective.consistency is not None
    assert module.objective.consistency.weight == 0.2
    with pytest.raises(ConfigError, match=r"model\.loss_per: is a setting of earlier versions"):
        load_config(path, ["model.loss_per=token"])


def test_settings_of_today_stay() -> None:
    model = {"seed": 1, "objective": {"init_args": {"loss_per": "token"}}}
    assert renew(model) == model
    check_key("model.objective.init_args.loss_per")
    check_key("data.loss_per")


@pytest.mark.parametrize(
    ("override", "now"),
    [
        ("model.loss_per=utterance", "loss_per"),
        ("+model.intermediate={class_path: a}", "intermediate"),
        ("model.consistency.init_args.weight=0.1", "consistency.init_args.weight"),
        ("~model.consistency", "consistency"),
    ],
)
def test_settings_of_earlier_versions_are_refused_with_what_they_are_called_now(override: str, now: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compose_config([*QUIET, override])
    key = override.lstrip("+~").partition("=")[0]
    assert str(refused.value) == f"{key}: is a setting of earlier versions; it is model.objective.init_args.{now}"
