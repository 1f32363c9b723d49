"""Letters beside phones in one network: both are learned, logged and kept, on any ranks, and after a stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from lhotse import CutSet

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.model_file.reading import load_model_file
from asr.cli import decode, export
from asr.cli.train import main
from asr.corpora.manifests import read_cuts
from asr.errors import ConfigError
from asr.training.module import CTCModule
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, before, losses, scalars

SOUNDS = {"A": "ah", "B": "b iy", "C": "s iy", " ": ""}
HEAD = "{tokens: data/tiny/tokens_char.txt, text_policy: verbatim, weight: 0.4, own_layer: %s}"
BOTH = [
    *SMALL,
    "unit=phone",
    "model.encoder.init_args.num_layers=2",
    "data.train_cuts=[sounds/train_cuts.jsonl.gz]",
    "data.val_cuts=[sounds/dev_cuts.jsonl.gz]",
    "model.tokens=sounds/tokens_phone.txt",
]
SHARED, OWN = (f"+model.heads.char={HEAD % own}" for own in ("false", "true"))
EVERYTHING = [
    "augmentation=spec_noise",
    "+model.objective.init_args.consistency.class_path=asr.training.losses.Consistency",
    "+model.objective.init_args.intermediate={class_path: asr.training.losses.Intermediate, init_args: {layers: [1]}}",
    "data.speeds=[0.9,1.0]",
    "data.mixing.joined_steps=0.5",
    "data.batch_seconds=5.0",
    "model.optimizer.init_args.lr=0.001",
    "trainer.max_epochs=1",
]


@pytest.fixture(autouse=True)
def in_its_folder(tiny_corpus: TinyCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the sounds of the letters to the tiny corpus."""
    monkeypatch.chdir(tiny_corpus.root)
    folder = tiny_corpus.root / "sounds"
    if folder.exists():
        return
    folder.mkdir()
    for split in ("train", "dev"):
        cuts = list(read_cuts(tiny_corpus.data / f"{split}_cuts.jsonl.gz"))[:20]
        for cut in cuts:
            text = cut.supervisions[0].text
            cut.supervisions[0].custom = {"phones": " ".join(" ".join(SOUNDS[letter] for letter in text).split())}
        CutSet.from_cuts(cuts).to_file(folder / f"{split}_cuts.jsonl.gz")
    (folder / "tokens_phone.txt").write_text("<blank>\nah\nb\niy\ns\n", encoding="utf-8")


def weights(exp_dir: Path) -> torch.Tensor:
    state = torch.load(exp_dir / "last.ckpt", weights_only=True)
    named = state.get("current_model_state", state["state_dict"])
    return torch.cat([value.double().flatten() for value in named.values()])


def test_both_heads_are_trained_and_one_checkpoint_holds_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*BOTH, OWN, "data.batch_seconds=4.0", f"exp_dir={tmp_path}"]) == 0
    log = capsys.readouterr().err
    for name in ("val/per", "val/char_cer", "val/char_wer"):
        assert f"{name} {100 * scalars(tmp_path, name)[-1]:.2f} %" in log
    for name in ("val/loss", "val/char_loss"):
        first, second = scalars(tmp_path, name)
        assert second < first
    assert log.count("  hyp ") == 2 * 2 * 3
    loaded = load_checkpoint(tmp_path / "last.ckpt")
    phones, letters = loaded.head("phone"), loaded.head("char")
    assert (loaded.tokens.unit, phones.tokens.unit, letters.tokens.unit) == ("phone", "phone", "char")
    cut = read_cuts("sounds/dev_cuts.jsonl.gz")[0]
    audio = torch.from_numpy(cut.load_audio())
    lengths = torch.tensor([audio.shape[1]])
    with torch.inference_mode():
        heads, _ = loaded.model.classify_heads(*loaded.model.frontend(audio, lengths))
        for one, name in ((phones, "main"), (letters, "char")):
            log_probs, _ = one.model(audio, lengths)
            assert torch.equal(log_probs, heads[name][-1])
            assert log_probs.size(2) == len(one.tokens)
    rows = dict(loaded.describe())
    assert rows["tokens"].startswith("5 of unit phone")
    assert "head char" in rows
    with pytest.raises(ConfigError, match="choose from phone, char"):
        loaded.head("letters")
    _decode_both(tmp_path)


def _decode_both(exp_dir: Path) -> None:
    common = ["--checkpoint", str(exp_dir / "last.ckpt"), "--cuts", "sounds/dev_cuts.jsonl.gz", "--workers", "0"]
    for flags, label in (([], "greedy"), (["--head", "phone"], "phone_greedy"), (["--head", "char"], "char_greedy")):
        assert decode.main([*common, *flags]) == 0
        assert (exp_dir / f"dev_{label}.jsonl").exists()
    main_one, named, letters = (
        (exp_dir / f"dev_{label}.jsonl").read_text() for label in ("greedy", "phone_greedy", "char_greedy")
    )
    assert main_one == named != letters
    assert export.main(["--checkpoint", str(exp_dir / "last.ckpt"), "--out", str(exp_dir / "both.asr")]) == 0
    (exported,) = load_model_file(exp_dir / "both.asr").acoustic
    assert exported.beside.keys() == {"char"}
    there, here = exported.model.state_dict(), load_checkpoint(exp_dir / "last.ckpt").model.state_dict()
    assert all(torch.equal(there[name], here[name]) for name in here)


def test_one_and_two_ranks_give_the_same_weights_and_logs(tmp_path: Path) -> None:
    exp_dirs = [tmp_path / str(number) for number in (1, 2)]
    for number, exp_dir in enumerate(exp_dirs, start=1):
        settings = [f"trainer.devices={number}", f"exp_dir={exp_dir}"]
        assert main([*BOTH, OWN, *EVERYTHING, *settings]) == 0
    first, second = map(weights, exp_dirs)
    assert (first - second).norm() < 1e-4 * first.norm()
    names = ["loss_step", "char_loss_step", "char_blank_ratio", "char_divergence", "char_intermediate_loss"]
    for name in [*(f"train/{name}" for name in names), "val/char_loss", "val/char_cer", "val/per"]:
        assert scalars(exp_dirs[1], name) == pytest.approx(scalars(exp_dirs[0], name), rel=1e-3), name


def test_a_run_stopped_in_mid_epoch_goes_on_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    settings = [*BOTH, OWN, *EVERYTHING]
    assert main([*settings, f"exp_dir={straight}"]) == 0
    with monkeypatch.context() as changed:
        before(changed, CTCModule, "training_step", 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert main([*settings, f"exp_dir={stopped}"]) == 143
    assert main([*settings, f"exp_dir={stopped}", "ckpt_path=last"]) == 0
    assert torch.equal(weights(straight), weights(stopped))
    for name in ("train/loss_step", "train/char_loss_step"):
        assert losses(straight, name) == losses(stopped, name)


def test_settings_of_heads_that_cannot_be_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for change, found in (
        ("model.heads.char.weight=1.0", "model.heads: have weights 1; give each 0 or more, together less than 1"),
        ("model.heads.char.tokens=none/tokens_char.txt", "none/tokens_char.txt: no such file"),
        ("+model.heads.keys=${model.heads.char}", "head 'keys': is no name for one"),
        ("+model.heads.char.size=3", "model.heads: Option 'size' is not accepted"),
        ("model.encoder.init_args.num_layers=1", "encoder: has one layer"),
    ):
        assert main([*BOTH, OWN, change, f"exp_dir={tmp_path}"]) in (1, 2)
        assert found in capsys.readouterr().err.splitlines()[-1]
