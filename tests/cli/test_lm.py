import gzip
import math

import numpy as np
import pytest
import torch

from asr.cli.lm import main
from asr.corpora.manifests import read_cuts
from asr.lm.kneser_ney import estimate
from asr.lm.recurrent import RecurrentLM
from asr.lm.storage import load_ngram
from asr.lm.vocabulary import SPECIAL
from asr.text.tokens import TokenTable


@pytest.fixture
def text(tmp_path):
    """Writes two files of sentences whose bigrams have all counts of counts."""
    (tmp_path / "a.txt").write_text("a b\n" * 4 + "\n" + "a c\n" * 3)
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write("a d\n" * 2 + "a e\n")
    return str(tmp_path / "a.txt"), str(tmp_path / "b.txt.gz")


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_train_measure_and_convert(text, tmp_path, capsys):
    out = tmp_path / "new" / "m.arpa.gz"
    status, printed, err = run(capsys, "train", "--order", 2, "--text", *text, "--out", out)
    assert (status, printed) == (0, "")
    assert err.splitlines() == [
        "1 lines without words are no sentences",
        "10 sentences, 20 words",
        "order 1: 7 n-grams, discounts 0.5000 1.0000 1.5000",
        "order 2: 9 n-grams, discounts 0.3333 1.0000 1.6667",
        f"written to {out}",
    ]
    assert run(capsys, "convert", out, tmp_path / "m.npz") == (
        0,
        "",
        f"{tmp_path / 'm.npz'}: 2 orders, n-grams 8, 9\n",
    )
    (tmp_path / "held.txt").write_text("a b\na q\n")
    reports = [
        run(capsys, "ppl", "--quiet", "--model", file, tmp_path / "held.txt", "--oovs", 3)
        for file in (out, tmp_path / "m.npz")
    ]
    assert reports[0] == reports[1]
    assert reports[0][1].splitlines() == [  # the text that tests/lm/test_kneser_ney.py works by hand
        "sentences                2",
        "words                    4",
        "unknown words            1 (25.00 %), 1 different ones",
        "log10 probability        -2.8117",
        "perplexity               2.9418",
        "perplexity without OOVs  1.8059",
        "1\tq",
    ]


def test_vocabulary_pruning_and_policy(text, tmp_path, capsys):
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("a AH0\nz Z IY1\nx-ray EH1 K S\n")
    arguments = ("train", "--order", 2, "--text", *text, "--vocab", lexicon, "--out", tmp_path / "m.npz")
    status, _, err = run(capsys, *arguments, "--policy", "upper-no-punctuation")
    assert status == 0
    assert f"{lexicon}: 1 entries left out, which are not one word under the text policy\n" in err
    assert load_ngram(tmp_path / "m.npz").vocabulary.words == ("<unk>", "<s>", "</s>", "A", "Z")
    status, _, err = run(capsys, *arguments, "--add-text-words", "--prune", 0, 1)
    assert "order 2: 9 n-grams, 7 kept, discounts 0.3333 1.0000 1.6667\n" in err
    model = load_ngram(tmp_path / "m.npz")
    assert model.vocabulary.words == ("<unk>", "<s>", "</s>", "a", "z", "x-ray", "b", "c", "d", "e")
    assert np.exp(model.lookup(0, model.vocabulary.ids["z"])[0]) == pytest.approx(4 / 9 / 9)


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (("train", "--order", 0, "--text", "A", "--out", "m.arpa"), 2, "--order: 0; give 1 or more, such as 3"),
        (
            ("train", "--order", 2, "--text", "A", "--out", "m.lm"),
            2,
            "m.lm: the name does not say the form; let it end",
        ),
        (
            ("train", "--order", 2, "--text", "A", "--out", "m.npz", "--prune", 1),
            2,
            "prune: 1 for 2 orders; give up to",
        ),
        (
            ("train", "--order", 2, "--text", "A", "--out", "m.npz", "--add-text-words"),
            2,
            "--add-text-words: there is no --vocab to add to; leave it out: the text has the words",
        ),
        (("train", "--order", 2, "--text", "none", "--out", "m.npz"), 1, "none: no such file; check the path"),
        (
            ("train", "--order", 2, "--text", "A", "--out", "m.npz", "--policy", "no"),
            2,
            "text policy 'no': there is none",
        ),
        (("ppl", "--model", "none.arpa", "A"), 1, "none.arpa: no such file; check the path"),
        (("ppl", "--model", "A", "A"), 1, "is not an ARPA file: it has no \\data\\ line"),
        (("ppl", "--model", "A", "A", "--oovs", -1), 2, "--oovs: -1 words; give 0 or more"),
        (("ppl", "--model", "A"), 2, "TEXT, --cuts: both or none are given; give texts, or cuts with transcripts"),
        (("convert", "A", "m.txt"), 2, "m.txt: the name does not say the form"),
    ],
)
def test_wrong_usage(text, tmp_path, monkeypatch, capsys, arguments, status, line):
    monkeypatch.chdir(tmp_path)
    found = run(capsys, *(text[0] if argument == "A" else argument for argument in arguments))
    assert (found[0], found[1]) == (status, "")
    assert found[2].splitlines()[-1].startswith("asr lm: ")
    assert line in found[2].splitlines()[-1]
    assert not list(tmp_path.glob("m.*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--order", 1, "--text", "A", "--vocab", "kept.npz"),
        ("mix", "other.npz", "kept.npz", "--weights", 1, 1),
        ("prune", "kept.npz", "--to-ngrams", 9),
        ("select", "--like", "A", "--text", "kept.npz", "--keep", 0.5),
    ],
)
def test_no_input_is_overwritten(text, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept.npz").write_bytes(b"old")
    found = run(capsys, *(text[0] if argument == "A" else argument for argument in arguments), "--out", "./kept.npz")
    line = "asr lm: --out kept.npz: is what the command reads, and would be overwritten; name another file\n"
    assert found == (2, "", line)
    assert (tmp_path / "kept.npz").read_bytes() == b"old"


def test_empty_text(tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n\n")
    arguments = ("train", "--order", 2, "--text", tmp_path / "empty.txt", "--out", tmp_path / "m.npz")
    assert run(capsys, *arguments) == (
        1,
        "",
        "asr lm: text: holds no sentences; give text with one sentence a line\n",
    )


def test_a_model_of_tokens_knows_all_tokens_of_the_table(tiny_corpus, tmp_path, capsys):
    tokens = TokenTable.load(tiny_corpus.data / "tokens_char.txt")
    cuts, out = tiny_corpus.data / "train_cuts.jsonl.gz", tmp_path / "characters.arpa"
    arguments = ("--cuts", cuts, "--tokens", tiny_corpus.data / "tokens_char.txt", "--policy", "verbatim")
    status, _, err = run(capsys, "train", "--order", 2, *arguments, "--out", out)
    assert status == 0
    texts = [cut.supervisions[0].text for cut in read_cuts(cuts)]
    assert err.splitlines()[0] == f"{len(texts)} sentences, {sum(map(len, texts))} tokens"
    model = load_ngram(out)
    assert model.vocabulary.words[3:] == tokens.tokens[1:]
    by_hand = estimate([list(text.replace(" ", "|")) for text in texts], 2)
    probe = ["A", "B", "|", "C"]
    assert model.log_prob(probe) == pytest.approx(by_hand.log_prob(probe), abs=1e-6)
    vocabulary = ("--vocab", cuts)
    assert run(capsys, "train", "--order", 2, *arguments, *vocabulary, "--out", out)[0] == 2


@pytest.fixture
def checkpoint(tmp_path):
    """A recurrent model of A and B that has learnt nothing but B's and <unk>'s bias: weights 1, 1, 1, 2 and 4."""
    words = (*SPECIAL, "A", "B")
    sizes = {"embedding_dim": 2, "hidden_dim": 3, "num_layers": 1, "tie_weights": False}
    network = RecurrentLM(len(words), **sizes)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    network.output.bias.data[[0, 4]] = torch.tensor([math.log(4), math.log(2)])
    settings = {"vocabulary": "\n".join(words), "num_unknown_types": 7, "text_policy": "upper-no-punctuation", **sizes}
    weights = {f"model.{name}": value for name, value in network.state_dict().items()}
    torch.save({"hyper_parameters": settings, "state_dict": weights}, tmp_path / "lstm.ckpt")
    return tmp_path / "lstm.ckpt"


def test_perplexity_of_a_recurrent_model_has_the_same_report(checkpoint, tmp_path, capsys):
    (tmp_path / "held.txt").write_text("a, b!\n\nb q\n")
    status, printed, err = run(capsys, "ppl", "--model", checkpoint, tmp_path / "held.txt", "--oovs", 1)
    assert (status, err) == (0, "1 lines without words are no sentences\n")
    # A, </s> have 1/8, B twice 2/8, <unk> 4/8: 1/8 * 2/8 * 1/8 and 2/8 * 4/8 * 1/8
    assert printed.splitlines() == [
        "sentences                2",
        "words                    4",
        "unknown words            1 (25.00 %), 1 different ones",
        f"log10 probability        {math.log10(2**-8 * 2**-6):.4f}",
        f"perplexity               {2 ** (14 / 6):.4f}",
        f"perplexity without OOVs  {2 ** (13 / 5):.4f}",
        "1\tQ",
    ]
    assert (
        run(capsys, "ppl", "--model", checkpoint, tmp_path / "held.txt", "--policy", "verbatim")[1]
        .splitlines()[2]
        .endswith("4 (100.00 %), 4 different ones")
    )


def test_a_checkpoint_of_something_else_gets_one_line(tmp_path, capsys):
    (tmp_path / "held.txt").write_text("a\n")
    torch.save({"hyper_parameters": {"tokens": []}, "state_dict": {}}, tmp_path / "acoustic.ckpt")
    found = [
        run(capsys, "ppl", "--model", tmp_path / name, tmp_path / "held.txt") for name in ("acoustic.ckpt", "no.ckpt")
    ]
    assert [each[:2] for each in found] == [(1, "")] * 2
    assert (
        "acoustic.ckpt: holds an acoustic model, not a language model; give a checkpoint of a language model"
        in found[0][2]
    )
    assert "no.ckpt: no such file" in found[1][2]
    assert [each[2].count("\n") for each in found] == [1, 1]


@pytest.fixture
def models(text, tmp_path, capsys):
    """Trains a bigram of each text."""
    paths = tmp_path / "1.npz", tmp_path / "2.npz"
    run(capsys, "train", "--order", 2, "--text", text[0], "--out", paths[0])
    run(capsys, "train", "--order", 2, "--text", text[1], "--vocab", paths[0], "--add-text-words", "--out", paths[1])
    return paths


def test_models_are_mixed_and_pruned(models, tmp_path, capsys):
    (tmp_path / "dev.txt").write_text("a b\na d\na d\na q\n")
    mixed, small = tmp_path / "mixed.npz", tmp_path / "small.npz"
    status, _, err = run(capsys, "mix", *models, "--dev-text", tmp_path / "dev.txt", "--out", mixed)
    assert status == 0
    lines = err.splitlines()
    assert [line.split(", perplexity")[0].split()[-2] for line in lines[:2]] == ["weight"] * 2
    assert lines[2].startswith("mixture: perplexity ")
    assert lines[2].endswith(" of 11 words and ends of sentences")
    assert lines[3] == f"{mixed}: 2 orders, n-grams 8, 9"
    assert run(capsys, "mix", *models, "--weights", 1, 3, "--out", mixed)[0] == 0
    share = np.exp(load_ngram(mixed).lookup(0, 3)[0])  # "a", the fourth word of all
    assert share == pytest.approx(
        sum(w * np.exp(load_ngram(m).lookup(0, 3)[0]) for w, m in zip((1 / 4, 3 / 4), models, strict=True))
    )
    assert run(capsys, "prune", mixed, "--to-ngrams", 12, "--out", small)[2] == f"{small}: 2 orders, n-grams 8, 4\n"
    status, _, err = run(capsys, "prune", mixed, "--to-megabytes", 1, "--out", small)
    assert err.splitlines() == ["0.00 MB in a model file (int8)", f"{small}: 2 orders, n-grams 8, 9"]
    assert run(capsys, "prune", mixed, "--threshold", 10, "--out", small)[2] == f"{small}: 1 orders, n-grams 8\n"
    status, _, told = run(capsys, "prune", mixed, "--to-ngrams", 1, "--out", small)
    assert (status, told.splitlines()[-1].partition(" has ")[0]) == (1, f"asr lm: {mixed}:")
    status, _, err = run(capsys, "mix", *models, "--weights", 1, "--out", mixed)
    assert (status, err) == (2, "asr lm: --weights: 1 for 2 models; give one for each model, or --dev-text\n")


def test_pruning_and_memory_while_training(text, tmp_path, capsys):
    whole, out = tmp_path / "whole.npz", tmp_path / "m.npz"
    common = ("train", "--order", 2, "--text", *text)
    run(capsys, *common, "--out", whole)
    folder = ("--memory", 1e-9, "--temporary-folder", tmp_path)
    assert run(capsys, *common, *folder, "--out", out)[0] == 0
    assert out.read_bytes() == whole.read_bytes()
    err = run(capsys, *common, "--prune-entropy", 0.02, "--out", out)[2]
    assert "of which 2 orders, n-grams 8, " in err
    assert load_ngram(out).num_ngrams[1] < 9
    status, _, err = run(capsys, *common, "--memory", 1e-9, "--temporary-folder", tmp_path / "no", "--out", out)
    assert (status, err.splitlines()[-1].split("; ")[1]) == (1, "make it, or name another: --temporary-folder")


def test_sentences_are_selected(text, tmp_path, capsys):
    (tmp_path / "large.txt").write_text("a b\nx y z\n" * 20)
    out = tmp_path / "out.txt.gz"
    arguments = ("select", "--like", text[0], "--text", tmp_path / "large.txt", "--out", out)
    assert run(capsys, *arguments, "--keep", 0.4) == (0, "", f"{out}: 20 of 40 sentences, 40 of 100 words\n")
    assert set(gzip.decompress(out.read_bytes()).decode().splitlines()) == {"a b"}
    assert run(capsys, *arguments, "--keep", 4)[0] == 2


def test_transcripts_become_a_text(tiny_corpus, tmp_path, capsys):
    cuts, out = tiny_corpus.data / "dev_cuts.jsonl.gz", tmp_path / "text.txt"
    assert main(["transcripts", "--cuts", str(cuts), "--policy", "lower-no-punctuation", "--out", str(out)]) == 0
    assert f"{out}: 8 sentences" in capsys.readouterr().err
    expected = [cut.supervisions[0].text.lower() for cut in read_cuts(cuts)]
    assert out.read_text(encoding="utf-8").splitlines() == expected
    assert main(["transcripts", "--cuts", str(cuts), "--unit", "phone", "--out", str(tmp_path / "none.txt")]) == 1
    assert capsys.readouterr().err.startswith("asr lm: dev-000: has no phone transcript; choose a unit")
    assert not (tmp_path / "none.txt").exists()
