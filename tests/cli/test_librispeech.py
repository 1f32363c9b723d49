import pytest

from asr.cli.prepare import main
from asr.corpora import librispeech_archives
from asr.corpora.manifests import read_cuts
from tests.corpora.librispeech_tree import make_tree
from tests.corpora.textgrids import write_textgrid
from tests.transcription.tiny_models import save_pronouncer


@pytest.fixture
def corpus(tmp_path, make_audio):
    return make_tree(tmp_path / "corpus", make_audio)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "data"


def run(capsys, *arguments):
    status = main(["librispeech", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_a_split_for_each_subset(corpus, out, capsys):
    status, stdout, _ = run(capsys, "--corpus-dir", corpus.parent, "--out", out)
    assert status == 0
    assert stdout.startswith("other: 0.000 hours, 1 utterance, 1 speaker\n")
    assert "tiny: 0.000 hours, 3 utterances, 2 speakers\n" in stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "other_cuts.jsonl.gz", "quarantine.tsv", "tiny_cuts.jsonl.gz"
    ]  # fmt: skip


def test_alignments_of_which_none_is_left_are_listed_first(corpus, out, tmp_path, capsys):
    write_textgrid(tmp_path / "grids" / "14-208-0000.TextGrid", [(0.1, 0.3, "<unk>")], [(0.1, 0.3, "spn")], 0.5)
    options = ("--corpus-dir", corpus, "--out", out, "--alignments", tmp_path / "grids")
    status, stdout, err = run(capsys, *options)
    assert (status, stdout) == (1, "")
    assert f"4 of 4 utterances cannot be used, listed in {out / 'quarantine.tsv'}; correct them" in err
    rows = (out / "quarantine.tsv").read_text(encoding="utf-8").splitlines()
    assert [row.split("\t")[2] for row in rows] == ["reason", "no-alignment", "unknown-word", *["no-alignment"] * 2]

    (out / "quarantine.tsv").unlink()
    status, stdout, err = run(capsys, *options, "--on-problem", "leave-out")
    assert (status, stdout) == (1, "")
    assert err.endswith("split other: no utterance is left of it; see quarantine.tsv for the reasons\n")
    assert (out / "quarantine.tsv").read_text(encoding="utf-8").splitlines() == rows


def test_splits_by_speaker_with_alignments(corpus, out, tmp_path, capsys):
    for name, word in (("14-208-0000", "word"), ("14-208-0001", "word"), ("60-9-0000", "<unk>"), ("7-1-0000", "word")):
        words = [(0.1, 0.3, word), (0.3, 0.4, name[-1])]
        write_textgrid(tmp_path / "grids" / f"{name}.TextGrid", words, [(0.1, 0.3, "W"), (0.3, 0.4, "AH0")], 0.5)
    options = ("--speakers", "train=14,60", "test=7", "--alignments", tmp_path / "grids", "--on-problem", "leave-out")
    status, stdout, err = run(capsys, "--corpus-dir", corpus, "--out", out, *options)
    assert status == 0
    assert "train: 0.000 hours, 2 utterances, 1 speaker\n" in stdout
    assert "splits by speaker (train 2, test 1); other speakers are left out\n" in err
    assert "left out 1 of 4 utterances (1 unknown-word), listed in" in err
    (test,) = read_cuts(out / "test_cuts.jsonl.gz")
    assert [item.symbol for item in test.supervisions[0].alignment["phone"]] == ["W", "AH0"]


def test_a_lexicon_writes_phones_and_lists_what_it_lacks(corpus, out, tmp_path, capsys):
    lexicon = tmp_path / "a.dict"
    lexicon.write_text("word W ER1 D\n0 Z IH1 R OW0\n")
    arguments = ("--corpus-dir", corpus, "--lexicon", lexicon, "--out", out)
    status, stdout, err = run(capsys, *arguments)
    assert (status, stdout) == (1, "")
    assert "lexicon of 2 words: 1 of 3 distinct and 1 of 8 running words are not in it, listed in" in err
    assert "14-208-0001: oov: not in the lexicon: 1 (" in err
    assert (out / "oov.tsv").read_text() == "word\tcount\n1\t1\n"

    status, stdout, err = run(capsys, *arguments, "--on-problem", "leave-out")
    assert (status, "left out 1 of 4 utterances (1 oov)" in err) == (0, True)
    assert [cut.supervisions[0].custom["phones"] for cut in read_cuts(out / "tiny_cuts.jsonl.gz")] == [
        "W ER1 D Z IH1 R OW0"
    ] * 2

    status, stdout, err = run(capsys, *arguments, "--oov", "keep")
    assert (status, "1 utterances have words that are not in the lexicon, and so no phones\n" in err) == (0, True)
    cuts = read_cuts(out / "tiny_cuts.jsonl.gz")
    assert ["phones" in cut.supervisions[0].custom for cut in cuts] == [True, False, True]

    model = save_pronouncer(tmp_path / "g2p.ckpt", letters="01", phones="W AH1 N")
    status, stdout, err = run(capsys, *arguments, "--g2p", model)
    assert status == 0, err
    assert f"1 of them are pronounced by {model}, listed in {out / 'g2p.dict'}" in err
    word, *phones = (out / "g2p.dict").read_text().split()
    assert word == "1"
    assert phones
    assert (out / "oov.tsv").read_text() == "word\tcount\n1\t1\n"
    (spoken,) = (cut for cut in read_cuts(out / "tiny_cuts.jsonl.gz") if cut.id == "14-208-0001")
    assert spoken.supervisions[0].custom["phones"].endswith(" ".join(phones))


@pytest.mark.parametrize("corpus_dir", [[], ["--corpus-dir", "elsewhere"]])
def test_download_goes_beside_the_cuts_or_where_it_is_told(corpus, out, capsys, monkeypatch, tmp_path, corpus_dir):
    monkeypatch.chdir(tmp_path)
    asked = []

    def download(subsets, folder, mirror, log_of):
        log_of("http://x")(1_000_000, 1_000_000)
        asked.append((subsets, str(folder), mirror))
        return corpus

    monkeypatch.setattr(librispeech_archives, "download", download)
    arguments = ("--download", "--subsets", "tiny", "--mirror", "http://m", "--out", out, *corpus_dir)
    status, stdout, err = run(capsys, *arguments)
    assert (status, "http://x: 1.0 MB of 1.0 MB\n" in err) == (0, True)
    assert asked == [(["tiny"], corpus_dir[-1] if corpus_dir else str(out / "corpus"), "http://m")]
    assert "other" not in stdout


@pytest.mark.parametrize(
    ("options", "status", "line"),
    [
        ([], 2, "--corpus-dir: is missing; give it, or --download with --subsets"),
        (["--download"], 2, "--download: does not say what; give --subsets out of train-clean-100, "),
        (["--download", "--subsets", "x"], 2, "subset 'x': OpenSLR has none of that name"),
        (["--corpus-dir", "none"], 1, "none: no such folder"),
        (["--corpus-dir", "{}", "--speakers", "train"], 2, "--speakers train: is not SPLIT=IDS"),
        (["--corpus-dir", "{}", "--speakers", "a/b=14"], 2, "--speakers a/b=14: is not SPLIT=IDS"),
        (["--corpus-dir", "{}", "--speakers", "train=,"], 2, "--speakers train=,: is not SPLIT=IDS"),
        (["--corpus-dir", "{}", "--speakers", "a=14", "a=60"], 2, "--speakers a=60: is not SPLIT=IDS, or"),
        (["--corpus-dir", "{}", "--speakers", "a=14", "b=14"], 2, "--speakers: 14 is named twice"),
        (["--corpus-dir", "{}", "--subsets", "y"], 1, "has no subset y; there are other, tiny"),
        (["--corpus-dir", "{}", "--alignments", "{}"], 1, "holds no TextGrid files"),
        (["--corpus-dir", "{}", "--lexicon", "none.dict"], 1, "none.dict: no such file"),
        (["--corpus-dir", "{}", "--g2p", "g2p.ckpt"], 2, "--g2p: there is no --lexicon to complete"),
    ],
)
def test_what_cannot_be(corpus, out, capsys, options, status, line):
    found, stdout, err = run(capsys, *(option.format(corpus) for option in options), "--out", out)
    assert (found, stdout, err.count("\n")) == (status, "", 1)
    assert err.startswith("asr prepare: ")
    assert line in err
