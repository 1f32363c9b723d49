"""The closed list of what a checkpoint may have built, and the limits of what is built."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import yaml
from torch import nn

import asr.features
import asr.models
from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.building import (
    ENCODERS,
    FRONT_ENDS,
    BuildError,
    check_arguments,
    chosen,
    class_path,
    limited_to,
)
from asr.configuration.composition import compose_config, resolve
from asr.features.frontend import FrontEnd
from asr.lm.recurrent import RecurrentLM
from asr.models.acoustic import AcousticModel
from asr.models.cells.choice import Cell
from asr.models.pronouncer import Pronouncer
from asr.models.subsampled import SubsampledEncoder
from asr.text.tokens import TokenTable
from tests.transcription.tiny_models import CHARACTERS, FRONTEND, checkpoint_content, save_checkpoint

CONF = Path(__file__).parents[2] / "conf"


def classes(package: Any, base: type) -> set[type]:
    """Returns the classes of a package that can be built and have a base."""
    found = set()
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value):
                found.add(value)
    return found


def test_every_encoder_and_every_front_end_is_on_the_list() -> None:
    assert classes(asr.models, SubsampledEncoder) == set(ENCODERS)
    assert classes(asr.features, FrontEnd) == set(FRONT_ENDS)


@pytest.mark.parametrize("model", sorted(path.stem for path in CONF.glob("model/*.yaml")))
def test_every_model_of_the_menu_may_be_built(model: str) -> None:
    composed = resolve(compose_config(["corpus=none", "name=none", f"model={model}"]))
    made, arguments = chosen(composed["model"]["encoder"], ENCODERS, "encoder")
    check_arguments(made, arguments, "feature_dim", largest=1e6)


@pytest.mark.parametrize("path", sorted(CONF.glob("frontend/*.yaml")), ids=lambda path: path.stem)
def test_every_front_end_of_the_menu_may_be_built(path: Path) -> None:
    made, arguments = chosen(yaml.safe_load(path.read_text(encoding="utf-8")), FRONT_ENDS, "front end")
    check_arguments(made, arguments)


SMALL: dict[str, dict[str, Any]] = {
    "RecurrentEncoder": {"hidden_dim": 10, "num_layers": 2, "conv_channels": 2, "layer_norm": True},
    "LatencyControlledEncoder": {"hidden_dim": 10, "num_layers": 2, "chunk_frames": 4, "context_frames": 2},
    "AttentiveRecurrentEncoder": {"hidden_dim": 10, "num_layers": 1, "num_heads": 2, "feedforward_dim": 9},
    "TransformerEncoder": {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "feedforward_dim": 9},
    "ConformerEncoder": {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "feedforward_dim": 9, "conv_channels": 2},
    "FeedForwardEncoder": {"hidden_dim": 8, "num_layers": 2, "context": 2, "feedforward_dim": 9},
}
CASES = [(encoder, {}) for encoder in ENCODERS] + [
    (ENCODERS[0], {"cell": cell, **more}) for cell in get_args(Cell) for more in ({}, {"zoneout": 0.1})
]


@pytest.mark.parametrize(("encoder", "arguments"), CASES, ids=lambda value: str(value)[-40:])
def test_every_encoder_and_cell_comes_back(tmp_path: Path, encoder: Any, arguments: dict[str, Any]) -> None:
    arguments = SMALL[encoder.__name__] | arguments
    frontend, tokens = FrontEnd(**FRONTEND), TokenTable.build([CHARACTERS], "char")
    model = AcousticModel(frontend, encoder(frontend.feature_dim, **arguments), len(tokens))
    content = checkpoint_content()
    content["hyper_parameters"]["encoder"] = {"class_path": class_path(encoder), "init_args": arguments}
    content["state_dict"] = {f"model.{name}": value for name, value in model.state_dict().items()}
    again = load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content)).model.state_dict()
    assert all(torch.equal(again[name], value) for name, value in model.state_dict().items())


def test_settings_of_a_checkpoint_written_when_every_option_was_a_parameter_of_the_encoder() -> None:
    written = {
        "hidden_dim": 10,
        "num_layers": 2,
        "cell": "lstm_projected",
        "bidirectional": True,
        "time_stride": 2,
        "conv_channels": 2,
        "dropout": 0.1,
        "layer_norm": True,
        "residual": False,
        "front_cell": "conv_lstm",
        "projection_dim": 0,
        "kernel_size": 3,
        "zoneout": 0.1,
        "recurrent_dropout": 0.2,
        "forget_bias": None,
        "chrono_steps": 0,
        "init_range": 0.0,
    }
    check_arguments(ENCODERS[0], written, "feature_dim", largest=100)
    ahead = ENCODERS[0](20, **written).recurrent.layers[1].ahead
    assert (type(ahead).__name__, ahead.zoneout, ahead.recurrent_dropout) == ("ProjectedLSTM", 0.1, 0.2)


MAKERS = [
    *(lambda encoder=encoder, more=more: encoder(20, **SMALL[encoder.__name__], **more) for encoder, more in CASES),
    lambda: RecurrentLM(50, 8, 9, 2),
    lambda: Pronouncer(9, 8, 7, 6, 2, 3),
]


@pytest.mark.parametrize("make", MAKERS)
def test_all_memory_that_a_network_takes_is_counted(make: Callable[[], nn.Module], monkeypatch: Any) -> None:
    size = sum(value.numel() for value in make().state_dict().values())
    monkeypatch.setattr("asr.checkpoints.building._FREE_VALUES", 0)
    with limited_to(size, 0):
        make()
    with pytest.raises(BuildError, match="much larger"), limited_to(size // 2 - 1, 0):
        make()


def test_a_network_that_is_stopped_leaves_no_limit_behind() -> None:
    with pytest.raises(BuildError), limited_to(0, 0):
        nn.Linear(10_000, 10_000)
    assert nn.Linear(10_000, 100).weight.numel() == 10**6


class Takes:
    def __init__(
        self,
        whole: int = 0,
        either: int | str | None = None,
        several: list[float] | None = None,
        pair: tuple[int, str] = (0, ""),
        many: tuple[int, ...] = (),
        maker: Callable[[int], nn.Module] | None = None,
        network: nn.Module | None = None,
    ) -> None: ...


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("whole", [0, -5, 10**6], [1.0, True, None, "1"]),
        ("either", [1, "a", None], [1.5, b"a", False, ["a"]]),
        ("several", [[], [1, 2.5], (3,), None], [["a"], [True], [float("nan")], 1.0, {1: 2}]),
        ("pair", [(1, "a"), [1, "a"]], [(1,), ("a", 1), (1, "a", 2), "ab"]),
        ("many", [(), (1, 2, 3)], [(1, "a"), 1]),
        ("maker", [None], ["os.system", {"class_path": "os.system"}, len]),
        ("network", [None], ["torch.nn.Linear", {"class_path": "torch.nn.Linear"}, nn.Identity()]),
    ],
)
def test_types_of_arguments(name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        check_arguments(Takes, {name: value})
    for value in bad:
        with pytest.raises(BuildError, match=f"Takes: {name} is "):
            check_arguments(Takes, {name: value})
