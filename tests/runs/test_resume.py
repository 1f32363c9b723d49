"""Killed in the middle of an epoch and resumed, a run equals one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import TinyCorpus
from tests.helpers.training import losses, run, run_and_kill


def arguments(exp_dir: Path, *more: str) -> list[str]:
    settings = (
        "corpus=tiny name=resume frontend=fbank40 augmentation=spec_noise_reverb model.encoder.init_args.hidden_dim=12"
        " model.encoder.init_args.num_layers=2 model.encoder.init_args.conv_channels=2 data.speeds=[0.9,1.0,1.1]"
        " data.batch_seconds=6.0 data.num_workers=2 trainer.max_epochs=3 trainer.log_every_n_steps=1"
        " callbacks.last.init_args.every_num_steps=2 trainer.accelerator=cpu trainer.devices=1"
        " model.augmentation.pauses.init_args.probability=0.5"
        " +model.objective.init_args.consistency.class_path=asr.training.losses.Consistency"
        " +model.objective.init_args.crf.class_path=asr.training.crf.CRF"
        " +model.heads.other.tokens=data/tiny/tokens_char.txt +model.heads.other.text_policy=verbatim"
        " +model.heads.other.own_layer=true"
        " +callbacks.weight_noise.class_path=asr.training.weight_noise.WeightNoise"
        " +callbacks.weight_noise.init_args.std=0.01"
        " model.plan.frozen=[subsampling] model.plan.rate_decay=0.5"
        " data.rehearsal.cuts=[data/tiny/dev_cuts.jsonl.gz] data.rehearsal.share=0.3"
    )
    return [*settings.split(), f"exp_dir={exp_dir}", *more]


@pytest.mark.parametrize("step", [7])
def test_resumed_run_equals_the_uninterrupted_one(tiny_corpus: TinyCorpus, tmp_path: Path, step: int) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    status, log = run(tiny_corpus, *arguments(straight))
    assert status == 0, log
    run_and_kill(tiny_corpus, step, *arguments(killed))
    checkpoint = torch.load(killed / "last.ckpt", weights_only=True)
    per_epoch = len(losses(straight)) // 3
    assert 0 < checkpoint["global_step"] % per_epoch < per_epoch - 1, "the kill has to fall inside an epoch"
    status, log = run(tiny_corpus, *arguments(killed, f"ckpt_path={killed / 'last.ckpt'}"))
    assert status == 0, log
    expected, found = losses(straight), losses(killed)
    assert expected == found
    for name in ("last.ckpt", "best.ckpt"):
        one, other = (torch.load(folder / name, weights_only=True) for folder in (straight, killed))
        assert one["global_step"] == other["global_step"]
        for weights in ("state_dict", "current_model_state"):
            for key, value in one[weights].items():
                assert torch.equal(value, other[weights][key]), (name, weights, key)


def test_max_steps_ends_a_run_before_its_first_validation(tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    status, log = run(tiny_corpus, *arguments(tmp_path / "short", "trainer.max_steps=2"))
    assert status == 0, log
    assert torch.load(tmp_path / "short" / "last.ckpt", weights_only=True)["global_step"] == 2
