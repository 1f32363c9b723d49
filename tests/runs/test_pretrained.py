"""init_from a predictive model: each layer and direction goes where it was, and what does not fit gets one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.errors import AsrError, CheckpointError, ConfigError
from asr.models.apart import encode_apart
from asr.models.predictive import Method
from asr.runs.building import build
from asr.runs.resuming import starting_point
from asr.runs.transfer import take_weights
from asr.training.module import CTCModule
from asr.training.predictive_module import PredictiveModule
from tests.helpers.training import PREDICTIVE, SMALL, plain_config

ENCODER = "model.encoder.init_args."
QUIET = ("trainer.logger=false", "name=run")
DEEP = f"{ENCODER}num_layers=2"


def make_acoustic(*overrides: str, heads: dict[str, object] | None = None) -> CTCModule:
    config = plain_config(*SMALL, *QUIET, DEEP, *overrides)
    config["model"]["tokens"] = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
    config["model"]["heads"] = heads or {}
    module = build(config).model
    assert isinstance(module, CTCModule)
    return module


def make_predictive(path: Path, *overrides: str, method: Method = "apc") -> PredictiveModule:
    """Returns a predictive model and writes what a trainer keeps of it: weights and statistics that no new one has."""
    config = plain_config(*PREDICTIVE[2:], *QUIET, f"model.method={method}", *overrides, name="predictive")
    module = build(config).model
    assert isinstance(module, PredictiveModule)
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(1.5)  # what is zero stays zero
        module.model.frontend.set_statistics(torch.full((40,), 3.0), torch.full((40,), 2.0))
    settings = {name: module.hparams[name] for name in ("frontend", "encoder", "method", "ahead", "window")}
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": settings}, path)
    return module


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a predictive model."""
    path = tmp_path_factory.mktemp("predictive") / "p.ckpt"
    make_predictive(path)
    return path


@pytest.mark.parametrize("method", ["apc", "autoencoder"])
def test_each_layer_and_direction_goes_where_it_was(tmp_path: Path, method: Method) -> None:
    learned, module = make_predictive(tmp_path / "p.ckpt", method=method), make_acoustic()
    fresh = {name: value.clone() for name, value in module.state_dict().items()}
    take_weights(module, tmp_path / "p.ckpt")
    for name, value in module.state_dict().items():
        is_taken = name.startswith(("model.frontend.", "model.encoder."))
        assert torch.equal(value, learned.state_dict()[name] if is_taken else fresh[name]), name
    layer = module.model.encoder.recurrent.layers[1]
    own, other = layer.ahead.weight_ih_l0[:, :24], layer.ahead.weight_ih_l0[:, 24:]
    assert bool(own.all())
    assert not bool(other.any())
    assert bool(layer.back.weight_ih_l0[:, 24:].all())
    assert not bool(layer.back.weight_ih_l0[:, :24].any())
    assert not module.model.frontend.needs_statistics


def test_the_encoder_hears_as_before_and_what_is_zero_learns(tmp_path: Path) -> None:
    learned, module = make_predictive(tmp_path / "p.ckpt", f"{ENCODER}layer_norm=false"), make_acoustic(
        f"{ENCODER}layer_norm=false"
    )  # fmt: skip
    take_weights(module, tmp_path / "p.ckpt")
    features, lengths = torch.randn(2, 30, 40), torch.tensor([30, 21])
    with torch.no_grad():
        apart, _ = encode_apart(learned.eval().model.encoder, features, lengths)
        heard, encoded_lengths = module.eval().model.encoder(features, lengths)
    for row, length in enumerate(encoded_lengths.tolist()):
        torch.testing.assert_close(heard[row, :length], torch.cat(apart, dim=2)[row, :length])
    module.model.classify(features, lengths)[0][:, :10, 1].sum().backward()
    assert bool(module.model.encoder.recurrent.layers[1].ahead.weight_ih_l0.grad[:, 24:].any())


@pytest.mark.parametrize("count", [0, 1])
def test_lower_layers_alone(tmp_path: Path, count: int) -> None:
    learned, module = make_predictive(tmp_path / "p.ckpt"), make_acoustic(f"{ENCODER}num_layers=3")
    fresh = {name: value.clone() for name, value in module.state_dict().items()}
    take_weights(module, tmp_path / "p.ckpt", count)
    taken = ["model.frontend.", "model.encoder.subsampling."]
    taken += [f"model.encoder.recurrent.{part}.{layer}." for part in ("layers", "norms") for layer in range(count)]
    for name, value in module.state_dict().items():
        expected = learned.state_dict()[name] if name.startswith(tuple(taken)) else fresh[name]
        assert torch.equal(value, expected), name


def test_a_last_layer_of_its_own_begins_as_that_of_the_encoder(tmp_path: Path) -> None:
    learned = make_predictive(tmp_path / "p.ckpt")
    tokens = {"unit": "phone", "tokens": ["<blank>", "aa"]}
    head = {"tokens": tokens, "text_policy": "verbatim", "weight": 0.5, "own_layer": True}
    module = make_acoustic(heads={"phone": head})
    take_weights(module, tmp_path / "p.ckpt")
    own = module.model.heads["phone"].layer.state_dict()
    for part in ("layers", "norms"):
        of_encoder = getattr(learned.model.encoder.recurrent, part)[1].state_dict()
        assert of_encoder
        for name, value in of_encoder.items():
            assert torch.equal(own[f"{part}.0.{name}"], value), name


def test_units_with_other_noise_take_the_same_weights(path: Path) -> None:
    module = make_acoustic(f"+{ENCODER}zoneout=0.1", f"{ENCODER}dropout=0.3")
    take_weights(module, path)
    assert not bool(module.model.encoder.recurrent.layers[1].ahead.weight_ih_l0[:, 24:].any())


MISFITS = {
    "width": ([f"{ENCODER}hidden_dim=20"], "(its encoder has hidden_dim=24, this model's hidden_dim=20); train both"),
    "stride": ([f"{ENCODER}time_stride=3"], "(its encoder has time_stride=2, this model's time_stride=3)"),
    "convolutions": ([f"{ENCODER}conv_channels=5"], "(its encoder has conv_channels=4, this model's conv_channels=5)"),
    "directions": ([f"{ENCODER}bidirectional=false"], "(its encoder has bidirectional=True, this model's bidir"),
    "units": ([f"{ENCODER}cell=gru"], "(its encoder has cell=['lstm', 'lstm'], this model's cell=['gru', 'gru'])"),
    "residual": ([f"{ENCODER}residual=false"], "(its encoder has residual=True, this model's residual=False)"),
    "norm": ([f"{ENCODER}layer_norm=false"], "(its encoder has layer_norm=True, this model's layer_norm=False)"),
    "layers": ([f"{ENCODER}num_layers=3"], "has 2 recurrent layers, this model 3; say how many to take, such as init"),
    "features": (["frontend=fbank80"], "(its front end has num_mels=40, this model's num_mels=80); train both with"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_gets_one_line(path: Path, case: str) -> None:
    overrides, message = MISFITS[case]
    with pytest.raises(CheckpointError) as refused:
        take_weights(make_acoustic(*overrides), path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_layers_that_are_not_there_and_other_kinds_get_one_line(tmp_path: Path) -> None:
    path, acoustic = tmp_path / "p.ckpt", make_acoustic()
    learned = make_predictive(path)
    torch.save({"state_dict": acoustic.state_dict(), "hyper_parameters": {"tokens": {}}}, tmp_path / "a.ckpt")
    failures: list[tuple[type[AsrError], object, Path, object, str]] = [
        (ConfigError, acoustic, path, 3, "init_layers: is 3; "),
        (ConfigError, acoustic, path, -1, "init_layers: is -1; "),
        (ConfigError, acoustic, path, "two", "init_layers: is two; "),
        (ConfigError, acoustic, tmp_path / "a.ckpt", 1, "init_layers: is 1, and "),
        (CheckpointError, learned, tmp_path / "a.ckpt", None, "holds an acoustic model, and a predictive model is to"),
    ]
    for error, module, file, count, message in failures:
        with pytest.raises(error, match=message):
            take_weights(module, file, count)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="init_layers: is set without init_from; give the checkpoint of a predictive"):
        starting_point({"exp_dir": str(tmp_path), "init_layers": 1})
    make_predictive(tmp_path / "b.ckpt", method="autoencoder")
    with pytest.raises(CheckpointError, match=r"was learned by another method; take the model\.method that it was"):
        take_weights(learned, tmp_path / "b.ckpt")


def test_a_conformer_takes_nothing_of_it(path: Path) -> None:
    settings = [each for each in SMALL if "init_args" not in each or "encoder" not in each]
    config = plain_config(*settings, *QUIET, "model=conformer")
    config["model"]["tokens"] = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
    with pytest.raises(CheckpointError, match="its encoder is recurrent, this model's is ConformerEncoder"):
        take_weights(build(config).model, path)
