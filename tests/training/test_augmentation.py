"""Rooms and noise in training: composed, read before the first step, and not needed where a checkpoint is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from asr.augmentation.base import Stage, Step
from asr.checkpoints.acoustic import load_checkpoint
from asr.cli.train import main
from asr.data.batch import Batch, Share
from asr.features.random import utterance_seed
from asr.runs.building import build
from asr.training.module import CTCModule
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, plain_config


def make_module(*overrides: str) -> CTCModule:
    config = plain_config(*SMALL, "trainer.logger=false", *overrides)
    config["model"]["tokens"] = {"unit": "char", "tokens": ["<blank>", "A", "|"]}
    module = build(config).model
    assert isinstance(module, CTCModule)
    return module


def make_batch() -> Batch:
    lengths = torch.tensor([8000, 5000])
    return Batch(
        utterance_ids=["a", "b"],
        texts=["A", "A"],
        kind="waveforms",
        inputs=0.1 * torch.randn(2, 8000),
        lengths=lengths,
        targets=torch.tensor([1, 1]),
        target_lengths=torch.tensor([1, 1]),
        seeds=torch.tensor([5, 6]),
        share=Share(1, 2, 2),
    )


def list_files(make_audio: Callable[..., Path], folder: Path) -> list[str]:
    """Writes noises and responses with their lists; gives the settings that name them."""
    for place, kind in enumerate(("add_noise", "reverberate")):
        for number in range(2):
            make_audio(folder / f"{kind}{number}.wav", seed=2 * place + number, seconds=0.3)
        (folder / f"{kind}.txt").write_text(f"{kind}0.wav\n{kind}1.wav\n", encoding="utf-8")
    return [
        f"model.augmentation.{kind}.init_args.manifest={folder}/{kind}.txt" for kind in ("add_noise", "reverberate")
    ]


@pytest.mark.parametrize("choice", ["spec_noise_reverb", "spec_recorded"])
def test_waveforms_resound_and_then_get_noise(make_audio: Callable[..., Path], tmp_path: Path, choice: str) -> None:
    changed = [f"model.augmentation.{name}.init_args.probability=1.0" for name in ("add_noise", "reverberate")]
    changed += [f"model.augmentation.{name}=null" for name in ("spec_augment", "pauses")]
    lists = list_files(make_audio, tmp_path) if choice == "spec_recorded" else []
    module, batch = make_module(f"augmentation={choice}", *changed, *lists), make_batch()
    assert module.augments_waveforms
    arguments = batch.lengths, batch.seeds
    reverberate, add_noise = module.augmentation
    noisy, _ = add_noise(*reverberate(batch.inputs, *arguments), batch.seeds)
    expected, lengths = module.model.frontend(noisy, *arguments)
    features, found = module.features(batch)
    assert torch.equal(features, expected)
    assert torch.equal(found, lengths)
    plain, _ = module.eval().features(batch)
    assert torch.equal(plain, module.model.frontend(batch.inputs, *arguments)[0])
    assert not torch.allclose(plain, features, atol=0.1)


def test_a_narrow_band_transmits_what_rooms_and_noise_have_become() -> None:
    module = make_module("augmentation=spec_consistency_rooms")
    assert module.augments_waveforms
    assert [type(each).__name__ for each in module.augmentation if each.stage is Stage.WAVEFORMS] == [
        "Reverberate",
        "AddNoise",
        "LimitBand",
    ]


ALWAYS = ["augmentation=pauses", "model.augmentation.pauses.init_args.probability=1.0"]


@pytest.mark.parametrize("is_cached", [False, True])
def test_pauses_go_into_waveforms_and_into_cached_features(is_cached: bool) -> None:
    module, batch = make_module(*ALWAYS), make_batch()
    assert not module.augments_waveforms
    (pauses,) = module.augmentation
    frontend = module.model.frontend
    static, frames = frontend.static(batch.inputs, batch.lengths)
    if is_cached:
        batch = replace(batch, kind="static", inputs=static, lengths=frames)
    features, lengths = module.features(batch)
    paused, expected = pauses(static, frames, batch.seeds, Step(utterance_seed(module.seed, 0, "pauses")))
    assert torch.equal(lengths, expected)
    assert (lengths > frames).all()
    assert torch.equal(features, frontend.complete(paused, expected))
    encoded = module.model.classify(features, lengths)[1]
    assert torch.equal(encoded, module.model.encoder.output_lengths(lengths))
    assert torch.equal(module.eval().features(batch)[1], frames)


def test_both_views_of_an_utterance_have_its_pauses() -> None:
    alone = [f"model.augmentation.{name}=null" for name in ("spec_augment", "vocal_tract")]
    module, batch = make_module("augmentation=spec_consistency", *ALWAYS[1:], *alone), make_batch()
    features, lengths = module.features(batch)
    assert len(features) == len(lengths) == 4
    assert torch.equal(features[:2], features[2:])
    assert lengths[0] > 50


def test_a_run_with_pauses_on_cached_features_is_transcribed_with_nothing_beside_it(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asr.cli import features

    monkeypatch.chdir(tiny_corpus.root)
    for file in (str(tiny_corpus.data / f"{split}_cuts.jsonl.gz") for split in ("train", "dev")):
        assert features.main(["--cuts", file, "--out", str(tmp_path), "--frontend", "fbank40", "--jobs", "1"]) == 0
    cached = [f"data.train_cuts=[{tmp_path}/train_cuts.jsonl.gz]", f"data.val_cuts=[{tmp_path}/dev_cuts.jsonl.gz]"]
    assert main([*SMALL, "--quiet", *cached, *ALWAYS, "trainer.max_epochs=1", f"exp_dir={tmp_path / 'exp'}"]) == 0
    checkpoint = torch.load(tmp_path / "exp" / "last.ckpt", weights_only=True)
    assert all(name.startswith("model.") for name in checkpoint["state_dict"])
    assert load_checkpoint(tmp_path / "exp" / "last.ckpt").model.frontend.cmvn == "speech"


@pytest.mark.parametrize("choice", ["none", "pauses", "spec", "spec_consistency", "spec_consistency_long"])
def test_other_choices_leave_waveforms_alone(choice: str) -> None:
    module = make_module(f"augmentation={choice}")
    assert not module.augments_waveforms


def test_the_front_end_says_rate_and_width() -> None:
    settings = ["+model.frontend.init_args.sample_rate=8000", "+model.frontend.init_args.delta_order=2"]
    chain = make_module("augmentation=spec_noise_reverb", *settings).augmentation
    by_name = {type(each).__name__: each for each in chain}
    assert by_name["Reverberate"].sample_rate == by_name["AddNoise"].sample_rate == 8000
    assert by_name["SpecAugment"].num_groups == 3


def test_a_checkpoint_does_not_need_the_recordings(
    make_audio: Callable[..., Path], tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    lists, exp_dir = list_files(make_audio, tmp_path / "heard"), tmp_path / "exp"
    settings = [*SMALL, "augmentation=spec_recorded", *lists, "trainer.max_epochs=1", f"exp_dir={exp_dir}"]
    assert main(settings) == 0
    for path in (tmp_path / "heard").iterdir():
        path.unlink()
    checkpoint = torch.load(exp_dir / "last.ckpt", weights_only=True)
    assert all(name.startswith("model.") for name in checkpoint["state_dict"])
    assert load_checkpoint(exp_dir / "last.ckpt").tokens.unit == "char"


def test_a_missing_recording_stops_a_run_before_its_first_step(
    make_audio: Callable[..., Path],
    tiny_corpus: TinyCorpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    lists = list_files(make_audio, tmp_path)
    (tmp_path / "add_noise1.wav").unlink()
    assert main([*SMALL, "--quiet", "augmentation=spec_recorded", *lists, f"exp_dir={tmp_path / 'exp'}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"asr train: {tmp_path}/add_noise.txt:2: {tmp_path}/add_noise1.wav: no such file; check the path"
    assert not list((tmp_path / "exp").glob("*.ckpt"))


def test_cached_features_cannot_resound(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from asr.cli import features

    monkeypatch.chdir(tiny_corpus.root)
    cuts = [str(tiny_corpus.data / f"{split}_cuts.jsonl.gz") for split in ("train", "dev")]
    for file in cuts:
        assert features.main(["--cuts", file, "--out", str(tmp_path), "--frontend", "fbank40", "--jobs", "1"]) == 0
    capsys.readouterr()
    cached = [f"data.train_cuts=[{tmp_path}/train_cuts.jsonl.gz]", f"data.val_cuts=[{tmp_path}/dev_cuts.jsonl.gz]"]
    more = [
        "--quiet",
        "augmentation=spec_noise_reverb",
        "model.augmentation.add_noise=null",
        f"exp_dir={tmp_path / 'exp'}",
    ]
    assert main([*SMALL, *cached, *more]) == 2
    assert "waveform augmentation is set, but the training cuts carry cached" in capsys.readouterr().err
