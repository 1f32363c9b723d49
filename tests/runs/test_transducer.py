"""A transducer from its parts to error rates: trained, begun from CTC and from a language model, decoded, resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asr.checkpoints.kinds import load_recogniser
from asr.checkpoints.transducer import LoadedTransducer
from asr.cli import align, decode, export, info, report, score, tune
from asr.cli.train import main
from asr.scoring.hypotheses import read_hypotheses
from asr.training.transducer_module import TransducerModule
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, before, losses, scalars, weights

pytestmark = pytest.mark.usefixtures("in_its_folder")

SIZES = {"embedding_dim": 8, "hidden_dim": 12, "num_layers": 1, "joint_dim": 16}
TRANSDUCER = [*SMALL, "objective=transducer", *(f"model.transducer.{name}={value}" for name, value in SIZES.items())]
PHONES = [
    *("model.embedding_dim=8", "model.hidden_dim=12", "model.num_layers=1", "min_count=1", "data.held_out_every=4"),
    *("model.text_policy=verbatim", "trainer.max_epochs=1", "trainer.accelerator=cpu", "trainer.devices=1"),
]
CUTS = "data/tiny/dev_cuts.jsonl.gz"


@pytest.fixture(scope="module")
def parts(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a transducer, and with an acoustic and a language model that it began from."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "text.txt").write_text("A B | C\nC C A\nB | A B\n" * 4, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_corpus.root)
        assert main([*SMALL, "trainer.max_epochs=1", f"exp_dir={folder / 'ctc'}"]) == 0
        text = ["--config-name", "phone_lm", "corpus=tiny", f"text=[{folder / 'text.txt'}]", *PHONES]
        assert main([*text, f"exp_dir={folder / 'lm'}"]) == 0
        sources = [f"init_from={folder}/ctc/last.ckpt", f"init_prediction_from={folder}/lm/last.ckpt"]
        assert main([*TRANSDUCER, *sources, f"exp_dir={folder / 'transducer'}"]) == 0
    return folder


def test_it_begins_with_the_weights_of_both_and_learns(parts: Path) -> None:
    initial = weights(parts / "transducer/initial.ckpt")
    heard, said = weights(parts / "ctc/last.ckpt"), weights(parts / "lm/last.ckpt")
    taken = [name for name in initial if name.startswith(("model.frontend.", "model.encoder."))]
    assert len(taken) > 10
    assert all(torch.equal(initial[name], heard[name]) for name in taken)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        assert torch.equal(initial[f"model.prediction.layers.{name}"], said[f"model.layers.{name}"])
    words = torch.load(parts / "lm/last.ckpt", weights_only=True)["hyper_parameters"]["vocabulary"].split("\n")
    rows = [1, *(3 + words.index(token) for token in "ABC|")]
    assert torch.equal(initial["model.prediction.embedding.weight"], said["model.embedding.weight"][rows])
    first, last = scalars(parts / "transducer", "val/loss")
    assert last < first
    assert len(scalars(parts / "transducer", "val/cer")) == len(scalars(parts / "transducer", "val/wer")) == 2


def test_it_is_decoded_scored_and_reported(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exp_dir = parts / "transducer"
    model = ["--checkpoint", str(exp_dir / "last.ckpt"), "--cuts", CUTS, "--workers", "0"]
    for flags in ([], ["--beam-size", "6", "--nbest", "3"]):
        assert decode.main([*model, *flags]) == 0
    greedy, beam = (read_hypotheses(exp_dir / f"dev_{label}.jsonl") for label in ("greedy", "beam6"))
    assert list(greedy) == list(beam) == [f"dev-{number:03d}" for number in range(8)]
    assert all(len(nbest) == 3 for nbest in beam.values())
    assert all(beam[name][0].score >= nbest[0].score - 1e-4 for name, nbest in greedy.items())
    hyps = [str(exp_dir / f"dev_{label}.jsonl") for label in ("greedy", "beam6")]
    json = ["--json", str(exp_dir / "dev_scores.json")]
    assert score.main(["--cuts", CUTS, "--hyps", *hyps, "--policy", "verbatim", "--unit", "char", *json]) == 0
    assert info.main([str(exp_dir / "last.ckpt")]) == 0
    assert "transducer     Transducer embedding_dim=8 hidden_dim=12" in capsys.readouterr().out
    assert report.main([str(exp_dir), "--ladder", str(parts / "ladder.md")]) == 0
    assert "dev_beam6 char" in capsys.readouterr().out
    loaded = load_recogniser(exp_dir / "last.ckpt")
    assert isinstance(loaded, LoadedTransducer)
    assert not loaded.model.training


def test_what_cannot_take_it_says_so_in_one_line(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(parts / "transducer/last.ckpt")
    model, held = ["--checkpoint", path, "--cuts", CUTS], "holds a transducer, not a model with CTC outputs; asr decode"
    own = "the model is a transducer, which is its own language model; leave it out"
    table = "data/tiny/tokens_char.txt"
    for verb, flags, message in (
        (decode, [*model, "--beam-size", "4", "--lexicon", table], f"--lexicon: {own}"),
        (decode, [*model, "--beam-size", "4", "--token-score", "1"], f"--token-score: {own}"),
        (decode, [*model, "--head", "char"], "--head: the model is a transducer, which has none"),
        (tune, ["decode", *model, "--beam-size", "4", "--lm", table, "--out", f"{parts}/a.json"], held),
        (export, ["--checkpoint", path, "--out", f"{parts}/a.asr"], held),
        (align, ["--checkpoint", path, "data/tiny/dev-000.wav", f"{parts}/text.txt"], held),
    ):
        assert verb.main(flags) in (1, 2)
        assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([*TRANSDUCER, "init_from={}/lm/last.ckpt"], "holds a language model, and a transducer is to be trained"),
        ([*TRANSDUCER, "init_prediction_from={}/ctc/last.ckpt"], "its prediction network begins with a language model"),
        ([*SMALL, "init_from={}/transducer/last.ckpt"], "holds a transducer, and an acoustic model is to be trained"),
        (
            [*SMALL, "+init_prediction_from={}/lm/last.ckpt"],
            "an acoustic model has no prediction network; leave it out",
        ),
        (
            [*TRANSDUCER, "init_prediction_from={}/lm/last.ckpt", "model.transducer.hidden_dim=16"],
            "(model.layers.weight_ih_l0 is [48, 8], expected [64, 8]); give model.transducer the embedding_dim",
        ),
        ([*TRANSDUCER, "+model.objective.init_args.consistency.weight=1"], "model.objective"),
    ],
)
def test_wrong_beginnings_are_one_line(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], message: str
) -> None:
    assert main([*(each.format(parts) for each in settings), f"exp_dir={tmp_path}"]) in (1, 2)
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_another_transducer_gives_rows_by_token(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tokens_char.txt").write_text("<blank>\nC\nA\nB\n|\nD\n", encoding="utf-8")
    settings = [*TRANSDUCER, f"model.tokens={tmp_path / 'tokens_char.txt'}", "trainer.max_epochs=1"]
    assert main([*settings, f"init_from={parts}/transducer/last.ckpt", f"exp_dir={tmp_path / 'exp'}"]) == 0
    assert "the weights of 5 of 6 tokens are taken by name; new are 'D'" in capsys.readouterr().err
    now, then = weights(tmp_path / "exp/initial.ckpt"), weights(parts / "transducer/last.ckpt")
    for name in ("model.prediction.embedding.weight", "model.output.weight", "model.output.bias"):
        assert torch.equal(now[name][:5], then[name][[0, 3, 1, 2, 4]])


def test_a_run_that_died_goes_on_as_if_it_had_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = [*TRANSDUCER, "data.batch_seconds=6.0", "callbacks.last.init_args.every_num_steps=2"]
    settings.append("model.transducer.dropout=0.1")
    assert main([*settings, f"exp_dir={tmp_path / 'straight'}"]) == 0

    class DiedError(Exception):
        pass

    def die() -> None:
        raise DiedError

    with monkeypatch.context() as patch:
        before(patch, TransducerModule, "training_step", 6, die)
        with pytest.raises(DiedError):
            main([*settings, f"exp_dir={tmp_path / 'died'}"])
    assert main([*settings, f"exp_dir={tmp_path / 'died'}", "ckpt_path=last"]) == 0
    assert losses(tmp_path / "straight") == losses(tmp_path / "died")
