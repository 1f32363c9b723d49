import pytest
from lhotse import SupervisionSegment

from asr.cli.tokens import main
from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import write_cuts
from asr.text.tokens import TokenTable


@pytest.fixture
def cuts(tmp_path, make_audio):
    """Writes two files of cuts, with transcripts and phones."""
    paths = []
    for number, (text, phones) in enumerate([("It's a", "h# ih tcl t"), ("A b?", "ax bcl b h#")]):
        cuts = make_splits({"train": [Listed(f"u{number}", make_audio(tmp_path / f"{number}.wav", number), text)]})[
            "train"
        ]
        supervision: SupervisionSegment = cuts[0].supervisions[0]
        supervision.custom = {"phones": phones}
        paths.append(str(tmp_path / f"{number}_cuts.jsonl.gz"))
        write_cuts(cuts, paths[-1])
    return paths


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_characters(cuts, tmp_path, capsys):
    path = tmp_path / "new" / "tokens_char.txt"
    status, out, err = run(capsys, "--cuts", *cuts, "--unit", "char", "--policy", "upper-no-punctuation", "--out", path)
    assert (status, TokenTable.load(path).tokens) == (0, ("<blank>", "'", "A", "B", "I", "S", "T", "|"))
    assert out == "8 tokens, the blank among them\n2\tA\n2\t| (space)\n1\t'\n1\tB\n1\tI\n1\tS\n1\tT\n"
    assert err == f"{path}: 2 transcripts under policy upper-no-punctuation (904dba44)\n"


def test_case_and_punctuation_can_be_targets(cuts, tmp_path, capsys):
    path = tmp_path / "tokens_char.txt"
    status, out, err = run(capsys, "--quiet", "--cuts", *cuts, "--unit", "char", "--policy", "verbatim", "--out", path)
    assert (status, err) == (0, "")
    assert TokenTable.load(path).tokens == ("<blank>", "'", "?", "A", "I", "a", "b", "s", "t", "|")
    assert out.startswith("10 tokens")


def test_phones(cuts, tmp_path, capsys):
    path = tmp_path / "tokens_phone.txt"
    status, out, _ = run(capsys, "--cuts", *cuts, "--unit", "phone", "--policy", "timit-39", "--out", path)
    assert (status, TokenTable.load(path).tokens) == (0, ("<blank>", "ah", "b", "ih", "sil", "t"))
    assert "4\tsil\n" in out


def test_bpe(cuts, tmp_path, capsys):
    path = tmp_path / "tokens_bpe9.txt"
    arguments = ("--unit", "bpe", "--size", "9", "--policy", "upper-no-punctuation", "--out", path)
    status, out, _ = run(capsys, "--cuts", *cuts, *arguments)
    table = TokenTable.load(path)
    assert (status, len(table)) == (0, 9)
    assert out.startswith("9 tokens, the blank among them\n")
    counts = dict(reversed(line.split("\t")) for line in out.splitlines()[1:])
    assert counts == {
        token: str(sum(table.encode(text).count(place) for text in ("IT'S A", "A B")))
        for place, token in enumerate(table.tokens)
        if place
    }


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["bpe", "--out", "tokens_bpe9.txt"], "--unit bpe: needs --size; give a number of tokens"),
        (["char", "--size", "9", "--out", "tokens_char.txt"], "--unit char: has no --size; 9 was given"),
        (
            ["bpe", "--size", "9", "--out", "tokens_bpe.txt"],
            "the name of a token table says its unit; name it tokens_bpe9",
        ),
        (["bpe", "--size", "3", "--out", "tokens_bpe3.txt"], "BPE of size 3: the transcripts' characters alone take 8"),
    ],
)
def test_wrong_sizes(cuts, tmp_path, capsys, monkeypatch, options, line):
    monkeypatch.chdir(tmp_path)
    arguments = ("--cuts", *cuts, "--policy", "upper-no-punctuation", "--unit", *options)
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert line in err
    assert not list(tmp_path.glob("tokens*"))


@pytest.mark.parametrize(
    ("unit", "policy", "name", "line"),
    [
        ("char", "upper", "tokens_char.txt", "text policy 'upper': there is none of that name; choose from verbatim, "),
        ("char", "timit-39", "tokens_char.txt", "--policy timit-39: is for phones; give --unit phone or a policy"),
        (
            "phone",
            "upper-no-punctuation",
            "tokens_phone.txt",
            "--policy upper-no-punctuation: is for words; for phones, give ",
        ),
        ("char", "verbatim", "tokens.txt", "the name of a token table says its unit; name it tokens_char.txt"),
    ],
)
def test_wrong_usage(cuts, tmp_path, capsys, unit, policy, name, line):
    arguments = ("--cuts", *cuts, "--unit", unit, "--policy", policy, "--out", tmp_path / name)
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("asr tokens: ")
    assert line in err
    assert not (tmp_path / name).exists()


def test_nothing_to_make_a_table_of(tmp_path, make_audio, capsys):
    path = tmp_path / "a_cuts.jsonl.gz"
    out = tmp_path / "tokens_char.txt"
    arguments = ("--cuts", path, "--unit", "char", "--policy", "upper-no-punctuation", "--out", out)
    assert run(capsys, *arguments) == (1, "", f"asr tokens: {path}: no such file; check the path\n")
    write_cuts([], path)
    assert run(capsys, *arguments) == (1, "", f"asr tokens: {path}: holds no cuts; make it with: asr prepare\n")
    write_cuts(make_splits({"train": [Listed("u", make_audio(tmp_path / "a.wav"), "...")]})["train"], path)
    line = "asr tokens: token table (char): the texts hold no symbols; check the transcripts and the text policy\n"
    assert run(capsys, *arguments) == (1, "", line)
    assert not out.exists()


def test_bad_texts_are_named_with_the_utterance(cuts, tmp_path, make_audio, capsys):
    path = tmp_path / "a_cuts.jsonl.gz"
    arguments = ("--cuts", cuts[0], path, "--unit", "char", "--out", tmp_path / "tokens_char.txt", "--policy")
    write_cuts(make_splits({"train": [Listed("u9", make_audio(tmp_path / "a.wav"), "A|1")]})["train"], path)
    status, _, err = run(capsys, *arguments, "verbatim")
    assert (status, err) == (1, "asr tokens: transcript 'A|1': '|' is kept for the table itself; take it out\n")
    status, _, err = run(capsys, *arguments, "upper-spelled-out")
    assert (status, err.startswith("asr tokens: u9: 'A|1' holds a number, which policy upper-spelled-out refuses")) == (
        1,
        True,
    )
