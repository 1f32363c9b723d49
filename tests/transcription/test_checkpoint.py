import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from asr.errors import CheckpointError
from asr.transcription.checkpoint import load_checkpoint
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint


class Evil:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


class Inner(nn.Module):
    def __init__(self, width: int, scale: float = 1.0) -> None:
        super().__init__()
        self.width, self.scale = width, scale


class Outer(nn.Module):
    def __init__(
        self, feature_dim: int, made: nn.Module, maker: Callable[[int], nn.Module], optional: Callable | None = None
    ) -> None:
        super().__init__()
        self.made, self.later = made, maker(7)
        self.output_dim, self.time_stride, self.feature_dim, self.optional = 4, 1, feature_dim, optional


def test_model_comes_back_with_its_weights(tmp_path: Path) -> None:
    content = checkpoint_content()
    loaded = load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content))
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, content["state_dict"][f"model.{name}"])
    assert not loaded.model.training
    assert loaded.tokens.state() == content["hyper_parameters"]["tokens"]
    assert (loaded.text_policy, loaded.training_step, loaded.epoch) == ("upper-no-punctuation", 1234, 3)
    assert loaded.policy.hash == "1fc35153"  # what the name meant when checkpoints held no more of it
    assert loaded.settings["encoder"]["init_args"]["hidden_dim"] == 8
    assert loaded.model.frame_seconds == 0.02


def test_weights_stay_when_the_file_goes(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt")
    loaded = load_checkpoint(path)
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    path.write_bytes(bytes(path.stat().st_size))
    assert all(torch.equal(value, before[name]) for name, value in loaded.model.state_dict().items())


def test_init_args_may_be_absent_and_step_unknown(tmp_path: Path) -> None:
    content = checkpoint_content()
    del content["global_step"], content["epoch"]
    content["hyper_parameters"]["frontend"] = {"class_path": "asr.features.frontend.FrontEnd"}
    with pytest.raises(CheckpointError, match=r"cmvn_mean has shape \(20,\), expected \(80,\)"):
        load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content))
    content = checkpoint_content()
    del content["global_step"], content["epoch"]
    assert load_checkpoint(save_checkpoint(tmp_path / "b.ckpt", content)).training_step is None


def test_inner_classes_are_built_and_factories_are_called_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asr.models.encoder as module

    for made in (Inner, Outer):
        monkeypatch.setattr(made, "__module__", "asr.models.encoder")
        monkeypatch.setattr(module, made.__name__, made, raising=False)
    inner = {"class_path": "asr.models.encoder.Inner", "init_args": {"width": 3}}
    later = {"class_path": "asr.models.encoder.Inner", "init_args": {"scale": 2.0}}
    content = checkpoint_content()
    content["hyper_parameters"]["encoder"] = {
        "class_path": "asr.models.encoder.Outer",
        "init_args": {"made": inner, "maker": later, "optional": later},
    }
    state = content["state_dict"]
    content["state_dict"] = {name: value for name, value in state.items() if ".encoder." not in name}
    content["state_dict"] |= {"model.output.weight": torch.ones(7, 4)}
    encoder: Any = load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content)).model.encoder
    assert (encoder.feature_dim, encoder.made.width, encoder.made.scale) == (20, 3, 1.0)
    assert (encoder.later.width, encoder.later.scale, encoder.optional(5).width) == (7, 2.0, 5)


def refused(path: Path) -> str:
    """Gives the one line that a checkpoint is refused with."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_files_that_are_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    assert refused(path) == "no such file; check the path"
    assert refused(tmp_path) == "is a folder; name the .ckpt file in it"
    path.write_bytes(b"")
    assert refused(path).startswith("is empty (0 bytes)")
    path.write_bytes(torch.randint(256, (5000,), dtype=torch.uint8).numpy().tobytes())
    assert refused(path).startswith("is not a checkpoint;")
    path.write_text("not a checkpoint either\n" * 100)
    assert refused(path).startswith("is not a checkpoint;")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "a zip")
    assert refused(path).startswith("is a zip archive but not a checkpoint;")
    torch.save(checkpoint_content(), path, _use_new_zipfile_serialization=False)
    assert refused(path).startswith("is not a checkpoint;")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_truncated(tmp_path: Path, share: float) -> None:
    whole = save_checkpoint(tmp_path / "whole.ckpt").read_bytes()
    path = tmp_path / "a.ckpt"
    path.write_bytes(whole[: int(share * len(whole))])
    assert refused(path).startswith("is truncated: its end is missing")


def test_every_damaged_place_is_found_or_harmless(tmp_path: Path) -> None:
    whole = save_checkpoint(tmp_path / "whole.ckpt").read_bytes()
    expected = load_checkpoint(tmp_path / "whole.ckpt").model.state_dict()
    path = tmp_path / "a.ckpt"
    found = []
    for place in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            state = load_checkpoint(path).model.state_dict()
        except CheckpointError as error:
            found.append(str(error))
        else:  # in the padding between records
            assert all(torch.equal(state[name], value) for name, value in expected.items())
    assert len(found) > 10
    assert not any("\n" in message for message in found)


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    content = checkpoint_content() | {"callbacks": Evil(tmp_path / "made")}
    message = refused(save_checkpoint(tmp_path / "a.ckpt", content))
    assert message.startswith("holds more than tensors and plain values, and is not loaded because that could run code")
    assert not (tmp_path / "made").exists()


def test_a_pickle_of_a_whole_module_is_not_loaded(tmp_path: Path) -> None:
    assert "could run code (torch.nn.modules.linear.Linear)" in refused(
        save_checkpoint(tmp_path / "a.ckpt", nn.Linear(2, 2))
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "holds a Tensor, not a checkpoint"),
        ({"state_dict": {}}, "holds no hyper_parameters"),
        ({"hyper_parameters": {}}, "holds no state_dict"),
        ({"state_dict": {}, "hyper_parameters": {"tokens": {}, "encoder": {}}}, "lack frontend, text_policy"),
    ],
)
def test_torch_files_of_another_kind(tmp_path: Path, content: Any, message: str) -> None:
    assert message in refused(save_checkpoint(tmp_path / "a.ckpt", content))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("encoder", {"class_path": "os.system", "init_args": {"command": "true"}}, "os.system is outside asr"),
        ("encoder", {"class_path": "asrx.Encoder"}, "asrx.Encoder is outside asr"),
        ("encoder", {"class_path": "asr.models.encoder.nn.Linear"}, "there is no asr.models.encoder.nn.Linear"),
        ("encoder", {"class_path": "asr.models.encoder.Tensor"}, "asr.models.encoder.Tensor is no class of asr"),
        ("encoder", {"class_path": "asr.models.recurrent.make_cell"}, "is no class of asr"),
        ("encoder", {"class_path": "asr.models.gone.Encoder"}, "there is no asr.models.gone.Encoder"),
        ("encoder", {"class_path": "asr.models.encoder.RecurrentEncoder"}, "missing a required argument: 'hidden_dim'"),
        (
            "encoder",
            {"class_path": "asr.models.encoder.RecurrentEncoder", "init_args": {"hidden_units": 3}},
            "unexpected keyword argument 'hidden_units'|missing a required argument",
        ),
        (
            "encoder",
            {
                "class_path": "asr.models.encoder.RecurrentEncoder",
                "init_args": {"hidden_dim": {"class_path": "os.getcwd"}},
            },
            "os.getcwd is outside asr",
        ),
        ("encoder", {"class_path": "asr.text.tokens.TokenTable", "init_args": {"tokens": ()}}, "cannot be built"),
        ("encoder", "RecurrentEncoder", "names no class_path"),
        ("frontend", {"class_path": "asr.models.acoustic.AcousticModel"}, "AcousticModel: missing a required argument"),
        ("frontend", {"class_path": "asr.features.frontend.FrontEnd", "init_args": {"num_mels": -1}}, "num_mels"),
        ("tokens", {"unit": "syllable", "tokens": ["<blank>"]}, "unit 'syllable'"),
        ("tokens", ["<blank>"], "cannot be built"),
        ("text_policy", "shouting", "text policy 'shouting'"),
        ("text_policy", ["shouting"], "cannot be built"),
    ],
)
def test_models_that_cannot_be_built(tmp_path: Path, key: str, value: Any, message: str) -> None:
    content = checkpoint_content()
    content["hyper_parameters"][key] = value
    found = refused(save_checkpoint(tmp_path / "a.ckpt", content))
    assert any(part in found for part in message.split("|")), found


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"

    def refused_with(**changes: Any) -> str:
        content = checkpoint_content()
        state = {name: value for name, value in content["state_dict"].items() if changes.get(name, "") is not None}
        content["state_dict"] = state | {name: value for name, value in changes.items() if value is not None}
        return refused(save_checkpoint(path, content))

    assert "do not fit its model: output.weight is missing" in refused_with(**{"model.output.weight": None})
    both = refused_with(**{"model.output.weight": None, "model.output.bias": "text"})
    assert "output.weight, output.bias are missing" in both
    assert "extra is unknown to it" in refused_with(**{"model.extra": torch.ones(1)})
    wrong = refused_with(**{"model.output.bias": torch.ones(3)})
    assert "output.bias has shape (3,), expected (7,)" in wrong
    assert "output.bias is infinite or not a number" in refused_with(
        **{"model.output.bias": torch.full((7,), torch.nan)}
    )
    none = checkpoint_content() | {"state_dict": {"weight": torch.ones(1)}}
    assert " more are missing" in refused(save_checkpoint(path, none))


def test_global_normalisation_without_statistics(tmp_path: Path) -> None:
    content = checkpoint_content()
    content["hyper_parameters"]["frontend"]["init_args"]["cmvn"] = "global"
    assert "normalises by statistics of the training set and has none" in refused(
        save_checkpoint(tmp_path / "a.ckpt", content)
    )


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt")

    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    assert refused(path) == "cannot be read (Permission denied); check the file and its rights"
    shutil.rmtree(tmp_path)
