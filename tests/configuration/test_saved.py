"""Configurations as they lie in files: what a run saved, and what somebody may have sent."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from asr.cli.train import main
from asr.configuration.composition import changes, compose_config, load_config, resolve, to_yaml
from asr.errors import ConfigError

COMMAND = {"class_path": "os.system", "init_args": {"command": "touch made"}}
LETTERS = {"unit": "char", "tokens": ["<blank>", "A", "|"]}


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


def saved(tmp_path: Path, **changes: object) -> Path:
    """Returns a configuration that somebody sends, which sets keys as it likes."""
    config = compose_config(["corpus=mine", "name=first"])
    OmegaConf.set_struct(config, False)
    for key, value in changes.items():
        OmegaConf.update(config, key, value)
    (tmp_path / "sent.yaml").write_text(to_yaml(config), encoding="utf-8")
    return tmp_path / "sent.yaml"


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:HOME}",
        "a/${oc.env:HOME}/b",
        "${oc.env:NOT_THERE,${oc.env:HOME}}",
        "${oc.decode:${oc.env:HOME}}",
        "${oc.${corpus}:HOME}",  # with corpus: env
        "${hydra:runtime.cwd}",
        "${now:%Y}",
        "${python_version:}",
        "${nothing.of.the.kind:a}",
    ],
)
def test_a_configuration_sees_nothing_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HOME", "/home/secret")
    with pytest.raises(ConfigError, match="exp_dir has a reference that is no key of it") as caught:
        load_config(str(saved(tmp_path, exp_dir=value, corpus="env")), [])
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"is not resolved|Unsupported interpolation") as caught:
        resolve(compose_config([f"exp_dir='{value}'", "corpus=env", "name=first"]))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["${.seed}", "${${corpus}}", "${seed[0]}", "${oc.select: seed}", "${oc.dict.values:.a}"]
)
def test_references_that_could_lead_anywhere(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="name has a reference that is no key of it"):
        load_config(str(saved(tmp_path, name=value)), [])


def g(number: int) -> str:
    """Returns a reference to one of many keys."""
    return f"${{g{number}}}"


GROWING = {"g0": "x" * 100} | {f"g{n + 1}": g(n) * 8 for n in range(12)}
LISTS = {"g0": [1, 2]} | {f"g{n + 1}": [g(n)] * 8 for n in range(12)}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "${name}"}, "has references that lead on and on"),
        ({"name": "${corpus}", "corpus": "${name}"}, "has references that lead on and on"),
        (GROWING, "has references that lead on and on"),
        (LISTS, "has references that lead on and on"),
        ({f"g{n}": g(n + 1) for n in range(40)}, "has references that lead on and on"),
        ({f"g{n}": "${seed}" for n in range(300)}, "has more than 200 references"),
    ],
)
def test_references_that_unpack_without_end(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(str(saved(tmp_path, **keys)), [])


def test_what_may_be_resolved(tmp_path: Path) -> None:
    keys = {"exp_dir": "exp/${corpus}/${seed}", "name": "${best_metric:phone}"}
    config = resolve(load_config(str(saved(tmp_path, **keys)), []))
    assert (config["exp_dir"], config["name"]) == ("exp/mine/0", "val/per")
    assert config["trainer"]["callbacks"] == list(config["callbacks"].values())


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in itertools.pairwise("abcdefghijklmno")
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, r":2: refers to \*a; write the value itself"),
        ("a: &a [*a]", r":1: refers to \*a"),
        ("[" * 100_000, r":1: is nested more than 30 deep"),
        ("a: " + "{a: " * 40, r":1: is nested more than 30 deep"),
        ("a: !!python/object/apply:os.system ['touch made']", "could not determine a constructor|is not a training"),
        ("a: !!python/object/new:os.system ['touch made']", "could not determine a constructor"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("!!python/module:evil", "could not determine a constructor|expected the node content"),
        ("a: " + "x" * (1 << 20), "is longer than 1,048,576 characters"),
        ("model: {}\ndata: {}\ntrainer: 3", "is not a training configuration"),
        ("model: {}\ndata: {}", "is not a training configuration"),
        ("_target_: os.system", "is not a training configuration"),
        ("\x00", "cannot be read"),
        ("a: \x1b", "cannot be read"),
    ],
)
def test_yaml_that_is_more_than_it_says(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_config(str(tmp_path / "x.yaml"), [])
    assert not Path("made").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.optimizer": COMMAND}, "model.optimizer.class_path: names os.system, which no configuration may build"),
        ({"callbacks.mine": COMMAND}, "trainer.callbacks[7].class_path: names os.system, which no configuration may"),
        ({"trainer.logger": COMMAND}, "trainer.logger.class_path: names os.system, which no configuration may build"),
        ({"model.encoder": {"_target_": "os.system", "command": "touch made"}}, "model.encoder"),
        ({"hydra": {"run": {"dir": "made"}}, "model.seed": "x"}, "model.seed: 'x' where int is expected"),
        ({"exp_dir": 3}, "exp_dir: is 3, not a path"),
        ({"ckpt_path": 3}, "ckpt_path: is 3, not a path"),
        ({"init_from": ["a.ckpt"]}, "init_from: is ['a.ckpt'], not a path"),
        ({"data": "${oc.env:HOME}"}, "is not a training configuration"),
        ({"trainer.devices": -1}, "configuration: `devices` selected with `CPUAccelerator` should be an int > 0"),
        ({"model.tokens": "/etc/passwd"}, "/etc/passwd: 'passwd' is no unit of tokens"),
        ({"ckpt_path": "http://localhost:9/a.ckpt"}, "http:/localhost:9/a.ckpt: no such file"),
        ({"init_from": "s3://bucket/a.ckpt"}, "s3:/bucket/a.ckpt: no such file"),
    ],
)
def test_a_configuration_that_somebody_sends_runs_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    sent = saved(tmp_path, **{"model.tokens": LETTERS, "exp_dir": "exp", "trainer.accelerator": "cpu"} | changes)
    assert main(["--config", str(sent)]) in (1, 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("asr train: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "made").exists()
