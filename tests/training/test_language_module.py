"""asr train --config-name lm: it learns, is the same twice and resumed, and leaves one file that scores."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from asr.checkpoints.language import load_language_model
from asr.cli.train import main
from asr.errors import CheckpointError
from asr.lm.perplexity import measure_perplexity
from asr.lm.sentence_models import RecurrentSentenceModel
from asr.lm.sentences import SentenceReader
from asr.text.policy import get_policy
from tests.helpers.stop_at import StopAt
from tests.helpers.training import LANGUAGE, SENTENCES, scalars


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(SENTENCES * 8), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learnt the sentences by heart."""
    exp_dir = tmp_path_factory.mktemp("exp")
    assert main([*LANGUAGE, f"text=[{text}]", f"exp_dir={exp_dir}", "trainer.max_epochs=20"]) == 0
    return exp_dir


def test_perplexity_of_text_that_is_learnt_by_heart_goes_down(trained: Path, text: Path) -> None:
    perplexities = scalars(trained, "val/perplexity")
    assert perplexities[0] > 8.0
    assert perplexities[-1] < 2.5
    assert perplexities == pytest.approx([math.exp(loss) for loss in scalars(trained, "val/loss")])
    assert min(scalars(trained, "train/gradient_norm")) > 0
    for name, bound in (("initial.ckpt", 10.0), ("best.ckpt", 2.5)):
        loaded = load_language_model(trained / name)
        model = RecurrentSentenceModel(loaded.network, loaded.vocabulary)
        found = measure_perplexity(model, [line.upper().split() for line in SENTENCES])
        assert (found.with_oovs < bound) == (name == "best.ckpt")
        assert found.num_oovs == 0


def test_one_file_carries_the_words_and_the_policy(trained: Path) -> None:
    loaded = load_language_model(trained / "best.ckpt")
    assert loaded.vocabulary.words[:3] == ("<unk>", "<s>", "</s>")
    assert set(loaded.vocabulary.words[3:]) == {word.upper() for line in SENTENCES for word in line.split()}
    assert (loaded.policy.name, loaded.num_unknown_types) == ("upper-no-punctuation", 0)
    assert loaded.policy == get_policy("upper-no-punctuation")  # this version of it
    assert not loaded.network.training
    assert loaded.network.output.weight is loaded.network.embedding.weight


def test_two_runs_and_a_resumed_one_are_the_same(text: Path, tmp_path: Path) -> None:
    settings = [*LANGUAGE, f"text=[{text}]", "callbacks.last.init_args.every_num_steps=2"]
    straight, again, stopped = (tmp_path / name for name in ("straight", "again", "stopped"))
    assert main([*settings, f"exp_dir={straight}"]) == 0
    assert main([*settings, f"exp_dir={again}"]) == 0
    stop = [f"+callbacks.stop.class_path={StopAt.__module__}.StopAt", "+callbacks.stop.init_args.step=12"]
    assert main([*settings, *stop, f"exp_dir={stopped}"]) == 1
    per_epoch = len(scalars(straight, "train/loss_step")) // 3
    steps = torch.load(stopped / "last.ckpt", weights_only=True)["global_step"]
    assert 0 < steps % per_epoch < per_epoch - 1, "the stop has to fall inside an epoch"
    assert main([*settings, f"exp_dir={stopped}", "ckpt_path=last"]) == 0
    assert scalars(straight, "train/loss_step") == scalars(again, "train/loss_step")
    assert scalars(straight, "val/loss") == scalars(stopped, "val/loss")
    expected = torch.load(straight / "last.ckpt", weights_only=True)
    for folder in (again, stopped):
        found = torch.load(folder / "last.ckpt", weights_only=True)
        for weights in ("state_dict", "current_model_state"):
            for key, value in expected[weights].items():
                assert torch.equal(value, found[weights][key]), (folder, weights, key)


def test_a_word_list_and_validation_text_of_ones_own(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("cat\ndog\nTHE\nzebra\n", encoding="utf-8")
    settings = [f"text=[{text}]", f"exp_dir={tmp_path}", "trainer.max_epochs=1", f"model.vocabulary={words}"]
    assert main([*LANGUAGE, *settings, f"data.val_text=[{text}]", "data.held_out_every=0"]) == 0
    loaded = load_language_model(tmp_path / "last.ckpt")
    assert loaded.vocabulary.words[3:] == ("CAT", "DOG", "THE", "ZEBRA")
    known = {"CAT", "DOG", "THE"}
    assert loaded.num_unknown_types == len({word.upper() for line in SENTENCES for word in line.split()} - known)
    num_words = sum(len(line.split()) for line in SENTENCES) * 8
    log = capsys.readouterr().err
    assert f"validation: 40 sentences, {num_words} words" in log
    loss, perplexity = scalars(tmp_path, "val/loss")[-1], scalars(tmp_path, "val/perplexity")[-1]
    assert f", val/loss {loss:.3f}, val/perplexity {perplexity:.2f}, learning rate" in log
    assert sum(1 for _ in SentenceReader([text])) == 40


BAD = {
    "no such conf": (
        ["--config-name", "lmm"],
        2,
        "--config-name: there is no 'lmm'; choose from compact_lm, g2p, lm, phone_lm, predictive, train",
    ),
    "misspelt key": (["model.hiden_dim=3"], 2, "model.hiden_dim: no such setting; did you mean model.hidden_dim?"),
    "wrong type": (["model.hidden_dim=wide"], 2, "model.hidden_dim: 'wide' where int is expected"),
    "nothing is frequent": (["min_count=1000"], 2, "min_count: no word comes 1000 times"),
    "no words": (["max_words=0"], 2, "max_words: 0; give a whole number of 1 or more"),
    "no number of words": (["max_words=wide"], 2, "max_words: wide; give a whole number of 1 or more"),
    "no number of times": (["min_count=null"], 2, "min_count: None; give a whole number of 1 or more"),
    "no validation": (["data.held_out_every=0"], 2, "data.val_text, data.held_out_every: both or none"),
    "no text": (["text=[nowhere.txt]"], 1, "nowhere.txt: no such file"),
    "no list": (["text=books.txt"], 2, "text: is books.txt, and a list of files is expected; write text=[books.txt]"),
    "no text named": (["text=???"], 2, "configuration: no value for text"),
    "no word list": (["model.vocabulary=nowhere.txt"], 1, "nowhere.txt: no such file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_get_one_line(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    overrides, status, line = BAD[case]
    assert main([*LANGUAGE, f"text=[{text}]", f"exp_dir={tmp_path}", *overrides]) == status
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1, errors
    assert line in errors[0]


def test_files_that_are_no_language_model_are_named(trained: Path, tmp_path: Path) -> None:
    def change(name: str, **settings: object) -> Path:
        content = torch.load(trained / "best.ckpt", weights_only=True)
        content["hyper_parameters"] |= settings
        if name == "broken.ckpt":
            content["state_dict"]["model.output.bias"][0] = math.nan
        torch.save(content, tmp_path / name)
        return tmp_path / name

    torch.save({"hyper_parameters": {"tokens": []}, "state_dict": {}}, tmp_path / "other.ckpt")
    for path, message in (
        (
            tmp_path / "other.ckpt",
            "holds an acoustic model, not a language model; give a checkpoint of a language model",
        ),
        (change("policy.ckpt", text_policy="none-such"), "its model cannot be built"),
        (change("wide.ckpt", hidden_dim=25), r"layers\.weight_ih_l0 has shape \(96, 16\), expected \(100, 16\)"),
        (change("deep.ckpt", vocabulary="A"), "embedding.weight has shape"),
        (change("broken.ckpt"), "output.bias is infinite or not a number"),
        (tmp_path / "nowhere.ckpt", "no such file"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_language_model(path)


def test_words_drawn_at_random_teach_as_all_words_do(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*LANGUAGE, f"text=[{text}]", f"exp_dir={tmp_path}"]
    assert main([*settings, "model.num_samples=6", "trainer.max_epochs=20"]) == 0
    perplexities = scalars(tmp_path, "val/perplexity")  # over all words
    assert perplexities[0] > 8.0
    assert perplexities[-1] < 3.0
    assert main([*settings, "model.num_samples=0", "overwrite=true"]) != 0
    assert "model.num_samples: 0; give 1 or more, or null for all words" in capsys.readouterr().err
