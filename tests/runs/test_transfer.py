"""init_from: weights of the output layer go by the names of tokens, and what does not fit gets one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule

from asr.box import english
from asr.checkpoints.acoustic import ACOUSTIC, load_checkpoint
from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.card import make_card
from asr.checkpoints.model_file.export import Recipe, export_model
from asr.checkpoints.model_file.reading import load_model_file
from asr.cli.train import main
from asr.configuration.composition import compose_config, resolve
from asr.decoding.settings import DecoderSettings
from asr.errors import CheckpointError
from asr.runs import transfer
from asr.runs.building import build
from asr.runs.transfer import take_weights
from asr.training.language_module import LanguageModule
from asr.training.module import CTCModule
from tests.conftest import TinyCorpus
from tests.helpers.training import LANGUAGE, SMALL, plain_config

PHONES = ("<blank>", "aa", "b", "s")
LETTERS = ("<blank>", "A", "B", "C", "|")
OUTPUT = ("model.output.weight", "model.output.bias")
QUIET = ("trainer.logger=false", "name=run")


def make_module(tokens: tuple[str, ...] = LETTERS, unit: str = "char", *overrides: str) -> CTCModule:
    config = plain_config(*SMALL, *QUIET, *overrides)
    config["model"]["tokens"] = {"unit": unit, "tokens": list(tokens)}
    module = build(config).model
    assert isinstance(module, CTCModule)
    return module


def make_two_heads(own_layer: bool, letters: tuple[str, ...] = LETTERS) -> CTCModule:
    """Returns a module with phones as its main output, and letters beside it."""
    config = plain_config(*SMALL, *QUIET, "model.encoder.init_args.num_layers=2")
    config["model"]["tokens"] = {"unit": "phone", "tokens": list(PHONES)}
    tokens = {"unit": "char", "tokens": list(letters)}
    config["model"]["heads"] = {"char": {"tokens": tokens, "text_policy": "verbatim", "own_layer": own_layer}}
    module = build(config).model
    assert isinstance(module, CTCModule)
    return module


def make_language_module(folder: Path, text: str) -> LanguageModule:
    (folder / "text.txt").write_text(text, encoding="utf-8")
    overrides = [*LANGUAGE[2:], *QUIET, f"text=[{folder / 'text.txt'}]"]
    module = build(resolve(compose_config(overrides, "lm"))).model
    assert isinstance(module, LanguageModule)
    return module


def save(path: Path, module: LightningModule, **changed: Any) -> Path:
    """Keeps what a trainer keeps, all weights being others than those of a new module."""
    state = {name: value + 1 if value.is_floating_point() else value for name, value in module.state_dict().items()}
    settings = {"vocabulary": "\n".join(module.words.words[3:])} if isinstance(module, LanguageModule) else {}
    if isinstance(module, CTCModule):
        settings = {name: module.hparams[name] for name in ("tokens", "heads")}
    torch.save({"state_dict": state, "hyper_parameters": settings} | changed, path)
    return path


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns the lines that are logged."""
    lines: list[str] = []
    monkeypatch.setattr(transfer.logger, "info", lambda line, *values: lines.append(line % values))
    return lines


TABLES = {
    "another order": (("<blank>", "C", "|", "A", "B"), "char", "5 of 5 tokens are taken by name"),
    "some of them": (("<blank>", "B", "|"), "char", "3 of 3 tokens are taken by name"),
    "as many, one other": (
        ("<blank>", "B", "Ä", "|", "A"),
        "char",
        "4 of 5 tokens are taken by name; new are 'Ä'",
    ),
    "more than can be named": (
        ("<blank>", "A", "D", "E", "F", "G", "H", "I", "|"),
        "char",
        "3 of 9 tokens are taken by name; new are 'D', 'E', 'F', 'G', 'H' and 1 more",
    ),
    "phones": (("<blank>", "aa", "ix"), "phone", "1 of 3 tokens are taken by name; new are 'aa', 'ix'"),
}


@pytest.mark.parametrize("case", TABLES)
def test_rows_of_the_output_go_by_the_names_of_tokens(tmp_path: Path, log: list[str], case: str) -> None:
    tokens, unit, line = TABLES[case]
    path = save(tmp_path / "other.ckpt", make_module())
    trained = torch.load(path, weights_only=True)["state_dict"]
    module = make_module(tokens, unit)
    fresh = {name: value.clone() for name, value in module.state_dict().items()}
    take_weights(module, path)
    found = module.state_dict()
    for name in OUTPUT:
        for row, token in enumerate(tokens):
            expected = trained[name][LETTERS.index(token)] if token in LETTERS else fresh[name][row]
            assert torch.equal(found[name][row], expected), (name, token)
    assert found.keys() == trained.keys()
    for name in found.keys() - set(OUTPUT):
        assert torch.equal(found[name], trained[name]), name
    assert log == [f"{path}: the weights of {line}"]


def test_what_is_shared_is_heard_as_before(tmp_path: Path) -> None:
    first, second = make_module().eval(), make_module(("<blank>", "|", "C", "B", "A")).eval()
    path = save(tmp_path / "other.ckpt", first)
    take_weights(first, path)
    take_weights(second, path)
    waveforms, lengths = torch.randn(2, 8000), torch.tensor([8000, 6000])
    with torch.no_grad():
        before, after = (module.model(waveforms, lengths)[0] for module in (first, second))
    torch.testing.assert_close(after, before[:, :, [0, 4, 3, 2, 1]])


def heard(module: CTCModule, head: str) -> torch.Tensor:
    """Returns the log-probabilities of a head."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        log_probs: torch.Tensor = module.eval().model.of_head(head)(
            torch.randn(2, 8000, generator=generator), torch.tensor([8000, 6000])
        )[0]
    return log_probs


def test_heads_go_by_unit(tmp_path: Path, log: list[str]) -> None:
    two_layers = "model.encoder.init_args.num_layers=2"
    both = make_two_heads(own_layer=True)
    path = save(tmp_path / "both.ckpt", both)
    take_weights(both, path)
    assert log == []
    for tokens, unit, head in ((PHONES, "phone", "main"), (LETTERS, "char", "char")):
        alone = make_module(tokens, unit, two_layers)
        take_weights(alone, path)
        assert torch.equal(heard(alone, "main"), heard(both, head))
        assert log == [
            f"{path}: head {unit} takes the weights of head {unit}: {len(tokens)} of {len(tokens)} tokens "
            "are taken by name"
        ]
        log.clear()
        once = save(tmp_path / f"{unit}.ckpt", alone)
        take_weights(alone, once)
        other = make_two_heads(own_layer=True)
        fresh = other.model.output if unit == "char" else other.model.heads["char"].output
        kept = fresh.weight.clone()
        take_weights(other, once)
        assert torch.equal(heard(other, head), heard(alone, "main"))
        assert torch.equal(fresh.weight, kept)
        taken = f"head {unit} takes the weights of head {unit}: {len(tokens)} of {len(tokens)} tokens are taken by name"
        lines = [f"head {each} begins anew" if each != unit else taken for each in ("phone", "char")]
        assert log == [f"{once}: {'; '.join(lines)}"]
        log.clear()


def test_the_rows_of_each_head_go_by_the_names_of_tokens(tmp_path: Path, log: list[str]) -> None:
    both, more = make_two_heads(False), make_two_heads(True, ("<blank>", "B", "Ä", "|", "A", "C"))
    path = save(tmp_path / "both.ckpt", both)
    take_weights(both, path)
    take_weights(more, path)
    assert torch.equal(heard(more, "main"), heard(both, "main"))
    here, there = heard(more, "char"), heard(both, "char")
    rows = [0, 4, 1, 5, 3]
    torch.testing.assert_close(here[:, :, rows].log_softmax(2), there, rtol=1e-4, atol=1e-4)
    assert log == [
        f"{path}: head phone takes the weights of head phone: 4 of 4 tokens are taken by name; "
        "head char takes the weights of head char: 5 of 6 tokens are taken by name; new are 'Ä'"
    ]


def test_of_equal_tables_nothing_is_said(tmp_path: Path, log: list[str]) -> None:
    path = save(tmp_path / "other.ckpt", make_module())
    module = make_module()
    take_weights(module, path)
    for name, value in torch.load(path, weights_only=True)["state_dict"].items():
        assert torch.equal(module.state_dict()[name], value), name
    assert log == []


def test_a_row_of_the_encoder_is_no_token(tmp_path: Path) -> None:
    narrow = "model.encoder.init_args.conv_channels=5"  # as many as tokens
    path = save(tmp_path / "other.ckpt", make_module(LETTERS, "char", narrow))
    module = make_module(("<blank>", "C", "B", "A", "|"), "char", narrow)
    take_weights(module, path)
    trained = torch.load(path, weights_only=True)["state_dict"]
    as_long = [name for name, value in trained.items() if value.ndim and len(value) == 5 and name not in OUTPUT]
    assert as_long
    for name in as_long:
        assert torch.equal(module.state_dict()[name], trained[name]), name


def test_a_language_model_takes_one_of_the_same_words(tmp_path: Path, log: list[str]) -> None:
    path = save(tmp_path / "lm.ckpt", make_language_module(tmp_path, "a b\nb c\n"))
    module = make_language_module(tmp_path, "a b\nb c\n")
    take_weights(module, path)
    for name, value in torch.load(path, weights_only=True)["state_dict"].items():
        assert torch.equal(module.state_dict()[name], value), name
    assert log == []
    for text, num_words in (("a b\nb d\n", 6), ("a b\na c\n", 6), ("a b\n", 5)):
        with pytest.raises(CheckpointError) as refused:
            take_weights(make_language_module(tmp_path, text), path)
        assert str(refused.value) == (
            f"{path}: its vocabulary of 6 words is not that of this model, {num_words} words in their order; "
            "take the text, min_count and model.vocabulary that it was trained with"
        )


def test_checkpoints_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    acoustic, language = make_module(), make_language_module(tmp_path, "a b\n")
    path = save(tmp_path / "lm.ckpt", language)
    with pytest.raises(CheckpointError) as refused:
        take_weights(acoustic, path)
    assert str(refused.value) == (
        f"{path}: holds a language model, and an acoustic model is to be trained; "
        "give a checkpoint of an acoustic model"
    )
    path = save(tmp_path / "am.ckpt", acoustic)
    with pytest.raises(CheckpointError) as refused:
        take_weights(language, path)
    assert str(refused.value) == (
        f"{path}: holds an acoustic model, and a language model is to be trained; give a checkpoint of a language model"
    )


def test_what_does_not_fit_gets_one_line(tmp_path: Path, log: list[str]) -> None:
    module, other = make_module(), make_module(("<blank>", "D", "|"))
    encoder = "model.encoder.init_args."
    wide = make_module(LETTERS, "char", f"{encoder}hidden_dim=20")
    deep = make_module(LETTERS, "char", f"{encoder}num_layers=2")
    weights = module.state_dict()
    more, fewer = torch.zeros(6), {name: value for name, value in weights.items() if name != OUTPUT[1]}
    for changed, taker, message in (
        ({}, wide, r"does not fit this model \(size mismatch for model\.encoder\."),
        ({}, deep, r"does not fit this model \(Missing key\(s\) in state_dict: \"model\.encoder\."),
        ({"state_dict": weights | {"x": more}}, other, r'does not fit this model \(Unexpected .*: "x"'),
        ({"state_dict": fewer}, other, r'does not fit this model \(Missing .*: "model\.output\.bias"'),
        ({"state_dict": weights | {OUTPUT[1]: more}}, other, r"size mismatch for model\.output\.bias"),
        ({"state_dict": weights | {OUTPUT[1]: more[:3]}}, other, r"model\.output\.bias has 3 rows for 5 tokens"),
        ({"state_dict": None}, module, "holds no state_dict"),
        ({"hyper_parameters": None}, module, "holds no hyper_parameters"),
        ({"hyper_parameters": {}}, module, "its settings lack tokens, and an acoustic model is to be trained"),
        ({"hyper_parameters": {"tokens": {}}}, module, r"its tokens cannot be read \(token table: unit None"),
        ({"hyper_parameters": {"tokens": "x.txt"}}, module, r"its tokens cannot be read \('str' object"),
    ):
        path = save(tmp_path / "other.ckpt", module, **changed)
        with pytest.raises(CheckpointError, match=message) as refused:
            take_weights(taker, path)
        assert str(refused.value).startswith(f"{path}: ")
        assert "\n" not in str(refused.value)
    assert log == []


def export(folder: Path, precision: Precision = "float32", num_models: int = 1, is_portable: bool = False) -> Path:
    """Writes a model of phones and letters as a model file, and its checkpoint beside it."""
    module = make_two_heads(own_layer=False)
    settings = {name: module.hparams[name] for name in (*ACOUSTIC.needed, *ACOUSTIC.optional)}
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": settings}, folder / "both.ckpt")
    card = make_card({}, [], "asr export …")
    made = [str(folder / "both.ckpt")] * num_models
    path = folder / f"{precision}.asr"
    export_model(Recipe(made, DecoderSettings(), [], precision, card, is_portable), path)
    return path


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_layers_of_a_model_file_are_taken(
    tmp_path: Path, log: list[str], monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    path = export(tmp_path, precision)
    monkeypatch.setattr(english, "_FILE", path)
    trained = load_checkpoint(tmp_path / "both.ckpt").model.state_dict()
    (loaded,) = load_model_file(path).acoustic
    for tokens, head in ((PHONES, "main"), (loaded.beside["char"].tokens.tokens, "char")):
        unit = "phone" if head == "main" else "char"
        module = make_module(tokens, unit, "model.encoder.init_args.num_layers=2", "seed=1")
        take_weights(module, "english" if head == "main" else path)
        found, expected = module.model.state_dict(), loaded.head(head).model.state_dict()
        assert torch.equal(found["output.weight"], expected["output.weight"].float())
        recurrent = [name for name in found if name.startswith("encoder.recurrent.layers.0.") and found[name].ndim > 1]
        assert recurrent
        for name in recurrent:
            assert found[name].dtype == torch.float32
            step = trained[name].abs().max(1, keepdim=True).values / (254 if precision == "int8" else 2000)
            assert bool(((found[name] - trained[name]).abs() <= step + 1e-7).all()), name
    taken = "takes the weights of head phone: 4 of 4 tokens are taken by name"
    assert log[0] == f"english: head phone {taken}"


def test_model_files_that_do_not_fit_get_one_line(tmp_path: Path) -> None:
    path, language = export(tmp_path), make_language_module(tmp_path, "a b\n")
    module = make_module(
        PHONES, "phone", "model.encoder.init_args.num_layers=2", "model.encoder.init_args.hidden_dim=20"
    )
    for taker, file, message in (
        (module, path, "does not fit this model (size mismatch for model."),
        (language, path, "holds an acoustic model, and a language model is to be trained; give a checkpoint of"),
        (module, export(tmp_path, "float16", 2), "holds 2 acoustic networks, and training starts from one; start"),
        (module, export(tmp_path, "int8", is_portable=True), "holds an ONNX network, which cannot be trained; start"),
        (module, "englisch", "no such file; check the path, or give english, the model in the box"),
    ):
        with pytest.raises(CheckpointError) as refused:
            take_weights(taker, file)
        assert str(refused.value).startswith(f"{file}: {message}")


def test_a_run_neither_resumes_from_a_model_file_nor_starts_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(english, "_FILE", tmp_path / "box.asr")
    for setting, message in (
        ("init_from=english", f"asr train: english: this installation has no model in its box: {tmp_path}/box.asr is"),
        ("init_from=englisch", "asr train: englisch: no such file; check the path, or give english, the model in"),
        ("ckpt_path=english", "asr train: english: is a model file, not a checkpoint; give it to asr"),
    ):
        assert main([*SMALL, f"exp_dir={tmp_path / 'run'}", setting]) == 1
        assert capsys.readouterr().err.startswith(message)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_other_tokens(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    table = tmp_path / "tokens_char.txt"
    table.write_text("<blank>\nB\nA\nD\n|\nC\n", encoding="utf-8")
    first, second = tmp_path / "first", tmp_path / "second"
    short = [*SMALL, "trainer.max_epochs=1"]
    assert main([*short, f"exp_dir={first}"]) == 0
    capsys.readouterr()
    last = first / "last.ckpt"
    assert main([*short, f"exp_dir={second}", f"model.tokens={table}", f"init_from={last}"]) == 0
    taken = [line for line in capsys.readouterr().err.splitlines() if "taken by name" in line]
    assert taken == [f"{last}: the weights of 5 of 6 tokens are taken by name; new are 'D'"]
    trained, started = load_checkpoint(last), load_checkpoint(second / "initial.ckpt")
    rows = [trained.tokens.ids[token] for token in ("<blank>", "B", "A", "|", "C")]
    assert torch.equal(started.model.output.weight[[0, 1, 2, 4, 5]], trained.model.output.weight[rows])
    assert load_checkpoint(second / "last.ckpt").tokens.tokens == ("<blank>", "B", "A", "D", "|", "C")
