import math
import os
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.building import class_path
from asr.errors import CheckpointError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.conformer import ConformerEncoder
from tests.transcription import tiny_models
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint


class Evil:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


FRONT_END = {"class_path": "asr.features.frontend.FrontEnd"}
ENCODER = {"class_path": "asr.models.encoder.RecurrentEncoder"}
HEAD = {"tokens": {"unit": "char", "tokens": ["<blank>", "A", "|"]}, "text_policy": "verbatim"}
TRAINING = {  # what once ran a command of the shell
    "class_path": "asr.runs.building.TrainingCLI",
    "init_args": {
        "args": {"model": {"optimizer": {"class_path": "os.system", "init_args": {"command": "touch made"}}}}
    },
}
SYNTHESIZER = {"class_path": "asr.corpora.synth.espeak_process._Synthesizer", "init_args": {"library": "evil.so"}}


def sized(**arguments: Any) -> dict[str, Any]:
    """Returns an encoder with these arguments."""
    return {**ENCODER, "init_args": {**tiny_models.ENCODER, **arguments}}


def test_model_comes_back_with_its_weights(tmp_path: Path) -> None:
    content = checkpoint_content()
    loaded = load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content))
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, content["state_dict"][f"model.{name}"])
    assert not loaded.model.training
    assert loaded.tokens.state() == content["hyper_parameters"]["tokens"]
    assert (loaded.policy.name, loaded.training_step, loaded.epoch) == ("upper-no-punctuation", 1234, 3)
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


def refused(path: Path) -> str:
    """Returns the one line that a checkpoint is refused with."""
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
        ("encoder", {"class_path": "os.system", "init_args": {"command": "true"}}, "'os.system' is no encoder"),
        ("encoder", {"class_path": "asrx.Encoder"}, "'asrx.Encoder' is no encoder"),
        ("encoder", {"class_path": "asr.models.encoder.nn.Linear"}, "'asr.models.encoder.nn.Linear' is no encoder"),
        ("encoder", {"class_path": "asr.models.recurrent.make_cell"}, "is no encoder"),
        ("encoder", {"class_path": "asr.models.recurrent.RecurrentStack"}, "is no encoder"),
        ("encoder", {"class_path": "asr.models.subsampled.SubsampledEncoder"}, "is no encoder"),
        ("encoder", {"class_path": "asr.features.frontend.FrontEnd"}, "is no encoder"),
        ("encoder", {"class_path": ["asr.models.encoder.RecurrentEncoder"]}, "names no class_path"),
        ("encoder", {"class_path": "x" * 10**6}, "xxx… is no encoder"),
        ("encoder", {**ENCODER, "dict_kwargs": {"hidden_dim": 3}}, "has 'dict_kwargs' beside class_path"),
        ("encoder", {**ENCODER, "init_args": [1]}, "init_args of the encoder are no settings"),
        ("encoder", {**ENCODER, "init_args": {1: 2}}, "init_args of the encoder are no settings"),
        ("encoder", ENCODER, "missing a required argument: 'hidden_dim'"),
        ("encoder", {**ENCODER, "init_args": {"hidden_units": 3}}, "'hidden_units'|missing a required"),
        ("encoder", {**ENCODER, "init_args": {"feature_dim": 3}}, "multiple values for|missing a required"),
        ("encoder", sized(hidden_units=3), "unexpected keyword argument 'hidden_units'"),
        ("encoder", sized(options={"zoneout": 0.1}), "unexpected keyword argument 'options'"),
        ("encoder", sized(zoneout="0.1"), "zoneout is '0.1', not float"),
        ("encoder", sized(hidden_dim=True), "hidden_dim is True, not int"),
        ("encoder", sized(hidden_dim=8.0), "hidden_dim is 8.0, not int"),
        ("encoder", sized(hidden_dim="8"), "hidden_dim is '8', not int"),
        ("encoder", sized(hidden_dim=[8]), "hidden_dim is a list, not int"),
        ("encoder", sized(hidden_dim=torch.ones(3)), "hidden_dim is a Tensor, not int"),
        ("encoder", sized(dropout=math.nan), "dropout is nan, not float"),
        ("encoder", sized(dropout=-math.inf), "dropout is -inf, not float"),
        ("encoder", sized(forget_bias=10**400), "forget_bias is 1000"),
        ("encoder", sized(dropout=1.5), "dropout"),
        ("encoder", sized(cell="gru "), "cell is 'gru ', not Literal["),
        ("encoder", sized(cell=None), "cell is None, not Literal["),
        ("encoder", sized(front_cell={"class_path": "os.getcwd"}), "front_cell is a dict, not "),
        ("encoder", sized(hidden_dim={"class_path": "os.getcwd"}), "hidden_dim is a dict, not int"),
        ("encoder", sized(hidden_dim=TRAINING), "hidden_dim is a dict, not int"),
        ("encoder", "RecurrentEncoder", "names no class_path"),
        ("frontend", SYNTHESIZER, "is no front end"),
        ("frontend", {**FRONT_END, "init_args": {"kind": TRAINING}}, "kind is a dict, not Literal["),
        ("frontend", {**FRONT_END, "init_args": {"kind": "plp"}}, "kind is 'plp', not Literal["),
        ("frontend", {**FRONT_END, "init_args": {"kind": SYNTHESIZER}}, "kind is a dict, not Literal["),
        ("frontend", {"class_path": "asr.models.acoustic.AcousticModel"}, "is no front end"),
        ("frontend", {"class_path": "asr.features.frontend.FrontEnd", "init_args": {"num_mels": -1}}, "num_mels"),
        ("tokens", {"unit": "syllable", "tokens": ["<blank>"]}, "unit 'syllable'"),
        ("tokens", ["<blank>"], "cannot be built"),
        ("text_policy", "shouting", "text policy 'shouting'"),
        ("text_policy", ["shouting"], "cannot be built"),
        ("heads", ["char"], "its heads are no settings of up to 8 by name"),
        ("heads", {str(number): {} for number in range(9)}, "its heads are no settings of up to 8 by name"),
        ("heads", {"char": {}}, "its head 'char' has no token table"),
        ("heads", {"char": {"tokens": {"unit": "syllable", "tokens": []}}}, "unit 'syllable'"),
        ("heads", {"char": {**HEAD, "own_layer": TRAINING}}, "own_layer of its head 'char' is a dict, not bool"),
        ("heads", {"char": {**HEAD, "text_policy": "shouting"}}, "text policy 'shouting'"),
        ("heads", {"char": {**HEAD, "own_layer": True}}, "has one layer, which a head cannot have of its own"),
        ("heads", {"keys": HEAD}, "head 'keys': is no name for one"),
        ("heads", {"char": HEAD}, "heads.char.output"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_models_that_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content = checkpoint_content()
    content["hyper_parameters"][key] = value
    found = refused(save_checkpoint(tmp_path / "a.ckpt", content))
    assert any(part in found for part in message.split("|")), found
    assert not (tmp_path / "made").exists()
    assert len(found) < 500


@pytest.mark.parametrize(
    ("key", "arguments", "message"),
    [
        ("encoder", {"num_layers": 10**7}, "num_layers is 10000000, more than there are weights"),
        ("encoder", {"num_layers": 60_000}, "it would be much larger than the weights that are stored"),
        ("encoder", {"hidden_dim": 10**9}, "hidden_dim is 1000000000, more than there are weights"),
        ("encoder", {"hidden_dim": 60_000}, "it would be much larger than the weights that are stored"),
        ("encoder", {"hidden_dim": -(2**62)}, "hidden_dim is -4611686018427387904, more than"),
        ("encoder", {"hidden_dim": -5}, "cannot be built"),
        ("encoder", {"num_layers": -5}, "more are unknown to it"),
        ("encoder", {"conv_channels": 60_000}, "much larger than the weights"),
        ("encoder", {"chrono_steps": 2**40}, "chrono_steps is 1099511627776, more than"),
        ("encoder", {"time_stride": 0}, "time_stride must be one of"),
        ("frontend", {"sample_rate": 10**12}, "sample_rate: is 1000000000000; it has to be 1000 to 1,000,000 Hz"),
        ("frontend", {"sample_rate": 10**400}, "OverflowError"),
        ("frontend", {"num_mels": 10**9}, "num_mels: is 1000000000; it has to be 4 to 4096"),
        ("frontend", {"num_mels": 80, "frame_length_ms": 1e9}, "num_mels: is 80; it has to be at most"),
        ("frontend", {"delta_order": 10**6}, "delta_order"),
    ],
)
def test_sizes_follow_from_what_is_stored(tmp_path: Path, key: str, arguments: dict[str, Any], message: str) -> None:
    content = checkpoint_content()
    content["hyper_parameters"][key]["init_args"] |= arguments
    path = save_checkpoint(tmp_path / "a.ckpt", content)
    started = time.process_time()  # what others do on the machine does not count
    found = refused(path)
    assert message in found
    assert time.process_time() - started < 5


def test_weights_that_are_one_number_shown_often(tmp_path: Path) -> None:
    content = checkpoint_content()
    content["state_dict"]["model.encoder.recurrent.layers.0.ahead.weight_hh_l0"] = torch.ones(1).expand(32, 8)
    assert "a tensor with more values than are stored of it" in refused(save_checkpoint(tmp_path / "a.ckpt", content))
    state = checkpoint_content()["state_dict"]
    buffer = torch.ones(max(value.numel() for value in state.values()))
    content["state_dict"] = {
        name: buffer[: value.numel()].view(value.shape) if value.is_floating_point() else value
        for name, value in state.items()
    }
    assert "bytes and" in refused(save_checkpoint(tmp_path / "a.ckpt", content))


def test_settings_that_fit_the_weights_and_cannot_be_run(tmp_path: Path) -> None:
    content = checkpoint_content()
    sizes = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "feedforward_dim": 9}
    hostile = {"class_path": class_path(ConformerEncoder), "init_args": sizes | {"num_heads": -2}}
    content["hyper_parameters"]["encoder"] = hostile
    model = AcousticModel(FrontEnd(**tiny_models.FRONTEND), ConformerEncoder(20, **sizes), 7)
    content["state_dict"] = {f"model.{name}": value for name, value in model.state_dict().items()}
    assert "its model cannot be built (" in refused(save_checkpoint(tmp_path / "a.ckpt", content))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8])
def test_weights_of_another_type(tmp_path: Path, dtype: torch.dtype) -> None:
    content = checkpoint_content()
    content["state_dict"]["model.output.bias"] = torch.ones(7, dtype=dtype)
    found = refused(save_checkpoint(tmp_path / "a.ckpt", content))
    assert f"output.bias is of type {dtype}, expected torch.float32" in found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_in_fewer_or_more_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    content = checkpoint_content()
    content["state_dict"]["model.output.bias"] = torch.arange(7, dtype=dtype)
    loaded = load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content))
    assert torch.equal(loaded.model.output.bias, torch.arange(7.0))


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
    assert "a b is unknown to it" in refused_with(**{"model.a\nb": torch.ones(1)})
    assert load_checkpoint(save_checkpoint(path, checkpoint_content() | {7: 8})).epoch == 3
    numbers = checkpoint_content()
    numbers["state_dict"] = dict(enumerate(numbers["state_dict"].values()))
    assert " more are missing" in refused(save_checkpoint(path, numbers))
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
