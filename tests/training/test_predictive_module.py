"""asr train --config-name predictive: learns without transcripts, resumes exactly, leaves what encoders begin from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.predictive import load_predictive
from asr.cli import features, info
from asr.cli.train import main
from asr.corpora.manifests import write_cuts
from asr.errors import CheckpointError
from asr.models.apart import encode_apart
from tests.conftest import TinyCorpus, make_cut
from tests.helpers.stop_at import StopAt
from tests.helpers.training import PREDICTIVE, SMALL, scalars


@pytest.fixture(scope="module")
def mute(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Settings for cuts that do not say what is said, which is the same letters in turns, from any of them on."""
    folder, settings, generator = tmp_path_factory.mktemp("mute"), [], np.random.default_rng(0)
    for split, key, count in (("train", "train_cuts", 24), ("dev", "val_cuts", 4)):
        cuts = []
        for number in range(count):
            first, length = number % 3, int(generator.integers(5, 9))
            text = ("ABC" * 4)[first : first + length]
            cuts.append(make_cut(folder, f"{split}-{number:03d}", text, "one", generator).drop_supervisions())
        write_cuts(cuts, folder / f"{split}_cuts.jsonl.gz")
        settings.append(f"data.{key}=[{folder / f'{split}_cuts.jsonl.gz'}]")
    return settings


@pytest.fixture(scope="module")
def trained(mute: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned to predict."""
    exp_dir = tmp_path_factory.mktemp("apc")
    settings = [*PREDICTIVE, *mute, f"exp_dir={exp_dir}", "trainer.max_epochs=6", "data.batch_seconds=6"]
    assert main(settings) == 0
    return exp_dir


def test_predicting_becomes_better_than_repeating_the_last_frame(trained: Path) -> None:
    losses, copying = (scalars(trained, f"val/{name}") for name in ("loss", "loss_of_copying"))
    assert losses[0] > losses[-1]
    assert losses[-1] < 0.97 * copying[-1]  # most of what is left is the noise of the recordings
    assert len(set(copying)) == 1
    assert min(scalars(trained, "train/gradient_norm")) > 0


def test_windows_are_recalled_better_than_by_their_last_frame(mute: list[str], tmp_path: Path) -> None:
    settings = [*PREDICTIVE, *mute, f"exp_dir={tmp_path}", "model.method=autoencoder", "trainer.max_epochs=5"]
    assert main(settings) == 0
    assert scalars(tmp_path, "val/loss")[-1] < 0.85 * scalars(tmp_path, "val/loss_of_copying")[-1]
    assert load_predictive(tmp_path / "last.ckpt").settings["method"] == "autoencoder"


def test_a_resumed_run_is_the_same(mute: list[str], tmp_path: Path) -> None:
    settings = [*PREDICTIVE, *mute, "callbacks.last.init_args.every_num_steps=2", "data.speeds=[0.9,1.0]"]
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert main([*settings, f"exp_dir={straight}"]) == 0
    stop = [f"+callbacks.stop.class_path={StopAt.__module__}.StopAt", "+callbacks.stop.init_args.step=5"]
    assert main([*settings, *stop, f"exp_dir={stopped}"]) == 1
    assert main([*settings, f"exp_dir={stopped}", "ckpt_path=last"]) == 0
    assert scalars(straight, "val/loss") == scalars(stopped, "val/loss")
    states = [torch.load(folder / "last.ckpt", weights_only=True)["state_dict"] for folder in (straight, stopped)]
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_features_of_a_cache_are_learned_from_as_waveforms_are(mute: list[str], tmp_path: Path) -> None:
    cuts = [setting.partition("=[")[2][:-1] for setting in mute]
    assert features.main(["--cuts", *cuts, "--out", str(tmp_path / "f"), "--frontend", "fbank40", "--jobs", "1"]) == 0
    names = zip(("train_cuts", "val_cuts"), (Path(cut).name for cut in cuts), strict=True)
    cached = [f"data.{key}=[{tmp_path / 'f' / name}]" for key, name in names]
    short = ["trainer.max_epochs=1"]
    for name, source in (("heard", mute), ("cached", cached)):
        assert main([*PREDICTIVE, *source, *short, f"exp_dir={tmp_path / name}"]) == 0
    losses = [scalars(tmp_path / name, "train/loss_step") for name in ("heard", "cached")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_is_said_of_the_model(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert info.main([str(trained / "best.ckpt")]) == 0
    said = capsys.readouterr().out
    assert "apc ahead=3 window=6" in said
    assert "RecurrentEncoder" in said
    assert "FrontEnd" in said
    with pytest.raises(CheckpointError, match="holds a predictive model, not an acoustic model"):
        load_checkpoint(trained / "best.ckpt")


def test_an_acoustic_model_begins_with_what_was_learned(
    trained: Path, tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tiny_corpus.root)
    path, encoder = trained / "last.ckpt", "model.encoder.init_args"
    settings = [
        *SMALL,
        f"{encoder}.num_layers=3",
        "trainer.max_epochs=1",
        f"exp_dir={tmp_path}",
        "data.train_hours=0.01",
    ]
    assert main([*settings, f"init_from={path}", "init_layers=2"]) == 0
    log = capsys.readouterr().err
    assert f"{path}: front end, subsampling and 2 of 2 recurrent layers are taken, the rest begins anew" in log
    assert "normalisation measured" not in log
    model, learned = load_checkpoint(tmp_path / "initial.ckpt").model, load_predictive(path).model
    assert torch.equal(model.frontend.cmvn_mean, learned.frontend.cmvn_mean)
    features, lengths = torch.randn(1, 30, 40), torch.tensor([30])
    with torch.no_grad():
        (first, *_), _ = model.encoder.outputs(features, lengths, 1)
        learned.encoder.recurrent.layers = learned.encoder.recurrent.layers[:1]
        halves, _ = encode_apart(learned.encoder, features, lengths)
    assert first.shape == (1, 15, 48)
    correlation = torch.corrcoef(torch.stack([first.flatten(), torch.cat(halves, dim=2).flatten()]))
    assert float(correlation[0, 1]) > 0.95  # layer norm over both directions in place of each
    assert "init_layers: null" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


BAD = {
    "joined": (["data.mixing.joined_steps=0.1"], 2, "data.mixing.joined_steps: is 0.1, and nothing is joined"),
    "too short": (["model.ahead=400"], 1, "4 of 4 validation utterances cannot be used: dev-000 (too-short: "),
    "no method": (["model.method=hubert"], 2, "model.method: 'hubert' where Literal['apc', 'autoencoder'] is expected"),
    "no directions": (["model=conformer"], 2, "model.encoder: ConformerEncoder has no directions of time; take Recur"),
    "no distance": (["model.ahead=0"], 2, "model.ahead: is 0; give 1 or more feature frames, such as 3"),
    "no window": (["model.method=autoencoder", "model.window=1"], 2, "model.window: is 1; give 2 or more encoder"),
    "too many hours": (["data.train_hours=5"], 2, "data.train_hours: is 5, and there are 0.01 hours; give a part of"),
    "too few hours": (["data.train_hours=1e-5"], 2, "data.train_hours: is 1e-05, less than the first utterance"),
    "layers": (["init_layers=2"], 2, "init_layers: no such setting"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_get_one_line(
    mute: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    overrides, status, line = BAD[case]
    base = [each for each in PREDICTIVE if case != "no directions" or "init_args" not in each]
    assert main([*base, *mute, f"exp_dir={tmp_path}", *overrides]) == status
    errors = [error for error in capsys.readouterr().err.splitlines() if "asr train: " in error]
    assert len(errors) == 1, errors
    assert line in errors[0]
    assert not (tmp_path / "last.ckpt").exists()
