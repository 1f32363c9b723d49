"""An attention decoder beside CTC, from its settings to error rates: trained, begun from CTC, decoded, resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.cli import align, decode, export, info, transcribe
from asr.cli.train import main
from asr.scoring.hypotheses import read_hypotheses
from asr.training.module import CTCModule
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, before, losses, scalars, weights

pytestmark = pytest.mark.usefixtures("in_its_folder")

SIZES = {"embedding_dim": 8, "hidden_dim": 12, "attention_dim": 8, "location_channels": 2, "location_width": 5}
ATTENTION = [*SMALL, "objective=attention", *(f"model.attention.{name}={value}" for name, value in SIZES.items())]
CUTS = "data/tiny/dev_cuts.jsonl.gz"
PART = "model.attention."


@pytest.fixture(scope="module")
def parts(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a model that has an attention decoder, and with one of CTC alone that it began from."""
    folder = tmp_path_factory.mktemp("parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_corpus.root)
        assert main([*SMALL, "trainer.max_epochs=1", f"exp_dir={folder / 'ctc'}"]) == 0
        source = f"init_from={folder}/ctc/last.ckpt"
        assert main([*ATTENTION, source, f"exp_dir={folder / 'attention'}"]) == 0
    return folder


def test_it_begins_with_the_weights_of_ctc_and_learns_with_it(parts: Path) -> None:
    initial, taken = weights(parts / "attention/initial.ckpt"), weights(parts / "ctc/last.ckpt")
    own = [name for name in initial if name.startswith(PART)]
    assert len(own) == 13
    assert all(torch.equal(initial[name], taken[name]) for name in initial if name not in own)
    last = weights(parts / "attention/last.ckpt")
    assert all(not torch.equal(initial[name], last[name]) for name in (*own, "model.output.weight"))
    first, second = scalars(parts / "attention", "val/loss")
    assert second < first
    for name in ("val/cer", "val/attention_cer", "val/attention_wer", "val/attention_loss"):
        assert len(scalars(parts / "attention", name)) == 2
    entropies = losses(parts / "attention", "train/attention_loss")
    assert len(entropies) == 8
    assert max(entropies.values()) < 2 * 1.61  # nats a token, ends included; 5 tokens


def test_it_is_decoded_by_each_and_by_both(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exp_dir = parts / "attention"
    model = ["--checkpoint", str(exp_dir / "last.ckpt"), "--cuts", CUTS, "--workers", "0"]
    found = {}
    for flags, label in (
        ([], "greedy"),
        (["--ctc-weight", "0"], "greedy_ctc0"),
        (["--beam-size", "6", "--nbest", "3"], "beam6_ctc0.3"),
        (["--beam-size", "6", "--ctc-weight", "1"], "beam6_ctc1"),
        (["--beam-size", "6", "--token-score", "0.5"], "beam6"),
    ):
        assert decode.main([*model, *flags]) == 0
        found[label] = read_hypotheses(exp_dir / f"dev_{label}.jsonl")
        assert list(found[label]) == [f"dev-{number:03d}" for number in range(8)]
        said = "searching with CTC and attention, --ctc-weight 0.3" in capsys.readouterr().err
        assert said == (label == "beam6_ctc0.3")
    assert all(len(nbest) == 3 for nbest in found["beam6_ctc0.3"].values())
    best = {label: [hyps[0].score for hyps in each.values()] for label, each in found.items()}
    assert best["beam6_ctc0.3"] != best["beam6_ctc1"] != best["greedy"]


def test_everything_else_reads_it_by_ctc(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, audio = str(parts / "attention/last.ckpt"), "data/tiny/dev-000.wav"
    assert info.main([path]) == 0
    assert "attention      AttentionDecoder head=main embedding_dim=8 hidden_dim=12" in capsys.readouterr().out
    model = str(tmp_path / "a.asr")
    assert export.main(["--checkpoint", path, "--out", model]) == 0
    assert f"{path}: its attention decoder is left out" in capsys.readouterr().err
    texts = []
    for flags in (["--checkpoint", path], ["--model", model]):
        assert transcribe.main([*flags, audio]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != ""
    (tmp_path / "text.txt").write_text("AB C\n", encoding="utf-8")
    assert align.main(["--checkpoint", path, audio, str(tmp_path / "text.txt")]) in (0, 1)
    assert main([*SMALL, f"init_from={model}", "trainer.max_epochs=1", f"exp_dir={tmp_path / 'after'}"]) == 0


def test_what_does_not_go_together_is_one_line(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, table = str(parts / "attention/last.ckpt"), "data/tiny/tokens_char.txt"
    model, without = ["--checkpoint", path, "--cuts", CUTS], ["--checkpoint", str(parts / "ctc/last.ckpt")]
    (tmp_path / "joint.json").write_text(
        '{"beam_size": 4, "nbest": 1, "exact": false, "lm": "", "lm_weight": 0, '
        '"token_score": 0, "lexicon": [], "word_score": 0, "blank_penalty": 0, "silence": "", "beam_threshold": 30, '
        '"ctc_weight": 0.5}',
        encoding="utf-8",
    )
    joint = ["--settings", str(tmp_path / "joint.json")]
    (tmp_path / "hot.txt").write_text("AB\n", encoding="utf-8")
    takes = "a search with an attention decoder takes no"
    for verb, flags, message in (
        (decode, [*model, "--ctc-weight", "1.5"], "--ctc-weight: 1.5; give 0 for attention alone"),
        (
            decode,
            [*model, "--beam-size", "4", "--ctc-weight", "0.5", "--lexicon", table],
            f"--lexicon: {takes} lexicon",
        ),
        (decode, [*model, "--beam-size", "4", "--ctc-weight", "0.5", "--token-score", "1"], f"--token-score: {takes}"),
        (
            decode,
            [*model, "--beam-size", "4", "--ctc-weight", "0.5", "--hotwords", str(tmp_path / "hot.txt")],
            f"--hotwords: {takes} hot words",
        ),
        (
            decode,
            [*without, "--cuts", CUTS, "--ctc-weight", "0.5"],
            "--ctc-weight: the model has no attention decoder;",
        ),
        (
            transcribe,
            ["--checkpoint", path, *joint, "data/tiny/dev-000.wav"],
            "ctc_weight: is 0.5, and attention decoders are searched by asr decode alone; leave it out",
        ),
        (export, ["--checkpoint", path, *joint, "--out", f"{tmp_path}/a.asr"], "ctc_weight: is 0.5, and attention"),
    ):
        assert verb.main(flags) in (1, 2)
        assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert decode.main([*model, *joint, "--workers", "0"]) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.attention.head=char", "attention decoder, head: there is no 'char'; choose from main"),
        ("+model.attention.size=4", "model.attention: Option 'size' is not accepted"),
    ],
)
def test_settings_that_cannot_be_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    assert main([*ATTENTION, change, f"exp_dir={tmp_path}"]) in (1, 2)
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_another_one_gives_rows_by_token(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tokens_char.txt").write_text("<blank>\nC\nA\nB\n|\nD\n", encoding="utf-8")
    settings = [*ATTENTION, f"model.tokens={tmp_path / 'tokens_char.txt'}", "trainer.max_epochs=1"]
    source = f"init_from={parts}/attention/last.ckpt"
    assert main([*settings, source, f"exp_dir={tmp_path / 'more'}"]) == 0
    assert "the weights of 5 of 6 tokens are taken by name; new are 'D'" in capsys.readouterr().err
    now, then = weights(tmp_path / "more/initial.ckpt"), weights(parts / "attention/last.ckpt")
    for name in (f"{PART}embedding.weight", f"{PART}output.weight", "model.output.bias"):
        assert torch.equal(now[name][:5], then[name][[0, 3, 1, 2, 4]])
    assert torch.equal(now[f"{PART}key.weight"], then[f"{PART}key.weight"])
    for lines, exp in (([*SMALL], "none"), ([*ATTENTION, "model.attention.hidden_dim=16"], "wide")):
        status = main([*lines, source, "trainer.max_epochs=1", f"exp_dir={tmp_path / exp}"])
        log = capsys.readouterr().err
        if exp == "none":
            assert (status, "its attention decoder is left out" in log) == (0, True)
        else:
            assert (status, "does not fit this model (size mismatch for model.attention." in log) == (1, True)


def test_letters_beside_other_letters_have_it_as_their_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "+model.heads.char={tokens: data/tiny/tokens_char.txt, text_policy: verbatim, weight: 0.4}"
    settings = [*ATTENTION, head, "model.attention.head=char", "trainer.max_epochs=1"]
    assert main([*settings, f"exp_dir={tmp_path}"]) == 0
    assert scalars(tmp_path, "train/char_attention_loss")
    assert "val/attention_cer" in capsys.readouterr().err
    loaded = load_checkpoint(tmp_path / "last.ckpt")
    assert (loaded.model.attention_head, loaded.head("main").model.attention) == ("char", None)
    model = ["--checkpoint", str(tmp_path / "last.ckpt"), "--cuts", CUTS, "--workers", "0"]
    assert decode.main([*model, "--ctc-weight", "0.3"]) == 2
    assert (
        "--ctc-weight: the model has no attention decoder beside this head; give --head char" in capsys.readouterr().err
    )
    for flags, label in (([], "beam3"), (["--head", "char"], "char_beam3_ctc0.3")):
        assert decode.main([*model, "--beam-size", "3", *flags]) == 0
        assert len(read_hypotheses(tmp_path / f"dev_{label}.jsonl")) == 8


def test_a_run_that_died_goes_on_as_if_it_had_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: list[Any] = [*ATTENTION, "data.batch_seconds=6.0", "callbacks.last.init_args.every_num_steps=2"]

    class DiedError(Exception):
        pass

    def die() -> None:
        raise DiedError

    assert main([*settings, f"exp_dir={tmp_path / 'straight'}"]) == 0
    with monkeypatch.context() as patch:
        before(patch, CTCModule, "training_step", 6, die)
        with pytest.raises(DiedError):
            main([*settings, f"exp_dir={tmp_path / 'died'}"])
    assert main([*settings, f"exp_dir={tmp_path / 'died'}", "ckpt_path=last"]) == 0
    for name in ("train/loss_step", "train/attention_loss"):
        assert losses(tmp_path / "straight", name) == losses(tmp_path / "died", name)
