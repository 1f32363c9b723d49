"""asr train --config-name g2p and asr pronounce: a dictionary is learnt, kept in one file, and gone on from."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from asr.checkpoints.pronunciation import load_pronouncer
from asr.cli import pronounce
from asr.cli.train import main
from asr.configuration.composition import compose_config, resolve
from asr.errors import AsrError, CheckpointError
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.runs.building import build
from asr.runs.transfer import take_weights
from asr.text.lexicon import read_lexicon
from asr.training.pronunciation_module import PronunciationModule
from tests.conftest import TinyCorpus
from tests.helpers.stop_at import StopAt
from tests.helpers.training import LETTERS, SOUNDS, scalars, spell


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every word of one to four of five letters, spoken letter by letter, but for one that is far too long."""
    path = tmp_path_factory.mktemp("lexicon") / "all.dict"
    words = ["".join(letters) for length in range(1, 5) for letters in itertools.product(SOUNDS, repeat=length)]
    lines = [f"{word} {spell(word)}" for word in words if word != "caxe"]
    path.write_text("\n".join([*lines, "a(2) AH B K IY1"]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(lexicon: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    exp_dir = tmp_path_factory.mktemp("exp")
    assert main([*LETTERS, f"lexicon=[{lexicon}]", f"exp_dir={exp_dir}", "trainer.max_epochs=20"]) == 0
    return exp_dir


def test_words_that_were_held_out_are_pronounced(trained: Path) -> None:
    rates = scalars(trained, "val/per")
    assert rates[0] > 0.2
    assert min(rates) == 0.0 == min(scalars(trained, "val/wer"))
    assert scalars(trained, "val/loss")[-1] < 0.05
    model = load_pronouncer(trained / "best.ckpt")
    assert model.phones.tokens == ("<blank>", "AH", "B", "IY", "K", "S"), "stress is left aside"
    found = model.lexicon(["CAXE", "XXXX", "BØ", "Á", "A"], beam_size=4, nbest=2)
    assert set(found.entries) == {"CAXE", "XXXX", "Á", "A"}
    assert found.entries["Á"] == found.entries["A"]
    assert found.entries["CAXE"][0] == ("K", "AH", "K", "S", "IY")
    assert found.entries["XXXX"][0] == ("K", "S") * 4
    assert {len(spoken) for spoken in found.entries.values()} == {2}


def test_what_is_too_long_is_counted(lexicon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [f"lexicon=[{lexicon}]", f"exp_dir={tmp_path}", "trainer.max_epochs=1", "keep_stress=true"]
    assert main([*LETTERS, *settings]) == 0
    log = capsys.readouterr().err
    assert "1 pronunciations have too many phones for their letters and are left out" in log
    assert "validation: 77 pronunciations" in log
    assert "IY1" in load_pronouncer(tmp_path / "last.ckpt").phones.tokens


def test_a_resumed_run_is_the_same(lexicon: Path, tmp_path: Path) -> None:
    settings = [*LETTERS, f"lexicon=[{lexicon}]", "callbacks.last.init_args.every_num_steps=2"]
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert main([*settings, f"exp_dir={straight}"]) == 0
    stop = [f"+callbacks.stop.class_path={StopAt.__module__}.StopAt", "+callbacks.stop.init_args.step=19"]
    assert main([*settings, *stop, f"exp_dir={stopped}"]) == 1
    assert main([*settings, f"exp_dir={stopped}", "ckpt_path=last"]) == 0
    assert scalars(straight, "val/loss") == scalars(stopped, "val/loss")
    states = [torch.load(folder / "last.ckpt", weights_only=True)["state_dict"] for folder in (straight, stopped)]
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_words_of_lists_models_and_cuts_are_pronounced(
    trained: Path, lexicon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.txt").write_text("caxe\nBØBØ\nab\nCaxe\na|b\n", encoding="utf-8")
    save_ngram(estimate([["XCABA", "AB"]], 2), tmp_path / "2gram.npz")
    out = tmp_path / "more.dict"
    options = ["--words", str(tmp_path / "words.txt"), str(tmp_path / "2gram.npz"), "--lexicon", str(lexicon)]
    checkpoint = ["--checkpoint", str(trained / "best.ckpt")]
    assert pronounce.main([*checkpoint, *options, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}\n"
    assert printed.err.splitlines() == [
        "5 words, 4 of them without a pronunciation",
        "2 words have no pronunciation, probably for letters that the model does not know: A|B, BØBØ",
        "2 words pronounced",
    ]
    assert read_lexicon(out).entries == {
        **read_lexicon(lexicon, case="upper").entries,
        "CAXE": (("K", "AH", "K", "S", "IY"),),
        "XCABA": (("K", "S", "K", "AH", "B", "AH"),),
    }
    for wrong, line in (
        ([], "--words, --cuts: there are no words to pronounce; give one of them"),
        ([*options, "--nbest", "9"], "--nbest: 9 with a beam of 8; give 1 to --beam-size"),
        (["--cuts", "nowhere"], "nowhere: no such file"),
    ):
        assert pronounce.main([*checkpoint, *wrong, "--out", str(out)]) in (1, 2)
        (error,) = capsys.readouterr().err.splitlines()
        assert error.startswith(f"asr pronounce: {line}")


def test_words_of_cuts(trained: Path, tmp_path: Path, tiny_corpus: TinyCorpus) -> None:
    out, tiny_cuts = tmp_path / "cuts.dict", tiny_corpus.data / "dev_cuts.jsonl.gz"
    assert (
        pronounce.main(["--checkpoint", str(trained / "best.ckpt"), "--cuts", str(tiny_cuts), "--out", str(out)]) == 0
    )
    found = read_lexicon(out).entries
    assert found
    assert all(set(word) <= set("ABC") for word in found)


BAD = {
    "no lexicon": (["lexicon=[nowhere.dict]"], 1, "nowhere.dict: no such file"),
    "no list": (["lexicon=a.dict"], 2, "lexicon: is a.dict, and a list of files is expected; write lexicon=[a.dict]"),
    "none named": (["lexicon=???"], 2, "configuration: no value for lexicon"),
    "nothing held out": (["data.held_out_every=1"], 2, "data.held_out_every: is 1; give 2 or more"),
    "too few words": (["data.held_out_every=5000"], 1, "no validation words; give more words"),
    "wrong type": (["model.hidden_dim=wide"], 2, "model.hidden_dim: 'wide' where int is expected"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_get_one_line(
    lexicon: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    overrides, status, line = BAD[case]
    assert main([*LETTERS, f"lexicon=[{lexicon}]", f"exp_dir={tmp_path}", *overrides]) == status
    errors = [error for error in capsys.readouterr().err.splitlines() if "pronunciations" not in error]
    assert len(errors) == 1, errors
    assert line in errors[0]


def test_files_that_are_no_pronunciation_model_are_named(trained: Path, tmp_path: Path) -> None:
    content = torch.load(trained / "best.ckpt", weights_only=True)
    torch.save({"hyper_parameters": {"tokens": []}, "state_dict": {}}, tmp_path / "other.ckpt")
    torch.save({**content, "hyper_parameters": content["hyper_parameters"] | {"hidden_dim": 9}}, tmp_path / "wide.ckpt")
    torch.save({**content, "hyper_parameters": content["hyper_parameters"] | {"phones": {}}}, tmp_path / "mute.ckpt")
    for name, message in (
        (
            "other.ckpt",
            "holds an acoustic model, not a pronunciation model; give a checkpoint of a pronunciation model",
        ),
        ("wide.ckpt", "its weights do not fit its model: "),
        ("mute.ckpt", "its model cannot be built"),
        ("nowhere.ckpt", "no such file"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_pronouncer(tmp_path / name)


def make_module(lexicon: Path) -> PronunciationModule:
    module = build(resolve(compose_config([*LETTERS[2:], f"lexicon=[{lexicon}]", "trainer.logger=false"], "g2p"))).model
    assert isinstance(module, PronunciationModule)
    return module


def test_weights_are_taken_where_the_letters_are_the_same(trained: Path, lexicon: Path, tmp_path: Path) -> None:
    module = make_module(lexicon)
    take_weights(module, trained / "best.ckpt")
    content = torch.load(trained / "best.ckpt", weights_only=True)
    for name, value in content["state_dict"].items():
        assert torch.equal(module.state_dict()[name], value), name
    (tmp_path / "few.dict").write_text("ab AH B\nba B AH\nbab B AH B\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="its 6 letters are not the 3 of this model; take the lexicon"):
        take_weights(make_module(tmp_path / "few.dict"), trained / "best.ckpt")
    torch.save({"hyper_parameters": {"tokens": []}, "state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="holds an acoustic model, and a pronunciation model is to be trained"):
        take_weights(module, tmp_path / "other.ckpt")


def test_a_loss_that_is_not_finite_stops_the_run_and_names_its_words(
    lexicon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = make_module(lexicon)
    monkeypatch.setattr(module, "_trainer", SimpleNamespace(fit_loop=SimpleNamespace(total_batch_idx=8)))
    module.check_later(torch.tensor([1.0, float("nan"), float("inf")]), ["ONE", "TWO", "THREE"])
    with pytest.raises(AsrError) as refused:
        module.check_later(torch.ones(1), ["FOUR"])
    assert str(refused.value).startswith("batch 7 of training: 2 of 3 losses are not finite: TWO, THREE; lower the")
    monkeypatch.setattr(module, "log", lambda *_: None)
    module.on_train_epoch_end()
