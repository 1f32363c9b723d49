"""asr train as people use it: it learns, two ranks do the same work, and bad settings get one line."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.cli import features
from asr.cli.train import main
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, run, scalars


def test_learns_and_leaves_what_recipes_need(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    exp_dir = tmp_path / "exp"
    assert main([*SMALL, "trainer.max_epochs=20", "data.batch_seconds=4.0", f"exp_dir={exp_dir}"]) == 0
    log = capsys.readouterr().err
    assert "training: 40 utterances" in log
    assert log.count("  hyp ") == 20 * 3
    rates = scalars(exp_dir, "val/cer")
    assert rates[0] >= 0.9
    assert rates[-1] < 0.25
    for name in ("train/loss_step", "train/blank_ratio", "train/gradient_norm", "val/loss", "val/wer", "lr-AdamW"):
        assert all(value == value for value in scalars(exp_dir, name)), name
    for name in ("best.ckpt", "last.ckpt", "initial.ckpt"):
        assert load_checkpoint(exp_dir / name).tokens.tokens == ("<blank>", "A", "B", "C", "|")
    assert (
        main(["--config", str(exp_dir / "config.yaml"), "trainer.max_epochs=1", f"exp_dir={tmp_path / 'again'}"]) == 0
    )


def test_one_batch_shows_whether_all_of_it_runs(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(tiny_corpus.root / "data")
    settings = [setting for setting in SMALL if "max_epochs" not in setting]
    for _ in range(2):  # one may take the place of the other
        assert main([*settings, "augmentation=spec", "debug=one_batch", "data.batch_seconds=4.0"]) == 0
    exp_dir = tmp_path / "exp" / "tiny" / "run" / "one_batch"
    assert len(scalars(exp_dir, "train/loss_step")) == len(scalars(exp_dir, "val/wer")) == 1


def test_all_objectives_at_once(tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    more = ["augmentation=spec_consistency", "model.objective.init_args.loss_per=utterance", "trainer.max_epochs=1"]
    lower = "{class_path: asr.training.losses.Intermediate, init_args: {layers: [1]}}"
    more += [f"+model.objective.init_args.intermediate={lower}", "model.encoder.init_args.num_layers=2"]
    more += ["+model.objective.init_args.crf={class_path: asr.training.crf.CRF, init_args: {order: 4}}"]
    assert main([*SMALL, *more, f"exp_dir={tmp_path}"]) == 0
    divergences = scalars(tmp_path, "train/divergence")
    assert len(divergences) == len(scalars(tmp_path, "train/loss_step"))
    assert min(divergences) > 0, "the views differ"
    assert len(scalars(tmp_path, "train/intermediate_loss")) == len(divergences)
    losses = [
        *scalars(tmp_path, "train/loss_step"),
        *scalars(tmp_path, "train/ctc_loss"),
        *scalars(tmp_path, "val/loss"),
    ]
    assert all(0 < loss < math.inf for loss in losses)
    assert load_checkpoint(tmp_path / "last.ckpt").model.output.out_features == 5


def test_mwer_counts_what_each_head_writes(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    more = ["objective=mwer", "trainer.max_epochs=1", "+model.heads.other.text_policy=verbatim"]
    assert main([*SMALL, *more, "+model.heads.other.tokens=data/tiny/tokens_char.txt", f"exp_dir={tmp_path}"]) == 0
    for name in ("train/expected_errors", "train/other_expected_errors"):
        rates = scalars(tmp_path, name)
        assert len(rates) == len(scalars(tmp_path, "train/loss_step"))
        assert all(0 <= rate < math.inf for rate in rates)
    assert load_checkpoint(tmp_path / "last.ckpt").model.output.out_features == 5


def test_init_from_takes_weights_only(tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    first, second = tmp_path / "first", tmp_path / "second"
    assert main([*SMALL, f"exp_dir={first}"]) == 0
    assert main([*SMALL, f"exp_dir={second}", f"init_from={first / 'last.ckpt'}"]) == 0
    trained, started = (torch.load(path, weights_only=True) for path in (first / "last.ckpt", second / "initial.ckpt"))
    assert started["global_step"] == 0
    for name, value in trained["state_dict"].items():
        assert torch.equal(value, started["state_dict"][name])


def test_a_run_that_takes_weights_resumes_itself(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    first, second = tmp_path / "first", tmp_path / "second"
    one_epoch = [*SMALL, "trainer.max_epochs=1"]
    assert main([*one_epoch, f"exp_dir={first}"]) == 0
    settings = [f"exp_dir={second}", f"init_from={first / 'last.ckpt'}", "ckpt_path=last"]
    assert main([*one_epoch, *settings]) == 0
    trained, started, ended = (
        torch.load(path, weights_only=True)
        for path in (first / "last.ckpt", second / "initial.ckpt", second / "last.ckpt")
    )
    for name, value in trained["state_dict"].items():
        assert torch.equal(value, started["state_dict"][name])
    (first / "last.ckpt").unlink()  # is not read any more
    assert main([*SMALL, *settings]) == 0
    resumed = torch.load(second / "last.ckpt", weights_only=True)
    assert (started["global_step"], resumed["global_step"]) == (0, 2 * ended["global_step"])
    assert main([*SMALL, *settings, f"exp_dir={tmp_path / 'third'}"]) == 1
    assert f"{first / 'last.ckpt'}: no such file" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_is_never_lost(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    settings = [*SMALL, "trainer.max_epochs=1", f"exp_dir={tmp_path}"]
    assert main([*settings, "ckpt_path=last"]) == 0
    assert main(settings) == 2
    assert "last.ckpt: there is a run already; resume it with ckpt_path=last" in capsys.readouterr().err
    assert main([*settings, "ckpt_path=last"]) == 0
    assert main([*settings, "overwrite=true"]) == 0
    assert len(scalars(tmp_path, "val/cer")) == 1


def test_two_ranks_share_the_utterances_and_agree(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    ddp = ["trainer.devices=2", "trainer.strategy=ddp", f"exp_dir={tmp_path}"]
    command = [sys.executable, "-m", "asr.cli.train", *SMALL, *ddp]  # which Lightning runs again for the second rank
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("training: 40 utterances") == 1, "only the first rank logs"
    assert "sync_dist" not in done.stderr, "the loss of an epoch is the mean over the ranks"
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    alone = tmp_path / "alone"
    check = [f"init_from={tmp_path / 'last.ckpt'}", f"exp_dir={alone}", "trainer.max_epochs=1"]
    frozen = ["model.optimizer.init_args.lr=0.0", "model.optimizer.init_args.weight_decay=0.0"]
    assert main([*SMALL, *check, *frozen]) == 0
    for name in ("val/wer", "val/cer", "val/loss"):
        assert scalars(alone, name)[-1] == pytest.approx(scalars(tmp_path, name)[-1], rel=1e-5), name
    assert checkpoint["global_step"] == len(scalars(tmp_path, "train/gradient_norm"))


BAD = {
    "misspelt key": (
        ["trainer.max_epoch=3"],
        2,
        "trainer.max_epoch: no such setting; did you mean trainer.max_epochs?",
    ),
    "misspelt choice": (["model=lstmm"], 2, "model=lstmm: there is no such choice; did you mean model=lstm?"),
    "wrong type": (["trainer.max_epochs=many"], 2, "trainer.max_epochs: 'many' where int or null is expected"),
    "wrong type in the encoder": (
        ["model.encoder.init_args.hidden_dim=wide"],
        2,
        "model.encoder.hidden_dim: 'wide' where int is",
    ),
    "unknown argument": (
        ["+model.encoder.init_args.hiden_dim=3"],
        2,
        "model.encoder: Option 'hiden_dim' is not accepted",
    ),
    "unknown unit": (["unit=letter"], 2, "'letter' is not a unit"),
    "no token table": (["model.tokens=nowhere/tokens_char.txt"], 1, "nowhere/tokens_char.txt: no such file"),
    "no cuts": (["data.train_cuts=[nowhere.jsonl.gz]"], 1, "nowhere.jsonl.gz"),
    "no checkpoint": (["ckpt_path=nowhere.ckpt"], 1, "nowhere.ckpt: no such file"),
    "checkpoint that is none": (["ckpt_path=data/tiny/tokens_char.txt"], 1, "tokens_char.txt: is not a checkpoint"),
    "both ways to start": (["ckpt_path=a.ckpt", "init_from=b.ckpt"], 2, "both are set"),
    "sweep over nothing": (["--multirun"], 2, "no key has several values"),
    "sweep on two machines": (["--multirun", "seed=0,1", "trainer.num_nodes=2"], 2, "several devices or nodes"),
    "sweep into one folder": (["--multirun", "model=lstm,gru"], 2, "several runs would write to"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_get_one_line(
    tiny_corpus: TinyCorpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    overrides, status, line = BAD[case]
    assert main([*SMALL, *overrides]) == status
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("validation:")]
    assert len(errors) == 1, errors
    assert line in errors[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["seed=1", "--epochs"], "asr train: error: unrecognized arguments: --epochs"),
        (["--config", "a.yaml", "--config-name", "lm"], "--config-name: not allowed with argument --config"),
        (["--multirun", "seed=0,1", "--print-config"], "--print-config: not allowed with argument --multirun"),
        (["--config-name"], "argument --config-name: expected one argument"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert line in capsys.readouterr().err.splitlines()[-1]


def test_settings_and_options_may_come_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus=a", "--print-config", "name=b", "--config-name", "train", "seed=3"]) == 0
    assert "exp_dir: exp/a/b/seed3\n" in capsys.readouterr().out


def test_utterances_that_cannot_be_trained_on_are_named_and_refused_or_left_out(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    import lhotse

    cuts = list(lhotse.CutSet.from_file(tiny_corpus.data / "train_cuts.jsonl.gz"))
    cuts[0].supervisions[0].text = "AB Z"
    cuts[1].supervisions[0].text = "A" * 200
    cuts[2].supervisions[0].text = " "
    lhotse.CutSet.from_cuts(cuts).to_file(tmp_path / "bad_cuts.jsonl.gz")
    settings = [
        *SMALL,
        f"exp_dir={tmp_path}",
        f"data.train_cuts=[{tmp_path / 'bad_cuts.jsonl.gz'}]",
        "trainer.max_epochs=1",
    ]
    assert main(settings) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "3 of 40 training utterances cannot be used" in error
    assert "'Z'" in error
    bad_cuts = str(tmp_path / "bad_cuts.jsonl.gz")
    assert main([*settings, "data.on_problem=leave-out", f"data.val_cuts=[{bad_cuts}]"]) == 0
    both = (tmp_path / "quarantine.tsv").read_text(encoding="utf-8")
    assert both.count("\ntrain-000\t") == 2, "those of validation and of training"
    assert main([*settings, "data.on_problem=leave-out", "overwrite=true"]) == 0
    assert "training: 37 utterances" in capsys.readouterr().err
    listed = (tmp_path / "quarantine.tsv").read_text(encoding="utf-8")
    for name, reason in (("train-000", "label"), ("train-001", "too-short-for-labels"), ("train-002", "empty-text")):
        assert any(name in line and reason in line for line in listed.splitlines())


@pytest.mark.parametrize("flags", [[], ["--cmvn"]])
def test_global_statistics_are_those_beside_the_features_or_measured(
    tiny_corpus: TinyCorpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    cuts = [str(tiny_corpus.data / f"{split}_cuts.jsonl.gz") for split in ("train", "dev")]
    cached = ["--out", str(tmp_path), "--frontend", "fbank40", "--jobs", "1"]
    assert features.main(["--cuts", cuts[1], *cached]) == 0
    assert features.main(["--cuts", cuts[0], *cached, *flags]) == 0
    files = [
        f"data.{name}_cuts=[{tmp_path / f'{split}_cuts.jsonl.gz'}]"
        for name, split in (("train", "train"), ("val", "dev"))
    ]
    settings = ["trainer.max_epochs=1", "model.frontend.init_args.cmvn=global", f"exp_dir={tmp_path / 'exp'}"]
    assert main([*SMALL, *files, *settings]) == 0
    log = capsys.readouterr().err
    assert ("normalisation taken from" in log) == bool(flags)
    assert ("normalisation measured on" in log) != bool(flags)
    mean = torch.load(tmp_path / "exp" / "last.ckpt", weights_only=True)["state_dict"]["model.frontend.cmvn_mean"]
    assert -16.0 < float(mean.mean()) < 0.0


def test_a_full_disk_leaves_the_old_checkpoint(tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    settings = [*SMALL, f"exp_dir={tmp_path}", "trainer.max_epochs=1"]

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    (tmp_path / "initial.ckpt").write_text("old", encoding="utf-8")
    status, log = run(tiny_corpus, *settings, begin=limit)
    assert status == 1
    assert "initial.ckpt: cannot be written (File too large)" in log.splitlines()[-1]
    assert (tmp_path / "initial.ckpt").read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.glob(".part*")] == []


def test_audio_that_went_missing_is_one_line(
    make_tiny_corpus: Callable[..., TinyCorpus],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = make_tiny_corpus(8, 2)
    monkeypatch.chdir(corpus.root)
    gone = corpus.data / "train-003.wav"
    gone.unlink()
    assert main([*SMALL, f"exp_dir={tmp_path}", "data.num_workers=1", "--quiet"]) == 1
    told = capsys.readouterr().err
    assert told == f"asr train: train-003: {gone}: no such file; check the path\n"
