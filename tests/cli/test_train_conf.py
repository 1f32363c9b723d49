"""Every choice of conf/ composes, passes the check of types and builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.cli.composition import changes, compose_config, expand_sweep, groups, load_config, resolve, to_yaml
from asr.errors import ConfigError, UsageError
from asr.training.run import build

LETTERS = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
CHOICES = [(group, name) for group, names in groups().items() for name in names]


@pytest.mark.filterwarnings("ignore:.* AMP with fp16 is not supported on CPU")  # what is for a GPU, built without one
@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_builds(group: str, name: str) -> None:
    needed = [] if group == "experiment" else ["corpus=none", "name=none"]
    config = resolve(compose_config([f"{group}={name}", *needed, "trainer.logger=false", "trainer.accelerator=cpu"]))
    config["model"]["tokens"] = LETTERS
    cli = build(config)
    settings = config["model"]["encoder"]["init_args"]
    assert cli.model.model.encoder.time_stride == settings["time_stride"]
    assert cli.trainer.max_epochs == config["trainer"]["max_epochs"]
    assert len(cli.trainer.callbacks) >= len(config["callbacks"])


def test_what_a_run_saves_can_be_changed_and_its_references_follow(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(compose_config(["corpus=mine", "name=first", "unit=phone"])), encoding="utf-8")
    config = resolve(load_config(str(path), ["seed=3", "exp_dir=elsewhere"]))
    assert config["model"]["seed"] == config["data"]["seed"] == 3
    assert (
        config["callbacks"]["best"]["init_args"] | {"dirpath": "elsewhere", "monitor": "val/per"}
        == (config["callbacks"]["best"]["init_args"])
    )
    assert changes(resolve(load_config(str(path), [])), config)[0] == "model.seed: 0, now 3"


@pytest.mark.parametrize("override", ["seeed=1", "trainer.max_epoch=1", "noequals"])
def test_a_saved_configuration_takes_only_the_keys_it_has(tmp_path: Path, override: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(compose_config(["corpus=mine", "name=first"])), encoding="utf-8")
    with pytest.raises(ConfigError, match=override):
        load_config(str(path), [override])


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    for content in ("a: [", "- 1", "other: 1"):
        (tmp_path / "x.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"x\.yaml"):
            load_config(f"{tmp_path}/x.yaml", [])
    with pytest.raises(ConfigError, match=r"no\.yaml"):
        load_config(f"{tmp_path}/no.yaml", [])


def test_sweeps() -> None:
    assert expand_sweep(["seed=0,1", "model=lstm,gru"]) == [
        ["seed=0", "model=lstm"],
        ["seed=0", "model=gru"],
        ["seed=1", "model=lstm"],
        ["seed=1", "model=gru"],
    ]
    with pytest.raises(UsageError, match="no key has several values"):
        expand_sweep(["seed=0"])
