"""Every choice of conf/ builds; values that Hydra cannot read as they stand get the quotation marks that work."""

from __future__ import annotations

import shlex

import pytest

from asr.configuration.composition import compose_config, expand_sweep, load_config, resolve
from asr.configuration.menu import groups
from asr.errors import ConfigError, UsageError
from asr.runs.building import build

LETTERS = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
CHOICES = [(group, name) for group, names in groups().items() for name in names]
VALUES = [
    "a=b",
    "runs (old)",
    "a#b",
    "Größe/2",
    "a'b",
    'say "x"',
    "a{b",
    "a[b]",
    "c:\\d=e",
    "a,b",
    "x:[",
    "a b=c",
    "~x",
    "{",
]


@pytest.mark.parametrize("value", VALUES)
def test_the_quoting_that_is_named_works(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compose_config([f"exp_dir={value}"])
    assert refused.value.where == "exp_dir"
    assert len(str(refused.value).splitlines()) == 1
    (override,) = shlex.split(refused.value.remedy.rpartition(": ")[2])
    assert compose_config([override]).exp_dir == value


@pytest.mark.parametrize("names", [["a=1.jsonl.gz"], ["a(1).gz", "Größe.gz"], ["plain.gz", "x#y.gz"]])
def test_each_value_of_a_list_is_quoted(names: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        compose_config([f"+data.train_cuts=[{','.join(names)}]"])
    (override,) = shlex.split(refused.value.remedy.partition(": ")[2])
    assert list(compose_config([override.lstrip("+"), "data=cuts"]).data.train_cuts) == names


def test_sweeps_keep_the_quotes() -> None:
    with pytest.raises(ConfigError, match="exp_dir: has a value that cannot be read as it stands; quote it: "):
        expand_sweep(["exp_dir=a=b", "seed=0,1"])
    assert expand_sweep(['exp_dir="a=b"', "seed=0,1"]) == [['exp_dir="a=b"', "seed=0"], ['exp_dir="a=b"', "seed=1"]]


def test_what_is_no_setting_and_what_yaml_cannot_read(tmp_path) -> None:
    with pytest.raises(ConfigError, match="settings are KEY=VALUE"):
        compose_config(["+foo"])
    saved = tmp_path / "config.yaml"
    saved.write_text("model: {}\ndata: {}\ntrainer: {}\nexp_dir: x\n", encoding="utf-8")
    assert load_config(str(saved), ["exp_dir=a=b"]).exp_dir == "a=b"
    with pytest.raises(ConfigError, match=r"exp_dir: has a value that cannot be read; quote it: 'exp_dir=\"\[\"'"):
        load_config(str(saved), ["exp_dir=["])


@pytest.mark.filterwarnings("ignore:.* AMP with fp16 is not supported on CPU")  # what is for a GPU, built without one
@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_builds(group: str, name: str) -> None:
    needed = [] if group == "experiment" else ["corpus=none", "name=none"]
    config = resolve(compose_config([f"{group}={name}", *needed, "trainer.logger=false", "trainer.accelerator=cpu"]))
    for head in (config["model"], *config["model"].get("heads", {}).values()):
        head["tokens"] = LETTERS
    cli = build(config)
    settings = config["model"]["encoder"]["init_args"]
    assert cli.model.model.encoder.time_stride == settings["time_stride"]
    assert cli.trainer.max_epochs == config["trainer"]["max_epochs"]
    assert len(cli.trainer.callbacks) >= len(config["callbacks"])


def test_options_of_units_are_settings_of_the_encoder() -> None:
    encoder = "model.encoder.init_args"
    trainer = ["trainer.logger=false", "trainer.accelerator=cpu"]
    needed = ["corpus=none", "name=none", *trainer, f"{encoder}.hidden_dim=8"]
    config = resolve(compose_config([*needed, f"+{encoder}.zoneout=0.25", f"+{encoder}.forget_bias=null"]))
    config["model"]["tokens"] = LETTERS
    module = build(config).model
    assert module.model.encoder.recurrent.layers[0].ahead.zoneout == 0.25
    kept = module.hparams["encoder"]["init_args"]
    assert (kept["zoneout"], kept["forget_bias"]) == (0.25, None)
    for setting, message in (("zoneout=much", "zoneout"), ("zone_out=0.1", "zone_out")):
        config = resolve(compose_config([*needed, f"+{encoder}.{setting}"]))
        config["model"]["tokens"] = LETTERS
        with pytest.raises(ConfigError, match=message):
            build(config)


def test_sweeps() -> None:
    assert expand_sweep(["seed=0,1", "model=lstm,gru"]) == [
        ["seed=0", "model=lstm"],
        ["seed=0", "model=gru"],
        ["seed=1", "model=lstm"],
        ["seed=1", "model=gru"],
    ]
    with pytest.raises(UsageError, match="no key has several values"):
        expand_sweep(["seed=0"])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("experment=an4/blstm", "experment: no such setting; did you mean experiment?"),
        ("experiment=an4/blst", "experiment=an4/blst: there is no such choice; did you mean experiment=an4/blstm?"),
        ("model=qqq", "model=qqq: there is no such choice; asr train --help lists the choices"),
    ],
)
def test_misspelt_choices_are_told_with_what_is_like_them(override: str, line: str) -> None:
    with pytest.raises(ConfigError) as error:
        compose_config([override])
    assert str(error.value) == line
