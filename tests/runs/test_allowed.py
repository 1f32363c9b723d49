"""Configurations that somebody sends: what they name is checked against a closed list before anything is imported."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Callback, Checkpoint

import asr.augmentation
import asr.runs
import asr.training
from asr.augmentation.base import Augmentation
from asr.checkpoints.building import class_path
from asr.errors import ConfigError
from asr.runs.allowed import OWN, allow, allowed_paths, check_values
from asr.runs.building import build
from asr.training.schedules import Schedule
from tests.helpers.training import plain_config

CONF = Path(__file__).parents[2] / "conf"
LETTERS = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
COMMAND = {"class_path": "os.system", "init_args": {"command": "touch made"}}


def named_classes(settings: Any) -> set[str]:
    if isinstance(settings, dict):
        inner = set().union(*map(named_classes, settings.values()))
        return inner | {settings["class_path"]} if "class_path" in settings else inner
    return set().union(*map(named_classes, settings)) if isinstance(settings, list) else set()


def classes_of(package: ModuleType) -> set[type]:
    names = [f"{package.__name__}.{each.name}" for each in pkgutil.iter_modules(package.__path__)]
    return {made for name in names for made in vars(importlib.import_module(name)).values() if inspect.isclass(made)}


def test_everything_that_conf_names_is_on_the_list() -> None:
    named = set().union(*(named_classes(yaml.safe_load(path.read_text("utf-8"))) for path in CONF.rglob("*.yaml")))
    assert named <= set(allowed_paths())
    assert len(named) > 15


def test_every_callback_and_schedule_of_the_house_is_on_the_list() -> None:
    found = classes_of(asr.training) | classes_of(asr.runs)
    own = {made for made in found if made.__module__.startswith("asr.") and made.__name__[0] != "_"}
    concrete = {made for made in own if not inspect.isabstract(made)}
    assert {made for made in concrete if issubclass(made, Callback | Checkpoint | Schedule | CheckpointIO)} <= set(OWN)


def test_every_augmentation_is_on_the_list() -> None:
    concrete = {
        made for made in classes_of(asr.augmentation) if issubclass(made, Augmentation) and not inspect.isabstract(made)
    }
    assert len(concrete) >= 7
    assert concrete <= set(OWN)


def config_with(value: Any, *keys: str) -> dict[str, Any]:
    config = plain_config("corpus=none", "name=none", "trainer.logger=false", "trainer.accelerator=cpu")
    config["model"]["tokens"] = LETTERS
    place: Any = config
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return config


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("model optimizer", COMMAND, "model.optimizer.class_path: names os.system, which no configuration may build"),
        ("model optimizer", "os.system", "model.optimizer: names os.system, which no configuration may build"),
        ("model optimizer", '{"class_path": "os.system"}', "model.optimizer: names os.system, which no configuration"),
        ("model optimizer.class_path", "os.system", "model.optimizer: names os.system, which no configuration may"),
        ("model optimizer", {"class_path": "evil.Optimizer"}, "names evil.Optimizer, which no configuration may build"),
        ("model optimizer", "evil.Optimizer", "names evil.Optimizer, which no configuration may build"),
        ("model optimizer", "evil.yaml", "model.optimizer"),
        ("model optimizer", {"class_path": "torch.optim.sgd.os.system"}, "names torch.optim.sgd.os.system, which no"),
        ("model optimizer", {"class_path": "torch.optim.lr_scheduler.LambdaLR"}, "LambdaLR, which no configuration"),
        ("model optimizer", {"class_path": "torch.load"}, "names torch.load, which no configuration may build"),
        ("model optimizer", {"class_path": "builtins.eval"}, "names builtins.eval, which no configuration may build"),
        ("model optimizer", {"class_path": "asr.training.callbacks.EpochLog"}, "model.optimizer: Expected"),
        ("model optimizer", "http://localhost:9/a.yaml", "model.optimizer: is an address (http://localhost:9/a.yaml)"),
        ("model optimizer init_args lr", COMMAND, "model.optimizer.init_args.lr.class_path: names os.system"),
        ("model schedule", COMMAND, "model.schedule.class_path: names os.system"),
        ("model frontend", COMMAND, "model.frontend.class_path: names os.system"),
        ("model encoder", COMMAND, "model.encoder.class_path: names os.system"),
        (
            "model encoder",
            {"class_path": "asr.runs.building.TrainingCLI"},
            "names asr.runs.building.TrainingCLI, which",
        ),
        ("model encoder", {"class_path": "asr.models.recurrent.make_cell"}, "names asr.models.recurrent.make_cell"),
        ("model augmentation mine", COMMAND, "model.augmentation.mine.class_path: names os.system"),
        ("model objective", COMMAND, "model.objective.class_path: names os.system"),
        ("model objective init_args consistency", COMMAND, "consistency.class_path: names os.system"),
        ("model seed", COMMAND, "model.seed.class_path: names os.system"),
        ("data train_cuts", [COMMAND], "data.train_cuts[0].class_path: names os.system"),
        ("trainer callbacks", [COMMAND], "trainer.callbacks[0].class_path: names os.system"),
        ("trainer callbacks", "os.system", "trainer.callbacks"),
        ("trainer logger", COMMAND, "trainer.logger.class_path: names os.system"),
        ("trainer plugins", [COMMAND], "trainer.plugins[0].class_path: names os.system"),
        ("trainer plugins", ["os.system"], "trainer.plugins"),
        ("trainer strategy", COMMAND, "trainer.strategy.class_path: names os.system"),
        ("trainer strategy", "evil.Strategy", "configuration: You selected an invalid strategy name"),
        ("trainer accelerator", "evil.Accelerator", "configuration: You selected an invalid accelerator name"),
        ("trainer profiler", "evil.Profiler", "configuration: When passing string value for the `profiler` parameter"),
        ("trainer default_root_dir", "s3://bucket/a", "trainer.default_root_dir: is an address (s3://bucket/a)"),
        ("trainer default_root_dir", "simplecache::http://a", "is an address (simplecache::http://a)"),
        ("data train_cuts", ["http://localhost:9/a"], "data.train_cuts[0]: is an address"),
    ],
)
def test_what_a_configuration_may_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, value: Any, message: str
) -> None:
    config = config_with(value, *keys.split())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath('made').touch()\n", encoding="utf-8")
    (tmp_path / "evil.yaml").write_text("class_path: evil.Optimizer\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        build(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "evil" not in sys.modules
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["on_train_start", "setup", "on_load_checkpoint"])
def test_callables_of_callbacks_cannot_be_named(name: str) -> None:
    spec = {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {name: "os.system"}}
    with pytest.raises(ConfigError, match=rf"trainer\.callbacks\.{name}"):
        build(config_with([spec], "trainer", "callbacks"))


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("model optimizer", {"class_path": "torch.optim.adamw.AdamW", "init_args": {"lr": 0.1}}),
        ("model optimizer", {"class_path": "SGD", "init_args": {"lr": 0.1}}),
        (
            "trainer callbacks",
            [{"class_path": "lightning.pytorch.callbacks.DeviceStatsMonitor"}],
        ),
        ("trainer logger", {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "exp"}}),
        ("trainer profiler", "simple"),
        ("trainer plugins", [{"class_path": "lightning.pytorch.plugins.environments.SLURMEnvironment"}]),
    ],
)
def test_what_a_configuration_may_name(keys: str, value: Any) -> None:
    assert build(config_with(value, *keys.split())).trainer


def test_addresses_are_those_of_loggers() -> None:
    check_values({"init_args": {"tracking_uri": "http://localhost:5000"}}, "trainer.logger")
    with pytest.raises(ConfigError, match=r"trainer\.logger\.init_args\.save_dir: is an address"):
        check_values({"init_args": {"save_dir": "http://localhost:5000"}}, "trainer.logger")


class Mine(Callback):
    """A callback of somebody's own."""


def test_a_program_may_add_classes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.runs.allowed._added", {})
    spec = {"class_path": class_path(Mine)}
    with pytest.raises(ConfigError, match="Mine, which no configuration may build"):
        build(config_with([spec], "trainer", "callbacks"))
    allow(Mine)
    assert isinstance(build(config_with([spec], "trainer", "callbacks")).trainer.callbacks[0], Mine)


@pytest.mark.parametrize("name", ["model", "data", "trainer", "seed"])
def test_parts_that_are_missing(name: str) -> None:
    config = config_with(0, "seed")
    del config[name]
    with pytest.raises(ConfigError, match=f"{name}: is missing"):
        build(config)
    with pytest.raises(ConfigError, match="tokens: is missing"):
        build(config_with({}, "model"))
